"""What the baseline calls usual, and how sure its forecasts are."""

import random
from datetime import UTC, datetime

import msgspec
import pytest

from hub.analysis.baseline import Baseline, Usual
from hub.analysis.forecast import Forecaster
from hub.analysis.hours import HOUR_MS, Hour, Hours

MONDAY = 1_700_438_400_000  # 2023-11-20 00:00 UTC
UTC_HOURS = Hours("UTC")


def _hour(number: int) -> Hour:
    return UTC_HOURS.at(MONDAY + number * HOUR_MS)


def _mean(number: int) -> float:
    day, hour = divmod(number % 168, 24)
    return (40.0 if 8 <= hour < 20 else 4.0) * (0.5 if day >= 5 else 1.0)


def _count(rng: random.Random, mean: float, spread: float = 0.05) -> int:
    """A count whose rate scatters: Poisson of a Gamma rate."""
    rate = rng.gammavariate(1 / spread, mean * spread)
    reached = count = 0.0
    while (reached := reached + rng.expovariate(1.0)) < rate:
        count += 1
    return int(count)


def _learned(hours: int, seed: int = 1) -> Baseline:
    rng, baseline = random.Random(seed), Baseline()
    for number in range(hours):
        baseline.learn(_hour(number), _count(rng, _mean(number)))
    return baseline


def _usual(baseline: Baseline, number: int) -> Usual:
    usual = baseline.usual(_hour(number))
    assert usual is not None
    return usual


def test_nothing_is_usual_before_the_third_day_is_over() -> None:
    assert _learned(71).usual(_hour(71)) is None
    third = _usual(_learned(72), 72)
    assert third.seen == 0
    assert third.range()[1] > _usual(_learned(8 * 168), 8 * 168).range()[1]


@pytest.mark.parametrize("number", [10, 3, 5 * 24 + 12])
def test_a_month_shows_the_hours_of_the_week(number: int) -> None:
    usual = _usual(_learned(5 * 168), 5 * 168 + number)
    assert usual.mean == pytest.approx(_mean(number), rel=0.35)
    low, high = usual.range()
    assert low <= _mean(number) <= high
    assert usual.surprise(round(3 * _mean(number))) > usual.surprise(round(_mean(number)))


def test_a_lasting_change_is_learned_within_days() -> None:
    rng, baseline = random.Random(2), _learned(6 * 168)
    begun = 6 * 168
    assert _usual(baseline, begun + 12).surprise(int(3 * _mean(12))) > 3
    for number in range(begun, begun + 5 * 24):
        baseline.learn(_hour(number), _count(rng, 3 * _mean(number)))
    assert _usual(baseline, begun + 5 * 24 + 12).surprise(int(3 * _mean(5 * 24 + 12))) < 1.5


def test_a_single_burst_teaches_next_to_nothing() -> None:
    baseline = _learned(6 * 168)
    before = _usual(baseline, 6 * 168 + 168).mean
    baseline.learn(_hour(6 * 168), 400)
    assert _usual(baseline, 6 * 168 + 168).mean < 2.5 * before


def test_gaps_and_a_dead_sensor_do_not_break_it() -> None:
    baseline = _learned(4 * 168)
    for number in range(4 * 168, 6 * 168):
        baseline.learn(_hour(number), 0)
    assert _usual(baseline, 6 * 168 + 12).mean < 2
    rng = random.Random(3)
    for number in range(10 * 168, 11 * 168):
        baseline.learn(_hour(number), _count(rng, _mean(number)))
    assert _usual(baseline, 11 * 168 + 12).mean == pytest.approx(_mean(12), rel=0.5)


def test_a_holiday_is_taken_for_a_sunday_until_holidays_were_seen() -> None:
    baseline = _learned(6 * 168)
    weekday = _hour(6 * 168 + 12)
    holiday = weekday._replace(holiday=True)
    usual = baseline.usual(holiday)
    assert usual is not None
    assert usual.mean == pytest.approx(_usual(baseline, 6 * 168 + 6 * 24 + 12).mean)
    for _ in range(4):
        baseline.learn(holiday, 2)
    learned = baseline.usual(holiday)
    assert learned is not None
    assert learned.mean < usual.mean / 2


def test_the_clocks_changes_make_hours_that_come_twice_or_never() -> None:
    hours = Hours("Pacific/Auckland", "NZ")
    autumn = int(datetime(2024, 4, 6, 12, tzinfo=UTC).timestamp() * 1000)
    slots = [hours.at(autumn + n * HOUR_MS).of_week % 24 for n in range(5)]
    assert slots == [1, 2, 2, 3, 4]
    spring = int(datetime(2024, 9, 28, 12, tzinfo=UTC).timestamp() * 1000)
    assert [hours.at(spring + n * HOUR_MS).of_week % 24 for n in range(4)] == [0, 1, 3, 4]
    christmas = int(datetime(2024, 12, 24, 11, tzinfo=UTC).timestamp() * 1000)
    assert hours.at(christmas).holiday
    assert not hours.at(christmas - HOUR_MS).holiday


def test_what_was_learned_survives_a_restart_to_the_bit() -> None:
    baseline, again = _learned(500), Baseline()
    again.load(msgspec.msgpack.decode(msgspec.msgpack.encode(baseline.dump())))
    for number in range(500, 700):
        baseline.learn(_hour(number), number % 13)
        again.learn(_hour(number), number % 13)
        assert again.usual(_hour(number + 1)) == baseline.usual(_hour(number + 1))


@pytest.mark.parametrize("horizon", [24, 168])
def test_forecasts_cover_as_often_as_they_say(horizon: int) -> None:
    rng, forecaster = random.Random(4), Forecaster()
    inside80 = inside95 = total = 0
    for start in range(0, 26 * 168, horizon):
        ahead = [_hour(n) for n in range(start, start + horizon)]
        counts = [_count(rng, _mean(n)) for n in range(start, start + horizon)]
        for told, count in zip(forecaster.forecast(ahead), counts, strict=False):
            if start >= 8 * 168:
                total += 1
                inside80 += told.low80 <= count <= told.high80
                inside95 += told.low95 <= count <= told.high95
        for hour, count in zip(ahead, counts, strict=True):
            forecaster.learn(hour, count)
    assert 0.74 < inside80 / total < 0.86
    assert 0.91 < inside95 / total < 0.99


def test_a_forecast_of_the_unknown_is_empty() -> None:
    assert Forecaster().forecast([_hour(0)]) == []
