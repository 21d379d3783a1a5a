"""Runs the live engine over stored records and keeps the alerts that fired."""

import logging
from collections.abc import Iterable, Sequence
from typing import Final

from msgspec import Struct

from configs.rules import Alternative
from configs.site import SiteFile
from hub.backtest.fired import Alerts, Fired
from hub.backtest.misses import Misses, NearMiss
from hub.backtest.reader import SAID, Applied, Judged, Missed, Report, Unheard
from hub.rules.engine import Engine
from hub.rules.place import Outcome
from hub.series.points import SignalPoint

log = logging.getLogger(__name__)

WARM_UP_MS: Final = 2 * 3_600_000
"""Records are read this much earlier than alerts are reported, so that doors, stays and
windows are right at the beginning. Higher: also what lasts longer than this is right."""


def give(engine: Engine, site: str, told: Applied, outcome: Outcome) -> None:
    """Give an engine what the live one was given."""
    at, _, node, body = told
    if not isinstance(body, SAID):  # of millions, nearly all
        engine.take(site, node, body, at, outcome, late=False)
        return
    match body:
        case Report():
            engine.told(site, body.place, f"reports.{body.kind}", body.open, at, outcome)
        case Missed():
            engine.told(site, body.place, "patrol.missed", body.walks, at, outcome)
        case Judged():
            engine.judged(site, body.place, body.what, body.start, body.verdict, at, outcome)
        case Unheard():
            engine.unheard(site, body.place, at - body.ms, at, outcome)


class Replayer:
    """One site's engine, moved by records and at the end by time, as live."""

    def __init__(self, site: SiteFile, shown: str = "") -> None:
        """Of signals, outcomes hold the values of ``shown`` alone."""
        self._site = site.site.id
        self.engine = Engine([site])
        for place in self.engine.places.values():
            place.drop_unwatched(shown)
        self._outcome = Outcome()
        self.alerts = Alerts()
        self.failed = 0
        """Records that the engine failed on; the live hub goes on after them too."""

    def take(self, record: Applied) -> Sequence[SignalPoint]:
        """Apply a stored record or report; the values that ``shown`` took. Alerts go to
        `alerts`."""
        outcome = self._outcome
        try:
            give(self.engine, self._site, record, outcome)
        except Exception:  # as the live hub goes on after it, so does the replay
            self.failed += 1
            log.exception("the engine failed on %s of %s", record[3], record[2])
        return self._drain() if outcome.transitions or outcome.signals else ()

    def _drain(self) -> Sequence[SignalPoint]:
        """Empty the outcome, which is one for all records: few of them lead to anything."""
        outcome, self._outcome = self._outcome, Outcome()
        self.alerts.add(outcome.transitions)
        return outcome.signals

    def finish(self, end: int) -> Sequence[SignalPoint]:
        """Let time reach ``end`` (ms) at every place; the values that ``shown`` took."""
        for site, place in self.engine.places:
            self.engine.advance_place(site, place, end, self._outcome)
        return self._drain()


class Near(Struct, frozen=True):
    """Whose near misses are wanted."""

    rule: str
    """The rule whose alerts are no misses."""
    condition: Alternative


class Found(Struct, frozen=True):
    """What a replay found in its range."""

    fired: tuple[Fired, ...]
    failed: int = 0
    misses: tuple[NearMiss, ...] = ()


def replay(
    site: SiteFile, records: Iterable[Applied], start: int, end: int, near: Near | None = None,
    *, until: int | None = None,
) -> Found:  # fmt: skip
    """The alerts that fire from ``start`` to ``end`` (ms) over ``records``, which begin earlier;
    with ``near``, also its near misses. After the records time goes on to ``until``, or the end.
    """
    replayer = Replayer(site, near.condition.signal if near is not None else "")
    misses = Misses(near.condition) if near is not None else None
    for record in records:
        values = replayer.take(record)
        if values and misses is not None:
            misses.add(values)
    values = replayer.finish(end if until is None else until)
    fired = replayer.alerts.between(start, end)
    if near is None or misses is None:
        return Found(tuple(fired), replayer.failed)
    misses.add(values)
    missed = misses.finish(start, end, [alert for alert in fired if alert.rule == near.rule])
    return Found(tuple(fired), replayer.failed, tuple(missed))
