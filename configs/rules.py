"""Rules as YAML says them: thresholds on signals, at places, in time."""

import enum
from collections.abc import Iterator
from typing import Annotated, Literal

from msgspec import Meta, Struct, field

from configs.values import DateSpan, Duration, Holidays, Text, TimeSpan
from wire.records import Id


class Severity(enum.StrEnum):
    """How bad, in rising order."""

    INFO = "info"
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        """0 for info to 4 for critical."""
        return list(Severity).index(self)


class Take(enum.StrEnum):
    """How the values of a window become one."""

    MEAN = "mean"
    MAX = "max"
    MIN = "min"
    SUM = "sum"
    LAST = "last"
    RATE = "rate"
    COUNT = "count"


class Alternative(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A threshold on one signal. Exactly one of above, below and equals is given."""

    signal: str
    above: float | None = None
    below: float | None = None
    equals: float | None = None
    for_: Duration = field(name="for", default=Duration(0))
    """It must hold this long without a break. Higher: fewer and later alerts."""
    over: Duration | None = None
    """Look at the values of this long a window instead of the present one."""
    take: Take = Take.MEAN


class Condition(Alternative, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A threshold on one signal, or ``any`` with several of which one is enough."""

    signal: str = ""
    any: tuple[Alternative, ...] = ()

    @property
    def alternatives(self) -> tuple[Alternative, ...]:
        """The thresholds of which one is enough."""
        return self.any or (self,)


class Clear(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When a firing alert ends: the first condition's signal falls below or rises above this."""

    below: float | None = None
    above: float | None = None
    for_: Duration = field(name="for", default=Duration(0))


Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


class Active(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When the rule watches, in the site's time zone. A span past midnight belongs to its start."""

    within: TimeSpan | None = None
    outside: TimeSpan | None = None
    days: tuple[Weekday, ...] = ()
    holidays: Holidays | None = None
    """Public holidays: ``only``, ``never``, or ``also`` where ``days`` would leave them out."""
    dates: tuple[DateSpan, ...] = ()
    """On the days of any of these alone."""


class Rise(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When an alert that fires becomes worse; it does not become better again."""

    when: Annotated[tuple[Condition, ...], Meta(min_length=1)]
    """All must hold."""
    severity: Severity


class Escalation(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Tell ``to`` as well when nobody has acknowledged for ``after``."""

    after: Duration
    to: Id


class Rule(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Thresholds that raise one alert for each place where they hold."""

    id: Id
    title: Text
    places: tuple[str, ...]
    """Ids, tags or "*"."""
    when: Annotated[tuple[Condition, ...], Meta(min_length=1)]
    clear: Clear | None = None
    active: Active | None = None
    severity: Severity = Severity.MEDIUM
    rises: tuple[Rise, ...] = ()
    cooldown: Duration = Duration(0)
    """After an alert ends, the same rule and place stay quiet this long."""
    inhibits: tuple[Id, ...] = ()
    """While this rule fires at a place, alerts of these rules there are raised but not told."""
    advice: Text = Text("", "")
    notify: tuple[Id, ...] = ()
    """The site's routes that are told."""
    escalate: tuple[Escalation, ...] = ()
    """Whom else to tell while nobody has acknowledged."""

    def conditions(self) -> Iterator[Condition]:
        """Those that raise it and those that make it worse."""
        yield from self.when
        for rise in self.rises:
            yield from rise.when


class RulesFile(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A file of rules alone."""

    rules: tuple[Rule, ...]
