"""What last week's advice led to: the stretch before is looked at as it was then, and what was
advised is held against what happened since."""

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from hub.analysis.evidence import Event
from hub.analysis.hazards import BLOCK_H, Hazard
from hub.analysis.hours import Hours

FELL: Final = 0.5
"""At most this share of the events before counts as better; above its inverse as worse."""


class Advised(NamedTuple):
    """A pile that was pointed at, and what became of it."""

    hazard: Hazard
    """As it was then."""
    since: int
    """Events of the same four hours since."""
    walks: int
    """Patrols that reached the place in these hours since."""

    @property
    def better(self) -> bool:
        return self.since <= FELL * self.hazard.events

    @property
    def worse(self) -> bool:
        return self.since * FELL >= self.hazard.events


def follow(
    advised: Sequence[Hazard], events: Sequence[Event], hours: Hours,
    walks: Callable[[str], Sequence[int]],
) -> list[Advised]:  # fmt: skip
    """What became of each; ``events`` are those since, ``walks`` says when patrols reached a
    place since (ms)."""
    return [
        Advised(
            hazard,
            sum(one.place == hazard.place and _block(hours, one.at) == hazard.block
                for one in events),
            sum(_block(hours, at) == hazard.block for at in walks(hazard.place)),
        )
        for hazard in advised
    ]  # fmt: skip


def _block(hours: Hours, at: int) -> int:
    return hours.at(at).of_week % 24 // BLOCK_H
