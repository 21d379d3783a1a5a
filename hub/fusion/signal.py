"""The interface of a signal: a small state that records and time move."""

from collections.abc import Iterable
from typing import Any, Protocol

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

    @property
    def hears(self) -> tuple[type[AnyRecord], ...]:
        """The types of record that `take` looks at; it is given no others."""

    due: int | None
    """When `tick` will next have news; None while nothing changes by itself."""

    def take(self, node: str, record: AnyRecord, at: int) -> Iterable[Reading]:
        """Take in a record that concerns the place; the values that follow from it."""

    def tick(self, at: int) -> Iterable[Reading]:
        """Time has come to ``at``; the values that follow from that."""

    def dump(self) -> Any:
        """The state, in what msgpack can hold."""

    def load(self, state: Any) -> None:
        """Take up a state that `dump` gave, as far as it still fits the configuration."""


def next_look(since: int, at: int, step_ms: int = GRID_MS, share: int = 600) -> int:
    """When something that has lasted since ``since`` is looked at next, after ``at``.

    Every ``step_ms``, and once it has lasted long, every ``share``-th part of its age: so a
    threshold is met in time, and a gap of years takes thousands of looks and not billions.
    """
    age = at - since
    step = step_ms * max(1, age // (step_ms * share))
    return since + (age // step + 1) * step


def soonest(times: Iterable[int | None]) -> int | None:
    """The earliest of some times, leaving out the ones that will not come."""
    first = None
    for time in times:  # a plain loop: a generator would be twice as slow, and records wait
        if time is not None and (first is None or time < first):
            first = time
    return first
