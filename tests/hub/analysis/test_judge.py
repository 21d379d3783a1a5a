"""How readily a place tells: its own bar, what staff dismiss, and what they confirm."""

import math
import random

import msgspec
import pytest

from hub.analysis.anomaly import APART_MS, Anomaly, Verdict
from hub.analysis.bar import UNUSUAL, Bar
from hub.analysis.baseline import Baseline
from hub.analysis.hours import HOUR_MS, WEEK_H, Hours
from hub.analysis.judge import Judge

MONDAY = 1_700_438_400_000  # 2023-11-20 00:00 UTC
HOURS = Hours("UTC")
WEEKS = 5
NOON = WEEKS * WEEK_H + 12
"""A Monday, after all weeks that were learned."""


class Place:
    """A baseline and its judge, one hour after the other."""

    def __init__(self) -> None:
        self.baseline, self.judge = Baseline(), Judge()
        self.number = 0

    def live(self, count: int) -> Anomaly | None:
        """An hour with so many."""
        hour = HOURS.at(MONDAY + self.number * HOUR_MS)
        self.number += 1
        windows = self.judge.full(hour, count, self.baseline.usual(hour))
        found = self.judge.look(hour.start + HOUR_MS, *windows)
        self.judge.learned(hour.start + HOUR_MS, self.baseline.learn(hour, count), self.baseline)
        return found

    def until(self, number: int) -> None:
        """Ordinary hours up to a number."""
        while self.number < number:
            self.live(usually(self.number))

    def say(self, found: Anomaly | None, verdict: Verdict) -> None:
        assert found is not None
        assert self.judge.told(found.start, verdict, found.end + 1, self.baseline)


def usually(number: int) -> int:
    return (40 if 8 <= number % 24 < 20 else 4) + number * 7 % 5


@pytest.fixture
def place() -> Place:
    found = Place()
    found.until(NOON)
    return found


def test_what_was_dismissed_is_told_no_more_and_something_much_bigger_is(place: Place) -> None:
    for week in range(2):
        found = place.live(110)
        if found is not None:
            place.say(found, Verdict.DISMISSED)
        place.until(NOON + (week + 1) * WEEK_H)
    assert place.live(110) is None
    place.until(NOON + 3 * WEEK_H)
    assert place.live(600) is not None


def test_a_dismissal_holds_for_like_hours_and_that_direction_alone(place: Place) -> None:
    place.say(place.live(110), Verdict.DISMISSED)
    allowed = place.judge.memory.allowed
    at = MONDAY + place.number * HOUR_MS
    tuesday_11, tuesday_15, saturday = (
        HOURS.at(MONDAY + n * HOUR_MS) for n in (24 + 11, 24 + 15, 5 * 24 + 12)
    )
    assert allowed(tuesday_11, at, too_many=True) > 0
    for hour, too_many in ((tuesday_11, False), (tuesday_15, True), (saturday, True)):
        assert allowed(hour, at, too_many=too_many) == 0
    later = at + 26 * WEEK_H * HOUR_MS
    assert allowed(tuesday_11, later, too_many=True) < allowed(tuesday_11, at, too_many=True)


def test_a_dismissal_can_be_taken_back(place: Place) -> None:
    found = place.live(110)
    place.say(found, Verdict.DISMISSED)
    place.say(found, Verdict.CONFIRMED)
    hour = HOURS.at(MONDAY + NOON * HOUR_MS)
    assert place.judge.memory.allowed(hour, hour.start + HOUR_MS, too_many=True) == 0


def test_what_was_confirmed_is_kept_out_of_what_is_usual(place: Place) -> None:
    never, ordinary = Place(), Place()
    never.until(NOON)
    ordinary.until(NOON)
    found = None
    for _ in range(4):
        found = place.live(200) or found
        never.number += 1
        ordinary.live(usually(ordinary.number))
    place.until(NOON + 10)
    never.until(NOON + 10)
    place.say(found, Verdict.CONFIRMED)
    for ahead in (1, 24, WEEK_H - 8):
        hour = HOURS.at(MONDAY + (place.number + ahead) * HOUR_MS)
        usual, clean = place.baseline.usual(hour), never.baseline.usual(hour)
        assert usual is not None
        assert clean is not None
        assert usual.mean == pytest.approx(clean.mean, rel=0.02)
        assert usual.spread == pytest.approx(clean.spread, rel=0.25)
    assert place.judge.bar.height == UNUSUAL


def test_what_lasts_is_one_anomaly_and_what_comes_a_day_later_another(place: Place) -> None:
    found = [place.live(200) for _ in range(3)]
    assert {one.start for one in found if one} == {MONDAY + (NOON + 1) * HOUR_MS}
    place.until(place.number + APART_MS // HOUR_MS + 12)
    again = place.live(200)
    assert again is not None
    assert again is not found[0]


def test_three_hours_show_what_each_leaves_open(place: Place) -> None:
    alone = Place()
    alone.until(NOON)
    single = alone.live(18)
    assert single is None
    assert [place.live(18) for _ in range(3)][-1] is not None


@pytest.mark.parametrize("seed", [1, 2])
def test_however_wild_a_place_is_it_comes_to_alarm_once_a_week_at_most(seed: int) -> None:
    rng, bar, alarms = random.Random(seed), Bar(), 0
    first, weeks = 40, 150
    for hour in range((first + weeks) * WEEK_H):
        surprise = -math.log10(1 - rng.random()) * 3  # thrice what a right model would say
        bar.look(hour * HOUR_MS)
        if bar.told(surprise) >= UNUSUAL:
            bar.alarm()
            alarms += hour >= first * WEEK_H
    assert 0.5 < alarms / weeks <= 1
    assert bar.told(9 * UNUSUAL) > UNUSUAL


def test_a_camera_that_is_away_brings_no_quiet_weeks() -> None:
    bar = Bar()
    bar.look(HOUR_MS)
    bar.alarm()
    height = bar.height
    bar.look(20 * WEEK_H * HOUR_MS)
    assert bar.height == pytest.approx(height, abs=0.002)


def test_what_was_said_survives_a_restart_to_the_bit(place: Place) -> None:
    place.say(place.live(110), Verdict.DISMISSED)
    place.live(300)
    again = Place()
    again.number = place.number
    again.baseline.load(place.baseline.dump())
    again.judge.load(msgspec.msgpack.decode(msgspec.msgpack.encode(place.judge.dump())))
    assert again.judge.dump() == place.judge.dump()
    for _ in range(30):
        one, other = place.live(90), again.live(90)
        assert (one is None) == (other is None)
    assert again.judge.dump() == place.judge.dump()
