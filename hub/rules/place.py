"""A place at work: its signals, the rules that watch it, and the time it has reached."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

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
from hub.fusion.signal import Reading, Sampled, Signal
from hub.fusion.silence import Silence
from hub.fusion.stationary import Stationary
from hub.fusion.surprise import Crossings, Openings, PersonMinutes, Surprise
from hub.fusion.tailgating import Tailgating
from hub.rules.scale import scales
from hub.rules.watch import Transition, Watch, inhibitors_first
from hub.series.points import SignalPoint
from wire.records import RECORD_TYPES, AnyRecord

NEVER: Final = 2**62
SAMPLED: Final = (Door, Dwell, Presence, Silence, Stationary)


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
        self.signals = _signals(place, site)
        self.watches = inhibitors_first(
            Watch(rule, site.id, place.id, site.timezone, site.country) for rule in rules
        )
        self._inhibited = [watch for watch in self.watches if watch.inhibitors]
        self._scales = scales(self.watches)
        self._risk = Risk(risk)
        self._risky = False
        """A term of the risk has changed."""
        self._wire()
        self.values: dict[str, float] = {}
        self.clock = 0
        """The event time it has reached, ms."""
        self.due = NEVER
        """When time alone will bring news, or earlier; `advance` finds out."""
        self.queued = NEVER
        """For the engine: when it means to look after this place."""
        self._watches_due = NEVER
        self._shown: str | None = None
        """The one signal whose values the outcomes hold; None: all of them."""
        self._skipping: list[Sampled] = []
        """Signals that leave out values which change nothing."""

    def _wire(self) -> None:
        """Sort out beforehand what every record needs to know."""
        self._hearers = {
            kind: [signal for signal in self.signals.values() if kind in signal.hears]
            for kind in RECORD_TYPES.values()
        }
        self._ticking = list(self.signals.values())

    def drop_unwatched(self, shown: str = "") -> None:
        """Leave out what no rule here looks at, as it cannot raise anything: whole signals, and
        values between the same limits. Of signals, outcomes then hold ``shown`` alone."""
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
        self._shown = shown
        self._wire()
        for family, signal in self.signals.items():
            if isinstance(signal, SAMPLED) and not self._wants_all(family):
                signal.limits = {name: scale.limits for name, scale in self._scales.items()}
                self._skipping.append(signal)

    def _wants_all(self, family: str) -> bool:
        """Whether every value of a family of signals counts, not only on which side it is."""
        names = {name for name in self._scales if name.startswith(family)}
        return (
            any(self._scales[name].always for name in names)
            or any(name.startswith(family) for name in self._risk.signals)
            or bool(self._shown and self._shown.startswith(family))
        )

    def take(self, node: str, record: AnyRecord, at: int, outcome: Outcome) -> None:
        """Apply a record at ``at`` (ms, not before `clock`), after what falls due until then."""
        if self.due <= at:
            self.advance(at, outcome)
        if self.clock < at:
            self.clock = at
        moved: set[str] = set()
        for signal in self._hearers[type(record)]:
            readings = signal.take(node, record, at)
            if readings:
                self._changed(readings, at, moved, outcome)
            if signal.due is not None and signal.due < self.due:
                self.due = signal.due
        if moved or self._risky or self._inhibited:
            self._look(at, moved, outcome)

    def report(self, kind: str, count: int, at: int, outcome: Outcome) -> None:
        """Residents have ``count`` open reports of ``kind`` here, from ``at`` (ms) on."""
        self.advance(at, outcome)
        self.clock = max(self.clock, at)
        name = f"reports.{kind}"
        if self.values.get(name) != count:
            moved: set[str] = set()
            self._changed(((name, float(count)),), at, moved, outcome)
            self._look(at, moved, outcome)

    def risk_terms(self) -> list[Term]:
        """What the risk of the place is made of now."""
        return self._risk.terms()

    def overrule(self, alert: str) -> bool:
        """An operator resolved ``alert``; returns whether it was one of this place's."""
        if not any(watch.overrule(alert) for watch in self.watches):
            return False
        for watch in self._inhibited:
            if watch.waits_for_release:
                watch.due = self.clock
        self._plan_watches()
        return True

    def advance(self, to: int, outcome: Outcome) -> None:
        """Let happen what falls due up to ``to`` (ms), each at its own time."""
        while self.due <= to:
            self.due = self._soonest()  # it may have been put off since
            if self.due > to:
                return
            at = self.clock = max(self.due, self.clock)
            moved: set[str] = set()
            for signal in self._ticking:
                if signal.due is not None and signal.due <= at:
                    self._changed(signal.tick(at), at, moved, outcome)
            self._look(at, moved, outcome)

    def _soonest(self) -> int:
        due = self._watches_due
        for signal in self._ticking:  # a plain loop: it runs once for each tick
            if signal.due is not None and signal.due < due:
                due = signal.due
        return due

    def _plan_watches(self) -> None:
        due = NEVER
        for watch in self.watches:
            if watch.due is not None and watch.due < due:
                due = watch.due
        self._watches_due = due
        self.due = min(self.due, due)

    def _changed(
        self, readings: Iterable[Reading], at: int, moved: set[str], outcome: Outcome
    ) -> None:
        """Note new values; the names of those that may matter to a rule go into ``moved``."""
        for name, value in readings:
            self.values[name] = value
            if self._shown is None or name == self._shown:
                outcome.signals.append(SignalPoint(self.site, self.id, name, at, value))
            if name in self._risk.signals:
                self._risk.learn(name, value)
                self._risky = True
            scale = self._scales.get(name)
            if scale is not None and scale.moves(value, at):
                moved.add(name)

    def _look(self, at: int, moved: set[str], outcome: Outcome) -> None:
        if self._risky:
            self._risky = False
            risk = self._risk.value()
            if self.values.get("risk") != risk:
                self._changed((("risk", risk),), at, moved, outcome)
        waiting = any(watch.waits_for_release for watch in self._inhibited)
        if not moved and not waiting and self._watches_due > at:
            return
        for signal in self._skipping:
            self.values.update(signal.catch_up(at))
        for watch in self.watches:
            if (
                (watch.due is not None and watch.due <= at)
                or not moved.isdisjoint(watch.signals)
                or (watch.inhibitors and watch.waits_for_release)
            ):
                outcome.transitions += watch.look(self.values, at)
        self._plan_watches()

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
        for name in self._scales.keys() & self.values.keys():
            self._scales[name].rest(self.values[name])
        for name, signal in self.signals.items():
            if name in state["signals"]:
                signal.load(state["signals"][name])
        for watch in self.watches:
            if watch.rule.id in state["watches"]:
                watch.load(state["watches"][watch.rule.id])
            else:
                watch.due = 0  # a rule that is new looks at what is there already
        self._plan_watches()
        self.due = self._soonest()


def _signals(place: Place, site: Site) -> dict[str, Signal]:
    """Those that what the place has can bring; each name begins the names it emits."""
    signals: dict[str, Signal] = {"silence": Silence(place)}
    if place.views:
        signals["occupancy"] = Occupancy(place)
        signals["presence"] = Presence(place)
        signals["dwell"] = Dwell(place)
        signals["stationary"] = Stationary(place)
        signals["surprise.occupancy"] = Surprise("occupancy", PersonMinutes(place), site)
    if place.views or place.lines:
        signals["scene"] = Scene(place)
    if place.lines:
        signals["flow"] = Flow(place)
        signals["surprise.flow"] = Surprise("flow", Crossings(place), site)
    if place.doors:
        signals["door"] = Door(place)
        signals["surprise.door"] = Surprise("door", Openings(place), site)
    if place.lines and any(door.controlled for door in place.doors):
        signals["tailgating"] = Tailgating(place)
    return signals
