"""How readily a place tells: its own bar, what staff dismiss, and what they confirm."""

import math
import random

import msgspec
import pytest

from hub.analysis.anomaly import APART_MS, Anomaly, Kind, Verdict, Window
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
        self.baseline = Baseline()
        self.judge = Judge(self.baseline)
        self.others: list[Anomaly] = []
        """Of what lasts, and of clocks."""
        self.number = 0

    def live(self, count: int) -> Anomaly | None:
        """An hour with so many."""
        hour = HOURS.at(MONDAY + self.number * HOUR_MS)
        self.number += 1
        usual = self.baseline.usual(hour)
        windows = self.judge.full(hour, count, usual)
        found = self.judge.look(hour.start + HOUR_MS, *windows)
        self.others += self.judge.observed(hour, count, usual)
        self.judge.learned(hour.start + HOUR_MS, self.baseline.learn(hour, count))
        return found

    def until(self, number: int) -> None:
        """Ordinary hours up to a number."""
        while self.number < number:
            self.live(usually(self.number))

    def say(self, found: Anomaly | None, verdict: Verdict) -> None:
        assert found is not None
        assert self.judge.told(found.start, verdict, found.end + 1)


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


def emptied(number: int) -> int:
    """A fifth of the usual, and of the nights nothing: the day has another shape as well."""
    return usually(number) // 5 if 8 <= number % 24 < 20 else 0


def test_a_break_that_lasts_is_told_once_and_then_how_long_it_has_lasted(place: Place) -> None:
    found = [place.live(emptied(place.number)) for _ in range(14 * 24)]
    starts = {one.start for one in found if one}
    assert len(starts) == 1
    days = {one.lasted for one in place.others}
    assert {one.start for one in place.others} == starts
    assert len(days) == 1  # the same anomaly, carried on
    kept = place.judge.found(place.others[-1])
    assert kept.lasting
    assert kept.end - kept.start > 12 * 24 * HOUR_MS


def test_when_a_lasting_break_is_over_that_is_no_news_and_the_next_one_is(place: Place) -> None:
    for _ in range(5 * 24):
        place.live(usually(place.number) // 2 if place.number % 24 > 8 else 0)
    assert place.judge.lasting.proven
    back = [place.live(usually(place.number)) for _ in range(3 * 24)]
    assert not any(back)
    assert not place.judge.lasting.since
    assert place.live(400) is not None


def thinned(number: int) -> int:
    """A fifth on working days, and a tenth of a weekend: the week has another shape as well."""
    return usually(number) // (5 if number % WEEK_H < 120 else 10)


def test_a_lasting_break_whose_weekend_goes_deeper_is_the_same_and_no_news(place: Place) -> None:
    told = {one.start for one in (place.live(thinned(place.number)) for _ in range(72)) if one}
    assert place.judge.lasting.proven
    at = MONDAY + (place.number + 1) * HOUR_MS
    fewer = Window(1, HOURS.at(at - HOUR_MS), 3, 9.0, 0.1, UNUSUAL)
    assert place.judge.news(at, fewer) == 0
    assert place.judge.news(at, fewer._replace(counted=60)) == UNUSUAL
    told |= {one.start for one in (place.live(thinned(place.number)) for _ in range(168)) if one}
    assert len(told) == 1


def test_a_rush_before_a_break_is_not_what_lasts(place: Place) -> None:
    rush = place.live(140)
    found = [place.live(emptied(place.number)) for _ in range(5 * 24)]
    starts = {one.start for one in found if one}
    assert rush is not None
    assert rush.start not in starts
    assert {one.start for one in place.others} == starts


def test_what_has_lasted_for_weeks_is_usual_and_its_end_is_told() -> None:
    place = Place()
    place.until(NOON)
    for _ in range(7 * WEEK_H):
        place.live(3 * usually(place.number))
    assert not place.judge.lasting.since
    back = {
        found.start for found in (place.live(usually(place.number)) for _ in range(72)) if found
    }
    assert len(back) == 1


def test_a_crowd_of_an_hour_is_nothing_that_lasts(place: Place) -> None:
    assert place.live(2000) is not None
    place.until(place.number + 72)
    assert not place.others


def test_a_lasting_break_that_goes_much_deeper_is_told_again() -> None:
    place = Place()
    while place.number < NOON:
        place.live(10 * usually(place.number))
    for _ in range(9 * 24):
        place.live(4 * usually(place.number))
    assert place.judge.lasting.proven
    assert any(place.live(0) for _ in range(6))


def test_a_counter_that_stands_still_is_told_as_such_within_hours(place: Place) -> None:
    found = [place.live(41) for _ in range(6)]
    told = [one.worst for one in found if one]
    assert told
    assert {window.kind for window in told} == {Kind.STUCK}
    assert place.judge.bar.height == UNUSUAL  # it says nothing of how far counts scatter


def test_the_same_count_again_and_again_is_usual_where_it_always_was() -> None:
    place = Place()
    for _ in range(4 * WEEK_H):
        place.live(12)
    assert not place.judge.memory.anomalies


def scattered(hour: int, rng: random.Random) -> int:
    """Mornings and evenings with a peak of their own, as chance makes them."""
    of_day = hour % 24
    mean = 4 + 90 * math.exp(-((of_day - 8) ** 2) / 4) + 70 * math.exp(-((of_day - 18) ** 2) / 6)
    return max(0, round(rng.gauss(mean, 1.5 * math.sqrt(mean))))


@pytest.mark.parametrize(("moved", "kind"), [(1, Kind.EARLY), (-1, Kind.LATE)])
def test_a_clock_an_hour_off_is_told_once_within_a_week(moved: int, kind: Kind) -> None:
    place, rng = Place(), random.Random(7)
    while place.number < 6 * WEEK_H:
        place.live(scattered(place.number, rng))
    assert not place.others
    for _ in range(10 * 24):
        place.live(scattered(place.number + moved, rng))
    told = [one for one in place.others if one.worst.kind == kind]
    assert len(told) == 1
    assert told[0].start < MONDAY + 7 * WEEK_H * HOUR_MS
    assert place.judge.found(told[0]).worst.kind == kind


def test_late_risers_are_no_clock() -> None:
    place, rng = Place(), random.Random(8)
    for number in range(9 * WEEK_H):
        late = number >= 6 * WEEK_H and number % 24 < 13
        place.live(scattered(number - late, rng))
    assert not [one for one in place.others if one.worst.kind]
