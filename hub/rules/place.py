"""A place at work: its signals, the rules that watch it, and the time it has reached."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from msgspec import Struct

from configs.rules import Rule
from configs.site import RISK, Place, RiskTerm, Site
from hub.analysis.anomaly import Found
from hub.fusion.counters import Crossings, LongStays, Openings, PersonMinutes
from hub.fusion.door import Door
from hub.fusion.dwell import Dwell
from hub.fusion.flow import Flow
from hub.fusion.occupancy import Occupancy
from hub.fusion.presence import Presence
from hub.fusion.risk import Risk, Term
from hub.fusion.scene import Scene
from hub.fusion.signal import FOR_EVER, Ear, Origin, Reading, Sampled, Signal
from hub.fusion.silence import SILENT_AFTER_MS, UNHEARD, Silence
from hub.fusion.stationary import Stationary
from hub.fusion.surprise import PREFIX, Surprise
from hub.fusion.tailgating import Tailgating
from hub.rules.scale import scales
from hub.rules.watch import Transition, Watch, inhibitors_first
from hub.series.points import SignalPoint
from wire.records import RECORD_TYPES, AnyRecord

NEVER: Final = FOR_EVER
SAMPLED: Final = (Door, Dwell, Flow, Presence, Silence, Stationary)


Ears = Mapping[type[AnyRecord], Mapping[str, Sequence[tuple[Signal, Ear]]]]
"""Type of a record → its zone, or "" where no view looks at it → who is to be given it."""


class Unusual(NamedTuple):
    """An anomaly at a place."""

    site: str
    place: str
    what: str
    """The word after ``surprise.``."""
    found: Found


class Outcome(Struct):
    """What a record or a stretch of time led to."""

    signals: list[SignalPoint] = []
    transitions: list[Transition] = []
    late: set[str] = set()
    """Alerts that a late record raised."""
    anomalies: list[Unusual] = []
    """Those that are new or have grown."""


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
        self._moved: set[str] = set()
        """Signals that took values which may matter to a rule and that none has looked at."""
        self._zones = {(v.node, v.source): {""} for group in place.views for v in group}
        for view in (view for group in place.views for view in group):
            self._zones[view.node, view.source].add(view.zone)
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
        self._skipping: dict[str, list[Sampled]] = {}
        """Rule → those of its signals that leave out values which change nothing."""

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
        for family, signal in self.signals.items():
            if isinstance(signal, SAMPLED) and not self._wants_all(family):
                signal.limits = {name: scale.limits for name, scale in self._scales.items()}
                for watch in self.watches:
                    if any(name.startswith(family) for name in watch.signals):
                        self._skipping.setdefault(watch.rule.id, []).append(signal)

    def _wants_all(self, family: str) -> bool:
        """Whether every value of a family of signals counts, not only on which side it is."""
        names = {name for name in self._scales if name.startswith(family)}
        return (
            any(self._scales[name].always for name in names)
            or any(name.startswith(family) for name in self._risk.signals)
            or bool(self._shown and self._shown.startswith(family))
        )

    def ears(self, node: str, source: str) -> Ears:
        """Who here is to be given the records of a source, sorted out once for all of them."""
        zones = self._zones.get((node, source), {""})
        return {
            kind: {zone: self._listeners(Origin(node, source, kind, zone)) for zone in zones}
            for kind in RECORD_TYPES.values()
        }

    def _listeners(self, origin: Origin) -> list[tuple[Signal, Ear]]:
        heard = [(signal, signal.ear(origin)) for signal in self.signals.values()]
        return [(signal, ear) for signal, ear in heard if ear is not None]

    def take(self, ears: Ears, record: AnyRecord, at: int, outcome: Outcome) -> None:
        """Apply a record at ``at`` (ms, not before `clock`), after what falls due until then.

        ``ears`` are those for its source.
        """
        if self.due <= at:
            self.advance(at, outcome)
        if self.clock < at:
            self.clock = at
        zones, first_due = ears[type(record)], self.due
        for signal, ear in zones.get(getattr(record, "zone", ""), zones[""]):
            readings = ear(record, at)
            if readings:
                self._changed(readings, at, outcome)
                if isinstance(signal, Surprise):
                    self._collect(signal, outcome)
            due = signal.due
            if due is not None and due < first_due:
                first_due = due
        self.due = first_due
        if self._moved or self._risky or self._inhibited:
            self._look(at, outcome)

    def told(self, name: str, value: int, at: int, outcome: Outcome) -> None:
        """A signal of what people did is ``value`` here, from ``at`` (ms) on."""
        self.advance(at, outcome)
        self.clock = max(self.clock, at)
        if self.values.get(name) != value:
            self._changed(((name, float(value)),), at, outcome)
            self._look(at, outcome)

    def _collect(self, signal: Surprise, outcome: Outcome) -> None:
        if signal.found:
            outcome.anomalies += [
                Unusual(self.site, self.id, signal.what, found) for found in signal.found
            ]
            signal.found = []

    def judged(self, what: str, start: int, verdict: str, at: int, outcome: Outcome) -> None:
        """Staff said what the anomaly that began at ``start`` was, at ``at`` (ms)."""
        self.advance(at, outcome)
        self.clock = max(self.clock, at)
        signal = self.signals.get(f"{PREFIX}{what}")
        if isinstance(signal, Surprise) and signal.judged(start, verdict, at):
            # Not among the values of the place: it is for a replay, which learns the same.
            name = f"{PREFIX}{what}.{verdict}"
            outcome.signals.append(SignalPoint(self.site, self.id, name, at, float(start)))

    def unheard(self, start: int, end: int, outcome: Outcome) -> None:
        """From ``start`` to ``end`` (ms) the hub did not run, and nothing came of that time.

        It counts neither as silence, nor for how long a door stood open, nor for how long a
        condition held.
        """
        start = max(start, self.clock)
        length = end - start
        if length < SILENT_AFTER_MS:
            return
        self.advance(start, outcome)
        self.clock = end
        for signal in self.signals.values():
            if isinstance(signal, Silence | Door):
                signal.unheard(length)
        for watch in self.watches:
            watch.unheard(length)
        # Not among the values of the place: it is for a replay, which leaves out the same.
        outcome.signals.append(SignalPoint(self.site, self.id, UNHEARD, end, float(length)))

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
            for signal in self.signals.values():
                if signal.due is not None and signal.due <= at:
                    self._changed(signal.tick(at), at, outcome)
                    if isinstance(signal, Surprise):
                        self._collect(signal, outcome)
            self._look(at, outcome)

    def _soonest(self) -> int:
        due = self._watches_due
        for signal in self.signals.values():  # a plain loop: it runs once for each tick
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

    def _changed(self, readings: Iterable[Reading], at: int, outcome: Outcome) -> None:
        """Note new values, and which of them may matter to a rule."""
        for name, value in readings:
            self.values[name] = value
            if self._shown is None or name == self._shown:
                outcome.signals.append(SignalPoint(self.site, self.id, name, at, value))
            if name in self._risk.signals:
                self._risk.learn(name, value)
                self._risky = True
            scale = self._scales.get(name)
            if scale is not None and scale.moves(value, at):
                self._moved.add(name)

    def _look(self, at: int, outcome: Outcome) -> None:
        if self._risky:
            self._risky = False
            risk = self._risk.value()
            if self.values.get("risk") != risk:
                self._changed((("risk", risk),), at, outcome)
        waiting = self._inhibited and any(watch.waits_for_release for watch in self._inhibited)
        if not self._moved and not waiting and self._watches_due > at:
            return
        moved, self._moved = self._moved, set()
        for watch in self.watches:
            if (
                (watch.due is not None and watch.due <= at)
                or not (watch.asleep or moved.isdisjoint(watch.signals))
                or (watch.inhibitors and watch.waits_for_release)
            ):
                for signal in self._skipping.get(watch.rule.id, ()):
                    self.values.update(signal.catch_up(at))
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
        signals["surprise.dwell"] = Surprise("dwell", LongStays(place), site)
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
