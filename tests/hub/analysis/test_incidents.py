"""What is coming at each place: numbers worked out by hand, and how often the ranges hold."""

import math
import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from configs.site import Place
from configs.values import Text
from hub.analysis import incidents
from hub.analysis.evidence import Event
from hub.analysis.hours import HOUR_MS, WEEK_H
from hub.analysis.incidents import Coming
from hub.analysis.tails import log_above, log_below
from tests.hub.analysis import world

WEEKS = 12
PLACE = Place(id="p", name=Text("P", "P"))


def test_a_count_with_an_uncertain_rate_has_its_chance_and_its_ranges() -> None:
    coming = Coming(0.5, 0.25)  # geometric: 2/3 of none, then a third as often each
    assert coming.chance == pytest.approx(1 / 3)
    assert coming.range(0.8) == (0, 2)  # three or more: 1/27, two or more: 1/9
    assert coming.range(0.95) == (0, 3)  # four or more: 1/81


def test_factors_are_drawn_to_one_by_as_much_as_they_differ_by_chance() -> None:
    # Squares 25 + 25, twice for two groups less one; less 10 by chance; over 25 + 25.
    assert incidents.spread([(10, 5), (0, 5)]) == pytest.approx(1.8)
    assert incidents.spread([(5, 5), (5, 5)]) == pytest.approx(0, abs=1e-5)
    assert incidents.factor(10, 5, 0.5) == pytest.approx(12 / 7)
    assert incidents.factor(0, 5, 0.5) == pytest.approx(2 / 7)


def test_places_and_hours_that_are_alike_are_all_the_mean() -> None:
    learned = incidents.learn({name: [1] * WEEK_H for name in "abcd"}, [WEEKS] * WEEK_H)
    for row, doubt in learned.values():
        assert [one.mean for one in row] == pytest.approx([1 / 12] * WEEK_H, rel=1e-3)
        assert doubt == pytest.approx(1 / 672, rel=0.01)


def test_a_busy_place_and_a_busy_hour_stand_out_and_one_event_hardly_does() -> None:
    counts = {name: [0] * WEEK_H for name in "abcdef"}
    for day in range(7):
        counts["a"][day * 24 + 22] = 12  # each night at ten
        counts["b"][day * 24 + 9] = 1
    counts["c"][30] = 1
    learned = incidents.learn(counts, [WEEKS] * WEEK_H)
    night = learned["a"][0][22]
    assert night.mean == pytest.approx(1, rel=0.1)
    assert night.mean > 20 * learned["a"][0][12].mean
    assert learned["c"][0][30].mean < 0.2


def test_ranges_hold_as_often_as_they_say_and_hours_are_near_their_true_rates() -> None:
    rng = random.Random(11)
    sites = [_Site(rng) for _ in range(8)]
    held, said = {0.8: 0, 0.95: 0}, {0.8: 0.0, 0.95: 0.0}
    error = plain = walked = best = 0.0
    hottest = 0
    for site in sites:
        learned = incidents.learn(site.counts, [WEEKS] * WEEK_H)
        true = {(name, h): site.rates[name][h] for name in learned for h in range(24)}
        seen = {(name, h): learned[name][0][h].mean for name, h in true}
        walked += sum(true[one] for one in _top(seen, 20))
        best += sum(true[one] for one in _top(true, 20))
        hottest += len(
            set(_top({name: sum(row) for name, row in site.rates.items()}, 3))
            & set(_top({name: sum(c.mean for c in row) for name, (row, _) in learned.items()}, 3))
        )
        for name, (row, doubt) in learned.items():
            week = incidents.Row(PLACE, row, doubt).over(0, WEEK_H)
            for share in held:
                low, high = week.range(share)
                held[share] += low <= sum(site.after[name]) <= high
                said[share] += _within(week, low, high)
            rates, counts = site.rates[name], site.counts[name]
            error += sum((one.mean - true) ** 2 for one, true in zip(row, rates, strict=True))
            plain += sum((n / WEEKS - true) ** 2 for n, true in zip(counts, rates, strict=True))
    # Of 200 weeks. Counts are whole, so ranges say a little more than their name.
    assert 160 <= said[0.8] <= 180
    assert 190 <= said[0.95] <= 198
    assert held[0.8] == pytest.approx(said[0.8], abs=12)
    assert held[0.95] == pytest.approx(said[0.95], abs=6)
    assert math.sqrt(error / plain) < 0.4  # beside the mean of each hour of the week
    assert walked > 0.95 * best  # the twenty hottest hours of places, of six hundred
    assert hottest >= 22  # of the three hottest places of eight sites


def _top(rates: Mapping[Any, float], count: int) -> list[Any]:
    return sorted(rates, key=rates.__getitem__, reverse=True)[:count]


class _Site:
    """25 places with known rates: what was counted in twelve weeks, and in the week after."""

    def __init__(self, rng: random.Random) -> None:
        shape = [rng.gammavariate(2, 0.5) for _ in range(24)]
        self.rates = {f"p{n}": self._rates(rng, shape) for n in range(25)}
        self.counts, self.after = (
            {
                name: [_poisson(rng, weeks * rate) for rate in rates]
                for name, rates in self.rates.items()
            }
            for weeks in (WEEKS, 1)
        )

    @staticmethod
    def _rates(rng: random.Random, shape: Sequence[float]) -> list[float]:
        rate = rng.gammavariate(1, 0.06)
        own = [rate * common * rng.gammavariate(3, 1 / 3) for common in shape]
        return own * 7


def _within(coming: Coming, low: int, high: int) -> float:
    """The probability of a range, by the forecast itself."""
    below = math.exp(log_below(low - 1, *coming)) if low else 0.0
    return 1 - below - math.exp(log_above(high + 1, *coming))


def test_the_week_ahead_is_learned_from_what_happened_and_holidays_are_sundays(
    tmp_path: Path,
) -> None:
    _, _, site = world.build(tmp_path)
    events = [
        Event("bike-shed", "door-open", world.END - day * 24 * HOUR_MS + 2 * HOUR_MS)
        for day in range(1, 57)
    ]
    found = incidents.foresee(site, events, world.END + 1)
    assert found.hours[0].start == world.END + HOUR_MS
    assert (len(found.hours), found.events) == (WEEK_H, 56)
    (row, number), *_ = incidents.most(found)
    assert row.place.id == "bike-shed"
    assert found.hours[number].of_week % 24 == 2
    assert row.hours[number].mean == pytest.approx(1, rel=0.15)
    assert row.over(0, 24).mean == pytest.approx(1, rel=0.15)
    holiday = found.hours[3]._replace(holiday=True)
    assert incidents.slot_of(holiday) == 6 * 24 + holiday.of_week % 24


@pytest.mark.parametrize("days", [4, 15])
def test_too_little_is_told_as_too_little(tmp_path: Path, days: int) -> None:
    _, _, site = world.build(tmp_path)
    number = 100 if days < 7 else 10
    step = days * 24 * HOUR_MS // number
    events = [Event("lobby", "door-open", world.END - (n + 1) * step) for n in range(number)]
    found = incidents.foresee(site, events, world.END)
    assert not found.rows
    assert found.events == number
    assert found.days == pytest.approx(days, abs=0.1)


def _poisson(rng: random.Random, mean: float) -> int:
    """By the times between events."""
    count, at = 0, rng.expovariate(1)
    while at < mean:
        count, at = count + 1, at + rng.expovariate(1)
    return count
