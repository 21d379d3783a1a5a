"""Hidden hazards: places and hours where small things pile up beyond chance.

A place is held against the other places of the site in the same four hours of the day: were it
one like them, how probable would as many small things be? What places differ by anyway widens
the answer. Each probability is multiplied by the number of piles looked at (Bonferroni), so
that of all sites with nothing hidden, one in twenty is told of something.
"""

import math
from collections import Counter
from collections.abc import Sequence
from typing import Final, NamedTuple

from configs.site import SiteFile
from hub.analysis.evidence import Event
from hub.analysis.hours import HOUR_MS, hours_of
from hub.analysis.tails import log_above

BLOCK_H: Final = 4
BLOCKS: Final = 24 // BLOCK_H
CHANCE: Final = 0.05
LEAST_EVENTS, LEAST_PLACES, LEAST_DAYS = 20, 4, 7
LEAST_MEAN: Final = 0.25


class Hazard(NamedTuple):
    """A pile."""

    place: str
    block: int
    """Of the day: 0 is from 00:00 to 04:00."""
    events: int
    expected: float
    chance: float
    """How probable it would be, with all piles that were looked at."""
    rules: tuple[tuple[str, int], ...]
    """What it is made of, the most first."""


class Piles(NamedTuple):
    """What was found, or why nothing could be."""

    hazards: Sequence[Hazard]
    events: int
    places: int
    days: float

    @property
    def enough(self) -> bool:
        """Whether there was enough to tell a pile from chance."""
        return (
            self.events >= LEAST_EVENTS and self.places >= LEAST_PLACES and self.days >= LEAST_DAYS
        )


def find(site: SiteFile, events: Sequence[Event], start: int, end: int) -> Piles:
    """The piles among events from ``start`` to ``end`` (ms), the least probable first."""
    places = [place.id for place in site.places]
    found = Piles((), len(events), len(places), (end - start) / (24 * HOUR_MS))
    if not found.enough:
        return found
    hours = hours_of(site.site.timezone, site.site.country)
    piles: dict[tuple[str, int], Counter[str]] = {
        (place, block): Counter() for place in places for block in range(BLOCKS)
    }
    for event in events:
        block = hours.at(event.at).of_week % 24 // BLOCK_H
        piles.setdefault((event.place, block), Counter())[event.rule] += 1
    hazards = [_judge(place, block, piles, places) for place, block in piles]
    listed = sorted((h for h in hazards if h.chance < CHANCE), key=lambda h: h.chance)
    return found._replace(hazards=listed)


def _judge(
    place: str, block: int, piles: "dict[tuple[str, int], Counter[str]]", places: Sequence[str]
) -> Hazard:
    others = [piles[other, block].total() for other in places if other != place]
    mean = max(sum(others) / len(others), LEAST_MEAN)
    scatter = sum((count - mean) ** 2 for count in others) / max(1, len(others) - 1)
    variance = max(0.0, scatter - mean) + mean / len(others)
    rules = piles[place, block]
    chance = math.exp(log_above(rules.total(), mean, variance)) * len(piles)
    return Hazard(place, block, rules.total(), mean, min(1.0, chance), tuple(rules.most_common(3)))


def reasons(
    site: SiteFile, events: Sequence[Event], place: str, hour: int
) -> Sequence[tuple[str, int]]:
    """What happened most at a place in the four hours around one of the day: kind, how often."""
    hours = hours_of(site.site.timezone, site.site.country)
    block = hour // BLOCK_H
    found = Counter(
        event.rule
        for event in events
        if event.place == place and hours.at(event.at).of_week % 24 // BLOCK_H == block
    )
    return found.most_common(2)
