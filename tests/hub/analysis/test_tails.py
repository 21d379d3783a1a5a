"""Tails of the negative binomial against sums worked out term by term."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.analysis.tails import is_plain, log_above, log_below, surprise, usual_range


def _mass(count: int, mean: float, variance: float) -> float:
    r, p = mean**2 / variance, mean / (mean + variance)
    choose = math.lgamma(count + r) - math.lgamma(r) - math.lgamma(count + 1)
    return math.exp(choose + r * math.log(p) + count * math.log1p(-p))


def test_surprise_is_the_smaller_tail_twice() -> None:
    # Mean 2 and variance 2 make r = 2 and p = 1/2: P(0) = 1/4, P(1) = 1/4, P(2) = 3/16 …
    assert surprise(0, 2, 2) == pytest.approx(-math.log10(2 * 1 / 4))
    assert surprise(1, 2, 2) == 0
    assert surprise(4, 2, 2) == pytest.approx(-math.log10(2 * (1 - 1 / 4 - 1 / 4 - 3 / 16 - 1 / 8)))
    assert surprise(200, 2, 2) == pytest.approx(-math.log10(2 * 202 / 2**201))
    assert surprise(1_000_000, 2, 2) == 99


@given(count=st.integers(0, 300), mean=st.floats(0.02, 200), spread=st.floats(0.01, 4))
def test_both_tails_are_the_sums_of_their_terms(count: int, mean: float, spread: float) -> None:
    variance = spread * mean**2
    below = sum(_mass(n, mean, variance) for n in range(count + 1))
    assert math.exp(log_below(count, mean, variance)) == pytest.approx(below, rel=1e-6, abs=1e-12)
    above = math.exp(log_above(count + 1, mean, variance))
    assert above == pytest.approx(1 - below, rel=1e-6, abs=1e-9)


@given(mean=st.floats(0.02, 5000), spread=st.floats(0.01, 4))
def test_outside_the_usual_range_lies_what_was_asked_for(mean: float, spread: float) -> None:
    variance = spread * mean**2
    low, high = usual_range(mean, variance)
    assert low <= mean <= high + 1
    assert math.exp(log_above(high + 1, mean, variance)) <= 0.025 + 1e-9
    assert low == 0 or math.exp(log_below(low - 1, mean, variance)) <= 0.025 + 1e-9


@given(count=st.integers(0, 5000), mean=st.floats(0.02, 5000), spread=st.floats(0.01, 2.9))
def test_what_is_plain_is_never_surprising(count: int, mean: float, spread: float) -> None:
    if is_plain(count, mean, spread * mean**2):
        assert surprise(count, mean, spread * mean**2) < 2.5
