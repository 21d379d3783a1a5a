"""Near misses: times when a rule's condition held at a place for a good part of its time, while
the rule watched, and raised nothing."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from configs.days import watches_at, watches_on
from configs.overrides import resolve_rule
from configs.rules import Rule
from configs.site import Place, Site, SiteFile
from hub.analysis.evidence import NEAR, Event
from hub.backtest.misses import Approaches
from hub.rules.engine import concerns
from hub.series.points import SeriesStore

SHARE: Final = 0.5
"""Of the time that a condition must hold. Higher: fewer and closer misses."""


def misses(
    site: SiteFile, series: SeriesStore, alerts: Sequence[Event], start: int, end: int,
    progress: Callable[[str], None] = lambda _: None,
) -> list[Event]:  # fmt: skip
    """Those from ``start`` to ``end`` (ms), at no time at which the rule alerted there, as
    ``alerts`` says. Of rules with one condition that must hold for a time. ``progress`` is told
    the place that is read. Raises `SeriesError`."""
    found: list[Event] = []
    for place in site.places:
        progress(place.id)
        for rule in site.rules:
            if concerns(rule, place):
                fitted = resolve_rule(rule, place, site.overrides)
                fired = [one.at for one in alerts if (one.place, one.rule) == (place.id, rule.id)]
                for begun, over in _short(fitted, place, site.site, series, start, end):
                    if not any(begun <= at <= over for at in fired):
                        found.append(Event(place.id, NEAR + rule.id, begun))
    return found


def _short(
    rule: Rule, place: Place, site: Site, series: SeriesStore, start: int, end: int
) -> Iterator[tuple[int, int]]:
    """When the condition held too short: from, until."""
    condition = rule.when[0]
    if len(rule.when) > 1 or condition.any or not condition.for_:
        return
    approaches = Approaches(place.id, condition)
    for at, value in series.signal(site.id, place.id, condition.signal, start, end):
        approaches.add(at, value)
    approaches.finish(end)
    zone = ZoneInfo(site.timezone)
    for miss in approaches.found:
        close = miss.short <= 0 and SHARE * miss.needed_ms <= miss.held_ms < miss.needed_ms
        if close and _watches(rule, datetime.fromtimestamp(miss.peak_ts / 1000, zone), site):
            yield miss.start, miss.end


def _watches(rule: Rule, at: datetime, site: Site) -> bool:
    if rule.active is None:
        return True
    minute = at.hour * 60 + at.minute
    return watches_at(rule.active, minute) and watches_on(rule.active, at.date(), site.country)
