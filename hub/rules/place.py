"""A place at work: its signals, the rules that watch it, and the time it has reached."""

from collections.abc import Iterable, Sequence
from typing import Any

from msgspec import Struct

from configs.rules import Rule
from configs.site import RISK, Place, RiskTerm, Site
from hub.fusion.door import Door
from hub.fusion.dwell import Dwell
from hub.fusion.flow import Flow
from hub.fusion.occupancy import Occupancy
from hub.fusion.presence import Presence
from hub.fusion.risk import Risk, Term
from hub.fusion.scene import Scene
from hub.fusion.signal import Reading, Signal
from hub.fusion.silence import Silence
from hub.fusion.stationary import Stationary
from hub.fusion.surprise import Surprise
from hub.fusion.tailgating import Tailgating
from hub.rules.watch import Transition, Watch, inhibitors_first
from hub.series.points import SignalPoint
from wire.records import RECORD_TYPES, AnyRecord


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

    def __init__(
        self, place: Place, site: Site, rules: Iterable[Rule], risk: Sequence[RiskTerm] = RISK
    ) -> None:
        self.site = site.id
        self.id = place.id
        self.signals = _signals(place, site.timezone)
        self.watches = inhibitors_first(
            Watch(rule, site.id, place.id, site.timezone, site.country) for rule in rules
        )
        self._wire()
        self._inhibits = any(watch.inhibitors for watch in self.watches)
        self._risk = Risk(risk)
        self.values: dict[str, float] = {}
        self.clock = 0
        """The event time it has reached, ms."""
        self.due: int | None = None
        """When time alone will bring news."""

    def _wire(self) -> None:
        """Sort out beforehand what every record needs to know."""
        self._hearers = {
            kind: [signal for signal in self.signals.values() if kind in signal.hears]
            for kind in RECORD_TYPES.values()
        }
        self._parts: list[Signal | Watch] = [*self.signals.values(), *self.watches]

    def drop_unwatched(self) -> None:
        """Leave out the signals that no rule here looks at; they cannot raise anything."""
        watched = frozenset[str]().union(*(watch.signals for watch in self.watches))
        if "risk" in watched:
            watched |= self._risk.signals
        else:
            self._risk = Risk(())
        self.signals = {
            name: signal
            for name, signal in self.signals.items()
            if any(word.startswith(name) for word in watched)
        }
        self._wire()
        self._plan()

    def take(self, node: str, record: AnyRecord, at: int, outcome: Outcome) -> None:
        """Apply a record at ``at`` (ms, not before `clock`), after what falls due until then."""
        self.advance(at, outcome)
        self.clock = max(self.clock, at)
        changed: set[str] = set()
        for signal in self._hearers[type(record)]:
            readings = signal.take(node, record, at)
            if readings:
                self._changed(readings, at, changed, outcome)
        if changed:
            self._look(at, changed, outcome)
        self._plan()

    def report(self, kind: str, count: int, at: int, outcome: Outcome) -> None:
        """Residents have ``count`` open reports of ``kind`` here, from ``at`` (ms) on."""
        self.advance(at, outcome)
        self.clock = max(self.clock, at)
        name = f"reports.{kind}"
        if self.values.get(name) != count:
            changed: set[str] = set()
            self._changed(((name, float(count)),), at, changed, outcome)
            self._look(at, changed, outcome)
            self._plan()

    def risk_terms(self) -> list[Term]:
        """What the risk of the place is made of now."""
        return self._risk.terms()

    def overrule(self, alert: str) -> bool:
        """An operator resolved ``alert``; returns whether it was one of this place's."""
        if not any(watch.overrule(alert) for watch in self.watches):
            return False
        for watch in self.watches:
            if watch.waits_for_release:
                watch.due = self.clock
        self._plan()
        return True

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
        due = None
        for part in self._parts:  # a plain loop: it runs once for each record
            if part.due is not None and (due is None or part.due < due):
                due = part.due
        self.due = due

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
        risky = changed & self._risk.signals
        if risky:
            for name in risky:
                self._risk.learn(name, self.values[name])
            risk = self._risk.value()
            if self.values.get("risk") != risk:
                self._changed((("risk", risk),), at, changed, outcome)
        for watch in self.watches:
            overdue = watch.due is not None and watch.due <= at
            if (
                overdue
                or not changed.isdisjoint(watch.signals)
                or (self._inhibits and watch.waits_for_release)
            ):
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
        for name in self._risk.signals & set(self.values):
            self._risk.learn(name, self.values[name])
        for name, signal in self.signals.items():
            if name in state["signals"]:
                signal.load(state["signals"][name])
        for watch in self.watches:
            if watch.rule.id in state["watches"]:
                watch.load(state["watches"][watch.rule.id])
            else:
                watch.due = 0  # a rule that is new looks at what is there already
        self._plan()


def _signals(place: Place, timezone: str) -> dict[str, Signal]:
    """Those that what the place has can bring; each name begins the names it emits."""
    signals: dict[str, Signal] = {"silence": Silence(place)}
    if place.views:
        signals["occupancy"] = Occupancy(place)
        signals["presence"] = Presence(place)
        signals["dwell"] = Dwell(place)
        signals["stationary"] = Stationary(place)
    if place.views or place.lines:
        signals["scene"] = Scene(place)
    if place.lines:
        signals["flow"] = Flow(place)
        signals["surprise"] = Surprise(place, timezone)
    if place.doors:
        signals["door"] = Door(place)
    if place.lines and any(door.controlled for door in place.doors):
        signals["tailgating"] = Tailgating(place)
    return signals
