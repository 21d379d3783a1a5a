"""The interface of a signal: a small state that records and time move."""

from collections.abc import Iterable
from typing import Any, Protocol

from configs.site import Place
from wire.records import AnyRecord

Reading = tuple[str, float]
"""A signal's name and the value it takes."""

GRID_MS = 1000
"""How finely signals that change by themselves (fading, growing) are sampled."""


class Signal(Protocol):
    """One family of signals at one place.

    All times are event time in milliseconds and never go back: ``at`` is the time that
    the place has reached, which is later than ``record.ts`` where the record is late.
    """

    due: int | None
    """When `tick` will next have news; None while nothing changes by itself."""

    def __init__(self, place: Place) -> None: ...

    def take(self, node: str, record: AnyRecord, at: int) -> Iterable[Reading]:
        """Take in a record that concerns the place; the values that follow from it."""

    def tick(self, at: int) -> Iterable[Reading]:
        """Time has come to ``at``; the values that follow from that."""

    def dump(self) -> Any:
        """The state, in what msgpack can hold."""

    def load(self, state: Any) -> None:
        """Take up a state that `dump` gave, as far as it still fits the configuration."""


def soonest(times: Iterable[int | None]) -> int | None:
    """The earliest of some times, leaving out the ones that will not come."""
    return min((time for time in times if time is not None), default=None)
