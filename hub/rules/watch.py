"""A rule at one place, and the life of its alert.

    idle ── all conditions hold ──> pending ── each for long enough ──> firing ──> idle
                                      └── one no longer holds: dropped ──> idle
    idle ── conditions hold for long enough at once, no `for` ──> firing

A firing alert ends when its clear condition has held for long enough, when the rule's
hours end, or when an operator resolves it; then the rule is quiet for its cooldown, and
after an operator's word until the conditions have once stopped holding. Its severity may
rise while it fires. Where a rule that inhibits it fires at the same place, the alert is
raised all the same and says so; when that rule's alert ends first, it is released.
"""

import enum
import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from msgspec import Struct

from configs.rules import Alternative, Clear, Rule, Severity
from hub.fusion.signal import soonest
from hub.rules.lack import Lack, Short, Why
from hub.rules.schedule import Schedule
from hub.rules.threshold import Gate, Threshold, holds, limits_of, spell


class Phase(enum.StrEnum):
    """Where a watch stands."""

    IDLE = "idle"
    PENDING = "pending"
    FIRING = "firing"


class Step(enum.StrEnum):
    """What happened to an alert."""

    PENDING = "pending"
    DROPPED = "dropped"
    FIRING = "firing"
    RISEN = "risen"
    """Its severity rose; the transition carries the new one."""
    RELEASED = "released"
    """It fired inhibited, and what inhibited it has ended."""
    RESOLVED = "resolved"


class Cause(Struct, frozen=True):
    """A condition of the rule and the value that met it."""

    signal: str
    value: float | None
    text: str


class Transition(Struct, frozen=True):
    """An alert moved from one state to the next, at an event time (ms)."""

    step: Step
    alert: str
    site: str
    place: str
    rule: str
    severity: str
    ts: int
    pending_ts: int
    causes: tuple[Cause, ...] = ()
    inhibited_by: str = ""
    """The rule that fires at the same place and quiets this one; empty where none does."""


def alert_id(site: str, rule: str, place: str, pending_ts: int) -> str:
    """The alert's name: the same beginning gives the same name, live or replayed."""
    text = f"{site}\n{rule}\n{place}\n{pending_ts}"
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


class Watch:
    """One rule at one place."""

    def __init__(self, rule: Rule, site: str, place: str, timezone: str, country: str = "") -> None:
        """``timezone`` and ``country`` are the site's; they say when the rule watches."""
        self.rule = rule
        self.inhibitors: tuple[Watch, ...] = ()
        """The watches of the place that quiet this one while they fire."""
        self._site = site
        self._place = place
        self._schedule = Schedule(rule.active, timezone, country)
        self._gate = Gate(rule.when)
        self._rises = [(Gate(rise.when), rise.severity) for rise in rule.rises]
        self._gates = [self._gate, *(gate for gate, _ in self._rises)]
        self.signals = frozenset[str]().union(*(gate.signals for gate in self._gates))
        self.phase = Phase.IDLE
        self.due: int | None = None
        """When time alone will change something."""
        self.asleep = False
        """Outside its hours, with nothing to end: until it is due, no value matters to it."""
        self._pending_ts = 0
        self._severity = rule.severity
        self._muted = False
        """The alert fired inhibited and has not been released since."""
        self._clear_since: int | None = None
        self._quiet_until = 0
        self._overruled = False
        """An operator ended the alert while its conditions still hold."""
        self._print = hashlib.blake2b(msgspec.json.encode(rule, enc_hook=repr)).digest()

    @property
    def alert(self) -> str | None:
        """The id of the alert that is pending or firing."""
        if self.phase is Phase.IDLE:
            return None
        return alert_id(self._site, self.rule.id, self._place, self._pending_ts)

    @property
    def waits_for_release(self) -> bool:
        """Whether its alert was told to nobody and now may be."""
        return self._muted and not self._inhibited_by()

    def limits(self, name: str) -> list[float]:
        """What it compares the signal ``name`` with."""
        first = self._gate.thresholds[0].condition
        compared: list[Alternative | Clear] = [
            part.condition for part in self._thresholds() if part.condition.signal == name
        ]
        if self.rule.clear is not None and first.signal == name:
            compared.append(self.rule.clear)
        return [limit for one in compared for limit in limits_of(one)]

    def windows(self, name: str) -> list[Threshold]:
        """Those of its thresholds that look at all values of the signal ``name`` in a while."""
        return [
            part
            for part in self._thresholds()
            if part.condition.signal == name and part.condition.over is not None
        ]

    @property
    def windowed(self) -> bool:
        """Whether it looks at the values of a signal in a while."""
        return any(part.condition.over is not None for part in self._thresholds())

    def _thresholds(self) -> list[Threshold]:
        return [part for gate in self._gates for part in gate.thresholds]

    def look(self, values: Mapping[str, float], at: int) -> list[Transition]:
        """Hold the place's signals against the rule at ``at`` (ms)."""
        watching = self._schedule.watches(at)
        for gate in self._gates:
            gate.look(values, at, watching=watching)
        steps: list[Transition] = []
        if self.phase is Phase.FIRING:
            self._maybe_clear(at, watching, steps)
        if self.phase is Phase.FIRING:
            self._maybe_release(at, steps)
            self._maybe_rise(at, steps)
        else:
            self._maybe_raise(at, steps)
        self._plan(at)
        self.asleep = not watching and self.phase is Phase.IDLE and not self.windowed
        return steps

    def unheard(self, ms: int) -> None:
        """So long nobody listened: that counts neither for an alert nor for its end."""
        for threshold in self._thresholds():
            threshold.unheard(ms)
        if self._clear_since is not None:
            self._clear_since += ms

    def overrule(self, alert: str) -> bool:
        """An operator resolved ``alert``; returns whether it was this watch's."""
        if self.alert != alert:
            return False
        self._end()
        self._overruled = self._gate.met_at() is not None
        return True

    def _end(self) -> None:
        self.phase = Phase.IDLE
        self._severity = self.rule.severity
        self._muted = False
        self._clear_since = None

    def _maybe_raise(self, at: int, steps: list[Transition]) -> None:
        met = self._gate.met_at()
        if met is None:
            self._overruled = False
            if self.phase is Phase.PENDING:
                steps.append(self._step(Step.DROPPED, at))
                self.phase = Phase.IDLE
            return
        if self._overruled or at < self._quiet_until:
            return
        if self.phase is Phase.IDLE:
            self.phase = Phase.PENDING
            # One that ended within this very millisecond had the name of this moment.
            self._pending_ts = max(at, self._pending_ts + 1)
            if met > at:
                steps.append(self._step(Step.PENDING, at))
        if met <= at:
            self.phase = Phase.FIRING
            self._clear_since = None
            self._muted = bool(self._inhibited_by())
            self._severity, _ = self._worst(at)
            steps.append(self._step(Step.FIRING, at))

    def _maybe_clear(self, at: int, watching: bool, steps: list[Transition]) -> None:
        if watching and not self._cleared(at):
            return
        steps.append(self._step(Step.RESOLVED, at))
        self._end()
        self._quiet_until = at + self.rule.cooldown

    def _cleared(self, at: int) -> bool:
        clear = self.rule.clear
        if clear is None or (clear.above is None and clear.below is None):
            clearing = self._gate.met_at() is None
        else:
            first = self._gate.thresholds[0].value
            clearing = first is not None and holds(clear, first)
        if not clearing:
            self._clear_since = None
            return False
        self._clear_since = at if self._clear_since is None else self._clear_since
        return at - self._clear_since >= (clear.for_ if clear is not None else 0)

    def _maybe_rise(self, at: int, steps: list[Transition]) -> None:
        worst, gate = self._worst(at)
        if worst.rank > self._severity.rank:
            self._severity = worst
            steps.append(self._step(Step.RISEN, at, gate))

    def _worst(self, at: int) -> tuple[Severity, Gate]:
        """The severity the alert has come to, and the conditions that brought it there."""
        worst, cause = self._severity, self._gate
        for gate, severity in self._rises:
            met = gate.met_at()
            if met is not None and met <= at and severity.rank > worst.rank:
                worst, cause = severity, gate
        return worst, cause

    def _maybe_release(self, at: int, steps: list[Transition]) -> None:
        if self.waits_for_release:
            self._muted = False
            steps.append(self._step(Step.RELEASED, at))

    def _inhibited_by(self) -> str:
        for watch in self.inhibitors:
            if watch.phase is Phase.FIRING:
                return watch.rule.id
        return ""

    def _plan(self, at: int) -> None:
        times = [gate.due(at) for gate in self._gates]
        times.append(self._schedule.next_change(at))
        if self.phase is Phase.FIRING:
            times += [gate.met_at() for gate, _ in self._rises]
            if self._clear_since is not None and self.rule.clear is not None:
                times.append(self._clear_since + self.rule.clear.for_)
        else:
            met = self._gate.met_at()
            if met is not None and not self._overruled:
                times.append(self._quiet_until if at < self._quiet_until else met)
        self.due = soonest([time for time in times if time is not None and time > at])

    def _step(self, step: Step, at: int, gate: Gate | None = None) -> Transition:
        return Transition(
            step=step,
            alert=alert_id(self._site, self.rule.id, self._place, self._pending_ts),
            site=self._site,
            place=self._place,
            rule=self.rule.id,
            severity=str(self._severity),
            ts=at,
            pending_ts=self._pending_ts,
            causes=tuple(
                Cause(part.condition.signal, part.value, spell(part.condition))
                for part in (gate or self._gate).shown()
            ),
            inhibited_by=self._inhibited_by(),
        )

    def dump(self) -> Any:
        return [
            self._print,
            str(self.phase),
            self._pending_ts,
            str(self._severity),
            self._muted,
            self._clear_since,
            self._quiet_until,
            self._overruled,
            self.due,
            [gate.dump() for gate in self._gates],
        ]

    def load(self, state: Any) -> None:
        """Take up a dumped state; a rule that reads differently now begins anew, at once."""
        if state[0] != self._print:
            self.due = 0
            return
        _, phase, self._pending_ts, severity, self._muted, self._clear_since = state[:6]
        self._quiet_until, self._overruled, self.due, gates = state[6:]
        self.phase = Phase(phase)
        self._severity = Severity(severity)
        for gate, saved in zip(self._gates, gates, strict=True):
            gate.load(saved)

    def missing(self, values: Mapping[str, float], at: int) -> list[Lack]:
        """What keeps it from firing at ``at`` (ms); for explanations after a replay.

        ``values`` are those of the place. It looks at them as `look` does, and decides nothing.
        """
        if self.phase is Phase.FIRING:
            return [Lack(Why.FIRES)]
        watching = self._schedule.watches(at)
        self._gate.look(values, at, watching=watching)
        lacks = [] if watching else [Lack(Why.HOURS)]
        if self._overruled:
            lacks.append(Lack(Why.OVERRULED))
        if at < self._quiet_until:
            lacks.append(Lack(Why.COOLDOWN, left_s=(self._quiet_until - at) / 1000))
        thresholds = iter(self._gate.thresholds)
        for condition in self.rule.when:
            parts = [next(thresholds) for _ in condition.alternatives]
            short = [_short(part, at) for part in parts]
            if None not in short:
                lacks.append(Lack(Why.CONDITION, short=tuple(one for one in short if one)))
        return lacks


def _short(part: Threshold, at: int) -> Short | None:
    """How far a threshold is from being met; None where nothing is missing."""
    condition, value = part.condition, part.value
    signal, text = condition.signal, spell(condition)
    if value is None:
        return Short(signal, text)
    if not holds(condition, value):
        return Short(signal, text, value, away=abs(limits_of(condition)[0] - value))
    if part.since is None or at - part.since >= condition.for_:
        return None
    held_s, needed_s = (at - part.since) / 1000, condition.for_.seconds
    return Short(signal, text, value, held_s=held_s, needed_s=needed_s)


def inhibitors_first(watches: Iterable[Watch]) -> list[Watch]:
    """Watches of one place in an order in which what quiets others is looked at before them."""
    known = {watch.rule.id: watch for watch in watches}
    for watch in known.values():
        watch.inhibitors = tuple(
            other for other in known.values() if watch.rule.id in other.rule.inhibits
        )
    ordered: dict[str, Watch] = {}
    seen: set[str] = set()

    def put(watch: Watch) -> None:
        if watch.rule.id not in seen:
            seen.add(watch.rule.id)
            for other in watch.inhibitors:
                put(other)
            ordered[watch.rule.id] = watch

    for watch in known.values():
        put(watch)
    return list(ordered.values())
