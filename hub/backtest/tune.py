"""Sweeps one number of a rule over stored records, and finds what almost fired."""

from collections.abc import Iterable, Sequence
from typing import Final, Literal

from msgspec import Struct
from msgspec.structs import replace

from configs.rules import Clear, Condition, Rule
from configs.site import SiteFile
from configs.values import Duration
from hub.backtest.fired import Fired
from hub.backtest.misses import NearMiss
from hub.backtest.verdicts import Judged, Score, score
from hub.downs import Down

Field = Literal["above", "below", "equals", "for", "over"]
FIELDS: Final[tuple[Field, ...]] = ("above", "below", "equals", "for", "over")
_LENGTHS: Final = ("for", "over")


class TuneError(Exception):
    """What was asked for does not fit the rule; the text says what does."""


class Point(Struct, frozen=True):
    """What the rule does with one value of the number."""

    value: float
    alerts_a_day: float
    false_a_day: float
    """Alerts a day that operators called false, or, where nobody judged them, all unjudged."""
    score: Score


class Sweep(Struct, frozen=True):
    """A tuning's result. Times in ms; lengths of time are in seconds."""

    rule: str
    field: str
    condition: int
    signal: str
    today: float
    points: tuple[Point, ...]
    best: float | None
    """The value that finds most at the stated cost; None where every value costs more."""
    cost: float
    judged: int
    misses: tuple[NearMiss, ...]
    gaps: tuple[Down, ...] = ()
    """When nothing was heard, because the hub did not run; not counted in what is a day."""


def find_rule(site: SiteFile, name: str) -> Rule:
    """The rule of this id. Raises `TuneError`."""
    for rule in site.rules:
        if rule.id == name:
            return rule
    known = ", ".join(sorted(rule.id for rule in site.rules))
    raise TuneError(f"{site.site.id} has no rule {name!r}; it has {known}")


def read_field(rule: Rule, field: Field, index: int) -> float:
    """Today's value (lengths in seconds). Raises `TuneError`."""
    if index >= len(rule.when):
        raise TuneError(f"{rule.id} has conditions 0 to {len(rule.when) - 1}, not {index}")
    condition = rule.when[index]
    if condition.any:
        raise TuneError(f"condition {index} of {rule.id} is any: only a single threshold is tuned")
    value = condition.for_ if field == "for" else getattr(condition, field)
    if value is None:
        given = [name for name in FIELDS if name == "for" or getattr(condition, name) is not None]
        raise TuneError(f"condition {index} of {rule.id} has no {field}; it has {', '.join(given)}")
    return float(value) / 1000 if field in _LENGTHS else float(value)


def vary(rule: Rule, field: Field, index: int, value: float) -> Rule:
    """The rule with another number, under a name of its own."""
    name = "for_" if field == "for" else field
    new = Duration(round(value * 1000)) if field in _LENGTHS else value
    conditions = list(rule.when)
    conditions[index] = replace(conditions[index], **{name: new})
    clear = rule.clear if index or field in _LENGTHS else _fitting_clear(rule, conditions[0])
    return replace(rule, id=variant(rule.id, value), when=tuple(conditions), clear=clear)


def _fitting_clear(rule: Rule, first: Condition) -> Clear | None:
    """The clear condition, moved where the new threshold would clear at once."""
    clear = rule.clear
    if clear is not None and clear.below is not None and first.above is not None:
        return replace(clear, below=min(clear.below, first.above))
    if clear is not None and clear.above is not None and first.below is not None:
        return replace(clear, above=max(clear.above, first.below))
    return clear


def variant(rule: str, value: float) -> str:
    """The name of a rule with a value; no id of a rule holds a space."""
    return f"{rule} {value!r}"


def spread(low: float, high: float, steps: int, today: float) -> tuple[float, ...]:
    """Values from ``low`` to ``high``, and today's."""
    size = (high - low) / max(steps - 1, 1)
    values = {round(low + size * step, 6) for step in range(steps)}
    return tuple(sorted(values | {today}))


def prepare(
    site: SiteFile, rule: Rule, field: Field, index: int, values: Sequence[float]
) -> SiteFile:
    """The site with nothing but the rule, once for each value."""
    rules = tuple(vary(rule, field, index, value) for value in values)
    path = f"when[{index}].{field}"
    overrides = tuple(
        replace(each, rule=new.id, set_={k: v for k, v in each.set_.items() if k != path})
        for each in site.overrides
        if each.rule == rule.id
        for new in rules
    )
    return replace(site, rules=rules, overrides=overrides)


def sweep(
    rule: Rule, values: Sequence[float], fired: Iterable[Fired], judged: Iterable[Judged],
    days: float,
) -> list[Point]:  # fmt: skip
    """What each value does, from the alerts of all variants."""
    verdicts = [verdict for verdict in judged if verdict.rule == rule.id]
    alerts = list(fired)
    points = []
    for value in values:
        name = variant(rule.id, value)
        mine = [replace(alert, rule=rule.id) for alert in alerts if alert.rule == name]
        found = score(mine, verdicts)
        false = found.false if verdicts else found.unjudged
        points.append(
            Point(value=value, alerts_a_day=len(mine) / days, false_a_day=false / days, score=found)
        )
    return points


def best(points: Sequence[Point], cost: float) -> float | None:
    """The value that finds most of what was called true, with at most ``cost`` false alarms a
    day; of equals, the one with the fewest alarms. Without verdicts, all alerts count as both."""
    affordable = [point for point in points if point.false_a_day <= cost]
    if not affordable:
        return None

    def worth(point: Point) -> tuple[float, float, float]:
        found = point.score.found if point.score.real else point.alerts_a_day
        return found, -point.false_a_day, -point.alerts_a_day

    return max(affordable, key=worth).value
