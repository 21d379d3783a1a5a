"""Says how unusual hours are at one place: by its own bar, and by what staff said before."""

from typing import Any

from hub.analysis.anomaly import Anomaly, Found, Memory, Verdict, Window
from hub.analysis.bar import Bar
from hub.analysis.baseline import Baseline, Learned, Usual
from hub.analysis.hours import HOUR_MS, Hour
from hub.analysis.stretch import HOURS, Stretch
from hub.analysis.tails import is_plain, surprise, usual_range


class Judge:
    """Of one kind of count at one place; the same for the live signal and for what is read
    from the store later. Times are ms."""

    def __init__(self) -> None:
        self.bar, self.stretch, self.memory = Bar(), Stretch(), Memory()

    def window(
        self, hours: int, hour: Hour, at: int, count: int, mean: float, spread: float
    ) -> Window:
        """How unusual ``count`` is where ``mean`` was expected of a window that ends at ``at``."""
        more = self.memory.allowed(hour, at, too_many=count > mean)
        told = self.bar.told(surprise(count, mean, (spread + more) * mean**2))
        return Window(hours, hour, count, mean, spread, told)

    def range(self, hour: Hour, at: int, mean: float, spread: float) -> tuple[int, int]:
        """Where 95 of 100 such windows lie."""
        few, many = (self.memory.allowed(hour, at, too_many=side) for side in (False, True))
        low, high = usual_range(mean, (spread + few) * mean**2)
        return low, high if few == many else usual_range(mean, (spread + many) * mean**2)[1]

    def full(self, hour: Hour, count: int, usual: Usual | None) -> list[Window]:
        """An hour that was observed as a whole, and the three that end with it, as far as they
        are known and may be unusual; not yet looked at."""
        stretch = self.stretch.add(hour, count, usual)
        if usual is None:
            return []
        at = hour.start + HOUR_MS
        mean, deviation = usual.rate
        found = []
        if not is_plain(count, mean, deviation**2):
            found.append(self.window(1, hour, at, count, mean, (deviation / mean) ** 2))
        if stretch is not None and not is_plain(
            stretch.counted, stretch.mean, stretch.spread * stretch.mean**2
        ):
            found.append(self.window(HOURS, hour, at, *stretch))
        return found

    def look(self, at: int, *windows: Window) -> Anomaly | None:
        """Windows that end at ``at``, as far as they may be unusual; the anomaly that is new or
        has grown."""
        self.bar.look(at)
        if not windows:
            return None
        found = self.memory.note(at, max(windows, key=lambda window: window.surprise))
        if found is not None and found.start == at:
            self.bar.alarm()
        return found

    def found(self, anomaly: Anomaly) -> Found:
        """An anomaly as it stands, with the range of windows such as its worst."""
        worst = anomaly.worst
        low, high = self.range(worst.hour, anomaly.end, worst.mean, worst.spread)
        return Found(anomaly.start, anomaly.end, worst, low, high)

    def learned(self, at: int, learned: Learned, baseline: Baseline) -> None:
        """The baseline learned the hour that ended at ``at``."""
        self.memory.learned(at, learned, baseline)

    def told(self, start: int, verdict: str, at: int, baseline: Baseline) -> bool:
        """Staff judged the anomaly that began at ``start``; whether that taught anything."""
        news = self.memory.judge(start, verdict, at, baseline)
        if news and verdict == Verdict.CONFIRMED:
            self.bar.deserved()
        return news

    def dump(self) -> Any:
        """The state, in what msgpack can hold."""
        return [self.bar.dump(), self.stretch.dump(), self.memory.dump()]

    def load(self, state: Any) -> None:
        """Take up what `dump` gave."""
        bar, stretch, memory = state
        self.bar.load(bar)
        self.stretch.load(stretch)
        self.memory.load(memory)
