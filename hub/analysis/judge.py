"""Says how unusual hours are at one place: by its own bar, and by what staff said before."""

from typing import Any, Final

from hub.analysis.anomaly import Anomaly, Found, Kind, Memory, Verdict, Window
from hub.analysis.bar import UNUSUAL, Bar
from hub.analysis.baseline import Baseline, Learned, Usual
from hub.analysis.hours import HOUR_MS, Hour
from hub.analysis.lasting import Lasting
from hub.analysis.same import Same
from hub.analysis.shift import Shift
from hub.analysis.stretch import HOURS, Stretch
from hub.analysis.tails import is_plain, surprise, usual_range

DAY_H: Final = 24


class Judge:
    """Of one kind of count at one place; the same for the live signal and for what is read
    from the store later. Times are ms."""

    def __init__(self, baseline: Baseline) -> None:
        """``baseline`` is the place's own; it is taught elsewhere."""
        self._baseline = baseline
        self.bar, self.stretch, self.memory = Bar(), Stretch(), Memory()
        self.lasting, self._same, self._shift = Lasting(), Same(), Shift()

    def window(
        self, hours: int, hour: Hour, at: int, count: int, mean: float, spread: float
    ) -> Window:
        """How unusual ``count`` is where ``mean`` was expected of a window that ends at ``at``."""
        low, high = self.lasting.between(hour, mean, self._baseline)
        if low < count < high:
            return Window(hours, hour, count, float(count), spread, 0.0)
        mean = low if count <= low else high
        more = self.memory.allowed(hour, at, too_many=count > mean)
        told = self.bar.told(surprise(count, mean, (spread + more) * mean**2))
        return Window(hours, hour, count, mean, spread, told)

    def range(self, hour: Hour, at: int, mean: float, spread: float) -> tuple[int, int]:
        """Where 95 of 100 such windows lie."""
        few, many = (self.memory.allowed(hour, at, too_many=side) for side in (False, True))
        least, most = self.lasting.between(hour, mean, self._baseline)
        low, high = usual_range(least, (spread + few) * least**2)
        if few == many and least == most:
            return low, high
        return low, usual_range(most, (spread + many) * most**2)[1]

    def full(self, hour: Hour, count: int, usual: Usual | None) -> list[Window]:
        """An hour that was observed as a whole, and those of `long`, as far as they are known and
        may be unusual; not yet looked at."""
        found = self.long(hour, count, usual)
        if usual is not None:
            mean, deviation = usual.rate
            if not is_plain(count, mean, deviation**2):
                at = hour.start + HOUR_MS
                found.append(self.window(1, hour, at, count, mean, (deviation / mean) ** 2))
        return found

    def long(self, hour: Hour, count: int, usual: Usual | None) -> list[Window]:
        """The three hours that end with one that was observed as a whole, and those since the
        same was counted, as far as they may be unusual."""
        stretch, found = self.stretch.add(hour, count, usual), []
        self._same.add(hour, count, usual)
        if stretch is not None and not is_plain(
            stretch.counted, stretch.mean, stretch.spread * stretch.mean**2
        ):
            found.append(self.window(HOURS, hour, hour.start + HOUR_MS, *stretch))
        if usual is not None and self._same.is_told:
            told = self.bar.told(self._same.surprise)
            stuck = (self._same.hours, hour, count, usual.mean, usual.spread, told, Kind.STUCK)
            found.append(Window(*stuck))
        return found

    def look(self, at: int, *windows: Window) -> Anomaly | None:
        """Windows that end at ``at``, as far as they may be unusual; the anomaly that is new or
        has grown."""
        self.bar.look(at)
        if not windows:
            return None
        worst = max(windows, key=lambda window: window.surprise)
        found = self.memory.note(at, worst, self._told_at(at, worst))
        if found is not None:
            self.lasting.unusual(found.start, self._baseline, too_many=worst.too_many)
            # What is told by other means says nothing of how far counts scatter.
            if found.start == at and found.worst.kind == Kind.COUNT:
                self.bar.alarm()
        return found

    def _told_at(self, at: int, window: Window) -> int:
        """When the lasting break was told that a window goes on with; 0: it is something new."""
        lasting = self.lasting
        if window.kind or window.surprise < UNUSUAL:
            return 0
        if not lasting.goes_on(too_many=window.too_many):
            return 0
        unsure = (window.spread + lasting.unsure) * window.mean**2
        deeper = self.bar.told(surprise(window.counted, window.mean, unsure)) >= UNUSUAL
        near = self.memory.near(at, window) if deeper else None
        if deeper and (near is None or near.start != lasting.since):
            return 0
        return lasting.since

    def news(self, at: int, *windows: Window) -> float:
        """How unusual windows that end at ``at`` are, as far as they do not go on with a lasting
        break that was told."""
        return max((one.surprise for one in windows if not self._told_at(at, one)), default=0.0)

    def observed(self, hour: Hour, count: int, usual: Usual | None) -> list[Anomaly]:
        """An hour that was observed as a whole has been looked at, and is not learned yet; the
        anomaly of which it shows that it lasts, or for how long it did, and one of the clock."""
        if usual is None:
            return []
        found, since = [], self.lasting.since
        if self.lasting.observed(hour, count, usual.spread) is not None:
            # When it is over, what began is not known any more; when it is proven, better.
            found.append(self.memory.lasts(self.lasting.since or since, hour.start + HOUR_MS))
        way = self._shift.observed(hour, count, usual, self._baseline)
        if way:
            kind = Kind.EARLY if way > 0 else Kind.LATE
            days = Window(DAY_H, hour, 0, 0.0, 0.0, UNUSUAL, kind)
            # A millisecond later than anything that an hour may have told.
            found.append(self.memory.add(hour.start + 1, days))
        return [one for one in found if one is not None]

    def found(self, anomaly: Anomaly) -> Found:
        """An anomaly as it stands, with the range of windows such as its worst."""
        worst, end = anomaly.worst, max(anomaly.end, anomaly.lasted)
        low = high = 0
        if worst.mean > 0:
            low, high = self.range(worst.hour, anomaly.end, worst.mean, worst.spread)
        return Found(anomaly.start, end, worst, low, high, lasting=anomaly.lasted > 0)

    def learned(self, at: int, learned: Learned) -> None:
        """The baseline learned the hour that ended at ``at``."""
        self.memory.learned(at, learned, self._baseline)

    def told(self, start: int, verdict: str, at: int) -> bool:
        """Staff judged the anomaly that began at ``start``; whether that taught anything."""
        news = self.memory.judge(start, verdict, at, self._baseline)
        if news is not None and verdict == Verdict.CONFIRMED and news.worst.kind == Kind.COUNT:
            self.bar.deserved()
        return news is not None

    def dump(self) -> Any:
        """The state, in what msgpack can hold."""
        return [part.dump() for part in self._parts()]

    def load(self, state: Any) -> None:
        """Take up what `dump` gave; one of before a part was there lacks it."""
        for part, known in zip(self._parts(), state, strict=False):
            part.load(known)

    def _parts(self) -> tuple[Bar | Stretch | Memory | Lasting | Same | Shift, ...]:
        return self.bar, self.stretch, self.memory, self.lasting, self._same, self._shift
