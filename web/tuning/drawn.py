"""What came of a trial, as its page draws it."""

from collections.abc import Iterable, Sequence

from msgspec import Struct

from configs.site import SiteFile
from configs.values import Text
from hub.backtest.compare import Change, Comparison, Pair, RuleChange
from hub.backtest.fired import Fired
from hub.backtest.verdicts import Score
from hub.downs import Down
from web.charts import WIDTH

SHOWN = 100
"""Changed alerts that are listed: the newest."""
NARROWEST = 2.5
"""Of a bar, so that a short alert is seen."""
NOTHING = Score(true=0, false=0, unjudged=0, found=0, real=0)


class Bar(Struct, frozen=True, order=True):
    """An alert in the drawing."""

    x: float
    width: float
    change: str


class Lanes(Struct, frozen=True):
    """A place's alerts as they are, and as they would be."""

    place: str
    name: Text
    now: tuple[Bar, ...]
    then: tuple[Bar, ...]


def lanes(found: Comparison, file: SiteFile) -> list[Lanes]:
    """Of each place where the rule fires on either side, in the site's order."""
    names = {place.id: place.name for place in file.places}
    fired = {pair.shown.place for pair in found.pairs}
    return [
        Lanes(
            place, names[place],
            _bars(found, ((p.change, p.now) for p in found.pairs if p.shown.place == place)),
            _bars(found, ((p.change, p.then) for p in found.pairs if p.shown.place == place)),
        )
        for place in names
        if place in fired
    ]  # fmt: skip


def _bars(found: Comparison, alerts: Iterable[tuple[Change, Fired | None]]) -> tuple[Bar, ...]:
    """Bars that would cover each other are one."""
    drawn = set()
    for change, alert in alerts:
        if alert is None:
            continue
        left = _x(found, alert.fired_ts)
        right = _x(found, found.end if alert.resolved_ts is None else alert.resolved_ts)
        drawn.add(Bar(round(left), round(max(right - left, NARROWEST), 1), change))
    return tuple(sorted(drawn))


def holes(found: Comparison) -> list[Bar]:
    """When nothing was heard, because the hub did not run."""
    edges = [(_x(found, gap.start), _x(found, gap.end)) for gap in found.gaps]
    return [Bar(round(left), round(max(right - left, 1), 1), "gap") for left, right in edges]


def longest(found: Comparison, count: int) -> list[Down]:
    """The longest of those times, in order."""
    return sorted(sorted(found.gaps, key=lambda gap: -gap.ms)[:count])


def _x(found: Comparison, ts: int) -> float:
    share = (ts - found.start) / (found.end - found.start)
    return min(max(share, 0.0), 1.0) * WIDTH


def summary(found: Comparison, rule: str) -> RuleChange:
    """The rule's numbers on both sides; zeros where it fires on neither."""
    for one in found.rules:
        if one.rule == rule:
            return one
    return RuleChange(rule, 0, 0, 0.0, 0.0, NOTHING, NOTHING)


def changed(found: Comparison) -> Sequence[Pair]:
    """Alerts that would not be as they are, the newest first."""
    pairs = [pair for pair in found.pairs if pair.change is not Change.UNCHANGED]
    return pairs[::-1][:SHOWN]
