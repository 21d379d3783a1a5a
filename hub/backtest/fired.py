"""Alerts that fired in a replay."""

from collections.abc import Iterable

from msgspec import Struct
from msgspec.structs import replace

from hub.rules.watch import Cause, Step, Transition


class Fired(Struct, frozen=True, order=True):
    """An alert that fired. Times in ms, event time."""

    fired_ts: int
    site: str
    rule: str
    place: str
    pending_ts: int
    severity: str
    """The last it had."""
    resolved_ts: int | None = None
    """None while it fires."""
    causes: tuple[Cause, ...] = ()

    @property
    def span(self) -> tuple[int, int]:
        """From the moment its conditions began to hold until it ended."""
        return self.pending_ts, 2**62 if self.resolved_ts is None else self.resolved_ts


class Alerts:
    """Gathers transitions into alerts."""

    def __init__(self) -> None:
        self._fired: dict[str, Fired] = {}

    def add(self, steps: Iterable[Transition]) -> None:
        """Transitions in the order in which they happened at each place."""
        for step in steps:
            if step.step is Step.FIRING:
                self._fired[step.alert] = Fired(
                    fired_ts=step.ts, site=step.site, rule=step.rule, place=step.place,
                    pending_ts=step.pending_ts, severity=step.severity, causes=step.causes,
                )  # fmt: skip
            elif step.alert in self._fired:
                known = replace(self._fired[step.alert], severity=step.severity)
                if step.step is Step.RESOLVED:
                    known = replace(known, resolved_ts=step.ts)
                self._fired[step.alert] = known

    def between(self, start: int, end: int) -> list[Fired]:
        """Those that fired in the range (ms, the end excluded), in order of time."""
        return sorted(f for f in self._fired.values() if start <= f.fired_ts < end)
