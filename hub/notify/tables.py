"""The outbox of messages, and what became of each try."""

import enum
from typing import Any

from sqlalchemy import Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from hub.state.tables import Base, BigId


class DeliveryState(enum.StrEnum):
    """What became of a delivery. The last three are final, but for muted, which ends when
    the silence does."""

    QUEUED = "queued"
    SENT = "sent"
    MUTED = "muted"
    FAILED = "failed"
    NEEDLESS = "needless"


class DeliveryKind(enum.StrEnum):
    """Which step of an alert's life it tells of, or of a case's: it was given to somebody, a
    deadline comes near or is missed. A letter goes to who reported it. A digest tells of a week."""

    FIRING = "firing"
    RISEN = "risen"
    ESCALATION = "escalation"
    REMINDER = "reminder"
    RESOLVED = "resolved"
    TEST = "test"
    CASE_GIVEN = "case-given"
    CASE_DUE = "case-due"
    CASE_LATE = "case-late"
    LETTER = "letter"
    DIGEST = "digest"


class Delivery(Base):
    """One step of an alert, for one route."""

    __tablename__ = "delivery"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    step: Mapped[str] = mapped_column(String(160), unique=True)
    """<subject>:<kind>:<route>:<n>, so that a step is planned once however often it is read."""
    site: Mapped[str] = mapped_column(String(63))
    route: Mapped[str] = mapped_column(String(63))
    alert: Mapped[str] = mapped_column(String(32), index=True)
    """What it is about: an alert, a case, or for a letter ``reporter-<id>``."""
    place: Mapped[str] = mapped_column(String(63))
    kind: Mapped[str] = mapped_column(String(12))
    severity: Mapped[str] = mapped_column(String(10))
    payload: Mapped[dict[str, Any]]
    """What to tell: a `hub.notify.item.Item`."""
    created_at: Mapped[int]
    due_at: Mapped[int]
    digest: Mapped[bool] = mapped_column(default=False)
    """It waited for the end of quiet hours, and goes in one message with all that did."""
    state: Mapped[str] = mapped_column(String(10))
    why: Mapped[str] = mapped_column(Text, default="")
    """Why it is muted, needless or failed, or what the last try met with."""
    attempts: Mapped[int] = mapped_column(default=0)
    first_try_at: Mapped[int | None]
    sent_at: Mapped[int | None]
    message: Mapped[str] = mapped_column(String(32), default="")
    """Deliveries with the same went out together."""

    __table_args__ = (Index("delivery_due", "site", "route", "state", "due_at"),)


class DeliveryAttempt(Base):
    """One try to send a message. Written before it, so that a crash during it shows."""

    __tablename__ = "delivery_attempt"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    message: Mapped[str] = mapped_column(String(32))
    delivery: Mapped[int] = mapped_column(BigId, index=True)
    at: Mapped[int]
    outcome: Mapped[str] = mapped_column(String(10), default="unknown")
    """accepted, later, refused; unknown where the hub died before it knew."""
    detail: Mapped[str] = mapped_column(Text, default="")
    took_ms: Mapped[int] = mapped_column(default=0)


class NotifyCursor(Base):
    """How far a hub's planner has read ``alert_event``."""

    __tablename__ = "notify_cursor"

    hub: Mapped[str] = mapped_column(String(63), primary_key=True)
    event: Mapped[int]
