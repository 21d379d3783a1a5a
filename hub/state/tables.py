"""The tables of the state store.

Times are milliseconds since the Unix epoch, UTC. ``*_ts`` is event time (when it
happened, by the edge's clock), ``*_rx`` and ``*_at`` the hub's or the console's clock.
"""

import enum
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Index,
    Integer,
    LargeBinary,
    String,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

BigId = BigInteger().with_variant(Integer, "sqlite")  # SQLite numbers rows in INTEGER alone


class Base(DeclarativeBase):
    """What Alembic compares the database with."""

    type_annotation_map = {int: BigInteger, dict[str, Any]: JSON, list[Any]: JSON}  # noqa: RUF012 - SQLAlchemy reads it


class AlertState(enum.StrEnum):
    """An alert's life. Acknowledged is not a state of it: ISA-18.2 keeps the two apart."""

    PENDING = "pending"
    FIRING = "firing"
    RESOLVED = "resolved"


class Alert(Base):
    """A rule that holds, or held, at a place."""

    __tablename__ = "alert"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    """The same for the same rule, place and beginning, so that a replay finds its own row."""
    site: Mapped[str] = mapped_column(String(63))
    place: Mapped[str] = mapped_column(String(63))
    rule: Mapped[str] = mapped_column(String(63))
    severity: Mapped[str] = mapped_column(String(10))
    state: Mapped[str] = mapped_column(String(10))
    pending_ts: Mapped[int]
    fired_ts: Mapped[int | None]
    fired_rx: Mapped[int | None]
    """When the hub decided it; ``fired_rx - fired_ts`` is how long the news took."""
    resolved_ts: Mapped[int | None]
    resolved_by: Mapped[str] = mapped_column(String(80), default="")
    """"rule" when the conditions ended it, else who did."""
    acknowledged_at: Mapped[int | None]
    acknowledged_by: Mapped[str] = mapped_column(String(80), default="")
    owner: Mapped[str] = mapped_column(String(80), default="")
    """Who deals with it."""
    verdict: Mapped[str] = mapped_column(String(10), default="")
    """What it turned out to be: true, false, test or unclear; "" while nobody has said."""
    verdict_by: Mapped[str] = mapped_column(String(80), default="")
    verdict_at: Mapped[int | None]
    muted_by: Mapped[int | None]
    """The silence that muted its notifications last; whether one does now, `hub.silences` says."""
    inhibited_by: Mapped[str] = mapped_column(String(63), default="")
    """The rule that fires at the same place and quiets it."""
    late: Mapped[bool] = mapped_column(default=False)
    """Raised by a record that came later than the allowed lateness."""
    details: Mapped[dict[str, Any]] = mapped_column(default=dict)
    """title {en, zh}, advice {en, zh}, values [{signal, value, text}], rule (its text when the
    alert began), sources [<node>/<source>] that the rule's signals come from."""
    evidence: Mapped[str] = mapped_column(String(200), default="")
    """``<node>/<ref>`` of the picture of the moment."""

    __table_args__ = (
        Index("alert_active", "site", "state"),
        Index("alert_time", "site", "pending_ts"),
        Index("alert_evidence", "evidence"),
    )


class AlertEvent(Base):
    """One transition of an alert, or one thing that somebody did to it. Only ever added."""

    __tablename__ = "alert_event"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    alert: Mapped[str] = mapped_column(String(32), index=True)
    kind: Mapped[str] = mapped_column(String(20))
    """pending, firing, risen, released, resolved; acknowledged, taken, noted, judged, muted,
    unmuted, case-closed."""
    ts: Mapped[int]
    """Event time."""
    at: Mapped[int]
    """When it was written."""
    actor: Mapped[str] = mapped_column(String(80))
    """"hub", or the user's name."""
    note: Mapped[str] = mapped_column(Text, default="")

    # The events of an alert that never fired go with it; their ids must not come again, or
    # whoever reads on from the last id would miss news.
    __table_args__ = {"sqlite_autoincrement": True}  # noqa: RUF012 - SQLAlchemy reads it


class Silence(Base):
    """While it lasts, matching alerts are raised as ever and nobody is told of them."""

    __tablename__ = "silence"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    site: Mapped[str] = mapped_column(String(63))
    rule: Mapped[str] = mapped_column(String(63), default="")
    """"" for every rule; so for the next two. An alert matches that fits all that are given."""
    place: Mapped[str] = mapped_column(String(63), default="")
    source: Mapped[str] = mapped_column(String(130), default="")
    """<node>/<source>."""
    kind: Mapped[str] = mapped_column(String(12))
    """silence or maintenance."""
    author: Mapped[str] = mapped_column(String(80))
    reason: Mapped[str] = mapped_column(Text)
    created_at: Mapped[int]
    starts_at: Mapped[int]
    ends_at: Mapped[int] = mapped_column(index=True)
    """Earlier than planned where somebody ended it early."""
    ended_early_by: Mapped[str] = mapped_column(String(80), default="")

    __table_args__ = {"sqlite_autoincrement": True}  # noqa: RUF012 - SQLAlchemy reads it


class PlaceState(Base):
    """What a place is like now, for the live page."""

    __tablename__ = "place_state"

    site: Mapped[str] = mapped_column(String(63), primary_key=True)
    place: Mapped[str] = mapped_column(String(63), primary_key=True)
    signals: Mapped[dict[str, Any]]
    """Name to {"value": number, "ts": event time of its last change}."""
    ts: Mapped[int]
    """Event time that the place has reached."""


class SourceState(Base):
    """The last word of a camera or sensor."""

    __tablename__ = "source_state"

    site: Mapped[str] = mapped_column(String(63), primary_key=True)
    node: Mapped[str] = mapped_column(String(63), primary_key=True)
    source: Mapped[str] = mapped_column(String(63), primary_key=True)
    kind: Mapped[str] = mapped_column(String(20))
    """"camera", "door" or "agent"."""
    last_ts: Mapped[int]
    ok: Mapped[bool] = mapped_column(default=True)
    detail: Mapped[str] = mapped_column(String(200), default="")
    values: Mapped[dict[str, Any]] = mapped_column(default=dict)
    """door: open, since_ts, battery, tamper, linkquality; camera: fps, infer_ms, faults [..];
    agent: outbox, rss_bytes …"""
    evidence: Mapped[str] = mapped_column(String(63), default="")
    """The ref of its newest picture that has arrived."""
    evidence_ts: Mapped[int] = mapped_column(default=0)


class NodeState(Base):
    """An edge agent as the hub knows it."""

    __tablename__ = "node_state"

    site: Mapped[str] = mapped_column(String(63), primary_key=True)
    node: Mapped[str] = mapped_column(String(63), primary_key=True)
    online: Mapped[bool] = mapped_column(default=False)
    online_at: Mapped[int] = mapped_column(default=0)
    """When ``online`` last changed, hub's clock."""
    epoch: Mapped[str] = mapped_column(String(63), default="")
    about: Mapped[dict[str, Any]] = mapped_column(default=dict)
    last_ts: Mapped[int] = mapped_column(default=0)
    last_rx: Mapped[int] = mapped_column(default=0)
    clock_ms: Mapped[int] = mapped_column(default=0)
    """How far its clock seems ahead of the hub's; negative: behind, or its records waited."""
    admitted: Mapped[int] = mapped_column(default=0)
    duplicate: Mapped[int] = mapped_column(default=0)
    late: Mapped[int] = mapped_column(default=0)
    lost: Mapped[int] = mapped_column(default=0)
    """Records that the node numbered and the hub never got."""
    unknown: Mapped[int] = mapped_column(default=0)
    bad: Mapped[int] = mapped_column(default=0)


class TroubleSpell(Base):
    """Something of a node, a camera or a sensor was broken for a while. Kept as long as records
    are; a row of the kind "unkept" says until when nothing is on the books of a site."""

    __tablename__ = "trouble_spell"
    __table_args__ = (Index("ix_trouble_spell_until", "site", "until"),)

    site: Mapped[str] = mapped_column(String(63), primary_key=True)
    node: Mapped[str] = mapped_column(String(63), primary_key=True)
    source: Mapped[str] = mapped_column(String(63), primary_key=True)
    """"" for the node itself."""
    kind: Mapped[str] = mapped_column(String(20), primary_key=True)
    """As `hub.troubles.Sign` has it."""
    what: Mapped[str] = mapped_column(String(63), primary_key=True)
    """Which fault of a camera."""
    since: Mapped[int] = mapped_column(primary_key=True)
    """Event time; of what the hub itself noticed, its clock."""
    until: Mapped[int | None]
    """NULL: it lasts."""
    detail: Mapped[str] = mapped_column(String(200), default="")
    """The number at its worst, or the node's own words."""
    size: Mapped[float] = mapped_column(default=0.0)
    """Of that number, larger is worse."""


class EpochCursor(Base):
    """Which records of a node's outbox the hub has: all up to ``high`` but the gaps."""

    __tablename__ = "epoch_cursor"

    site: Mapped[str] = mapped_column(String(63), primary_key=True)
    node: Mapped[str] = mapped_column(String(63), primary_key=True)
    epoch: Mapped[str] = mapped_column(String(63), primary_key=True)
    low: Mapped[int]
    """The first seq that was ever seen: what lies below it was never ours."""
    high: Mapped[int]
    gaps: Mapped[list[Any]]
    """[[first, last, when it opened (hub's clock), counts as lost], …], rising."""
    given_up: Mapped[int] = mapped_column(default=0)
    """Records of gaps that are no longer kept."""


class DeadLetter(Base):
    """What could not be read, with the reason."""

    __tablename__ = "dead_letter"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    rx: Mapped[int]
    topic: Mapped[str] = mapped_column(String(300))
    reason: Mapped[str] = mapped_column(String(500))
    payload: Mapped[bytes] = mapped_column(LargeBinary)
    """Its first 4 KiB."""
    size: Mapped[int]


class Picture(Base):
    """A picture that a record speaks of."""

    __tablename__ = "picture"

    site: Mapped[str] = mapped_column(String(63), primary_key=True)
    node: Mapped[str] = mapped_column(String(63), primary_key=True)
    ref: Mapped[str] = mapped_column(String(63), primary_key=True)
    source: Mapped[str] = mapped_column(String(63))
    ts: Mapped[int] = mapped_column(index=True)
    """Event time of the record."""
    size: Mapped[int] = mapped_column(default=0)
    """Bytes; 0 until the picture has arrived. The file is
    ``<data>/pictures/<site>/<node>/<ref>.jpg``."""


class LiveView(Base):
    """Somebody looks at what a camera sees now, for a while; `hub.live` asks for the pictures."""

    __tablename__ = "live_view"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    site: Mapped[str] = mapped_column(String(63))
    node: Mapped[str] = mapped_column(String(63))
    source: Mapped[str] = mapped_column(String(63))
    viewer: Mapped[str] = mapped_column(String(80))
    started_at: Mapped[int]
    ends_at: Mapped[int] = mapped_column(index=True)
    """Later where the viewer asked again meanwhile, earlier where they ended it."""
    command: Mapped[str] = mapped_column(String(63), default="")
    """The id of the newest command to the node."""
    asked_at: Mapped[int | None]
    """When the node was asked first since its last answer."""
    answered_at: Mapped[int | None]
    refusal: Mapped[str] = mapped_column(Text, default="")
    """Why the node could not take the picture that it was asked for last; "" where it could."""


class Journal(Base):
    """Batches that were admitted, until the series store and a checkpoint have them."""

    __tablename__ = "journal"

    n: Mapped[int] = mapped_column(BigId, primary_key=True)
    entry: Mapped[bytes] = mapped_column(LargeBinary)


class Checkpoint(Base):
    """Positions in the journal, and the state of the engine at one of them."""

    __tablename__ = "checkpoint"

    name: Mapped[str] = mapped_column(String(63), primary_key=True)
    n: Mapped[int]
    state: Mapped[bytes] = mapped_column(LargeBinary, default=b"")


class HubRun(Base):
    """A hub ran for a site, without a break. Kept as long as records are."""

    __tablename__ = "hub_run"
    __table_args__ = (Index("ix_hub_run_site", "site", "id"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    site: Mapped[str] = mapped_column(String(63))
    started_at: Mapped[int]
    """0: before there was this table."""
    seen_at: Mapped[int]
    """It ran until then, or still does."""


class Change(Base):
    """News for the pages. Written in the transaction that makes it true."""

    __tablename__ = "change"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    kind: Mapped[str] = mapped_column(String(10))
    """"place", "alert", "node", "source" or "notice"."""
    site: Mapped[str] = mapped_column(String(63))
    key: Mapped[str] = mapped_column(String(130))
    """The place's id, the alert's id, the node's id, or <node>/<source>."""
    at: Mapped[int]

    # An id that was used once is never used again, or a reader would miss news.
    __table_args__ = {"sqlite_autoincrement": True}  # noqa: RUF012 - SQLAlchemy reads it


class Notice(Base):
    """Something that the console shows until it is mended."""

    __tablename__ = "notice"

    key: Mapped[str] = mapped_column(String(63), primary_key=True)
    """"configuration": the files on disk are wrong and an older set is in force."""
    text: Mapped[str] = mapped_column(Text)
    at: Mapped[int]


class User(Base):
    """Somebody who may log in."""

    __tablename__ = "user"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    name: Mapped[str] = mapped_column(String(80), unique=True)
    password_hash: Mapped[str] = mapped_column(String(200))
    role: Mapped[str] = mapped_column(String(20))
    """"viewer", "operator", "maintainer" or "admin": the highest that the user has."""
    sites: Mapped[dict[str, Any]] = mapped_column(default=dict, server_default=text("'{}'"))
    """Site → role there, and none elsewhere; empty: the role holds everywhere."""
    language: Mapped[str] = mapped_column(String(5), default="")
    session_key: Mapped[str] = mapped_column(String(32))
    """Part of every session; a new one ends them all."""
    disabled: Mapped[bool] = mapped_column(default=False)
    totp: Mapped[bytes | None] = mapped_column(LargeBinary)
    """The secret of the user's one-time codes (RFC 6238), sealed; NULL: the password is enough."""
    totp_step: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    """Of the newest code that was taken: none is taken twice."""
    recovery: Mapped[list[Any]] = mapped_column(default=list, server_default=text("'[]'"))
    """SHA-256 of the recovery codes that are left, which are long and random."""
    created_at: Mapped[int]
    settings: Mapped[dict[str, Any]] = mapped_column(default=dict, server_default=text("'{}'"))
    """sound (false: new alerts make no noise), theme ("dark", "light", "": the browser's)."""


class SavedView(Base):
    """Filters of the list of alerts that somebody has given a name."""

    __tablename__ = "saved_view"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    owner: Mapped[str] = mapped_column(String(80))
    name: Mapped[str] = mapped_column(String(60))
    filters: Mapped[dict[str, Any]]
    """As the list's address has them."""
    shared: Mapped[bool] = mapped_column(default=False)
    """Others see it too."""

    __table_args__ = (UniqueConstraint("owner", "name"),)


class FirstLink(Base):
    """Lets whoever has it make the first administrator. There is one at most."""

    __tablename__ = "first_link"

    hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    """SHA-256 of the token in the link, which itself is kept nowhere."""
    expires_at: Mapped[int]


class ApiToken(Base):
    """A script that may read what the pages show, and with a role do what they offer."""

    __tablename__ = "api_token"

    name: Mapped[str] = mapped_column(String(80), primary_key=True)
    hash: Mapped[str] = mapped_column(String(64), unique=True, index=True)
    """SHA-256 of the token, which itself is kept nowhere: it is long and random, so that a
    slow hash would add nothing."""
    created_at: Mapped[int]
    sites: Mapped[list[Any]] = mapped_column(default=list, server_default=text("'[]'"))
    """Of which alone it reads; none: of all."""
    role: Mapped[str] = mapped_column(String(10), default="viewer", server_default="viewer")
    """What it may do there."""


class HandoverNote(Base):
    """What one shift leaves to the next. Only ever added."""

    __tablename__ = "handover_note"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    site: Mapped[str] = mapped_column(String(63))
    at: Mapped[int] = mapped_column(index=True)
    author: Mapped[str] = mapped_column(String(80))
    text: Mapped[str] = mapped_column(Text)


class Audit(Base):
    """The log: what the hub decided and who did what. Only ever added; `hub.audit` chains it."""

    __tablename__ = "audit"

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=False)
    """1, 2, 3 … without a gap."""
    at: Mapped[int]
    actor: Mapped[str] = mapped_column(String(80))
    action: Mapped[str] = mapped_column(String(40))
    target: Mapped[str] = mapped_column(String(200), index=True)
    detail: Mapped[str] = mapped_column(Text, default="")
    event: Mapped[int | None] = mapped_column(index=True)
    """The ``alert_event`` that this entry vouches for."""
    ts: Mapped[int | None]
    """That event's time."""
    prev_hash: Mapped[str] = mapped_column(String(64))
    hash: Mapped[str] = mapped_column(String(64))
