"""Carries the journal to the series store, in a thread of its own.

A batch is written first and the checkpoint moved after it, so that a crash in between writes
the batch again, which every store takes as the same points. While the store is away the
journal grows on the disk and nothing is dropped.
"""

import logging
import random
import threading
from collections.abc import Callable, Sequence
from typing import Final

from msgspec import Struct
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from hub.series import journal
from hub.series.handover import Handover
from hub.series.journal import JournalRow, count_points
from hub.series.points import Entry, PointsRejected, SeriesDown, SeriesRefused, SeriesStore
from hub.state.tables import DeadLetter

log = logging.getLogger(__name__)

TRIM_ROWS: Final = 200
TRIM_PIECES: Final = 20  # then writing goes on


class WriterSettings(Struct, frozen=True, kw_only=True):
    """How the writer works."""

    max_points: int = 5_000
    """In one write. Higher: fewer commits; lower: less memory."""
    max_bytes: int = 8 * 1024 * 1024
    """Of journal rows read for one write."""
    max_waiting_points: int = 10_000
    """Kept in memory on their way here; beyond, they are read from the journal instead."""
    linger_s: float = 0.2
    """How long a write waits for more. Higher: fewer commits; lower: fresher charts."""
    poll_s: float = 1.0
    """How often to look into the journal when nobody announces anything."""
    first_retry_s: float = 0.5
    most_retry_s: float = 30.0
    trim_s: float = 5.0
    """How often to delete what the store and the engine both have."""


class _Metrics:
    def __init__(self, registry: CollectorRegistry) -> None:
        self.points = Counter(
            "linli_hub_series_points", "Points that the series store took", registry=registry
        )
        self.writes = Counter(
            "linli_hub_series_writes",
            "Writes to the series store; outcome is ok, rejected, down, refused or failed",
            ["outcome"],
            registry=registry,
        )
        self.write_seconds = Histogram(
            "linli_hub_series_write_seconds",
            "How long the series store took for a write",
            buckets=(0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
            registry=registry,
        )
        self.dead = Counter(
            "linli_hub_series_dead",
            "Points or journal rows that became dead letters",
            registry=registry,
        )
        self.reread = Counter(
            "linli_hub_series_reread",
            "Batches read back from the journal because memory did not hold them",
            registry=registry,
        )
        self.trimmed = Counter(
            "linli_hub_series_trimmed", "Journal rows deleted when done with", registry=registry
        )
        self.waiting_rows = Gauge(
            "linli_hub_series_waiting_rows",
            "Journal rows that the series store does not have yet",
            registry=registry,
        )
        self.waiting_seconds = Gauge(
            "linli_hub_series_waiting_seconds",
            "How long the oldest of them has waited",
            registry=registry,
        )


class SeriesWriter:
    """The thread, and what the ingest hands to it."""

    def __init__(
        self,
        engine: Engine,
        store: SeriesStore,
        now: Callable[[], int],
        *,
        registry: CollectorRegistry,
        settings: WriterSettings | None = None,
        wait: Callable[[threading.Event, float], bool] = threading.Event.wait,
    ) -> None:
        """``now`` gives milliseconds; ``wait`` returns whether the event came within seconds."""
        self._engine = engine
        self._store = store
        self._now = now
        self._settings = settings or WriterSettings()
        self._wait = wait
        self._metrics = _Metrics(registry)
        self._thread = threading.Thread(target=self._run, name="series-writer", daemon=True)
        self._stopping = threading.Event()
        self._news = threading.Event()
        self._handover = Handover(self._settings.max_waiting_points)
        self._newest = 0
        self._position: int | None = None
        self._opened = False
        self._behind = False  # more waits than the last batch could hold
        self._trimmed_at = 0
        self._retries = 0
        self._trouble = ""

    @property
    def trouble(self) -> str:
        """Why the store does not take anything at the moment; "" when it does."""
        return self._trouble

    def start(self) -> None:
        """Begin where the checkpoint is."""
        self._thread.start()

    def notify(self, n: int, entry: Entry) -> None:
        """Row ``n`` of the journal is committed and holds ``entry``. Never blocks. To be called
        in the order of ``n``; a row that is not announced is found a little later."""
        self._handover.put(JournalRow(n, entry))
        self._news.set()

    def stop(self, timeout_s: float) -> bool:
        """Carry what waits, then end; returns whether all of it arrived. What did not stays in
        the journal. Gives up after ``timeout_s``, or at the first write that fails."""
        self._stopping.set()
        self._news.set()
        self._thread.join(timeout_s)
        if self._thread.is_alive():
            log.warning("the series store did not take everything in %g s", timeout_s)
            return False
        return not self._trouble

    def _run(self) -> None:
        while True:
            # Asked before the step: what was announced during it deserves one more.
            stopping = self._stopping.is_set()
            carried = self._step()
            if stopping:
                if self._trouble or not (carried or self._behind):
                    return
            elif self._trouble:
                self._wait(self._stopping, self._retry_s())
            elif not self._behind:
                self._idle()

    def _idle(self) -> None:
        if self._wait(self._news, self._settings.poll_s):
            self._news.clear()
            self._wait(self._stopping, self._settings.linger_s)

    def _step(self) -> int:
        """Carry one batch; returns how many rows it had. Failures become `trouble`."""
        try:
            carried = self._carry()
            self._trim()
        except SeriesDown as error:
            self._suffer("down", str(error), logging.WARNING)
        except SeriesRefused as error:
            self._suffer("refused", str(error), logging.ERROR)
        except SQLAlchemyError as error:
            self._suffer("failed", f"state store: {error}; check state_url", logging.ERROR)
        except Exception as error:  # else the thread would end and nobody would know
            log.error("the series writer stumbled and will try again", exc_info=error)
            self._suffer("failed", repr(error), logging.ERROR)
        else:
            self._recover()
            return carried
        return 0

    def _suffer(self, outcome: str, problem: str, level: int) -> None:
        self._metrics.writes.labels(outcome).inc()
        # Once for each outage, and again where the reason turns into one to act upon.
        if not self._trouble or (level == logging.ERROR and problem != self._trouble):
            log.log(level, "records wait in the journal: %s", problem)
        self._trouble = problem
        self._retries += 1

    def _recover(self) -> None:
        if self._trouble:
            log.info("the series store takes records again, after %d tries", self._retries)
        self._trouble = ""
        self._retries = 0

    def _retry_s(self) -> float:
        longest = self._settings.first_retry_s * 2.0 ** min(self._retries - 1, 30)
        # Jitter, so that many hubs do not come back at one moment.
        spread = random.uniform(0.5, 1.0)  # noqa: S311 - guards nothing
        return spread * min(longest, self._settings.most_retry_s)

    def _carry(self) -> int:
        if self._position is None:
            self._position = journal.position(self._engine, journal.SERIES)
            self._newest = journal.last_row(self._engine)
        rows = self._next_rows(self._position)
        self._watch(rows, self._position)
        if rows or not self._opened:  # an embedded store is there before its first record is
            dead = self._write([row.entry for row in rows if row.entry is not None])
            self._opened = True
        if rows:
            dead += [self._bury(row) for row in rows if row.entry is None]
            journal.advance(self._engine, journal.SERIES, rows[-1].n, dead)
            self._metrics.dead.inc(len(dead))
            self._position = rows[-1].n
            self._watch((), self._position)
        return len(rows)

    def _watch(self, rows: Sequence[JournalRow], position: int) -> None:
        self._newest = max(self._newest, self._handover.newest, position)
        self._metrics.waiting_rows.set(self._newest - position)
        taken = next((ms for row in rows if (ms := _taken_ms(row.entry)) is not None), None)
        waited_ms = 0 if taken is None else self._now() - taken
        self._metrics.waiting_seconds.set(max(waited_ms, 0) / 1000)

    def _write(self, entries: Sequence[Entry]) -> list[DeadLetter]:
        points = sum(map(count_points, entries))
        dead: list[DeadLetter] = []
        outcome = "ok"
        with self._metrics.write_seconds.time():
            try:
                self._store.write(entries)
            except PointsRejected as error:
                log.error("kept as dead letters: %s", error)
                dead = [journal.dead_point(point, self._now()) for point in error.points]
                outcome = "rejected"
        self._metrics.writes.labels(outcome).inc()
        self._metrics.points.inc(points - len(dead))
        return dead

    def _bury(self, row: JournalRow) -> DeadLetter:
        log.error("journal row %d cannot be read, kept as a dead letter: %s", row.n, row.reason)
        return journal.dead_row(row, self._now())

    def _next_rows(self, position: int) -> list[JournalRow]:
        """The next batch, from memory where memory goes on at ``position``."""
        self._handover.forget(position)
        head = self._handover.head()
        if head != position + 1:
            missed = journal.read_rows(
                self._engine,
                position,
                head,
                max_points=self._settings.max_points,
                max_bytes=self._settings.max_bytes,
            )
            if missed:
                self._metrics.reread.inc()
                self._behind = True
                return missed
        rows = [] if head is None else self._handover.take(head, self._settings.max_points)
        self._behind = head is not None and (not rows or rows[-1].n < self._handover.newest)
        return rows

    def _trim(self) -> None:
        now, pause = self._now(), round(self._settings.trim_s * 1000)
        if self._trimmed_at <= now < self._trimmed_at + pause:
            return
        for _ in range(TRIM_PIECES):
            gone = journal.trim(self._engine, TRIM_ROWS)
            self._metrics.trimmed.inc(gone)
            if gone < TRIM_ROWS or self._stopping.is_set():
                break
        self._trimmed_at = now


def _taken_ms(entry: Entry | None) -> int | None:
    """When the hub took an entry; by event time where it holds no record."""
    if entry is None:
        return None
    if entry.records:
        return entry.records[0].rx_us // 1000
    points = entry.signals or entry.alerts
    return points[0].ts if points else None
