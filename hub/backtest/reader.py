"""Reads stored records slice by slice, in the order the engine is to take them.

The engine's places are independent of each other, and the time ``at`` at which a place
took its records never went back. So records sorted by (at, rx) reach each place in the
order in which the live hub gave them to it, and no sort over the whole range is needed.
"""

import operator
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final

from msgspec import Struct

from configs.signals import COUNTED, is_told
from configs.site import SiteFile
from hub.fusion.silence import UNHEARD
from hub.fusion.surprise import PREFIX, VERDICTS
from hub.series.points import SeriesStore
from wire.records import AnyRecord

FIRST_SLICE_MS = 60_000
LONGEST_SLICE_MS = 86_400_000
SLICE_RECORDS = 20_000
"""Aimed at in a slice. Higher: fewer queries; lower: less memory."""

_order = operator.itemgetter(0, 1)


class Report(Struct, frozen=True):
    """Residents' open reports of a kind at a place became so many."""

    place: str
    kind: str
    open: int


class Missed(Struct, frozen=True):
    """So many walks in a row missed the checkpoint at a place."""

    place: str
    walks: int


class Judged(Struct, frozen=True):
    """Staff said what an anomaly was."""

    place: str
    what: str
    start: int
    """When it was told, ms."""
    verdict: str


class Unheard(Struct, frozen=True):
    """The hub had not run, and nothing came of that time."""

    place: str
    ms: int
    """How long, until the time at which this is applied."""


SAID: Final = (Report, Missed, Judged, Unheard)
"""What is given to an engine besides records."""
Applied = tuple[int, int, str, AnyRecord | Report | Missed | Judged | Unheard]
"""at (ms), rx (µs), node, record. No two have the same at and rx."""
Advance = Callable[[int], None]
"""Told how many more records have been read."""


def applied(
    store: SeriesStore, site: str, start: int, end: int,
    nodes: Iterable[str] | None = None, others: Sequence[Applied] = (),
    advance: Advance = lambda _: None,
) -> Iterator[Applied]:  # fmt: skip
    """Records with ``ts`` from ``start`` that the engine took before ``end`` (ms), of ``nodes``;
    and ``others`` in their places.

    Raises `SeriesError` as the store does.
    """
    wanted = None if nodes is None else tuple(nodes)
    waiting = list(others)
    length, begin = FIRST_SLICE_MS, start
    while begin < end:
        until = min(end, begin + length)
        found = store.taken(site, begin, until, wanted)
        advance(len(found))
        waiting += found
        waiting.sort(key=_order)
        ready = _count_before(waiting, until)
        yield from waiting[:ready]
        del waiting[:ready]
        share = SLICE_RECORDS / max(len(found), 1)
        length = round(min(LONGEST_SLICE_MS, length * min(4.0, max(0.1, share))))
        begin, length = until, max(length, 1000)


def _count_before(rows: list[Applied], until: int) -> int:
    """How many of the sorted rows were applied before ``until``; later slices may hold more."""
    for index in range(len(rows) - 1, -1, -1):
        if rows[index][0] < until:
            return index + 1
    return 0


def others(store: SeriesStore, site: SiteFile, end: int) -> list[Applied]:
    """What the live engine was given besides records, until ``end`` (ms). Raises `SeriesError`."""
    return [*reported(store, site, end), *judged(store, site, end), *unheard(store, site, end)]


def reported(store: SeriesStore, site: SiteFile, end: int) -> list[Applied]:
    """Residents' reports and missed checkpoints until ``end`` (ms) that the site's rules look at.

    They are no records: the hub counts them as a signal. Raises `SeriesError`.
    """
    names = _watched(site)
    found: list[Applied] = []
    for name in sorted(name for name in names if is_told(name)):
        for place in site.places:
            for ts, value in store.signal(site.site.id, place.id, name, 0, end):
                found.append((ts, -len(found) - 1, "", _told(place.id, name, round(value))))
    return found


def _told(place: str, name: str, value: int) -> Report | Missed:
    family, _, kind = name.partition(".")
    return Report(place, kind, value) if family == "reports" else Missed(place, value)


def judged(store: SeriesStore, site: SiteFile, end: int) -> list[Applied]:
    """What staff said of anomalies until ``end`` (ms), where the site's rules look at what
    surprises: the signals learned from it. Raises `SeriesError`."""
    watched = _watched(site)
    found: list[Applied] = []
    for what in COUNTED:
        if not any(name.startswith(f"{PREFIX}{what}") for name in watched):
            continue
        for place in site.places:
            for verdict in VERDICTS:
                name = f"{PREFIX}{what}.{verdict}"
                for ts, start in store.signal(site.site.id, place.id, name, 0, end):
                    body = Judged(place.id, what, round(start), verdict)
                    found.append((ts, -len(found) - 1, "", body))
    return found


def unheard(store: SeriesStore, site: SiteFile, end: int) -> list[Applied]:
    """The breaks of the hub that it left out of every duration, until ``end`` (ms). Raises
    `SeriesError`."""
    found: list[Applied] = []
    for place in site.places:
        for ts, length in store.signal(site.site.id, place.id, UNHEARD, 0, end):
            found.append((ts, -len(found) - 1, "", Unheard(place.id, round(length))))
    return found


def _watched(site: SiteFile) -> set[str]:
    """The signals that the rules look at, and what their risk is made of."""
    conditions = [condition for rule in site.rules for condition in rule.conditions()]
    names = {part.signal for condition in conditions for part in condition.alternatives}
    return names | {term.signal for term in site.risk} if "risk" in names else names
