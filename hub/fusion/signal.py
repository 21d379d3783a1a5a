"""The interface of a signal: a small state that records and time move."""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple, Protocol

from wire.records import AnyRecord

Reading = tuple[str, float]
"""A signal's name and the value it takes."""

Ear = Callable[[Any, int], Iterable[Reading]]
"""Takes in a record at a time (ms) of the place; the values that follow from it."""


Feed = tuple[str, str]
"""node, source."""
View = tuple[str, str, str]
"""node, source, zone."""


class Origin(NamedTuple):
    """What records have in common that the same ears are for."""

    node: str
    source: str
    kind: type[AnyRecord]
    zone: str = ""
    """Empty: none, or one that no view of the place looks at."""

    @property
    def feed(self) -> Feed:
        """Whose they are."""
        return self.node, self.source

    @property
    def view(self) -> View:
        """What they are about, where that is a zone."""
        return self.node, self.source, self.zone


FOR_EVER: Final = 2**62
GRID_MS = 1000
"""How finely signals that change by themselves (fading, growing) are sampled."""


Limits = Mapping[str, Sequence[float]]
"""By name of a signal, in rising order what its values are compared with; a name that is not
there is compared with nothing."""


class Signal(Protocol):
    """One family of signals at one place.

    All times are event time in milliseconds and never go back: ``at`` is the time that
    the place has reached, which is later than ``record.ts`` where the record is late.
    """

    due: int | None
    """When `tick` will next have news, or earlier; None while nothing changes by itself."""

    def ear(self, origin: Origin) -> Ear | None:
        """What is to be given each record of ``origin``; None: they say nothing here.

        Asked once for all the records there will be, which then need not be asked whose they
        are.
        """

    def tick(self, at: int) -> Iterable[Reading]:
        """Time has come to ``at``; the values that follow from that."""

    def dump(self) -> Any:
        """The state, in what msgpack can hold."""

    def load(self, state: Any) -> None:
        """Take up a state that `dump` gave, as far as it still fits the configuration."""


class Sampled(Signal, Protocol):
    """A signal that changes by itself: it is looked at now and then."""

    limits: Limits | None
    """Given these, it leaves out the looks that only find a value between the same limits as
    before, which saves a replay most of its work. None: all are wanted."""

    def catch_up(self, at: int) -> Iterable[Reading]:
        """The values as the looks left out would have them, the last of them until ``at``."""


def next_look(since: int, at: int, step_ms: int = GRID_MS, share: int = 600) -> int:
    """When something that has lasted since ``since`` is looked at next, after ``at``.

    Every ``step_ms``, and once it has lasted long, every ``share``-th part of its age: so a
    threshold is met in time, and a gap of years takes thousands of looks and not billions.
    """
    return first_look(since, at + 1, step_ms, share)


def first_look(since: int, at: int, step_ms: int = GRID_MS, share: int = 600) -> int:
    """The same, from ``at`` on: these are the same moments whoever asks, and whenever."""
    age, round_ms = at - since, step_ms * share
    coarse = max(1, age // round_ms)
    step = step_ms * coarse
    return since + min(-(-age // step) * step, (coarse + 1) * round_ms)


def last_look(since: int, at: int, step_ms: int = GRID_MS, share: int = 600) -> int:
    """The last of these moments until ``at``, itself included."""
    age = at - since
    step = step_ms * max(1, age // (step_ms * share))
    return since + age // step * step


def next_limit(since: int, at: int, limits: Sequence[float]) -> int | None:
    """From when (ms, after ``at``) a value that grows with each second since ``since`` may be
    on another side of one of ``limits``; None: it stays where it is."""
    value = max(0, at - since) / 1000
    index = bisect_left(limits, value)
    if index == len(limits):
        return None
    return at + 1 if limits[index] == value else max(at + 1, since + int(limits[index] * 1000))


def next_wanted(
    firsts: Mapping[str, int], at: int, limits: Limits | None, until: int | None = None
) -> int | None:
    """When values that grow with each second are looked at next, after ``at``.

    ``firsts`` says by name since when (ms) each grows; a look at one is a look at all. With
    ``limits``, looks that change nothing are left out; one is had from ``until`` (ms) on.
    """
    wanted: int | None = at + 1
    if limits is not None:
        moves = [next_limit(since, at, limits.get(name, ())) for name, since in firsts.items()]
        wanted = soonest([until, *moves])
    if wanted is None or not firsts:
        return None
    wanted = max(wanted, at + 1)
    return min([first_look(since, wanted) for since in firsts.values()])


def soonest(times: Iterable[int | None]) -> int | None:
    """The earliest of some times, leaving out the ones that will not come."""
    first = None
    for time in times:  # a plain loop: a generator would be twice as slow, and records wait
        if time is not None and (first is None or time < first):
            first = time
    return first
