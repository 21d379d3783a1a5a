"""The log of what the hub decided and who did what, chained so that it cannot be changed unseen.

Each entry carries the SHA-256 of its own canonical JSON, in which the hash of the entry
before it stands. Whoever changes, removes, inserts or reorders entries breaks the chain
from there on. The chain has no secret: who may write the database may also write it anew
from some entry on, or cut off its end, and only a head that was noted elsewhere shows
that (`head`, and ``since`` of `verify`).

Hub and console both write. An entry's number and predecessor are decided under a lock
that lasts until the transaction ends: SQLite's write lock, which every writing transaction
takes as it begins (`hub.state.store`), and on PostgreSQL an advisory lock. Whoever changes
other rows in the same transaction takes `lock` before them, so that two never wait for
each other.
"""

import hashlib
import json
from collections.abc import Generator, Sequence
from contextlib import closing
from typing import Any

from msgspec import Struct
from sqlalchemy import Connection, Engine, Row, insert, select, text
from sqlalchemy.exc import SQLAlchemyError

from hub.state.store import StateError, reading
from hub.state.tables import AlertEvent, Audit

BEGINNING = "0" * 64
"""What stands before the first entry."""
LOCK_KEY = 0x6C696E6C69
"""Names the advisory lock of the chain among those of a PostgreSQL database."""
DROPPED = "alert.dropped"
"""An alert that never fired went, and its events with it."""
SAYS = ("id", "at", "actor", "action", "target", "detail", "event", "ts", "prev_hash")
"""The columns that the hash covers."""


class Head(Struct, frozen=True):
    """The newest entry of a chain."""

    id: int
    hash: str

    def __str__(self) -> str:
        return f"{self.id}:{self.hash}"

    @classmethod
    def parse(cls, written: str) -> "Head":
        """Read what `str` wrote; raises ValueError."""
        number, colon, digest = written.strip().partition(":")
        if not (colon and number.isdecimal() and len(digest) == 64):
            raise ValueError(f"expected <number>:<64 hex digits>, got {written!r}")
        return cls(int(number), digest)


class Finding(Struct, frozen=True):
    """What a look at the whole chain found."""

    checked: int
    """Entries that are right, from the first on."""
    head: Head
    """The last of them."""
    broken: int | None = None
    """The first entry that is not."""
    how: str = ""
    """What is wrong with it."""

    @property
    def whole(self) -> bool:
        return not self.how


def lock(connection: Connection) -> None:
    """Let nobody else write the log until this transaction ends."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": LOCK_KEY})


class Line(Struct, frozen=True):
    """What is to be written down: who did what. Times in ms."""

    actor: str
    action: str
    target: str
    at: int
    detail: str = ""
    ts: int | None = None
    """Of an event."""
    event: str = ""
    """Where this is an event of the alert ``target`` to be kept with it: its kind."""


def enter(
    connection: Connection, actor: str, action: str, target: str, detail: str, now: int
) -> None:  # fmt: skip
    """Write down who did what, in the caller's transaction. ``now`` in ms."""
    enter_all(connection, [Line(actor, action, target, now, detail)])


def enter_event(
    connection: Connection, alert: str, kind: str, *, actor: str, note: str, ts: int, now: int
) -> int:
    """Write an ``alert_event`` and the entry that vouches for it; returns the event's id."""
    (event,) = enter_all(
        connection, [event_line(alert, kind, actor=actor, note=note, ts=ts, at=now)]
    )
    return event


def event_line(alert: str, kind: str, *, actor: str, note: str, ts: int, at: int) -> Line:
    """What `enter_all` writes as an ``alert_event`` too."""
    return Line(actor, f"alert.{kind}", alert, at, note, ts, kind)


def enter_all(connection: Connection, lines: Sequence[Line]) -> list[int]:
    """Write lines one after the other, in the caller's transaction, in as few statements as for
    one; returns the ids of their events."""
    lock(connection)
    before = _head(connection)
    events = _insert_events(connection, [line for line in lines if line.event])
    ids = iter(events)
    rows: list[dict[str, Any]] = []
    for line in lines:
        row = {
            "id": before.id + 1, "at": line.at, "actor": line.actor, "action": line.action,
            "target": line.target, "detail": line.detail,
            "event": next(ids) if line.event else None, "ts": line.ts, "prev_hash": before.hash,
        }  # fmt: skip
        before = Head(before.id + 1, digest(row))
        rows.append({**row, "hash": before.hash})
    if rows:
        connection.execute(insert(Audit), rows)
    return events


def _insert_events(connection: Connection, lines: Sequence[Line]) -> list[int]:
    if not lines:
        return []
    rows = [
        {"alert": line.target, "kind": line.event, "ts": line.ts, "at": line.at,
         "actor": line.actor, "note": line.detail}
        for line in lines
    ]  # fmt: skip
    made = insert(AlertEvent).returning(AlertEvent.id, sort_by_parameter_order=True)
    return list(connection.scalars(made, rows))


def head(engine: Engine) -> Head:
    """The newest entry: note it elsewhere, and nothing up to it can be changed unseen.

    Raises `StateError`.
    """
    try:
        with reading(engine).begin() as connection:
            return _head(connection)
    except SQLAlchemyError as error:
        raise _translated(error) from error


def digest(entry: dict[str, Any]) -> str:
    """The hash of an entry: SHA-256 of the JSON of `SAYS`, keys sorted, no blanks, UTF-8."""
    says = {name: entry[name] for name in SAYS}
    written = json.dumps(says, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(written.encode("utf-8", "surrogatepass")).hexdigest()


def verify(engine: Engine, since: Head | None = None) -> Finding:
    """Read the whole chain; ``since`` is a head noted earlier. Raises `StateError`."""
    try:
        with _one_instant(engine).begin() as connection:
            return _verify(connection, since)
    except SQLAlchemyError as error:
        raise _translated(error) from error


def _head(connection: Connection) -> Head:
    newest = select(Audit.id, Audit.hash).order_by(Audit.id.desc()).limit(1)
    row = connection.execute(newest).first()
    return Head(row.id, row.hash) if row is not None else Head(0, BEGINNING)


def _one_instant(engine: Engine) -> Engine:
    """For reads that must not see what is written while they go on."""
    if engine.dialect.name == "sqlite":
        return reading(engine)
    return engine.execution_options(isolation_level="REPEATABLE READ")


def _translated(error: SQLAlchemyError) -> StateError:
    reason = getattr(error, "orig", None) or error
    return StateError(f"cannot read the log: {reason}; is this the hub's state store?")


def _verify(connection: Connection, since: Head | None) -> Finding:
    last = Head(0, BEGINNING)
    # Closed at the first fault, or PostgreSQL would keep a cursor open for the rest.
    with closing(_walk(connection)) as entries:
        for row in entries:
            how = _fault(connection, row, last)
            if not how and since is not None and row.id == since.id and row.hash != since.hash:
                how = "differs from the head that was noted: it and all since may be written anew"
            if how:
                return Finding(last.id, last, row.id if row.id == last.id + 1 else last.id + 1, how)
            last = Head(row.id, row.hash)
    if since is not None and since.id > last.id:
        how = f"removed: the log ends at {last.id}, and had {since.id} entries once"
        return Finding(last.id, last, last.id + 1, how)
    stray = _stray(connection)
    if stray is not None:
        return Finding(last.id, last, None, stray)
    return Finding(last.id, last)


def _walk(connection: Connection) -> Generator[Row[Any], None, None]:
    """Entries, each with the event that it vouches for, or what is left of it."""
    event = [column.label(f"event_{column.name}") for column in AlertEvent.__table__.columns]
    query = (
        select(*Audit.__table__.columns, *event)
        .outerjoin(AlertEvent, AlertEvent.id == Audit.event)
        .order_by(Audit.id)
        .execution_options(yield_per=2000)
    )
    with connection.execute(query) as rows:
        yield from rows


def _fault(connection: Connection, row: Row[Any], last: Head) -> str:
    """What is wrong with an entry after ``last``; "" where nothing is."""
    if row.id > last.id + 1:
        gone = row.id - 1
        return "removed" if gone == last.id + 1 else f"removed, and all after it up to {gone}"
    if row.id < 1:
        return "inserted before the first"
    if digest(row._asdict()) != row.hash:
        return _changed(connection, row, last)
    if row.prev_hash != last.hash:
        return f"does not follow entry {last.id}: that one was written anew after it"
    return _event_fault(connection, row) if row.event is not None else ""


def _changed(connection: Connection, row: Row[Any], last: Head) -> str:
    says = row._asdict()
    count = connection.scalar(select(Audit.id).order_by(Audit.id.desc()).limit(1)) or 0
    for other in range(1, count + 2):
        if other != row.id and digest({**says, "id": other}) == row.hash:
            return _moved(connection, row, other)
    follower = connection.scalar(select(Audit.prev_hash).where(Audit.id == row.id + 1))
    if row.prev_hash != last.hash and digest({**says, "prev_hash": last.hash}) == row.hash:
        return "changed: prev_hash is not the hash of the entry before"
    if follower is not None and follower == digest(says):
        return "changed: its hash is not that of what it says, nor what the next entry names"
    if follower == last.hash:
        return "inserted: the entry after it follows the one before it"
    differs = _differs(row) if row.event is not None else ""
    return f"changed: what it says does not have its hash{differs and f' ({differs})'}"


def _moved(connection: Connection, row: Row[Any], other: int) -> str:
    here = f"here stands what was entry {other}"
    if other < row.id:
        return f"inserted: {here}, so something came in before it"
    before = select(Audit.id).where(Audit.hash == row.prev_hash).limit(1)
    if connection.scalar(before) is None:
        return f"removed, and what follows it was renumbered: {here}"
    return f"reordered: {here}"


def _event_fault(connection: Connection, row: Row[Any]) -> str:
    if row.event_id is None:
        dropped = select(Audit.id).where(
            Audit.target == row.target, Audit.action == DROPPED, Audit.id > row.id
        )
        if connection.scalar(dropped.limit(1)) is not None:
            return ""
        return f"is whole, but alert_event {row.event} that it vouches for was removed"
    differs = _differs(row)
    return f"is whole, but alert_event {row.event} was changed: {differs}" if differs else ""


def _differs(row: Row[Any]) -> str:
    """Where an entry and its event say different things."""
    pairs = {
        "alert": (row.target, row.event_alert),
        "kind": (row.action, f"alert.{row.event_kind}"),
        "ts": (row.ts, row.event_ts),
        "at": (row.at, row.event_at),
        "actor": (row.actor, row.event_actor),
        "note": (row.detail, row.event_note),
    }
    return ", ".join(
        f"{name}: the log says {logged!r}, the event {told!r}"
        for name, (logged, told) in pairs.items()
        if logged != told
    )


def _stray(connection: Connection) -> str | None:
    """An event that no entry vouches for."""
    query = (
        select(AlertEvent.id)
        .outerjoin(Audit, Audit.event == AlertEvent.id)
        .where(Audit.id.is_(None))
        .order_by(AlertEvent.id)
        .limit(1)
    )
    found = connection.scalar(query)
    if found is None:
        return None
    return f"the log is whole, but alert_event {found} was inserted: no entry vouches for it"
