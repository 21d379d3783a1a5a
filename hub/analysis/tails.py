"""How improbable a count is, where counts scatter more than chance alone would make them.

A Poisson count whose rate is itself uncertain, Gamma distributed, is negative binomial; its
tails are regularised incomplete beta functions. Written here with the continued fraction of
the textbooks (Lentz's method), since the hub's engine has no need of SciPy's 100 MB.
"""

import math
from collections.abc import Callable
from typing import Final

MOST: Final = 99.0
"""The greatest surprise that is told: a probability of 10⁻⁹⁹."""
_TINY: Final = 1e-300
_CLOSE: Final = 1e-12


def surprise(count: int, mean: float, variance: float) -> float:
    """−log₁₀ min(1, 2·P(N ≤ count), 2·P(N ≥ count)) of a Poisson count whose rate is Gamma
    distributed with this mean and variance (both above 0)."""
    tail = log_below(count, mean, variance) if count < mean else log_above(count, mean, variance)
    return min(MOST, max(0.0, -(math.log(2) + tail) / math.log(10)))


def is_plain(count: int, mean: float, variance: float) -> bool:
    """Whether a count is so near what is expected that its surprise is below 2.5, for rates whose
    deviation is at most 1.7 times their mean. It costs next to nothing, and holds of most."""
    near = 4.0 if count > mean or variance < 0.1 * mean**2 else 0.5
    return (count - mean) ** 2 < near * (mean + variance)


def log_below(count: int, mean: float, variance: float) -> float:
    """ln P(N ≤ count)."""
    return _log_beta(mean / (mean + variance), mean**2 / variance, count + 1)


def log_above(count: int, mean: float, variance: float) -> float:
    """ln P(N ≥ count)."""
    if count <= 0:
        return 0.0
    return _log_beta(variance / (mean + variance), count, mean**2 / variance)


def log_exactly(count: int, mean: float, variance: float) -> float:
    """ln P(N = count)."""
    size, share = mean**2 / variance, variance / (mean + variance)
    return (
        math.lgamma(count + size) - math.lgamma(size) - math.lgamma(count + 1)
        + size * math.log1p(-share) + count * math.log(share)
    )  # fmt: skip


def usual_range(mean: float, variance: float, share: float = 0.95) -> tuple[int, int]:
    """The least and greatest count that are still usual: outside lies at most 1 − ``share``,
    half of it on each side."""
    tail = math.log((1 - share) / 2)
    step = max(1, int(math.sqrt(mean + variance)))
    low = _first(lambda n: log_below(n, mean, variance) > tail, step)
    high = _first(lambda n: log_above(n + 1, mean, variance) <= tail, step)
    return low, high


def _first(holds: Callable[[int], bool], step: int) -> int:
    """The least n from 0 on for which a test that stays true becomes true."""
    below, above = -1, 0
    while not holds(above):
        below, above = above, above + step
        step *= 2
    while above - below > 1:
        middle = (below + above) // 2
        below, above = (below, middle) if holds(middle) else (middle, above)
    return above


def _log_beta(x: float, a: float, b: float) -> float:
    """ln of the regularised incomplete beta function I_x(a, b)."""
    if x <= 0:
        return -math.inf
    if x >= 1:
        return 0.0
    front = (
        math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b)
        + a * math.log(x) + b * math.log1p(-x)
    )  # fmt: skip
    if x < (a + 1) / (a + b + 2):
        return front - math.log(a) + math.log(_fraction(x, a, b))
    rest = math.exp(front - math.log(b)) * _fraction(1 - x, b, a)
    return math.log1p(-rest) if rest < 1 else -math.inf


def _fraction(x: float, a: float, b: float) -> float:
    c, d = 1.0, 1 - (a + b) * x / (a + 1)
    d = 1 / (d if abs(d) > _TINY else _TINY)
    value = d
    for m in range(1, 10_000):
        for term in (
            m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
        ):
            d, c = 1 + term * d, 1 + term / c
            d = 1 / (d if abs(d) > _TINY else _TINY)
            c = c if abs(c) > _TINY else _TINY
            value *= d * c
        if abs(d * c - 1) < _CLOSE:
            break
    return value
