"""A place at work: its signals, the rules that watch it, and the time it has reached."""

from collections.abc import Iterable
from typing import Any

from msgspec import Struct

from configs.rules import Rule
from configs.site import Place
from hub.fusion.door import Door
from hub.fusion.dwell import Dwell
from hub.fusion.flow import Flow
from hub.fusion.occupancy import Occupancy
from hub.fusion.presence import Presence
from hub.fusion.signal import Reading, Signal, soonest
from hub.fusion.silence import Silence
from hub.rules.watch import Transition, Watch
from hub.series.points import SignalPoint
from wire.records import AnyRecord


class Outcome(Struct):
    """What a record or a stretch of time led to."""

    signals: list[SignalPoint] = []
    transitions: list[Transition] = []
    late: set[str] = set()
    """Alerts that a late record raised."""


class PlaceAtWork:
    """Signals and watches of one place; a pure function of the records and times it is given.

    Time moves by records and by what falls due, never by itself: whoever gives the same
    records at the same ``at`` gets the same outcomes, to the millisecond.
    """

    def __init__(self, place: Place, site: str, timezone: str, rules: Iterable[Rule]) -> None:
        self.site = site
        self.id = place.id
        self.signals: dict[str, Signal] = {"silence": Silence(place)}
        if place.views:
            self.signals["occupancy"] = Occupancy(place)
            self.signals["presence"] = Presence(place)
            self.signals["dwell"] = Dwell(place)
        if place.lines:
            self.signals["flow"] = Flow(place)
        if place.doors:
            self.signals["door"] = Door(place)
        self.watches = [Watch(rule, site, place.id, timezone) for rule in rules]
        self.values: dict[str, float] = {}
        self.clock = 0
        """The event time it has reached, ms."""
        self.due: int | None = None
        """When time alone will bring news."""

    def take(self, node: str, record: AnyRecord, at: int, outcome: Outcome) -> None:
        """Apply a record at ``at`` (ms, not before `clock`), after what falls due until then."""
        self.advance(at, outcome)
        self.clock = max(self.clock, at)
        changed: set[str] = set()
        for signal in self.signals.values():
            self._changed(signal.take(node, record, at), at, changed, outcome)
        if changed:
            self._look(at, changed, outcome)
        self._plan()

    def advance(self, to: int, outcome: Outcome) -> None:
        """Let happen what falls due up to ``to`` (ms), each at its own time."""
        while self.due is not None and self.due <= to:
            at = self.clock = max(self.due, self.clock)
            changed: set[str] = set()
            for signal in self.signals.values():
                if signal.due is not None and signal.due <= at:
                    self._changed(signal.tick(at), at, changed, outcome)
            self._look(at, changed, outcome)
            self._plan()

    def _plan(self) -> None:
        times = [signal.due for signal in self.signals.values()]
        times += [watch.due for watch in self.watches]
        self.due = soonest(times)

    def _changed(
        self, readings: Iterable[Reading], at: int, changed: set[str], outcome: Outcome
    ) -> None:
        for name, value in readings:
            self.values[name] = value
            changed.add(name)
            outcome.signals.append(SignalPoint(self.site, self.id, name, at, value))
            for watch in self.watches:
                if name in watch.signals:
                    watch.changed(name, value, at)

    def _look(self, at: int, changed: set[str], outcome: Outcome) -> None:
        for watch in self.watches:
            overdue = watch.due is not None and watch.due <= at
            if overdue or not changed.isdisjoint(watch.signals):
                outcome.transitions += watch.look(self.values, at)

    def dump(self) -> Any:
        """The whole state, in what msgpack can hold."""
        return {
            "clock": self.clock,
            "values": self.values,
            "signals": {name: signal.dump() for name, signal in self.signals.items()},
            "watches": {watch.rule.id: watch.dump() for watch in self.watches},
        }

    def load(self, state: Any) -> None:
        """Take up a state that `dump` gave, as far as it fits today's configuration."""
        self.clock = state["clock"]
        self.values = state["values"]
        for name, signal in self.signals.items():
            if name in state["signals"]:
                signal.load(state["signals"][name])
        for watch in self.watches:
            if watch.rule.id in state["watches"]:
                watch.load(state["watches"][watch.rule.id])
            else:
                watch.due = 0  # a rule that is new looks at what is there already
        self._plan()
