"""The tables of cases. Words of residents stand here alone, never in the log, so that they
can be deleted."""

import enum

from sqlalchemy import JSON, BigInteger, Index, LargeBinary, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from hub.state.tables import Base, BigId


class CaseState(enum.StrEnum):
    """A case's walk, in its order."""

    RECEIVED = "received"
    VERIFIED = "verified"
    DISPATCHED = "dispatched"
    HANDLED = "handled"
    CHECKED = "checked"
    CLOSED = "closed"
    RATED = "rated"


ENDED = (CaseState.CLOSED, CaseState.RATED)


class CaseOutcome(enum.StrEnum):
    """How a case was closed."""

    SOLVED = "solved"
    UNSOLVED = "unsolved"
    """Real, and beyond what the community can do."""
    INVALID = "invalid"
    DUPLICATE = "duplicate"


class Case(Base):
    """A report being worked on."""

    __tablename__ = "case_file"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    code: Mapped[str] = mapped_column(String(12), unique=True)
    """What people say on the telephone: ABC-234."""
    request_key: Mapped[str | None] = mapped_column(String(64), unique=True)
    """Made by the sender, so that a report that is sent twice is one."""
    site: Mapped[str] = mapped_column(String(63))
    place: Mapped[str] = mapped_column(String(63))
    """"" where it is at none of the site's places; then ``spot`` says where."""
    spot: Mapped[str] = mapped_column(String(200))
    kind: Mapped[str] = mapped_column(String(63))
    severity: Mapped[str] = mapped_column(String(10))
    state: Mapped[str] = mapped_column(String(10))
    outcome: Mapped[str] = mapped_column(String(10), default="")
    text: Mapped[str] = mapped_column(Text)
    channel: Mapped[str] = mapped_column(String(10))
    """page, open311 or console."""
    held: Mapped[str] = mapped_column(String(80), default="")
    """Why it waits for somebody to look at it; "" for the others."""
    owner: Mapped[str] = mapped_column(String(80), default="")
    created_at: Mapped[int]
    looked_at: Mapped[int | None]
    """When somebody who may act on it first opened it; None too where that was never noted."""
    answered_at: Mapped[int | None]
    """When somebody first answered it or said that it is real."""
    answer_due_at: Mapped[int]
    due_at: Mapped[int]
    """Until when it should be solved."""
    called: Mapped[list[str]] = mapped_column(JSON, default=list)
    """Which escalations were told, as <deadline>:<percent>; see `hub.cases.escalate`."""
    closed_at: Mapped[int | None]
    reopened: Mapped[int] = mapped_column(default=0)
    merged_into: Mapped[str] = mapped_column(String(32), default="")
    split_from: Mapped[str] = mapped_column(String(32), default="", index=True)
    """The case that it was a part of."""
    split_event: Mapped[int | None] = mapped_column(BigInteger)
    """The event of that case that tells of it: what came before is the history of both."""
    solved: Mapped[bool | None]
    """What the reporter says."""
    rating: Mapped[int | None]
    """1 to 5."""
    rated_at: Mapped[int | None]

    __table_args__ = (
        Index("case_open", "site", "state"),
        Index("case_place", "site", "place", "kind"),
        Index("case_time", "site", "created_at"),
    )


class CaseEvent(Base):
    """One step of a case, or one thing that was said about it."""

    __tablename__ = "case_event"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    case: Mapped[str] = mapped_column(String(32), index=True)
    kind: Mapped[str] = mapped_column(String(20))
    at: Mapped[int]
    actor: Mapped[str] = mapped_column(String(80))
    """"resident", "hub" or the user's name."""
    note: Mapped[str] = mapped_column(Text, default="")
    public: Mapped[bool]
    """Whether the reporter sees it."""
    waits: Mapped[bool] = mapped_column(default=False)
    """The hub has still to see whether somebody is to be told of it."""

    __table_args__ = (Index("case_event_waits", "waits"), {"sqlite_autoincrement": True})


class CasePhoto(Base):
    """A picture that came with a report: ``<data>/cases/pictures/<site>/<case>/<ref>.jpg``."""

    __tablename__ = "case_photo"

    case: Mapped[str] = mapped_column(String(32), primary_key=True)
    ref: Mapped[str] = mapped_column(String(32), primary_key=True)
    size: Mapped[int]
    blurred: Mapped[bool] = mapped_column(default=False)
    """Faces in it were looked for and hidden before it was kept."""
    shown: Mapped[bool] = mapped_column(default=False)
    """On the public board: somebody of the staff has agreed. Only a blurred one can be."""


class Reporter(Base):
    """Somebody who follows a case, by a link that only they have."""

    __tablename__ = "reporter"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    case: Mapped[str] = mapped_column(String(32), index=True)
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    """SHA-256 of what stands in the link."""
    first: Mapped[bool]
    """Told of it first; the others said "me too"."""
    contact: Mapped[bytes] = mapped_column(LargeBinary, default=b"")
    """Encrypted, see `hub.cases.contacts`; empty where none was given or it was deleted."""
    mail_link: Mapped[bytes | None] = mapped_column(LargeBinary)
    """The token of the link, sealed as the contact is and deleted with it, of who asked to be
    written to; nobody else is."""
    language: Mapped[str] = mapped_column(String(5), default="")
    """In which they are written to."""
    at: Mapped[int]


class CaseSender(Base):
    """Whence a report came, as marks that only tell whether another came from the same; see
    `hub.cases.blocks`."""

    __tablename__ = "case_sender"

    case: Mapped[str] = mapped_column(String(32), primary_key=True)
    device: Mapped[str] = mapped_column(String(64))
    address: Mapped[str] = mapped_column(String(64))
    at: Mapped[int] = mapped_column(index=True)


class SenderBlock(Base):
    """A device or address from which no reports are taken at a site for a while."""

    __tablename__ = "sender_block"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    site: Mapped[str] = mapped_column(String(63))
    kind: Mapped[str] = mapped_column(String(10))
    """device or address."""
    mark: Mapped[str] = mapped_column(String(64), index=True)
    case: Mapped[str] = mapped_column(String(32))
    """The report that it was blocked for."""
    reason: Mapped[str] = mapped_column(Text)
    author: Mapped[str] = mapped_column(String(80))
    created_at: Mapped[int]
    ends_at: Mapped[int]
    """Earlier than planned where somebody lifted it."""
    lifted_by: Mapped[str] = mapped_column(String(80), default="")
    appeal: Mapped[str] = mapped_column(Text, default="")
    """What who is blocked says to it."""
    appealed_at: Mapped[int | None]

    __table_args__ = {"sqlite_autoincrement": True}  # noqa: RUF012 - SQLAlchemy reads it


class CaseAlert(Base):
    """An alert and a case that are about the same."""

    __tablename__ = "case_alert"

    case: Mapped[str] = mapped_column(String(32), primary_key=True)
    alert: Mapped[str] = mapped_column(String(32), primary_key=True, index=True)
    opened: Mapped[bool]
    """The case was opened from the alert."""
    ended: Mapped[bool] = mapped_column(default=False)
    """The case's story says that the alert has ended."""
    at: Mapped[int]
