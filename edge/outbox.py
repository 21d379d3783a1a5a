"""What the broker has not acknowledged yet, on disk: records, and the pictures that show them.

Every record is committed here before anything else happens to it, and leaves only on the
broker's PUBACK. A row's id is the record's ``seq``; ``epoch`` names the file.

Appends are synchronous=FULL: one fsync for each look that has news, so that a record survives
the gateway losing power, not only the agent being killed. Deletions and pictures are NORMAL:
after a power cut a deletion may be undone (the record is sent again, the hub drops it) and a
picture may be missing.

OutboxError         the base
├── OutboxFailed    the disk is full or failing: trying again can help once there is room
└── OutboxLocked    another agent uses this data folder
"""

import logging
import sqlite3
import threading
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

import msgspec
from msgspec.structs import replace

from wire.codec import encode_record
from wire.records import AnyRecord, ZoneCount

log = logging.getLogger(__name__)

MAX_PICTURE_BYTES: Final = 64 * 1024 * 1024
"""Pictures that wait for the broker, all together; above it the oldest go."""

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS records (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, is_count INTEGER NOT NULL, raw BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS counts ON records (seq) WHERE is_count = 1;
CREATE TABLE IF NOT EXISTS pictures (
    id INTEGER PRIMARY KEY AUTOINCREMENT, seq INTEGER NOT NULL, ref TEXT NOT NULL,
    size INTEGER NOT NULL, jpeg BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS picture_refs ON pictures (ref);
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT NOT NULL);
INSERT OR IGNORE INTO facts VALUES ('dropped', '0'), ('pictures_dropped', '0');
"""
_CORRUPT: Final = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
_BUSY: Final = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}


class OutboxError(Exception):
    """The outbox could not be used."""


class OutboxFailed(OutboxError):
    """The disk is full or failing; what was to be written is not."""


class OutboxLocked(OutboxError):
    """Another process holds the outbox."""


class Row(NamedTuple):
    """A record that waits, as the wire will carry it."""

    seq: int
    raw: bytes


class Slice(NamedTuple):
    """The oldest records that wait, and the epoch their numbers belong to."""

    epoch: str
    rows: list[Row]


class Picture(NamedTuple):
    """A picture that waits."""

    id: int
    ref: str
    jpeg: bytes


class _Stamp(msgspec.Struct):
    """All that is read of a record to know its age."""

    ts: int


class Outbox:
    """The file. Any thread may use it; one process at a time may."""

    def __init__(
        self,
        path: Path,
        *,
        max_records: int,
        max_picture_bytes: int = MAX_PICTURE_BYTES,
        on_append: Callable[[], None] = lambda: None,
    ) -> None:
        """Open or create; a corrupt file is set aside and a new epoch begins.

        ``on_append`` is called, on the appending thread, after each commit that brought work
        for the link. Raises `OutboxLocked` and `OutboxFailed`.
        """
        self._path = path
        self._max_records = max_records
        self._max_picture_bytes = max_picture_bytes
        self.on_append = on_append
        self.kept: Callable[[str], bytes | None] = lambda _ref: None
        """Where the JPEGs lie of pictures that were added without one, by ref."""
        self._lock = threading.RLock()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutboxFailed(f"cannot make the data folder {path.parent}: {error}") from None
        self._open()

    @property
    def epoch(self) -> str:
        """Names this file; changes only when a corrupt one had to be set aside."""
        return self._epoch

    @property
    def depth(self) -> int:
        """Records that wait."""
        return self._depth

    @property
    def set_aside(self) -> list[str]:
        """Names of corrupt files that wait here for somebody to look at."""
        found = self._path.parent.glob(f"{self._path.name}.corrupt-*")
        return sorted(each.name for each in found if not each.name.endswith(("-wal", "-shm")))

    @property
    def pictures_waiting(self) -> int:
        """Pictures that wait."""
        return self._pictures

    @property
    def dropped(self) -> int:
        """Records that the full outbox had to drop since the epoch began."""
        return self._dropped

    @property
    def pictures_dropped(self) -> int:
        """Pictures dropped since the epoch began: too many, or their record was dropped."""
        return self._pictures_dropped

    def append(self, records: Sequence[AnyRecord]) -> list[int]:
        """Number and commit the records, durably and all or none; returns their seqs.

        When that fills the outbox over its bound, the oldest zone.count goes first, then the
        oldest of the rest. Raises `OutboxFailed`: then no number was used up.
        """
        if not records:
            return []
        with self._transaction("FULL") as db:
            first = self._last_seq(db) + 1
            seqs = list(range(first, first + len(records)))
            db.executemany(
                "INSERT INTO records (seq, is_count, raw) VALUES (?, ?, ?)",
                [
                    (seq, isinstance(record, ZoneCount), encode_record(replace(record, seq=seq)))
                    for seq, record in zip(seqs, records, strict=True)
                ],
            )
            self._depth += len(seqs)
            self._evict(db)
        self.on_append()
        return seqs

    def add_picture(self, seq: int, ref: str, jpeg: bytes) -> None:
        """Keep the picture that record ``seq`` points to with ``ref``; may drop the oldest ones.

        An empty ``jpeg`` lies elsewhere, where `kept` finds it. Raises `OutboxFailed`.
        """
        with self._transaction("NORMAL") as db:
            db.execute(
                "INSERT INTO pictures (seq, ref, size, jpeg) VALUES (?, ?, ?, ?)",
                (seq, ref, len(jpeg), jpeg),
            )
            self._pictures += 1
            self._picture_bytes += len(jpeg)
            while self._picture_bytes > self._max_picture_bytes:
                self._drop_pictures(db, "id = (SELECT min(id) FROM pictures WHERE size > 0)")
        self.on_append()

    def peek(self, *, after: int, limit_records: int, limit_bytes: int) -> Slice:
        """The oldest records with a seq above ``after``, their raw sizes at most ``limit_bytes``.

        The first one comes whatever its size. Raises `OutboxFailed`.
        """
        rows: list[Row] = []
        size = 0
        with self._reading() as db:
            for seq, raw in db.execute(
                "SELECT seq, raw FROM records WHERE seq > ? ORDER BY seq LIMIT ?",
                (after, limit_records),
            ):
                size += len(raw) + 1
                if rows and size > limit_bytes:
                    break
                rows.append(Row(seq, raw))
            return Slice(self._epoch, rows)

    def oldest_ts(self) -> int | None:
        """When (ms) the oldest record that waits was made; None where none waits."""
        rows = self.peek(after=0, limit_records=1, limit_bytes=0).rows
        return msgspec.json.decode(rows[0].raw, type=_Stamp).ts if rows else None

    def last_before(self, ts: int) -> int:
        """The seq of the newest record that waits and was made before ``ts`` (ms); 0 for none.

        Records are numbered in the order in which they were made, or nearly.
        """
        with self._reading() as db:
            low, high = db.execute("SELECT min(seq), max(seq) FROM records").fetchone()
            if low is None:
                return 0
            found = 0
            while low <= high:  # a bisection: the rows say their ts only in their text
                middle = (low + high) // 2
                seq, raw = db.execute(
                    "SELECT seq, raw FROM records WHERE seq >= ? ORDER BY seq LIMIT 1", (middle,)
                ).fetchone()
                if msgspec.json.decode(raw, type=_Stamp).ts < ts:
                    found, low = seq, seq + 1
                else:
                    high = middle - 1
            return int(found)

    def delete(self, first: int, last: int) -> int:
        """Forget the records ``first`` to ``last``: the broker has them. Returns how many."""
        with self._transaction("NORMAL") as db:
            gone = db.execute(
                "DELETE FROM records WHERE seq BETWEEN ? AND ?", (first, last)
            ).rowcount
            self._depth -= gone
            return gone

    def peek_picture(self) -> Picture | None:
        """The oldest picture whose record has gone out. Raises `OutboxFailed`."""
        while self._pictures:
            with self._reading() as db:
                row = db.execute(
                    "SELECT id, ref, jpeg FROM pictures AS p WHERE NOT EXISTS"
                    " (SELECT 1 FROM records WHERE seq = p.seq) ORDER BY id LIMIT 1"
                ).fetchone()
            if row is None:
                return None
            picture = Picture(*row)
            if jpeg := picture.jpeg or self.kept(picture.ref):
                return picture._replace(jpeg=jpeg)
            self.drop_picture(picture.ref)
        return None

    def drop_picture(self, ref: str) -> None:
        """Forget and count a picture that can no longer be sent, where it still waits."""
        if self._pictures:
            with self._transaction("NORMAL") as db:
                self._drop_pictures(db, "ref = ?", ref)

    def delete_picture(self, picture_id: int) -> None:
        """Forget a picture: the broker has it."""
        with self._transaction("NORMAL") as db:
            size = db.execute("SELECT size FROM pictures WHERE id = ?", (picture_id,)).fetchone()
            if size is not None:
                db.execute("DELETE FROM pictures WHERE id = ?", (picture_id,))
                self._pictures -= 1
                self._picture_bytes -= size[0]

    def close(self) -> None:
        """Close the file; nothing is lost, the next agent goes on with it."""
        with self._lock:
            self._db.close()

    def _evict(self, db: sqlite3.Connection) -> None:
        excess = self._depth - self._max_records
        if excess <= 0:
            return
        doomed = [
            seq
            for (seq,) in db.execute(
                "SELECT seq FROM records WHERE is_count = 1 ORDER BY seq LIMIT ?", (excess,)
            )
        ]
        doomed += [
            seq
            for (seq,) in db.execute(
                "SELECT seq FROM records WHERE is_count = 0 ORDER BY seq LIMIT ?",
                (excess - len(doomed),),
            )
        ]
        db.executemany("DELETE FROM records WHERE seq = ?", [(seq,) for seq in doomed])
        for seq in doomed if self._pictures else []:
            self._drop_pictures(db, "seq = ?", seq)
        self._depth -= excess
        self._dropped += excess
        db.execute("UPDATE facts SET value = ? WHERE name = 'dropped'", (str(self._dropped),))

    def _drop_pictures(self, db: sqlite3.Connection, which: str, *values: str | int) -> None:
        sizes = db.execute(
            f"SELECT size FROM pictures WHERE {which}",  # noqa: S608 - our own words
            values,
        ).fetchall()
        if not sizes:
            return
        db.execute(f"DELETE FROM pictures WHERE {which}", values)  # noqa: S608 - our own words
        self._pictures -= len(sizes)
        self._picture_bytes -= sum(size for (size,) in sizes)
        self._pictures_dropped += len(sizes)
        db.execute(
            "UPDATE facts SET value = ? WHERE name = 'pictures_dropped'",
            (str(self._pictures_dropped),),
        )

    def _last_seq(self, db: sqlite3.Connection) -> int:
        row = db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'records'").fetchone()
        return 0 if row is None else int(row[0])

    @contextmanager
    def _transaction(self, synchronous: str) -> Iterator[sqlite3.Connection]:
        with self._reading() as db:
            db.execute(f"PRAGMA synchronous = {synchronous}")
            db.execute("BEGIN IMMEDIATE")
            try:
                yield db
                db.execute("COMMIT")
            except BaseException:
                if db.in_transaction:
                    db.execute("ROLLBACK")
                self._count()
                raise

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        """The connection, to one thread at a time; SQLite's errors become ours."""
        with self._lock:
            try:
                yield self._db
            except sqlite3.Error as error:
                if getattr(error, "sqlite_errorcode", 0) & 0xFF in _CORRUPT:
                    self._set_aside(error)
                    self._connect()
                raise self._failed(error) from None

    def _failed(self, error: sqlite3.Error) -> OutboxFailed:
        return OutboxFailed(f"outbox {self._path}: {error}; check the disk's space and health")

    def _open(self) -> None:
        try:
            self._connect()
        except sqlite3.Error as error:
            code = getattr(error, "sqlite_errorcode", 0) & 0xFF
            if code in _BUSY:
                raise OutboxLocked(
                    f"{self._path} is in use; is another agent running with this data folder?"
                ) from None
            if code not in _CORRUPT:
                raise self._failed(error) from None
            self._set_aside(error)
            self._connect()

    def _connect(self) -> None:
        self._db = sqlite3.connect(
            self._path, timeout=2.0, isolation_level=None, check_same_thread=False
        )
        try:
            self._db.execute("PRAGMA locking_mode = EXCLUSIVE")
            self._db.execute("PRAGMA journal_mode = WAL")
            verdict = self._db.execute("PRAGMA quick_check(1)").fetchone()[0]
            if verdict != "ok":
                error = sqlite3.DatabaseError(verdict)
                error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
                raise error
            self._db.executescript(_SCHEMA)
            self._db.execute("INSERT OR IGNORE INTO facts VALUES ('epoch', ?)", (uuid.uuid4().hex,))
            self._count()
        except BaseException:
            self._db.close()
            raise

    def _count(self) -> None:
        facts = dict(self._db.execute("SELECT name, value FROM facts"))
        self._epoch: str = facts["epoch"]
        self._dropped = int(facts["dropped"])
        self._pictures_dropped = int(facts["pictures_dropped"])
        self._depth = int(self._db.execute("SELECT count(*) FROM records").fetchone()[0])
        count, size = self._db.execute(
            "SELECT count(*), coalesce(sum(size), 0) FROM pictures"
        ).fetchone()
        self._pictures, self._picture_bytes = int(count), int(size)

    def _set_aside(self, error: sqlite3.Error) -> None:
        """Move the broken file out of the way, for somebody to look at."""
        if hasattr(self, "_db"):
            self._db.close()
        aside = self._path.with_name(f"{self._path.name}.corrupt-{uuid.uuid4().hex[:8]}")
        self._path.rename(aside)
        for tail in ("-wal", "-shm"):
            extra = self._path.with_name(self._path.name + tail)
            if extra.exists():
                extra.rename(aside.with_name(aside.name + tail))
        log.warning(
            "outbox %s is corrupt (%s); set aside as %s, a new epoch begins and what waited in "
            "it is lost",
            self._path,
            error,
            aside.name,
        )
