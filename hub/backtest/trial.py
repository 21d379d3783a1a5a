"""One rule as it is and as it would be, over the same stored records.

Both run in one replay: rules fire independently of each other (one that inhibits another only
mutes it), so nothing but this rule is looked at, and only at places that it watches.
"""

import logging
import os
import signal
import time
from collections.abc import Callable, Iterable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Final

from msgspec.structs import replace

from configs.rules import Rule
from configs.servers import HubSettings
from configs.site import Override, SiteFile
from hub.backtest.compare import NEW, Comparison, by_rule, compare
from hub.backtest.fired import Fired
from hub.backtest.observed import observed
from hub.backtest.verdicts import read_verdicts
from hub.backtest.workers import Stretch, nodes_of, replay
from hub.series.open import open_series
from hub.series.points import SeriesError
from hub.state.store import StateError

log = logging.getLogger(__name__)
TELL_S: Final = 0.2
"""How often a trial in a process of its own says how far it is."""
NICE: Final = 15
"""Of that process: the hub and the pages come first."""


def sides(today: SiteFile, then: SiteFile, rule: str) -> SiteFile:
    """The site with nothing but the rule, twice, each with the overrides of its side."""
    old, new = _rule(today, rule), _rule(then, rule)
    places = [p for p in today.places if p.answers_to(old.places) or p.answers_to(new.places)]
    return replace(
        today,
        places=tuple(places),
        rules=(old, replace(new, id=NEW + rule)),
        overrides=(
            *_overrides(today, rule),
            *(replace(one, rule=NEW + rule) for one in _overrides(then, rule)),
        ),
    )


def apart(fired: Iterable[Fired]) -> tuple[list[Fired], list[Fired]]:
    """The alerts of `sides`, as (today's, the others), without their causes: the less to keep."""
    now, then = [], []
    for alert in (replace(one, causes=()) for one in fired):
        if alert.rule.startswith(NEW):
            then.append(replace(alert, rule=alert.rule.removeprefix(NEW)))
        else:
            now.append(alert)
    return now, then


def count(settings: HubSettings, site: SiteFile, stretch: Stretch) -> int:
    """How many records of the site's places will be read. Raises `SeriesError`."""
    store = open_series(settings.series, Path(settings.data))
    try:
        counts = store.count_by_node(site.site.id, stretch.begin, stretch.end)
    finally:
        store.close()
    wanted = {node for place in site.places for node in nodes_of(place)}
    return sum(number for node, number in counts.items() if node in wanted)


def run(
    settings: HubSettings, today: SiteFile, then: SiteFile, rule: str, stretch: Stretch, *,
    begin: Callable[[int], None], advance: Callable[[int], None],
) -> Comparison:  # fmt: skip
    """What the rule would have done, beside what it does; ``begin`` hears how many records there
    are, ``advance`` how many more have been read. In this process alone.

    Raises `SeriesError` and `StateError`.
    """
    stretch = observed(settings, today.site.id, stretch)
    both = sides(today, then, rule)
    records = count(settings, both, stretch)
    begin(records)
    judged = [
        one
        for one in read_verdicts(settings, today.site.id, stretch.start, stretch.end)
        if one.rule == rule
    ]
    now, later = apart(replay(settings, both, stretch, jobs=1, advance=advance).fired)
    return Comparison(
        site=today.site.id, timezone=today.site.timezone, start=stretch.start, end=stretch.end,
        records=records, pairs=tuple(compare(now, later)),
        rules=tuple(by_rule(now, later, judged, stretch.days)), judged=len(judged),
        gaps=stretch.gaps,
    )  # fmt: skip


def work(
    pipe: Connection, settings: HubSettings, today: SiteFile, then: SiteFile, rule: str,
    stretch: Stretch,
) -> None:  # fmt: skip
    """`run` in a process of its own. Down the pipe go ("records", how many there are), ("read",
    how many were read) now and then, and in the end ("found", `Comparison`) or ("failed", why)."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for whoever started us and ends us
    os.nice(NICE)
    read, told = 0, 0.0

    def advance(more: int) -> None:
        nonlocal read, told
        read += more
        if time.monotonic() - told > TELL_S:
            told = time.monotonic()
            pipe.send(("read", read))

    try:
        found = run(
            settings, today, then, rule, stretch,
            begin=lambda records: pipe.send(("records", records)), advance=advance,
        )  # fmt: skip
    except (SeriesError, StateError) as error:
        pipe.send(("failed", str(error)))
    except BrokenPipeError:
        return  # whoever started us is gone, and nobody waits any more
    except Exception as error:
        log.exception("a trial of %s failed", rule)
        pipe.send(("failed", repr(error)))
    else:
        pipe.send(("found", found))


def _rule(site: SiteFile, name: str) -> Rule:
    return next(rule for rule in site.rules if rule.id == name)


def _overrides(site: SiteFile, rule: str) -> list[Override]:
    return [one for one in site.overrides if one.rule == rule]
