"""The tables of patrols. What is personal (who came, what they wrote) stands apart from what
the figures need (when there was a walk, which checkpoints it reached), and goes earlier."""

from typing import Any

from sqlalchemy import Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from hub.state.tables import Base, BigId


class PatrolPlan(Base):
    """A walk as staff planned it: once, or every week."""

    __tablename__ = "patrol_plan"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    site: Mapped[str] = mapped_column(String(63))
    title: Mapped[str] = mapped_column(String(120))
    route: Mapped[list[Any]]
    """Ids of places, in the order of the walk."""
    first_at: Mapped[int]
    length_ms: Mapped[int]
    weekly: Mapped[bool]
    """At the same time by the site's clock, summer and winter."""
    capacity: Mapped[int]
    made_by: Mapped[str] = mapped_column(String(80))
    made_at: Mapped[int]
    ended_at: Mapped[int | None]
    """From then on it makes no walks."""


class Patrol(Base):
    """One walk."""

    __tablename__ = "patrol"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    plan: Mapped[str] = mapped_column(String(32))
    site: Mapped[str] = mapped_column(String(63))
    title: Mapped[str] = mapped_column(String(120))
    starts_at: Mapped[int]
    ends_at: Mapped[int]
    capacity: Mapped[int]
    cancelled_at: Mapped[int | None]
    closed_at: Mapped[int | None]
    """When the checkpoints that nobody had reached were called missed."""
    purged_at: Mapped[int | None]
    """When it was forgotten who came."""
    changed_at: Mapped[int | None]
    """When staff last changed it after it was made."""
    was_at: Mapped[int | None]
    """When it was to begin before it was moved."""

    __table_args__ = (
        UniqueConstraint("plan", "starts_at"),
        Index("patrol_time", "site", "starts_at"),
    )


class Checkpoint(Base):
    """A place that a walk passes."""

    __tablename__ = "patrol_checkpoint"

    patrol: Mapped[str] = mapped_column(String(32), primary_key=True)
    place: Mapped[str] = mapped_column(String(63), primary_key=True)
    position: Mapped[int]
    """From 0 on."""
    reached_at: Mapped[int | None]
    """When the first of its volunteers was there, by their own time."""
    missed_at: Mapped[int | None]
    """When the hub said that nobody had come; empty again where the news was only late."""


class CheckpointCode(Base):
    """How often the code of a checkpoint was renewed; one that never was has no row."""

    __tablename__ = "checkpoint_code"

    site: Mapped[str] = mapped_column(String(63), primary_key=True)
    place: Mapped[str] = mapped_column(String(63), primary_key=True)
    version: Mapped[int]
    renewed_at: Mapped[int]


class SignUp(Base):
    """A volunteer of a walk. The first ones, as many as there is room for, have a place; the
    others wait, in this order."""

    __tablename__ = "patrol_sign_up"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    patrol: Mapped[str] = mapped_column(String(32))
    resident: Mapped[int] = mapped_column(index=True)
    at: Mapped[int]
    reminded_at: Mapped[int | None]

    __table_args__ = (
        UniqueConstraint("patrol", "resident"),
        # The order of those who wait: whoever withdraws leaves no number for a later one.
        {"sqlite_autoincrement": True},
    )


class CheckIn(Base):
    """A volunteer was at a checkpoint."""

    __tablename__ = "patrol_check_in"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    patrol: Mapped[str] = mapped_column(String(32), index=True)
    place: Mapped[str] = mapped_column(String(63))
    resident: Mapped[int | None] = mapped_column(index=True)
    """Empty where the account was deleted. A volunteer has one at each checkpoint of a walk, so
    that one that is sent twice is one."""
    at: Mapped[int]
    """When it happened."""
    received_at: Mapped[int]
    """When the hub heard of it."""
    note: Mapped[str] = mapped_column(Text, default="")
    case: Mapped[str] = mapped_column(String(32), default="")
    """The report that the note became."""
