"""What goes into the series store, and what every home of it can do.

SeriesError               the base
├── SeriesDown            trying again can help
└── SeriesRefused         it cannot until somebody changes the configuration
    └── PointsRejected    the store has all but these points, and will never take them
"""

from collections.abc import Iterator, Sequence
from typing import Protocol

from msgspec import Struct

from wire.records import AnyRecord


class SeriesError(Exception):
    """The series store did not take or give something; the text says what to do."""


class SeriesDown(SeriesError):
    """It cannot be reached, or is overloaded, at the moment; trying again can help."""


class SeriesRefused(SeriesError):
    """It said no for good (login, bucket, malformed); a change of configuration can help."""


class Rejected(Struct, frozen=True):
    """A point that the store will not have, as it was to be written."""

    reason: str
    point: str


class PointsRejected(SeriesRefused):
    """All that was given is in the store, except ``points``: do not write it again."""

    def __init__(self, points: Sequence[Rejected]) -> None:
        super().__init__(
            f"the series store took all but {len(points)} points; the first: {points[0].reason}"
        )
        self.points = tuple(points)


class Stored(Struct, frozen=True, array_like=True, gc=False):
    """An admitted record, as the hub had it."""

    site: str
    node: str
    epoch: str
    rx_us: int
    """Microseconds since the Unix epoch, hub's clock; no two records have the same, so it
    also says in which order the hub took them."""
    at: int
    """The event time (ms) at which the engine applied it: ``record.ts``, or later where its
    places had moved on already."""
    record: AnyRecord


Taken = tuple[int, int, str, AnyRecord]
"""at (ms), rx (µs), node, record: of a `Stored`, what a replay needs."""


class SignalPoint(Struct, frozen=True, array_like=True, gc=False):
    """A signal took a value."""

    site: str
    place: str
    name: str
    ts: int
    """Milliseconds, event time."""
    value: float


class AlertPoint(Struct, frozen=True, array_like=True, gc=False):
    """An alert changed its state."""

    site: str
    place: str
    rule: str
    severity: str
    ts: int
    state: str
    id: str


class Entry(Struct, frozen=True, array_like=True, gc=False):
    """One batch: what one transaction of the hub admitted and derived. A row of the journal."""

    records: tuple[Stored, ...]
    signals: tuple[SignalPoint, ...] = ()
    alerts: tuple[AlertPoint, ...] = ()
    resolved: tuple[tuple[str, str, str], ...] = ()
    """Alerts that an operator resolved and the engine learned of after the records above:
    (site, place, alert). For a replay; not for the series store."""


class SeriesStore(Protocol):
    """A home for the series. Times are milliseconds, event time; ranges exclude their end."""

    def write(self, entries: Sequence[Entry]) -> None:
        """Take entries durably; again is harmless. Raises `SeriesDown`, `SeriesRefused`, or
        `PointsRejected` once all but the points that it names are durable."""

    def signal(
        self, site: str, place: str, name: str, start: int, end: int
    ) -> list[tuple[int, float]]:
        """The values a signal took, by time. This and the others raise as `write` does."""

    def signal_ranges(
        self, site: str, start: int, end: int
    ) -> dict[tuple[str, str], tuple[float, float, int]]:
        """(place, signal) to its least and greatest value and how many there are."""

    def records(
        self, site: str, start: int, end: int, nodes: Sequence[str] | None = None
    ) -> Iterator[Stored]:
        """Admitted records whose ``ts`` is in the range, in the order the hub took them; with
        ``nodes``, of these alone."""

    def taken(
        self, site: str, start: int, end: int, nodes: Sequence[str] | None = None
    ) -> Sequence[Taken]:
        """What a replay needs of the same records, in no order. All are in memory at once: to
        be asked for in short ranges."""

    def count_records(self, site: str, start: int, end: int) -> int:
        """How many records there are, health included."""

    def count_by_node(self, site: str, start: int, end: int) -> dict[str, int]:
        """The same, for each node that has any."""

    def purge(self, before: int) -> int:
        """Forget what is older; returns how many points went (−1: the store does it itself)."""

    def ping(self) -> None:
        """Return if the store answers; raise `SeriesDown` or `SeriesRefused` if not."""

    def close(self) -> None:
        """Let go of connections and files."""
