"""How well what is usual is known, on the streets of Auckland, and what it costs.

Everything is learned from the past alone: each hour is forecast, or judged, before it is
learned. Anomalies are put into the last year of the same counts.
"""

import math
import random
import statistics
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from configs.site import CountingLine, NodeOf, Place, Site, SiteFile
from configs.values import Text
from hub.analysis.anomaly import CLOCK, Kind
from hub.analysis.bar import UNUSUAL
from hub.analysis.baseline import Baseline
from hub.analysis.flows import LEARN_MS, follow
from hub.analysis.forecast import Forecaster
from hub.analysis.hours import HOUR_MS, WEEK_H
from hub.analysis.judge import Judge
from hub.fusion.counters import Crossings
from hub.fusion.signal import Origin
from hub.fusion.surprise import Surprise
from hub.series.points import Entry, SignalPoint
from hub.series.sqlite import SqliteSeries
from tests.bench import levels
from tests.bench.auckland import Street, at, hours, load
from tests.bench.progress import Steps
from tests.bench.rig import Stuck
from tests.bench.table import Figure
from wire.records import Direction, LineCross, NodeHealth

PART = "analysis"
TEST = at("2024-01-01")
BREAKS = {
    "26 March 2020": at("2020-03-26 00:00"),
    "12 August 2020, noon": at("2020-08-12 12:00"),
    "18 August 2021": at("2021-08-18 00:00"),
}
REAL = [
    ("2020-03-21", "2020-06-20"), ("2020-08-12 12:00", "2020-10-12"), ("2021-02-14", "2021-02-18"),
    ("2021-02-28", "2021-03-14"), ("2021-08-17", "2022-01-15"),
]  # fmt: skip
"""Lockdowns, and the weeks after them: their alarms are real, so that staff confirm them."""
_SHORTLY = {begun + n for begun in BREAKS.values() for n in range(24)}
WITHIN_H = 3
FORTNIGHT_H = 14 * 24
SOONER_H = 12
"""Streets were emptied by the news of a lockdown, hours before it began."""
SIGNALS = 5_000
PLACES = 100
YEAR_H = 8760
CLOCK_H = 10 * 24


@dataclass
class Score:
    """What one sensor's forecasts of one horizon came to."""

    missed: float = 0.0
    naive: float = 0.0
    count: int = 0
    inside80: int = 0
    inside95: int = 0


@dataclass
class Judged:
    """One sensor's hours, each judged before it was learned."""

    told: list[float]
    """The surprise of the hour, or of the three that end with it; NaN where there is a gap."""
    too_few: list[bool]
    empty: list[float]
    """What it would have been with nobody there at all."""
    anomalies: list[int] = field(default_factory=list)
    """The hours in which one began."""
    many: dict[int, bool] = field(default_factory=dict)
    """The same hours: whether it was of too many."""
    news: list[int] = field(default_factory=list)
    """Hours in which something was told that was no lasting break told before."""
    clocks: list[tuple[int, str]] = field(default_factory=list)
    """The hours in which a clock was told to be off, and which way."""


@dataclass
class Injected:
    """Anomalies of one kind: how many, and after how many hours each found one was."""

    total: int = 0
    delays: list[int] = field(default_factory=list)


def measure(folder: Path, steps: Steps) -> Iterator[Figure]:
    """Forecasts, breaks, false alarms, injected anomalies; then what it costs."""
    streets = load()
    steps.next("analysis: forecasts")
    for words, horizon in (("24 h", 24), ("7 d", WEEK_H)):
        yield from _forecast_figures(words, [_forecast(s, horizon) for s in streets], streets)
    steps.next("analysis: breaks and false alarms")
    judged = [_judge(street) for street in streets]
    yield from _break_figures(judged)
    yield from _false_alarms(judged)
    steps.next("analysis: lasting breaks")
    yield from _levels(streets, judged)
    steps.next("analysis: injected anomalies")
    yield from _injected(streets, judged)
    steps.next("analysis: clocks")
    yield from _clocks(streets, judged)
    steps.next("analysis: cost")
    yield from _cost()
    yield from _learn_from_store(folder, streets[0])


def _naive(counts: Sequence[float], number: int) -> float:
    """What was counted a week before, or two, or three, where that is a gap."""
    weeks = (counts[number - WEEK_H * n] for n in (1, 2, 3, 4) if number >= WEEK_H * n)
    return next((count for count in weeks if not math.isnan(count)), math.nan)


def _forecast(street: Street, horizon: int) -> Score:
    forecaster, score, counts = Forecaster(), Score(), street.counts
    for start in range(0, len(counts), horizon):
        ahead = range(start, min(start + horizon, len(counts)))
        told = forecaster.forecast([hours()[n] for n in ahead]) if start >= TEST else []
        for number, forecast in zip(ahead, told, strict=False):
            count, naive = counts[number], _naive(counts, number)
            if not math.isnan(count + naive):
                score.count += 1
                score.missed += abs(forecast.mean - count)
                score.naive += abs(naive - count)
                score.inside80 += forecast.low80 <= count <= forecast.high80
                score.inside95 += forecast.low95 <= count <= forecast.high95
        for number in ahead:
            if not math.isnan(counts[number]):
                forecaster.learn(hours()[number], counts[number])
    return score


def _scale(street: Street) -> float:
    """The mean absolute error of the seasonal-naive forecast on the years before the test."""
    counts = street.counts
    misses = [abs(counts[n] - _naive(counts, n)) for n in range(WEEK_H, TEST)]
    return statistics.fmean(miss for miss in misses if not math.isnan(miss))


def _forecast_figures(
    words: str, scores: Sequence[Score], streets: Sequence[Street]
) -> Iterator[Figure]:
    pairs = list(zip(scores, streets, strict=True))
    mase = [score.missed / score.count / _scale(street) for score, street in pairs]
    relative = [score.missed / score.naive for score in scores]
    total = sum(score.count for score in scores)
    yield Figure(PART, f"MASE, {words}", statistics.fmean(mase), "", 0.8, better="lower")
    yield Figure(
        PART, f"error beside seasonal naive's, {words}", statistics.fmean(relative), "", 0.8,
        better="lower",
    )  # fmt: skip
    better = sum(value < 1 for value in relative)
    yield Figure(PART, f"sensors better than seasonal naive, {words}", better, "of 21", 19)
    for share, inside, low, high in (
        (80, sum(score.inside80 for score in scores), 76, 84),
        (95, sum(score.inside95 for score in scores), 92, 98),
    ):
        covered = 100 * inside / total
        off = abs(covered - (low + high) / 2)
        name = f"{share} % interval covers {covered:.1f} %, {words}: off the middle by"
        yield Figure(PART, name, off, "%", (high - low) / 2, better="lower")


def _judge(street: Street, changed: dict[int, float] | None = None) -> Judged:
    baseline, found = Baseline(), Judged([], [], [])
    judge = Judge(baseline)
    changed = changed or {}
    real = {n for first, last in REAL for n in range(at(first), at(last))}
    for number, hour in enumerate(hours()):
        count = changed.get(number, street.counts[number])
        if math.isnan(count):
            for values in (found.told, found.empty):
                values.append(math.nan)
            found.too_few.append(False)
            continue
        usual = baseline.usual(hour)
        windows = judge.full(hour, round(count), usual)
        worst = max(windows, key=lambda window: window.surprise, default=None)
        found.told.append(worst.surprise if worst else 0.0)
        found.too_few.append(worst is not None and not worst.too_many)
        asked = usual is not None and number in _SHORTLY
        found.empty.append(judge.bar.told(usual.surprise(0)) if usual and asked else 0.0)
        if judge.news(hour.start + HOUR_MS, *windows) >= UNUSUAL:
            found.news.append(number)
        anomaly = judge.look(hour.start + HOUR_MS, *windows)
        if anomaly is not None and anomaly.start == hour.start + HOUR_MS:
            found.anomalies.append(number)
            found.many[number] = anomaly.worst.too_many
            if number in real:
                judge.bar.deserved()
        others = judge.observed(hour, round(count), usual)
        found.clocks += [(number, one.worst.kind) for one in others if one.worst.kind in CLOCK]
        baseline.learn(hour, count)
    return found


def _break_figures(judged: Sequence[Judged]) -> Iterator[Figure]:
    """Counted from the lockdown's first minute; and from the hour in which, at that sensor,
    nobody at all would have been unusual: before that no count can show that nobody is there."""
    for name, begun in BREAKS.items():
        live = [sensor for sensor in judged if _awake(sensor, begun) is not None]
        for words, starts in (
            ("", [begun] * len(live)),
            (", from when a flow is measurable", [_awake(sensor, begun) for sensor in live]),
        ):
            found = sum(
                start is not None and _told(sensor, begun, start + WITHIN_H)
                for sensor, start in zip(live, starts, strict=True)
            )
            title = f"break of {name}: told within {WITHIN_H} h{words}"
            yield Figure(PART, title, found, f"of {len(live)} alive")
        span = range(begun - SOONER_H, begun + FORTNIGHT_H)
        after = [sum(n in span for n in sensor.anomalies) for sensor in live]
        title = f"break of {name}: anomalies in its first fortnight"
        yield Figure(PART, title, statistics.fmean(after), "a sensor")
        title = f"break of {name}: sensors with one at most"
        yield Figure(PART, title, sum(n <= 1 for n in after), f"of {len(live)} alive")
        alerts = [sum(n in span for n in _told_of(sensor).alerts()) for sensor in live]
        title = f"break of {name}: alerts of the ready rule in that time"
        yield Figure(PART, title, statistics.fmean(alerts), "a sensor")


def _awake(sensor: Judged, begun: int) -> int | None:
    """The first hour of a day in which an empty street would be told."""
    day = range(begun, begun + 24)
    return next((number for number in day if sensor.empty[number] >= UNUSUAL), None)


def _told(sensor: Judged, start: int, end: int) -> bool:
    return any(sensor.told[n] >= UNUSUAL and sensor.too_few[n] for n in range(start, end))


def _false_alarms(judged: Sequence[Judged]) -> Iterator[Figure]:
    for words, years in (("2019 and 2023", (2019, 2023)), ("2024 and 2025", (2024, 2025))):
        rates = []
        for sensor in judged:
            spans = [range(at(f"{y}-01-01"), at(f"{y + 1}-01-01")) for y in years]
            known = [n for span in spans for n in span if not math.isnan(sensor.told[n])]
            if len(known) > WEEK_H * 8:
                wanted = set(known)
                alarms = sum(number in wanted for number in sensor.anomalies)
                rates.append(alarms / (len(known) / WEEK_H))
        name = f"alarms a week and place, {words}"
        yield Figure(PART, f"{name}: mean of {len(rates)}", statistics.fmean(rates), "", 1.0,
                     better="lower")  # fmt: skip
        yield Figure(PART, f"{name}: the worst place", max(rates), "", 1.0, better="lower")


def _levels(streets: Sequence[Street], plain: Sequence[Judged]) -> Iterator[Figure]:
    """``plain`` are the same streets with nothing put in."""
    put = []
    for index, street in enumerate(streets):
        breaks, changed = levels.plan(index, street, "2022-03-01", "2026-01-01")
        put.append((breaks, _told_of(_judge(street, changed))))
    spans = (
        ("2022 and 2023", "2022-03-01", "2024-01-01"),
        ("2024 and 2025", "2024-01-01", "2026-01-01"),
    )
    yield from levels.figures(PART, streets, put, [_told_of(one) for one in plain], spans)


def _told_of(sensor: Judged) -> levels.Told:
    hours_told = enumerate(zip(sensor.told, sensor.too_few, strict=True))
    unusual = {n: not few for n, (told, few) in hours_told if told >= UNUSUAL}
    return levels.Told(unusual, sensor.many, sensor.news)


def _injected(
    streets: Sequence[Street], plain: Sequence[Judged], year: int = 2025
) -> Iterator[Figure]:
    """``plain`` are the same streets with nothing injected."""
    found = {kind: Injected() for kind in ("stuck", "doubled", "swapped", "burst")}
    by_chance = Injected()
    for index, street in enumerate(streets):
        rng = random.Random(index)
        changed: dict[int, float] = {}
        spans: list[tuple[str, range]] = []
        for turn, day in enumerate(range(at(f"{year}-01-15"), at(f"{year}-12-15"), 24 * 10)):
            kind = list(found)[turn % len(found)]
            start = day + rng.randrange(8, 19)
            span = range(start, start + {"stuck": 12, "doubled": 6, "swapped": 2, "burst": 2}[kind])
            values = _anomaly(kind, street.counts, span)
            if all(not math.isnan(value) for value in values):
                changed |= dict(zip(span, values, strict=True))
                spans.append((kind, span))
        _note(found, spans, _judge(street, changed))
        _note(dict.fromkeys(found, by_chance), spans, plain[index])
    for kind, injected in found.items():
        yield Figure(PART, f"{kind}: found", 100 * len(injected.delays) / injected.total, "%")
        if injected.delays:
            delay = statistics.median(injected.delays)
            yield Figure(PART, f"{kind}: median delay", delay, "h")
    share = 100 * len(by_chance.delays) / by_chance.total
    yield Figure(PART, "the same hours with nothing injected: told", share, "%")


def _anomaly(kind: str, counts: Sequence[float], span: range) -> list[float]:
    if kind == "stuck":
        return [counts[span.start - 1]] * len(span)
    if kind == "swapped":
        return [counts[number] for number in reversed(span)]
    return [counts[number] * (2 if kind == "doubled" else 3) for number in span]


def _note(found: dict[str, Injected], spans: Sequence[tuple[str, range]], told: Judged) -> None:
    for kind, span in spans:
        found[kind].total += 1
        delay = next((n for n in span if told.told[n] >= UNUSUAL), None)
        if delay is not None:
            found[kind].delays.append(delay - span.start + 1)


def _clocks(
    streets: Sequence[Street], plain: Sequence[Judged], first: int = 2024, last: int = 2025
) -> Iterator[Figure]:
    """Sensors whose clock goes an hour wrong for ten days, every second month; ``plain`` are the
    same streets as they were."""
    found = Injected()
    for index, street in enumerate(streets):
        begun = range(at(f"{first}-01-20") + 24 * index, at(f"{last}-12-01"), 24 * 60)
        spans = {start: (Kind.EARLY, Kind.LATE)[turn % 2] for turn, start in enumerate(begun)}
        changed = {
            number: street.counts[number + (1 if kind == Kind.EARLY else -1)]
            for start, kind in spans.items()
            for number in range(start, start + CLOCK_H)
        }
        told = _judge(street, changed).clocks
        for start, kind in spans.items():
            if any(math.isnan(changed[number]) for number in range(start, start + CLOCK_H)):
                continue
            found.total += 1
            # An hour into the day after, when a day is over.
            delay = next((n for n, how in told if how == kind and 0 <= n - start <= CLOCK_H), None)
            if delay is not None:
                found.delays.append((delay - start) // 24)
    yield Figure(PART, "clock an hour off for ten days: found",
                 100 * len(found.delays) / found.total, "%")  # fmt: skip
    yield Figure(PART, "clock: median delay", statistics.median(found.delays), "days")
    for since, until in ((2019, 2023), (first, last)):
        span = range(at(f"{since}-01-01"), at(f"{until + 1}-01-01"))
        hours_seen = sum(not math.isnan(street.counts[n]) for street in streets for n in span)
        false = sum(number in span for sensor in plain for number, _ in sensor.clocks)
        rate = false / (hours_seen / YEAR_H)
        name = f"clocks told off, {since} to {until}, where we moved none"
        yield Figure(PART, name, rate, "a sensor and year")


def _cost() -> Iterator[Figure]:
    street = load()[0]
    baseline = Baseline()
    begun = time.process_time()
    for number in range(YEAR_H):
        baseline.learn(
            hours()[number], 10.0 if math.isnan(street.counts[number]) else street.counts[number]
        )
    yield Figure(PART, "a year of one signal learned", time.process_time() - begun, "s")
    text = Text("p", "p")
    place = Place(id="p", name=text, lines=(CountingLine(node="n", source="c", line="l"),))
    site = Site(id="s", name=text, timezone="Pacific/Auckland", country="NZ")
    start = 1_700_000_000_000 // 3_600_000 * 3_600_000
    grown = Surprise("flow", Crossings(place), site)
    days = 40  # with a crowd every second day: as many anomalies as it remembers
    for number in range(24 * days * 12):
        _speak(grown, start + number * 300_000, 80 if number % 576 == 100 else 0)
    last = start + 24 * days * 3_600_000
    state = grown.dump()
    before = psutil.Process().memory_info().rss
    signals = [Surprise("flow", Crossings(place), site) for _ in range(SIGNALS)]
    for signal in signals:
        signal.load(state)
    begun = time.process_time()
    for step in range(12):
        for signal in signals:
            _speak(signal, last + step * 300_000)
    used = (time.process_time() - begun) / 12
    grew = (psutil.Process().memory_info().rss - before) / 2**20
    yield Figure(
        PART, "1,000 places × 5 signals, of one core", 100 * used / 300, "%", 2.0, better="lower"
    )
    yield Figure(PART, "their memory", grew, "MB", 200.0, better="lower")


def _speak(signal: Surprise, at_ms: int, crossings: int = 0) -> None:
    signal.tick(at_ms)
    cross = signal.ear(Origin("n", "c", LineCross))
    assert cross is not None
    for n in range(crossings):
        cross(
            LineCross(
                seq=n, ts=at_ms, source="c", line="l", label="person", track=1, confidence=0.9,
                direction=Direction.LEFT, box=(0.1, 0.1, 0.2, 0.4),
            ),
            at_ms,
        )  # fmt: skip
    hear = signal.ear(Origin("n", "c", NodeHealth))
    assert hear is not None
    hear(NodeHealth(seq=0, ts=at_ms, source="c"), at_ms)


def _learn_from_store(folder: Path, street: Street) -> Iterator[Figure]:
    """A year of one count at each of a hundred places, read and learned as a digest does."""
    text, site_id = Text("p", "p"), "s"
    lines = (CountingLine(node="n", source="c", line="l"),)
    places = tuple(Place(id=f"p{n}", name=text, lines=lines) for n in range(PLACES))
    site = SiteFile(
        site=Site(id=site_id, name=text, timezone="Pacific/Auckland", country="NZ"),
        nodes=(NodeOf(id="n"),), places=places,
    )  # fmt: skip
    begun = 1_700_000_000_000 // HOUR_MS * HOUR_MS
    series = SqliteSeries(folder / "series.db")
    counts = [0.0 if math.isnan(count) else count for count in street.counts[:YEAR_H]]
    for place in places:
        points = (
            SignalPoint(site_id, place.id, "surprise.flow.count", begun + n * HOUR_MS, count)
            for n, count in enumerate(counts, 1)
        )
        series.write([Entry((), tuple(points))])
    started, cpu = time.monotonic(), time.process_time()
    end = begun + YEAR_H * HOUR_MS
    learned = sum(flow.learned for flow in follow(site, series, begun + LEARN_MS, end))
    took, used = time.monotonic() - started, time.process_time() - cpu
    series.close()
    if learned != YEAR_H * PLACES:
        raise Stuck(f"{learned} hours were learned and not {YEAR_H * PLACES}")
    name = f"a year of {PLACES} places learned from the store"
    yield Figure(PART, name, took, "s", 60.0, better="lower")
    yield Figure(PART, f"{name}: of CPU", used, "s")
