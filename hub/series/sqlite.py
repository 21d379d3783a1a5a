"""The embedded series store: one SQLite file that the hub writes and the console reads.

Plain ``sqlite3``: SQLAlchemy would cost more for each row than SQLite's own work does.
"""

import contextlib
import math
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from hub.series.points import (
    Entry,
    PointsRejected,
    Rejected,
    SeriesDown,
    SeriesError,
    SeriesRefused,
    SignalPoint,
    Stored,
    Taken,
)
from wire.codec import decode_record, decode_records, encode_record
from wire.errors import DecodeError
from wire.records import AnyRecord

SCHEMA_VERSION: Final = 1
SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS records (
    site TEXT, node TEXT, epoch TEXT, seq INTEGER,
    type TEXT NOT NULL, source TEXT NOT NULL, label TEXT NOT NULL,
    ts INTEGER NOT NULL, rx_us INTEGER NOT NULL, at INTEGER NOT NULL, body BLOB NOT NULL,
    PRIMARY KEY (site, node, epoch, seq)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS records_time ON records (site, ts);
CREATE TABLE IF NOT EXISTS signals (
    site TEXT, place TEXT, name TEXT, ts INTEGER, value REAL NOT NULL,
    PRIMARY KEY (site, place, name, ts)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS alerts (
    id TEXT, ts INTEGER, state TEXT,
    site TEXT NOT NULL, place TEXT NOT NULL, rule TEXT NOT NULL, severity TEXT NOT NULL,
    PRIMARY KEY (id, ts, state)
) WITHOUT ROWID;
"""
BUSY_TIMEOUT_S: Final = 10.0
READ_CACHE_KIB: Final = 16 * 1024
"""Rows in the order of time lie all over the table, one page for each node."""
WRITE_CACHE_KIB: Final = 6 * 1024
"""New rows go to the last page of each node and of the index. Higher: for thousands of nodes;
lower: a hub takes less memory."""
PURGE_ROWS: Final = 5000
"""Deleted in one transaction. Higher: a purge ends sooner; lower: writes wait less for it."""
_PASSING: Final = frozenset(
    (
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_PROTOCOL,
    )
)


class SqliteSeries:
    """Records, signals and alerts in one file. Safe to use from several threads: writes take
    turns, each read has a connection of its own."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._writer: sqlite3.Connection | None = None

    def __repr__(self) -> str:
        return f"<SqliteSeries {self._path}>"

    def write(self, entries: Sequence[Entry]) -> None:
        """See `SeriesStore.write`. One transaction; values that are no finite number are
        rejected, since SQLite would keep them as NULL."""
        signals = [point for entry in entries for point in entry.signals]
        rejected = [_rejected(point) for point in signals if not math.isfinite(point.value)]
        with self._writing() as db:
            db.executemany(
                "INSERT OR REPLACE INTO records VALUES (?,?,?,?,?,?,?,?,?,?,?)",
                (_row(stored) for entry in entries for stored in entry.records),
            )
            db.executemany(
                "INSERT OR REPLACE INTO signals VALUES (?,?,?,?,?)",
                (
                    (point.site, point.place, point.name, point.ts, point.value)
                    for point in signals
                    if math.isfinite(point.value)
                ),
            )
            db.executemany(
                "INSERT OR REPLACE INTO alerts VALUES (?,?,?,?,?,?,?)",
                (
                    (a.id, a.ts, a.state, a.site, a.place, a.rule, a.severity)
                    for entry in entries
                    for a in entry.alerts
                ),
            )
        if rejected:
            raise PointsRejected(rejected)

    def signal(
        self, site: str, place: str, name: str, start: int, end: int
    ) -> list[tuple[int, float]]:
        """See `SeriesStore.signal`."""
        with self._reading() as db:
            return db.execute(
                "SELECT ts, value FROM signals WHERE site = ? AND place = ? AND name = ? "
                "AND ts >= ? AND ts < ? ORDER BY ts",
                (site, place, name, start, end),
            ).fetchall()

    def signal_ranges(
        self, site: str, start: int, end: int
    ) -> dict[tuple[str, str], tuple[float, float, int]]:
        """See `SeriesStore.signal_ranges`."""
        ranges = {}
        with self._reading() as db:
            for place, name in _signal_names(db, site):
                least, greatest, count = db.execute(
                    "SELECT min(value), max(value), count(*) FROM signals WHERE site = ? "
                    "AND place = ? AND name = ? AND ts >= ? AND ts < ?",
                    (site, place, name, start, end),
                ).fetchone()
                if count:
                    ranges[place, name] = (least, greatest, count)
        return ranges

    def records(
        self, site: str, start: int, end: int, nodes: Sequence[str] | None = None
    ) -> Iterator[Stored]:
        """See `SeriesStore.records`. SQLite sorts what is not in memory in a temporary file."""
        chosen = "" if nodes is None else f"AND node IN ({','.join('?' * len(nodes))}) "
        with self._reading() as db:
            for node, epoch, rx_us, at, body in db.execute(
                "SELECT node, epoch, rx_us, at, body FROM records "  # noqa: S608 - marks alone
                f"WHERE site = ? AND ts >= ? AND ts < ? {chosen}ORDER BY rx_us",
                (site, start, end, *(nodes or ())),
            ):
                yield Stored(site, node, epoch, rx_us, at, self._decode(body))

    def taken(
        self, site: str, start: int, end: int, nodes: Sequence[str] | None = None
    ) -> Sequence[Taken]:
        """See `SeriesStore.taken`."""
        chosen = "" if nodes is None else f"AND node IN ({','.join('?' * len(nodes))})"
        with self._reading() as db:
            rows = db.execute(
                "SELECT at, rx_us, node, body FROM records "  # noqa: S608 - marks alone
                f"WHERE site = ? AND ts >= ? AND ts < ? {chosen}",
                (site, start, end, *(nodes or ())),
            ).fetchall()
        if not rows:
            return ()
        ats, rxs, names, bodies = zip(*rows, strict=True)
        try:
            records = decode_records(bodies)
        except DecodeError as error:
            raise self._unreadable(error) from error
        return list(zip(ats, rxs, names, records, strict=True))

    def _decode(self, body: bytes) -> AnyRecord:
        try:
            return decode_record(body)
        except DecodeError as error:
            raise self._unreadable(error) from error

    def _unreadable(self, error: DecodeError) -> SeriesRefused:
        return SeriesRefused(
            f"{self._path} holds a record that this Linli cannot read ({error}): "
            "was it written by a newer one?"
        )

    def count_records(self, site: str, start: int, end: int) -> int:
        """See `SeriesStore.count_records`."""
        with self._reading() as db:
            (count,) = db.execute(
                "SELECT count(*) FROM records WHERE site = ? AND ts >= ? AND ts < ?",
                (site, start, end),
            ).fetchone()
        return int(count)

    def count_by_node(self, site: str, start: int, end: int) -> dict[str, int]:
        """See `SeriesStore.count_by_node`."""
        with self._reading() as db:
            return dict(
                db.execute(
                    "SELECT node, count(*) FROM records WHERE site = ? AND ts >= ? AND ts < ? "
                    "GROUP BY node",
                    (site, start, end),
                )
            )

    def purge(self, before: int) -> int:
        """See `SeriesStore.purge`."""
        with self._writing() as db:
            sites = {site for table in ("records", "signals") for site in _sites(db, table)}
            names = [(site, *name) for site in sorted(sites) for name in _signal_names(db, site)]
        gone = sum(self._purge("records", "site = ?", (site,), before) for site in sorted(sites))
        for key in names:
            gone += self._purge("signals", "site = ? AND place = ? AND name = ?", key, before)
        return gone + self._purge("alerts", "? = ?", (1, 1), before)

    def _purge(self, table: str, where: str, key: tuple[Any, ...], before: int) -> int:
        """Delete the oldest rows piece by piece, so that no write has to wait long."""
        gone = 0
        while True:
            with self._writing() as db:
                found = db.execute(
                    f"SELECT ts FROM {table} WHERE {where} AND ts < ? "  # noqa: S608 - our names
                    f"ORDER BY ts LIMIT 1 OFFSET {PURGE_ROWS}",
                    (*key, before),
                ).fetchone()
                # The row at the offset may share its time with others: take the time as a whole.
                upto = before if found is None else found[0] + 1
                gone += db.execute(
                    f"DELETE FROM {table} WHERE {where} AND ts < ?",  # noqa: S608 - our names
                    (*key, upto),
                ).rowcount
            if found is None:
                return gone

    def ping(self) -> None:
        """See `SeriesStore.ping`."""
        with self._reading() as db:
            db.execute("SELECT 1 FROM records LIMIT 1").fetchone()

    def close(self) -> None:
        """See `SeriesStore.close`."""
        with self._lock:
            if self._writer is not None:
                self._writer.close()
                self._writer = None

    @contextlib.contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """One transaction, on the disk when the block ends."""
        with self._lock, self._translated():
            if self._writer is None:
                self._writer = self._open_writer()
            with self._writer:
                yield self._writer

    def _open_writer(self) -> sqlite3.Connection:
        db = sqlite3.connect(self._path, timeout=BUSY_TIMEOUT_S, check_same_thread=False)
        try:
            self._check_version(db)
            db.execute("PRAGMA journal_mode=WAL")
            # FULL: when write returns, the journal's copy goes, so ours must be on the disk.
            # Batches are large; one sync for each is not what a write costs.
            db.execute("PRAGMA synchronous=FULL")
            db.execute(f"PRAGMA cache_size=-{WRITE_CACHE_KIB}")
            db.executescript(SCHEMA)
            db.execute(f"PRAGMA user_version={SCHEMA_VERSION}")
        except BaseException:
            db.close()
            raise
        return db

    @contextlib.contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        """A connection for one read. ``mode=rw`` and not ``ro``, with which a file that nobody
        else has open cannot be read: WAL needs its side files."""
        with self._translated():
            if not self._path.exists():
                raise SeriesDown(f"there is no {self._path} yet: start the hub, it makes it")
            uri = f"{self._path.absolute().as_uri()}?mode=rw"
            with contextlib.closing(
                sqlite3.connect(uri, uri=True, timeout=BUSY_TIMEOUT_S, check_same_thread=False)
            ) as db:
                self._check_version(db)
                db.execute("PRAGMA query_only=ON")
                db.execute(f"PRAGMA cache_size=-{READ_CACHE_KIB}")
                yield db

    def _check_version(self, db: sqlite3.Connection) -> None:
        (version,) = db.execute("PRAGMA user_version").fetchone()
        if version > SCHEMA_VERSION:
            raise SeriesRefused(
                f"{self._path} was written by a newer Linli (schema {version}, this one knows "
                f"{SCHEMA_VERSION}): upgrade Linli, or give it another data folder"
            )

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise self._translate(error) from error

    def _translate(self, error: sqlite3.Error) -> SeriesError:
        """The one place where errors of sqlite3 become ours."""
        code = getattr(error, "sqlite_errorcode", None)
        # The low byte is the kind of error, the rest says more of it.
        if code is not None and code & 0xFF in _PASSING:
            return SeriesDown(f"cannot use {self._path} now ({error}): check the disk and rights")
        return SeriesRefused(
            f"cannot use {self._path} ({error}): check that it is Linli's and undamaged"
        )


def _row(stored: Stored) -> tuple[Any, ...]:
    record = stored.record
    return (
        stored.site,
        stored.node,
        stored.epoch,
        record.seq,
        record.type,
        record.source,
        getattr(record, "label", ""),
        record.ts,
        stored.rx_us,
        stored.at,
        encode_record(record),
    )


def _rejected(point: SignalPoint) -> Rejected:
    return Rejected(f"{point.value} is not a finite number", repr(point))


def _sites(db: sqlite3.Connection, table: str) -> Iterator[str]:
    """The sites of a table, by leaps through its key."""
    found = db.execute(f"SELECT min(site) FROM {table}").fetchone()  # noqa: S608 - our names
    while found[0] is not None:
        yield found[0]
        found = db.execute(
            f"SELECT min(site) FROM {table} WHERE site > ?",  # noqa: S608 - our names
            found,
        ).fetchone()


def _signal_names(db: sqlite3.Connection, site: str) -> Iterator[tuple[str, str]]:
    """The (place, name) pairs of a site, by leaps through the key: there are few of them."""
    last = ("", "")
    while last:
        last = db.execute(
            "SELECT place, name FROM signals WHERE site = ? AND (place, name) > (?, ?) "
            "ORDER BY place, name LIMIT 1",
            (site, *last),
        ).fetchone()
        if last:
            yield last
