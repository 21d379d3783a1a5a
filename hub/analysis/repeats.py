"""Near repeats: whether what happens at a place is followed within days by more next door.

Knox's test: pairs of events at neighbouring places that lie within three days are counted, and
counted again with the events dealt anew over their moments, a few hundred times. Which places
have many events, and at what times, is the same in all of these; only who came after whom is not.
"""

import math
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from configs.site import SiteFile
from hub.analysis.evidence import Event
from hub.analysis.hours import HOUR_MS

LOOK_MS: Final = 90 * 24 * HOUR_MS
"""How far back it is looked."""
WITHIN_MS: Final = 3 * 24 * HOUR_MS
LEAST_GAP_MS: Final = HOUR_MS
"""Closer than this two places saw the same thing."""
NEIGHBOURS: Final = 2
"""The places nearest on the plan."""
DEALT: Final = 199
"""How often the events are dealt anew. Higher: a finer chance, and slower."""
MOST_EVENTS: Final = 400
"""The newest are looked at."""
CHANCE: Final = 0.05
LEAST_EVENTS, LEAST_PLACES, LEAST_DAYS = 30, 4, 28


class Repeats(NamedTuple):
    """What was found, or why nothing could be."""

    events: int
    places: int
    """Those that stand on the plan."""
    days: float
    pairs: int = 0
    expected: float = 0.0
    """By chance."""
    chance: float = 1.0
    """How probable as many pairs are by chance."""
    most: tuple[tuple[str, str, int], ...] = ()
    """The most frequent pairs: first here, then there, how often."""

    @property
    def enough(self) -> bool:
        """Whether there was enough to tell."""
        return (
            self.events >= LEAST_EVENTS and self.places >= LEAST_PLACES and self.days >= LEAST_DAYS
        )

    @property
    def found(self) -> bool:
        """Whether chance alone is an unlikely reason."""
        return self.enough and self.chance < CHANCE


def find(site: SiteFile, events: Sequence[Event]) -> Repeats:
    """Near repeats among events in order of time."""
    near = neighbours(site)
    events = [event for event in events if event.place in near][-MOST_EVENTS:]
    days = (events[-1].at - events[0].at) / (24 * HOUR_MS) if events else 0.0
    found = Repeats(len(events), len(near), days)
    if not found.enough:
        return found
    times = [event.at for event in events]
    places = [event.place for event in events]
    windows = _windows(times)
    seen = _pairs(places, windows, near)
    rng = random.Random(len(events))  # noqa: S311 - the same events lead to the same answer
    counts = []
    for _ in range(DEALT):
        rng.shuffle(places)
        counts.append(_count(places, windows, near))
    pairs = seen.total()
    chance = (1 + sum(count >= pairs for count in counts)) / (DEALT + 1)
    most = tuple((*pair, number) for pair, number in seen.most_common(3))
    return found._replace(pairs=pairs, expected=sum(counts) / DEALT, chance=chance, most=most)


def neighbours(site: SiteFile) -> Mapping[str, frozenset[str]]:
    """For each place on the plan those that are nearest to it, and those it is nearest to."""
    at = {place.id: place.at for place in site.places if place.at is not None}
    near: dict[str, set[str]] = {name: set() for name in at}
    for name, here in at.items():
        others = sorted((math.dist(here, there), other) for other, there in at.items()
                        if other != name)  # fmt: skip
        for _, other in others[:NEIGHBOURS]:
            near[name].add(other)
            near[other].add(name)
    return {name: frozenset(others) for name, others in near.items()}


def _windows(times: Sequence[int]) -> list[range]:
    """For each event the numbers of those that come after it in time."""
    found, begin, end = [], 0, 0
    for at in times:
        while begin < len(times) and times[begin] < at + LEAST_GAP_MS:
            begin += 1
        end = max(end, begin)
        while end < len(times) and times[end] <= at + WITHIN_MS:
            end += 1
        found.append(range(begin, end))
    return found


def _pairs(
    places: Sequence[str], windows: Sequence[range], near: Mapping[str, frozenset[str]]
) -> Counter[tuple[str, str]]:
    return Counter(
        (place, places[other])
        for place, window in zip(places, windows, strict=True)
        for other in window
        if places[other] in near[place]
    )


def _count(
    places: Sequence[str], windows: Sequence[range], near: Mapping[str, frozenset[str]]
) -> int:
    count = 0
    for place, window in zip(places, windows, strict=True):
        beside = near[place]
        count += sum(other in beside for other in places[window.start : window.stop])
    return count
