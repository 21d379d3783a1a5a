"""The journal: admitted batches on their way from the ingest to the series store.

The ingest adds a row in the transaction that admits a batch. The series writer carries rows
to the store and moves the checkpoint "series" behind it; the engine keeps a checkpoint of its
own. What both have left behind is deleted.
"""

from collections.abc import Sequence
from typing import Final

import msgspec
from sqlalchemy import Connection, Engine, delete, func, select, update
from sqlalchemy.orm import Session

from hub.series.points import Entry, Rejected
from hub.state.store import reading
from hub.state.tables import Checkpoint, DeadLetter, Journal

SERIES: Final = "series"
ENGINE: Final = "engine"
MAX_DEAD_BYTES: Final = 4096
MAX_REASON: Final = 500
_STREAMED_ROWS: Final = 16  # decoded while the next ones are still in the database

_encoder: Final = msgspec.msgpack.Encoder()
_decoder: Final = msgspec.msgpack.Decoder(Entry)


class JournalRow(msgspec.Struct, frozen=True):
    """A row as it was read: ``entry`` is None where ``raw`` does not decode, for ``reason``."""

    n: int
    entry: Entry | None
    raw: bytes = b""
    reason: str = ""


def encode_entry(entry: Entry) -> bytes:
    """An entry as the journal keeps it."""
    return _encoder.encode(entry)


def decode_entry(raw: bytes) -> Entry:
    """The entry that was encoded; raises ``msgspec.MsgspecError`` for anything else."""
    return _decoder.decode(raw)


def count_points(entry: Entry) -> int:
    """How many points an entry makes in the series store."""
    return len(entry.records) + len(entry.signals) + len(entry.alerts)


def position(engine: Engine, name: str) -> int:
    """The last row of the journal that ``name`` is done with; 0 where it has done none."""
    with reading(engine).connect() as connection:
        return _position(connection, name)


def _position(connection: Connection, name: str) -> int:
    found = connection.scalar(select(Checkpoint.n).where(Checkpoint.name == name))
    return 0 if found is None else found


def last_row(engine: Engine) -> int:
    """The newest row's number; 0 where the journal is empty."""
    with reading(engine).connect() as connection:
        return connection.execute(select(func.coalesce(func.max(Journal.n), 0))).scalar_one()


def read_rows(
    engine: Engine, after: int, before: int | None, *, max_points: int, max_bytes: int
) -> list[JournalRow]:
    """Rows ``after < n < before`` in order: at least one if there is one, then as many as stay
    within both bounds."""
    query = select(Journal.n, Journal.entry).where(Journal.n > after).order_by(Journal.n)
    if before is not None:
        query = query.where(Journal.n < before)
    rows: list[JournalRow] = []
    points = size = 0
    with reading(engine).connect() as connection:
        found = connection.execution_options(yield_per=_STREAMED_ROWS).execute(query)
        for n, raw in found:
            row = _row(n, raw)
            points += 0 if row.entry is None else count_points(row.entry)
            size += len(raw)
            if rows and (points > max_points or size > max_bytes):
                break
            rows.append(row)
        found.close()
    return rows


def _row(n: int, raw: bytes) -> JournalRow:
    try:
        return JournalRow(n, decode_entry(raw))
    except msgspec.MsgspecError as error:
        return JournalRow(n, None, raw, str(error))


def dead_row(row: JournalRow, now: int) -> DeadLetter:
    """The dead letter for a row that does not decode."""
    return _dead("series/journal", row.reason, row.raw, now)


def dead_point(rejected: Rejected, now: int) -> DeadLetter:
    """The dead letter for a point that the store will not have."""
    return _dead("series/point", rejected.reason, rejected.point.encode(), now)


def _dead(topic: str, reason: str, payload: bytes, now: int) -> DeadLetter:
    return DeadLetter(
        rx=now,
        topic=topic,
        reason=reason[:MAX_REASON],
        payload=payload[:MAX_DEAD_BYTES],
        size=len(payload),
    )


def advance(engine: Engine, name: str, n: int, dead: Sequence[DeadLetter] = ()) -> None:
    """Say that ``name`` is done with all rows up to ``n``, and what it could not carry."""
    with Session(engine) as session, session.begin():
        session.add_all(dead)
        moved = session.execute(update(Checkpoint).where(Checkpoint.name == name).values(n=n))
        if moved.rowcount == 0:  # type: ignore[attr-defined] # an UPDATE's result has it
            session.add(Checkpoint(name=name, n=n))


def trim(engine: Engine, max_rows: int) -> int:
    """Delete up to ``max_rows`` rows that the store and the engine are done with; returns how
    many went.

    The newest row always stays: SQLite gives the number after the greatest, so an empty
    journal would begin at 1 again, below the checkpoints.
    """
    with reading(engine).connect() as connection:
        done = min(_position(connection, SERIES), _position(connection, ENGINE))
        first, last = connection.execute(
            select(func.coalesce(func.min(Journal.n), 0), func.coalesce(func.max(Journal.n), 0))
        ).one()
    upto = min(done, last - 1, first + max_rows - 1)
    if upto < first:
        return 0
    with engine.begin() as connection:
        return connection.execute(delete(Journal).where(Journal.n <= upto)).rowcount
