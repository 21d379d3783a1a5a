"""Hidden hazards: places and hours where small things pile up beyond chance.

A place is held against the other places of the site in the same four hours of the day: were it
one like them, how probable would as many small things be? What places differ by anyway widens
the answer. Each probability is multiplied by the number of piles looked at (Bonferroni), so
that of all sites with nothing hidden, one in twenty is told of something.
"""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from sqlalchemy import Executable, literal, select
from sqlalchemy.exc import SQLAlchemyError

from configs.servers import HubSettings
from configs.site import SiteFile
from hub.analysis.hours import HOUR_MS, hours_of
from hub.analysis.tails import log_above
from hub.patrols.tables import Checkpoint, Patrol
from hub.state import store
from hub.state.tables import Alert

BLOCK_H: Final = 4
BLOCKS: Final = 24 // BLOCK_H
MINOR: Final = ("info", "low", "medium")
"""What nobody is sent for; a pile of them may be worth a look."""
NO_NEWS: Final = ("false", "test")
MISSED: Final = "patrol.missed"
"""Stands where an alert has its rule."""
SAME_MS: Final = 30 * 60_000
"""The same rule at the same place again within this is the same event."""
CHANCE: Final = 0.05
LEAST_EVENTS, LEAST_PLACES, LEAST_DAYS = 20, 4, 7
LEAST_MEAN: Final = 0.25


class Event(NamedTuple):
    """A small thing that happened."""

    place: str
    rule: str
    at: int
    """ms."""


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


def read_events(
    settings: HubSettings, site: str, start: int, end: int, *, minor: bool = True
) -> list[Event]:
    """Alerts that fired in the range (ms) and were not called false, in order; ``minor``: those
    of low severity alone, and checkpoints that a patrol missed. Raises `StateError`."""
    chosen = select(Alert.place, Alert.rule, Alert.fired_ts).where(
        Alert.site == site, Alert.fired_ts >= start, Alert.fired_ts < end,
        Alert.verdict.not_in(NO_NEWS),
    )  # fmt: skip
    if minor:
        chosen = chosen.where(Alert.severity.in_(MINOR))
    database = store.connect(store.address(settings.state_url, Path(settings.data)))
    try:
        with store.reading(database).begin() as connection:
            rows = list(connection.execute(chosen))
            if minor:
                rows += connection.execute(_missed(site, start, end))
    except SQLAlchemyError as error:
        raise store.StateError(
            f"cannot read the alerts ({error}): is {settings.data} the hub's data folder, and "
            "has this version's hub run on it once?"
        ) from error
    finally:
        database.dispose()
    found = (Event(place, rule, at) for place, rule, at in rows if at is not None)
    return distinct(sorted(found, key=lambda event: event.at))


def _missed(site: str, start: int, end: int) -> Executable:
    """Places and times where a volunteer was to be and nobody came."""
    columns = (Checkpoint.place, literal(MISSED), Patrol.starts_at)
    passed = select(*columns).join(Patrol, Patrol.id == Checkpoint.patrol)
    return passed.where(
        Patrol.site == site, Patrol.starts_at >= start, Patrol.starts_at < end,
        Checkpoint.missed_at.is_not(None),
    )  # fmt: skip


def distinct(events: Iterable[Event]) -> list[Event]:
    """Without those that only repeat the last of the same rule at the same place."""
    last: dict[tuple[str, str], int] = {}
    found = []
    for event in events:
        key = (event.place, event.rule)
        if event.at - last.get(key, event.at - SAME_MS) >= SAME_MS:
            found.append(event)
        last[key] = event.at
    return found


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
