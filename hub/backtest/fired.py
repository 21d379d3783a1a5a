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
    """Gathers transitions into alerts, by the rules of the hub's `AlertBook`: an alert that has
    ended stays so, also where the same beginning gives the same name once more."""

    def __init__(self) -> None:
        self._fired: dict[str, Fired] = {}

    def add(self, steps: Iterable[Transition]) -> None:
        """Transitions in the order in which they happened at each place."""
        for step in steps:
            known = self._fired.get(step.alert)
            if known is None and step.step is Step.FIRING:
                self._fired[step.alert] = Fired(
                    fired_ts=step.ts, site=step.site, rule=step.rule, place=step.place,
                    pending_ts=step.pending_ts, severity=step.severity, causes=step.causes,
                )  # fmt: skip
            elif known is not None and known.resolved_ts is None:
                ended = step.ts if step.step is Step.RESOLVED else None
                self._fired[step.alert] = replace(known, severity=step.severity, resolved_ts=ended)

    def between(self, start: int, end: int) -> list[Fired]:
        """Those that fired in the range (ms, the end excluded), in order of time."""
        return sorted(f for f in self._fired.values() if start <= f.fired_ts < end)
