"""Drawing a sample again: what is drawn as one number comes to what drawing every value does."""

import random
from collections.abc import Callable, Sequence
from statistics import median

import pytest

from hub.cases.bootstrap import Draw, binomial, interval, mean_of, median_of

DRAWS = 4000


def spread(draw: Callable[[random.Random], float], seed: int) -> list[float]:
    drawer = random.Random(seed)
    found = sorted(draw(drawer) for _ in range(DRAWS))
    return [found[int(DRAWS * share)] for share in (0.025, 0.25, 0.5, 0.75, 0.975)]


@pytest.mark.parametrize(
    ("values", "of", "quick", "close"),
    [
        ([float(n % 3 == 0) for n in range(200)], lambda v: sum(v) / len(v), mean_of, 0.011),
        ([float(n % 3 == 0) for n in range(12)], lambda v: sum(v) / len(v), mean_of, 0.09),
        ([n**1.5 for n in range(101)], median, median_of, 16),
        ([n**1.5 for n in range(100)], median, median_of, 16),
        ([float(n % 7 % 3) for n in range(300)], lambda v: sum(v) / len(v), mean_of, 0.02),
        ([4.0, 0.5, 1.0, 0.0, 2.5], lambda v: sum(v) / len(v), mean_of, 0.05),
    ],
)
def test_it_spreads_as_drawing_every_value_does(
    values: list[float], of: Callable[[Sequence[float]], float],
    quick: Callable[[Sequence[float]], Draw], close: float,
) -> None:  # fmt: skip
    slow = spread(lambda drawer: of(drawer.choices(values, k=len(values))), 1)
    assert spread(quick(values), 2) == pytest.approx(slow, abs=close)


def test_none_and_all_stay_none_and_all() -> None:
    drawer = random.Random(1)
    assert {binomial(drawer, 1000, 0.0) for _ in range(9)} == {0}
    assert {binomial(drawer, 1000, 1.0) for _ in range(9)} == {1000}


def test_an_interval_holds_the_difference_that_there_is() -> None:
    before, after = ([float(n + shift) for n in range(60)] for shift in (0, 30))
    low, high = interval(median_of(before), median_of(after), 2000, random.Random(1))
    assert 5 < low < 30 < high < 55
