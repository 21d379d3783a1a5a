"""A rule at one place, and the life of its alert.

    idle ── all conditions hold ──> pending ── each for long enough ──> firing ──> idle
                                      └── one no longer holds: dropped ──> idle
    idle ── conditions hold for long enough at once, no `for` ──> firing

A firing alert ends when its clear condition has held for long enough, when the rule's
hours end, or when an operator resolves it; then the rule is quiet for its cooldown, and
after an operator's word until the conditions have once stopped holding.
"""

import enum
import hashlib
from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Struct

from configs.rules import Rule
from hub.fusion.signal import soonest
from hub.rules.schedule import Schedule
from hub.rules.threshold import Threshold, holds, spell


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


def alert_id(site: str, rule: str, place: str, pending_ts: int) -> str:
    """The alert's name: the same beginning gives the same name, live or replayed."""
    text = f"{site}\n{rule}\n{place}\n{pending_ts}"
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


class Watch:
    """One rule at one place."""

    def __init__(self, rule: Rule, site: str, place: str, timezone: str) -> None:
        self.rule = rule
        self._site = site
        self._place = place
        self._schedule = Schedule(rule.active, timezone)
        self._thresholds = [Threshold(condition) for condition in rule.when]
        self.signals = frozenset(condition.signal for condition in rule.when)
        self.phase = Phase.IDLE
        self.due: int | None = None
        """When time alone will change something."""
        self._pending_ts = 0
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

    def changed(self, name: str, value: float, at: int) -> None:
        """A signal of the place took a value at ``at`` (ms); windows need every one."""
        for threshold in self._thresholds:
            if threshold.condition.signal == name:
                threshold.changed(at, value)

    def look(self, values: Mapping[str, float], at: int) -> list[Transition]:
        """Hold the place's signals against the rule at ``at`` (ms)."""
        watching = self._schedule.watches(at)
        for threshold in self._thresholds:
            threshold.look(values, at, watching=watching)
        steps: list[Transition] = []
        if self.phase is Phase.FIRING:
            self._maybe_clear(at, watching, steps)
        if self.phase is not Phase.FIRING:
            self._maybe_raise(at, steps)
        self._plan(at)
        return steps

    def overrule(self, alert: str) -> bool:
        """An operator resolved ``alert``; returns whether it was this watch's."""
        if self.alert != alert:
            return False
        self.phase = Phase.IDLE
        self._clear_since = None
        self._overruled = True
        return True

    def _maybe_raise(self, at: int, steps: list[Transition]) -> None:
        met = [threshold.met_at() for threshold in self._thresholds]
        holding = all(time is not None for time in met)
        if not holding:
            self._overruled = False
            if self.phase is Phase.PENDING:
                steps.append(self._step(Step.DROPPED, at))
                self.phase = Phase.IDLE
            return
        if self._overruled or at < self._quiet_until:
            return
        if self.phase is Phase.IDLE:
            self.phase = Phase.PENDING
            self._pending_ts = at
            if any(time is not None and time > at for time in met):
                steps.append(self._step(Step.PENDING, at))
        if all(time is not None and time <= at for time in met):
            self.phase = Phase.FIRING
            self._clear_since = None
            steps.append(self._step(Step.FIRING, at))

    def _maybe_clear(self, at: int, watching: bool, steps: list[Transition]) -> None:
        if watching and not self._cleared(at):
            return
        steps.append(self._step(Step.RESOLVED, at))
        self.phase = Phase.IDLE
        self._clear_since = None
        self._quiet_until = at + self.rule.cooldown

    def _cleared(self, at: int) -> bool:
        clear, first = self.rule.clear, self._thresholds[0]
        if clear is None or (clear.above is None and clear.below is None):
            clearing = any(threshold.since is None for threshold in self._thresholds)
        else:
            clearing = first.value is not None and holds(clear, first.value)
        if not clearing:
            self._clear_since = None
            return False
        self._clear_since = at if self._clear_since is None else self._clear_since
        return at - self._clear_since >= (clear.for_ if clear is not None else 0)

    def _plan(self, at: int) -> None:
        times = [threshold.due(at) for threshold in self._thresholds]
        times.append(self._schedule.next_change(at))
        if self.phase is Phase.FIRING:
            if self._clear_since is not None and self.rule.clear is not None:
                times.append(self._clear_since + self.rule.clear.for_)
        else:
            met = [threshold.met_at() for threshold in self._thresholds]
            if all(time is not None for time in met) and not self._overruled:
                times += [max(time, self._quiet_until) for time in met if time is not None]
        self.due = soonest(time for time in times if time is not None and time > at)

    def _step(self, step: Step, at: int) -> Transition:
        return Transition(
            step=step,
            alert=alert_id(self._site, self.rule.id, self._place, self._pending_ts),
            site=self._site,
            place=self._place,
            rule=self.rule.id,
            severity=str(self.rule.severity),
            ts=at,
            pending_ts=self._pending_ts,
            causes=tuple(
                Cause(part.condition.signal, part.value, spell(part.condition))
                for part in self._thresholds
            ),
        )

    def dump(self) -> Any:
        return [
            self._print,
            str(self.phase),
            self._pending_ts,
            self._clear_since,
            self._quiet_until,
            self._overruled,
            self.due,
            [threshold.dump() for threshold in self._thresholds],
        ]

    def load(self, state: Any) -> None:
        """Take up a dumped state; a rule that reads differently now begins anew, at once."""
        if state[0] != self._print:
            self.due = 0
            return
        _, phase, self._pending_ts, self._clear_since = state[:4]
        self._quiet_until, self._overruled, self.due, thresholds = state[4:]
        self.phase = Phase(phase)
        for threshold, saved in zip(self._thresholds, thresholds, strict=True):
            threshold.load(saved)
