"""Draws a sample again, with replacement, and says what comes out: the interval of a difference.

Drawing every value anew is slow for large samples and not needed: how often each of a few values
comes in a redrawn sample, and its median, are known to be binomial numbers and an order statistic
(L. Devroye, Non-Uniform Random Variate Generation, chapters X.4 and V.3), and are drawn as such.
"""

import random
from collections import Counter
from collections.abc import Callable, Sequence

FEW = 16
"""So few yes or no are drawn one by one."""
SPARSE = 16
"""Where a value comes so often or oftener, it is drawn how often it does; else each for itself."""
Draw = Callable[[random.Random], float]


def interval(before: Draw, after: Draw, draws: int, drawer: random.Random) -> tuple[float, float]:
    """The middle 95 % of so many differences between two statistics that are drawn again."""
    found = sorted(after(drawer) - before(drawer) for _ in range(draws))
    return found[int(draws * 0.025)], found[min(draws - 1, int(draws * 0.975))]


def mean_of(values: Sequence[float]) -> Draw:
    """Draws the mean of a sample again."""
    count, sizes = len(values), Counter(values)
    if len(sizes) > count // SPARSE + 2:
        return lambda drawer: sum(drawer.choices(values, k=count)) / count

    def draw(drawer: random.Random) -> float:
        """How often each value comes, one after the other: of those left, a binomial number."""
        total, drawn, rest = 0.0, count, count
        for value, size in sizes.items():
            times = binomial(drawer, drawn, size / rest)
            total, drawn, rest = total + value * times, drawn - times, rest - size
        return total / count

    return draw


def median_of(values: Sequence[float]) -> Draw:
    """Draws the median of a sample again."""
    ranked, count = sorted(values), len(values)

    def draw(drawer: random.Random) -> float:
        lower = (count + 1) // 2  # the rank of the lower middle one
        at = drawer.betavariate(lower, count - lower + 1)
        if count % 2:
            return ranked[int(at * count)]
        above = at + (1 - at) * drawer.betavariate(1, count - lower)
        return (ranked[int(at * count)] + ranked[min(count - 1, int(above * count))]) / 2

    return draw


def binomial(drawer: random.Random, count: int, share: float) -> int:
    """How many of ``count`` are yes where each is with a probability of ``share``."""
    found = 0
    while count > FEW and 0 < share < 1:
        rank = 1 + count // 2
        at = drawer.betavariate(rank, count + 1 - rank)  # of that many, this one in order
        if at <= share:
            found, count, share = found + rank, count - rank, (share - at) / (1 - at)
        else:
            count, share = rank - 1, share / at
    if share >= 1:
        return found + count
    return found + sum(drawer.random() < share for _ in range(count))
