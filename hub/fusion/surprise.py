"""``surprise.<what>``: how far from usual what is counted at a place is at this time."""

from collections.abc import Iterable
from functools import partial
from typing import Any, Final

from configs.site import Site
from hub.analysis.anomaly import Anomaly, Found, Verdict
from hub.analysis.baseline import LEAST_SPREAD, SPREAD_KEEP, Baseline, Usual
from hub.analysis.hours import HOUR_MS, Hour, hours_of
from hub.analysis.judge import Judge
from hub.fusion.counters import Count, Counter, nothing
from hub.fusion.signal import Ear, Origin, Reading

STEP_MS: Final = 5 * 60_000
"""How often it is worked out, and the width of a bin."""
BINS: Final = 12
LEAST_BINS: Final = 9
"""An hour in which nothing was heard in more bins than the other three was not observed."""
WINDOWS: Final = {"": 12, ".15m": 3, ".5m": 1}
"""The end of the signal's name → how many bins the window has."""
LONG: Final = ".3h"
"""The end of the name for the last three full hours."""
NEWS: Final = ".news"
"""And for the most of the last hour and these, as far as it was not told as a lasting break."""
PREFIX: Final = "surprise."
VERDICTS: Final = tuple(str(one) for one in Verdict)
"""As the end of a name: staff said so of the anomaly that began at the time that is its value.
For a replay: nothing else looks at these."""


def verdict_in(name: str) -> tuple[str, str] | None:
    """(what, verdict), where a signal's name says that staff judged an anomaly."""
    stem, _, end = name.rpartition(".")
    if end in VERDICTS and stem.startswith(PREFIX):
        return stem.removeprefix(PREFIX), end
    return None


class Surprise:
    """−log₁₀ of the probability of a count at least as far off as the last hour's; so for
    the last 15 and 5 minutes, and at the end of each hour for the last three; with the range
    within which 95 of 100 such hours stay, and the count of each full hour.

    The usual count of an hour is taken from `Baseline` when the hour begins, so that what is
    judged has not taught what it is judged by. Counts are summed in bins of five minutes. The
    last twelve lie in two hours: their means add, and their spreads too, since what is off in
    one is likely off in the next. Shorter windows scatter more; by how much is learned. All of
    it is told in the place's own measure (`hub.analysis.bar`).
    """

    def __init__(self, what: str, counter: Counter, site: Site) -> None:
        self._name = f"{PREFIX}{what}"
        self.what = what
        self._counter = counter
        self._hours = hours_of(site.timezone, site.country)
        self._baseline = Baseline()
        self._judge = Judge(self._baseline)
        self.found: list[Found] = []
        """Anomalies that are new or have grown; who takes them leaves none."""
        self._learned: Any = None
        """What the baseline dumps, until it learns again: it is large, and dumped often."""
        self._hour: Hour | None = None
        self._bin = 0
        """When the bin that is filled now began, ms; it ends `STEP_MS` later."""
        self._before: Hour | None = None
        """The hour before this one."""
        self._counts = [0.0] * (BINS + 1)
        self._heard = [False] * (BINS + 1)
        """The last twelve bins and, last, the one that is filled now."""
        self._usual: list[Usual | None] = [None, None]
        """Of the hour before and of this one."""
        self._scatter = {name: [0.0, 0.0] for name in WINDOWS if name}
        self._values: dict[str, float] = {}
        self._longest = 0.0
        """What the last three full hours were told as …"""
        self._long_news = 0.0
        """… and as far as that was not told before."""
        self.due: int | None = None

    def ear(self, origin: Origin) -> Ear | None:
        count = self._counter.count(origin)
        if count is nothing:
            return self._mark
        return None if count is None else partial(self._hear, count)

    def _mark(self, _record: Any, at: int) -> Iterable[Reading]:
        """A record adds nothing, but shows that more would have been heard."""
        if self._heard[-1] and at < self._bin + STEP_MS:
            return ()
        return self._hear(nothing, _record, at)

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
            readings += self._look()
            if self._hour is not None and self._bin >= self._hour.start + HOUR_MS:
                readings += self._end_hour(self._hour)
            del self._counts[0], self._heard[0]
            self._counts.append(0.0)
            self._heard.append(False)
        return readings

    def _begin(self, at: int) -> None:
        self._hour = self._hours.at(at)
        self._before = None
        self._bin = at - at % STEP_MS
        self._counts = [0.0] * (BINS + 1)
        self._heard = [False] * (BINS + 1)
        self._usual = [None, self._baseline.usual(self._hour)]

    def _end_hour(self, hour: Hour) -> list[Reading]:
        """The twelve newest bins are an hour of the clock: learn from it if it was observed."""
        self._before, self._hour = hour, self._hours.at(self._bin)
        count = round(sum(self._counts[1:]))
        observed = sum(self._heard[1:]) >= LEAST_BINS
        readings: list[Reading] = []
        if observed:
            readings += [*self._long(hour, count), (f"{self._name}.count", float(count))]
            self._keep(*self._judge.observed(hour, count, self._usual[1]))
            self._judge.learned(self._bin, self._baseline.learn(hour, count))
            self._learned = None
        self._usual = [self._usual[1], self._baseline.usual(self._hour)]
        return readings

    def _long(self, hour: Hour, count: int) -> list[Reading]:
        """The three full hours that end now, or those since a counter stands still."""
        windows = self._judge.long(hour, count, self._usual[1])
        for window in windows:
            self._keep(self._judge.look(self._bin, window))
        self._long_news = round(self._judge.news(self._bin, *windows), 2)
        value = round(max([0.0, *(window.surprise for window in windows)]), 2)
        name = self._name + LONG
        if value == self._longest:
            return []
        self._longest = value
        return [(name, value)]

    def _look(self) -> list[Reading]:
        """The windows that end where the bin that is filled now does."""
        values = dict.fromkeys([self._name + end for end in WINDOWS], 0.0)
        values |= {f"{self._name}.low": 0.0, f"{self._name}.high": 0.0}
        values[self._name + NEWS] = self._long_news
        for end, bins in WINDOWS.items():
            expected = self._expect(bins)
            if expected is None or sum(self._heard[-bins:]) < bins * LEAST_BINS / BINS:
                continue
            mean, spread = expected
            count = round(sum(self._counts[-bins:]))
            if end:
                spread = max(spread, self._learn_scatter(end, count, mean))
            window = self._judge.window(1, self._middle(bins), self._bin, count, mean, spread)
            values[self._name + end] = round(window.surprise, 2)
            if not end:
                self._keep(self._judge.look(self._bin, window))
                fresh = round(self._judge.news(self._bin, window), 2)
                values[self._name + NEWS] = max(fresh, self._long_news)
                low, high = self._judge.range(window.hour, self._bin, mean, spread)
                values |= {f"{self._name}.low": float(low), f"{self._name}.high": float(high)}
        news = [(n, v) for n, v in values.items() if v != self._values.get(n, 0.0)]
        self._values = values
        return news

    def _middle(self, bins: int) -> Hour:
        """The hour that most of the last bins lie in."""
        assert self._hour is not None  # noqa: S101 - the callers have begun
        here = (self._bin - self._hour.start) // STEP_MS
        return self._before if self._before is not None and 2 * here < bins else self._hour

    def _keep(self, *anomalies: Anomaly | None) -> None:
        self.found += [self._judge.found(one) for one in anomalies if one is not None]

    def judged(self, start: int, verdict: str, at: int) -> bool:
        """Staff said at ``at`` (ms) what the anomaly that began at ``start`` was; whether that
        taught anything."""
        news = self._judge.told(start, verdict, at)
        self._learned = None
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
            self._before, self._longest, self._judge.dump(), self._long_news,
        ]  # fmt: skip

    def load(self, state: Any) -> None:
        (
            learned, hour, self._bin, self._counts, self._heard, usual,
            self._scatter, self._values, self.due, counter, *rest,
        ) = state  # fmt: skip
        self._baseline.load(learned)
        self._hour = Hour(*hour) if hour else None
        self._usual = [Usual(*known) if known else None for known in usual]
        self._counter.load(counter)
        if rest:  # a state from before there were anomalies has none
            before, self._longest, judge, *later = rest
            self._long_news = later[0] if later else 0.0
            self._before = Hour(*before) if before else None
            self._judge.load(judge)
