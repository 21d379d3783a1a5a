"""``surprise.<what>``: how far from usual what is counted at a place is at this time."""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, Final, Protocol

from configs.site import Place, Site
from hub.analysis.baseline import LEAST_SPREAD, SPREAD_KEEP, Baseline, Usual
from hub.analysis.hours import HOUR_MS, Hour, hours_of
from hub.analysis.tails import surprise, usual_range
from hub.fusion.flow import LABEL
from hub.fusion.signal import Ear, Origin, Reading
from wire.records import DoorState, LineCross, NodeHealth, ZoneCount

STEP_MS: Final = 5 * 60_000
"""How often it is worked out, and the width of a bin."""
BINS: Final = 12
LEAST_BINS: Final = 9
"""An hour in which nothing was heard in more bins than the other three was not observed."""
WINDOWS: Final = {"": 12, ".15m": 3, ".5m": 1}
"""The end of the signal's name → how many bins the window has."""
REPEAT_MS: Final = 10_000
"""A count is believed for this long after the record that says it."""


Count = Callable[[Any], float | None]
"""How much a record adds; None where it does not show that what is counted would be seen."""


class Counter(Protocol):
    """Says what of a place is counted."""

    def count(self, origin: Origin) -> Count | None:
        """What is asked of each record of ``origin``; None: they show nothing."""

    def dump(self) -> Any:
        """The state, in what msgpack can hold."""

    def load(self, state: Any) -> None:
        """Take up what `dump` gave."""


class Surprise:
    """−log₁₀ of the probability of a count at least as far off as the last hour's; so for
    the last 15 and 5 minutes; with the range within which 95 of 100 such hours stay, and the
    count of each full hour.

    The usual count of an hour is taken from `Baseline` when the hour begins, so that what is
    judged has not taught what it is judged by. Counts are summed in bins of five minutes. The
    last twelve lie in two hours: their means add, and their spreads too, since what is off in
    one is likely off in the next. Shorter windows scatter more; by how much is learned.
    """

    def __init__(self, what: str, counter: Counter, site: Site) -> None:
        self._name = f"surprise.{what}"
        self._counter = counter
        self._hours = hours_of(site.timezone, site.country)
        self._baseline = Baseline()
        self._learned: Any = None
        """What the baseline dumps, until it learns again: it is large, and dumped often."""
        self._hour: Hour | None = None
        self._bin = 0
        """When the bin that is filled now began, ms; it ends `STEP_MS` later."""
        self._counts = [0.0] * (BINS + 1)
        self._heard = [False] * (BINS + 1)
        """The last twelve bins and, last, the one that is filled now."""
        self._usual: list[Usual | None] = [None, None]
        """Of the hour before and of this one."""
        self._scatter = {name: [0.0, 0.0] for name in WINDOWS if name}
        self._values: dict[str, float] = {}
        self.due: int | None = None

    def ear(self, origin: Origin) -> Ear | None:
        count = self._counter.count(origin)
        if count is _nothing:
            return self._mark
        return None if count is None else partial(self._hear, count)

    def _mark(self, _record: Any, at: int) -> Iterable[Reading]:
        """A record adds nothing, but shows that more would have been heard."""
        if self._heard[-1] and at < self._bin + STEP_MS:
            return ()
        return self._hear(_nothing, _record, at)

    def _hear(self, count: Count, record: Any, at: int) -> Iterable[Reading]:
        amount = count(record)
        if amount is None:
            return ()
        readings = self._reach(at) if self._hour is None or at >= self._bin + STEP_MS else ()
        self._heard[-1] = True
        self._counts[-1] += amount
        if self.due is None:
            self.due = self._bin + STEP_MS
        return readings

    def tick(self, at: int) -> Iterable[Reading]:
        readings = self._reach(at)
        self.due = self._bin + STEP_MS if any(self._heard) else None  # asleep: nobody speaks
        return readings

    def _reach(self, at: int) -> list[Reading]:
        if self._hour is None or at >= self._bin + 2 * HOUR_MS:
            self._begin(at)
        readings: list[Reading] = []
        while at >= self._bin + STEP_MS:
            self._bin += STEP_MS
            readings += self._judge()
            if self._hour is not None and self._bin >= self._hour.start + HOUR_MS:
                readings += self._end_hour(self._hour)
            del self._counts[0], self._heard[0]
            self._counts.append(0.0)
            self._heard.append(False)
        return readings

    def _begin(self, at: int) -> None:
        self._hour = self._hours.at(at)
        self._bin = at - at % STEP_MS
        self._counts = [0.0] * (BINS + 1)
        self._heard = [False] * (BINS + 1)
        self._usual = [None, self._baseline.usual(self._hour)]

    def _end_hour(self, hour: Hour) -> list[Reading]:
        """The twelve newest bins are an hour of the clock: learn from it if it was observed."""
        self._hour = self._hours.at(self._bin)
        count = round(sum(self._counts[1:]))
        observed = sum(self._heard[1:]) >= LEAST_BINS
        if observed:
            self._baseline.learn(hour, count)
            self._learned = None
        self._usual = [self._usual[1], self._baseline.usual(self._hour)]
        return [(f"{self._name}.count", float(count))] if observed else []

    def _judge(self) -> list[Reading]:
        """The windows that end where the bin that is filled now does."""
        values = dict.fromkeys([self._name + end for end in WINDOWS], 0.0)
        values |= {f"{self._name}.low": 0.0, f"{self._name}.high": 0.0}
        for end, bins in WINDOWS.items():
            expected = self._expect(bins)
            if expected is None or sum(self._heard[-bins:]) < bins * LEAST_BINS / BINS:
                continue
            mean, spread = expected
            count = round(sum(self._counts[-bins:]))
            if end:
                spread = max(spread, self._learn_scatter(end, count, mean))
            variance = spread * mean**2
            values[self._name + end] = round(surprise(count, mean, variance), 2)
            if not end:
                low, high = usual_range(mean, variance)
                values |= {f"{self._name}.low": float(low), f"{self._name}.high": float(high)}
        news = [(n, v) for n, v in values.items() if v != self._values.get(n, 0.0)]
        self._values = values
        return news

    def _expect(self, bins: int) -> tuple[float, float] | None:
        """Mean and spread of the count of the last bins; None while too little is known."""
        assert self._hour is not None  # noqa: S101 - the callers have begun
        here = min(bins, (self._bin - self._hour.start) // STEP_MS)
        mean = deviation = 0.0
        for usual, part in zip(self._usual, (bins - here, here), strict=True):
            if not part:
                continue
            if usual is None:
                return None
            rate, rate_deviation = usual.rate
            mean += rate * part / BINS
            deviation += rate_deviation * part / BINS
        return mean, (deviation / mean) ** 2

    def _learn_scatter(self, end: str, count: int, mean: float) -> float:
        """What the short windows before this one scattered by; then this one is learned."""
        known = self._scatter[end]
        spread = max(LEAST_SPREAD, known[0] / known[1]) if known[1] else 0.0
        limit = 16 * (mean + max(spread, LEAST_SPREAD) * mean**2)
        known[0] = known[0] * SPREAD_KEEP ** (1 / BINS) + min((count - mean) ** 2, limit) - mean
        known[1] = known[1] * SPREAD_KEEP ** (1 / BINS) + mean**2
        return spread

    def dump(self) -> Any:
        if self._learned is None:
            self._learned = self._baseline.dump()
        return [
            self._learned, self._hour, self._bin, self._counts, self._heard, self._usual,
            self._scatter, self._values, self.due, self._counter.dump(),
        ]  # fmt: skip

    def load(self, state: Any) -> None:
        (
            learned, hour, self._bin, self._counts, self._heard, usual,
            self._scatter, self._values, self.due, counter,
        ) = state  # fmt: skip
        self._baseline.load(learned)
        self._hour = Hour(*hour) if hour else None
        self._usual = [Usual(*known) if known else None for known in usual]
        self._counter.load(counter)


class Crossings:
    """People over the place's lines, both ways."""

    def __init__(self, place: Place) -> None:
        self._lines = {(line.node, line.source, line.line) for line in place.lines}
        self._cameras = {(line.node, line.source) for line in place.lines}

    def count(self, origin: Origin) -> Count | None:
        if (origin.node, origin.source) not in self._cameras:
            return None
        if origin.kind is LineCross:
            return partial(self._crossed, origin.node)
        return _nothing if origin.kind is ZoneCount else _well(origin)

    def _crossed(self, node: str, record: LineCross) -> float:
        ours = (node, record.source, record.line) in self._lines
        return 1.0 if ours and record.label == LABEL else 0.0

    def dump(self) -> Any:
        return None

    def load(self, state: Any) -> None:
        del state  # there is none


class Openings:
    """Doors that open. A contact sleeps, so its gateway's word says that it would be heard."""

    def __init__(self, place: Place) -> None:
        self._doors = {(door.node, door.source) for door in place.doors}
        self._nodes = {door.node for door in place.doors}
        self._open: dict[tuple[str, str], tuple[int, bool]] = {}
        """Door → (event time of its last word, whether it stood open)."""

    def count(self, origin: Origin) -> Count | None:
        if origin.node not in self._nodes:
            return None
        if origin.kind is not DoorState:
            return _well(origin)
        door = (origin.node, origin.source)
        return partial(self._opened, door) if door in self._doors else _nothing

    def _opened(self, door: tuple[str, str], record: DoorState) -> float:
        ts, was_open = self._open.get(door, (0, True))
        if record.ts < ts:
            return 0.0
        self._open[door] = (record.ts, record.open)
        return 1.0 if record.open and not was_open else 0.0

    def dump(self) -> Any:
        return [[*key, *known] for key, known in self._open.items()]

    def load(self, state: Any) -> None:
        self._open = {(node, source): (ts, is_open) for node, source, ts, is_open in state}


class PersonMinutes:
    """How many people the place's views show, times how long."""

    def __init__(self, place: Place) -> None:
        self._views = {(v.node, v.source, v.zone) for group in place.views for v in group}
        self._cameras = {(node, source) for node, source, _ in self._views}
        self._last: dict[tuple[str, str, str], tuple[int, int]] = {}
        """View → (count, event time of the record that said so)."""

    def count(self, origin: Origin) -> Count | None:
        if (origin.node, origin.source) not in self._cameras:
            return None
        if origin.kind is not ZoneCount:
            return _well(origin)
        view = (origin.node, origin.source, origin.zone)
        return partial(self._saw, view) if view in self._views else _nothing

    def _saw(self, view: tuple[str, str, str], record: ZoneCount) -> float:
        if record.label != LABEL:
            return 0.0
        count, ts = self._last.get(view, (0, record.ts))
        if record.ts < ts:
            return 0.0
        self._last[view] = (record.count, record.ts)
        return count * min(record.ts - ts, REPEAT_MS) / 60_000

    def dump(self) -> Any:
        return [[*key, *known] for key, known in self._last.items()]

    def load(self, state: Any) -> None:
        self._last = {(n, s, zone): (count, ts) for n, s, zone, count, ts in state}


def _nothing(_record: Any) -> float:
    """A record that shows that the source would have told, and adds nothing."""
    return 0.0


def _well(origin: Origin) -> Count | None:
    """A node's word that a source is well shows that it would have told."""
    return _nothing_if_well if origin.kind is NodeHealth else None


def _nothing_if_well(record: NodeHealth) -> float | None:
    return 0.0 if record.ok else None
