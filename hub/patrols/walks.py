"""Walks as pages show them, with no word of who comes."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, RowMapping, func, select

from hub.patrols.checkin import EARLY_MS, LATE_MS
from hub.patrols.tables import Checkpoint, Patrol, SignUp


@dataclass(frozen=True, slots=True)
class WalkView:
    """A walk, ready to be drawn."""

    row: RowMapping
    signed: int
    """How many have signed up, those who wait too."""
    stops: Sequence[Any]
    """Its checkpoints in order: place, reached_at, missed_at."""

    def __getattr__(self, name: str) -> Any:
        return self.row[name]

    @property
    def free(self) -> int:
        """Places that are left."""
        return max(0, int(self.row["capacity"]) - self.signed)

    @property
    def waiting(self) -> int:
        """How many wait for a place."""
        return max(0, self.signed - int(self.row["capacity"]))

    @property
    def reached(self) -> int:
        """Checkpoints where somebody was."""
        return sum(stop.reached_at is not None for stop in self.stops)

    @property
    def missed(self) -> int:
        """Checkpoints that nobody reached."""
        return sum(stop.missed_at is not None for stop in self.stops)

    def over(self, now: int) -> bool:
        """Whether its time is over."""
        return bool(self.row["ends_at"] <= now)

    def on(self, now: int) -> bool:
        """Whether somebody may be walking it now."""
        return bool(self.row["starts_at"] - EARLY_MS <= now <= self.row["ends_at"] + LATE_MS)


def found(
    connection: Connection, *where: Any, order: Any = None, limit: int = 60
) -> list[WalkView]:
    """The walks that are meant, the next first."""
    signed = (
        select(func.count()).where(SignUp.patrol == Patrol.id).correlate(Patrol).scalar_subquery()
    )
    query = (
        select(*Patrol.__table__.columns, signed.label("signed"))
        .where(*where)
        .order_by(order if order is not None else Patrol.starts_at, Patrol.id)
        .limit(limit)
    )
    rows = connection.execute(query).mappings().all()
    stops = defaultdict(list)
    passed = select(*Checkpoint.__table__.columns).order_by(Checkpoint.position)
    for stop in connection.execute(passed.where(Checkpoint.patrol.in_([r["id"] for r in rows]))):
        stops[stop.patrol].append(stop)
    return [WalkView(row, row["signed"], stops[row["id"]]) for row in rows]


def to_come(connection: Connection, site: str, now: int, limit: int = 60) -> list[WalkView]:
    """Walks of a site that are not over and not called off."""
    ahead = (Patrol.site == site) & (Patrol.ends_at > now) & Patrol.cancelled_at.is_(None)
    return found(connection, ahead, limit=limit)
