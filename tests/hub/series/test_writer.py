"""The series writer: everything arrives, whatever fails on the way."""

import logging
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry
from sqlalchemy import Engine, insert, select
from sqlalchemy.orm import Session

from configs.servers import SeriesSettings
from hub.series.influx import InfluxSeries
from hub.series.journal import ENGINE, SERIES, advance, encode_entry, last_row, position, read_rows
from hub.series.points import Entry, SeriesDown, SeriesError, SeriesRefused, SignalPoint
from hub.series.sqlite import SqliteSeries
from hub.series.writer import SeriesWriter, WriterSettings
from hub.state.store import reading
from hub.state.tables import DeadLetter, Journal
from tests.hub.chain import open_database
from tests.hub.series.samples import FOREVER, T0, entry, seqs
from tests.servers import influxdb

QUICK = WriterSettings(linger_s=0.0, poll_s=0.05, first_retry_s=0.01, most_retry_s=0.05, trim_s=0.0)
PATIENT = WriterSettings(linger_s=0.0, poll_s=60.0, first_retry_s=0.01, most_retry_s=0.05)
DEADLINE_S = 60.0


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = open_database(tmp_path)
    yield engine
    engine.dispose()


class Faulty(SqliteSeries):
    """A store that fails as it is told to, and says when it was asked."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.failures: list[SeriesError] = []
        self.always: SeriesError | None = None
        self.asked = threading.Condition()
        self.times = 0
        self.goes_on = threading.Event()
        self.goes_on.set()

    def write(self, entries: Sequence[Entry]) -> None:
        with self.asked:
            self.times += 1
            self.asked.notify_all()
            if self.failures:
                raise self.failures.pop(0)
            if self.always is not None:
                raise self.always
        assert self.goes_on.wait(DEADLINE_S)
        super().write(entries)

    def wait_until_asked(self, times: int) -> None:
        with self.asked:
            assert self.asked.wait_for(lambda: self.times >= times, DEADLINE_S)


@pytest.fixture
def faulty(tmp_path: Path) -> Iterator[Faulty]:
    store = Faulty(tmp_path / "series.db")
    yield store
    store.close()


def _add(engine: Engine, *entries: Entry) -> int:
    """Put entries into the journal as the ingest does; returns the last row's number."""
    with engine.begin() as connection:
        for each in entries:
            connection.execute(insert(Journal).values(entry=encode_entry(each)))
    return last_row(engine)


def _until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE_S
    pause = threading.Event()
    while not true():
        assert time.monotonic() < deadline, "it did not come true in time"
        pause.wait(0.01)


def _dead(engine: Engine) -> list[DeadLetter]:
    with Session(reading(engine)) as session:
        return list(session.scalars(select(DeadLetter).order_by(DeadLetter.id)))


class Watched:
    """A writer with its registry."""

    def __init__(self, engine: Engine, store: SqliteSeries | InfluxSeries, **more: object) -> None:
        self.engine = engine
        self.registry = CollectorRegistry()
        options = {"settings": QUICK, "now": lambda: T0, **more}
        self.writer = SeriesWriter(
            engine,
            store,
            registry=self.registry,
            **options,  # type: ignore[arg-type]
        )

    def metric(self, name: str, **labels: str) -> float:
        return self.registry.get_sample_value(f"linli_hub_series_{name}", labels) or 0.0

    def carried(self, n: int) -> None:
        _until(lambda: position(self.engine, SERIES) >= n)


def test_what_waited_in_the_journal_and_what_is_announced_arrive(
    engine: Engine, faulty: Faulty
) -> None:
    _add(engine, entry(10), entry(10, first=10))
    watched = Watched(engine, faulty)
    watched.writer.start()
    fresh = entry(10, first=20)
    n = _add(engine, fresh)
    watched.writer.notify(n, fresh)
    unannounced = _add(engine, entry(10, first=30))
    watched.carried(unannounced)
    assert watched.writer.stop(DEADLINE_S)
    assert seqs(faulty) == list(range(40))
    assert len(faulty.signal("garden", "court", "occupancy.person", 0, FOREVER)) == 40
    assert watched.metric("points_total") == 84
    assert watched.metric("waiting_rows") == 0


def test_announced_entries_are_not_read_back(engine: Engine, faulty: Faulty) -> None:
    watched = Watched(engine, faulty, settings=PATIENT)
    watched.writer.start()
    faulty.wait_until_asked(1)  # it has looked: the journal is empty
    faulty.goes_on.clear()
    for first in range(0, 100, 10):
        fresh = entry(10, first=first)
        watched.writer.notify(_add(engine, fresh), fresh)
        # It looks while nothing is in the journal that was not announced.
        faulty.wait_until_asked(2)
    faulty.goes_on.set()
    watched.carried(10)
    assert watched.writer.stop(DEADLINE_S)
    assert seqs(faulty) == list(range(100))
    assert watched.metric("reread_total") == 0


def test_what_memory_cannot_hold_is_read_from_the_journal(engine: Engine, faulty: Faulty) -> None:
    settings = WriterSettings(linger_s=0.0, poll_s=60.0, max_waiting_points=50, max_points=45)
    faulty.always = SeriesDown("away")
    watched = Watched(engine, faulty, settings=settings, wait=lambda event, _: event.wait(0.01))
    watched.writer.start()
    for first in range(0, 300, 10):
        fresh = entry(10, first=first)
        watched.writer.notify(_add(engine, fresh), fresh)
    faulty.always = None
    watched.carried(30)
    assert watched.writer.stop(DEADLINE_S)
    assert seqs(faulty) == list(range(300))
    assert watched.metric("reread_total") > 0


def test_an_outage_is_told_once_and_waited_out_ever_longer(
    engine: Engine, faulty: Faulty, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    waits: list[float] = []

    def wait(event: threading.Event, seconds: float) -> bool:
        waits.append(seconds)
        return event.wait(min(seconds, 0.01))

    settings = WriterSettings(poll_s=60.0, first_retry_s=1.0, most_retry_s=8.0)
    faulty.failures = [SeriesDown("away")] * 6
    n = _add(engine, entry(3))
    watched = Watched(engine, faulty, settings=settings, wait=wait)
    watched.writer.start()
    watched.carried(n)
    assert watched.writer.stop(DEADLINE_S)
    for waited, longest in zip(waits[:6], (1, 2, 4, 8, 8, 8), strict=True):
        assert longest / 2 <= waited <= longest
    told = [r for r in caplog.records if r.name == "hub.series.writer"]
    assert [r.levelname for r in told] == ["WARNING", "INFO"]
    assert told[0].message == "records wait in the journal: away"
    assert watched.metric("writes_total", outcome="down") == 6
    assert seqs(faulty) == [0, 1, 2]


def test_while_the_store_is_away_rows_wait_and_are_counted(engine: Engine, faulty: Faulty) -> None:
    faulty.always = SeriesDown("away")
    n = _add(engine, entry(3), entry(3, first=3))
    advance(engine, ENGINE, n)
    watched = Watched(engine, faulty, now=lambda: T0 + 90_000)
    watched.writer.start()
    faulty.wait_until_asked(3)
    assert watched.writer.trouble == "away"
    assert watched.metric("waiting_rows") == 2
    assert watched.metric("waiting_seconds") == 90
    assert not watched.writer.stop(DEADLINE_S)
    assert (position(engine, SERIES), last_row(engine)) == (0, n)
    faulty.always = None
    again = Watched(engine, faulty)
    again.writer.start()
    again.carried(n)
    assert again.writer.stop(DEADLINE_S)
    assert seqs(faulty) == list(range(6))


def test_a_refusal_is_an_error_and_nothing_is_given_up(
    engine: Engine, faulty: Faulty, caplog: pytest.LogCaptureFixture
) -> None:
    faulty.failures = [SeriesRefused("check token")] * 3
    n = _add(engine, entry(3))
    watched = Watched(engine, faulty)
    watched.writer.start()
    watched.carried(n)
    assert watched.writer.stop(DEADLINE_S)
    errors = [r.message for r in caplog.records if r.levelname == "ERROR"]
    assert errors == ["records wait in the journal: check token"]
    assert watched.metric("writes_total", outcome="refused") == 3
    assert seqs(faulty) == [0, 1, 2]
    assert _dead(engine) == []


def test_a_point_that_the_store_rejects_becomes_a_dead_letter_and_the_rest_arrive(
    engine: Engine, faulty: Faulty, caplog: pytest.LogCaptureFixture
) -> None:
    poison = Entry((), (SignalPoint("garden", "court", "bad", T0, float("nan")),))
    n = _add(engine, entry(3), poison, entry(3, first=3))
    watched = Watched(engine, faulty)
    watched.writer.start()
    watched.carried(n)
    assert watched.writer.stop(DEADLINE_S)
    (dead,) = _dead(engine)
    assert (dead.topic, dead.rx) == ("series/point", T0)
    assert dead.reason == "nan is not a finite number"
    assert b"name='bad'" in dead.payload
    assert dead.size == len(dead.payload)
    assert "kept as dead letters" in caplog.text
    assert watched.metric("dead_total") == 1
    assert seqs(faulty) == list(range(6))


def test_a_journal_row_that_cannot_be_read_becomes_a_dead_letter(
    engine: Engine, faulty: Faulty, caplog: pytest.LogCaptureFixture
) -> None:
    _add(engine, entry(3))
    with engine.begin() as connection:
        connection.execute(insert(Journal).values(entry=b"\x00" * 5000))
    n = _add(engine, entry(3, first=3))
    watched = Watched(engine, faulty)
    watched.writer.start()
    watched.carried(n)
    assert watched.writer.stop(DEADLINE_S)
    (dead,) = _dead(engine)
    assert (dead.topic, len(dead.payload), dead.size) == ("series/journal", 4096, 5000)
    assert "journal row 2 cannot be read" in caplog.text
    assert seqs(faulty) == list(range(6))


def test_a_failure_that_nobody_foresaw_is_logged_and_tried_again(
    engine: Engine, faulty: Faulty, caplog: pytest.LogCaptureFixture
) -> None:
    faulty.failures = [ZeroDivisionError()]  # type: ignore[list-item]
    n = _add(engine, entry(3))
    watched = Watched(engine, faulty)
    watched.writer.start()
    watched.carried(n)
    assert watched.writer.stop(DEADLINE_S)
    assert "stumbled" in caplog.text
    assert watched.metric("writes_total", outcome="failed") == 1


def test_a_batch_written_before_a_crash_is_there_once(engine: Engine, faulty: Faulty) -> None:
    n = _add(engine, entry(5), entry(5, first=5))
    faulty.write([entry(5), entry(5, first=5)])  # and the process died before its checkpoint
    watched = Watched(engine, faulty)
    watched.writer.start()
    watched.carried(n)
    assert watched.writer.stop(DEADLINE_S)
    assert seqs(faulty) == list(range(10))


def test_rows_go_once_the_engine_has_them_too(engine: Engine, faulty: Faulty) -> None:
    n = _add(engine, *(entry(1, first=first) for first in range(500)))
    watched = Watched(engine, faulty)
    watched.writer.start()
    watched.carried(n)
    rows = read_rows(engine, 0, None, max_points=10**9, max_bytes=10**9)
    assert len(rows) == n
    advance(engine, ENGINE, n - 3)
    _until(lambda: watched.metric("trimmed_total") == n - 3)
    assert watched.writer.stop(DEADLINE_S)
    rows = read_rows(engine, 0, None, max_points=10**9, max_bytes=10**9)
    assert [row.n for row in rows] == [n - 2, n - 1, n]


def test_a_stop_carries_what_was_announced_last(engine: Engine, faulty: Faulty) -> None:
    slow = WriterSettings(linger_s=60.0, poll_s=60.0)
    watched = Watched(engine, faulty, settings=slow)
    watched.writer.start()
    faulty.wait_until_asked(1)
    fresh = entry(5)
    watched.writer.notify(_add(engine, fresh), fresh)
    assert watched.writer.stop(DEADLINE_S)
    assert seqs(faulty) == list(range(5))


@pytest.mark.system
def test_everything_arrives_once_though_influxdb_is_killed(tmp_path: Path, engine: Engine) -> None:
    with influxdb(tmp_path) as server:
        store = InfluxSeries(SeriesSettings(kind="influxdb", url=server.url))
        watched = Watched(engine, store)
        watched.writer.start()

        def announce(firsts: range) -> int:
            n = 0
            for first in firsts:
                fresh = entry(20, first=first)
                n = _add(engine, fresh)
                watched.writer.notify(n, fresh)
            return n

        announce(range(0, 1000, 20))
        watched.carried(10)
        server.kill()
        n = announce(range(1000, 2000, 20))
        _until(lambda: watched.metric("writes_total", outcome="down") >= 2)
        assert position(engine, SERIES) < n
        server.start()
        advance(engine, ENGINE, n)
        watched.carried(n)
        _until(lambda: watched.metric("trimmed_total") == n - 1)
        assert watched.writer.stop(DEADLINE_S)
        assert seqs(store) == list(range(2000))
        assert store.count_records("garden", 0, FOREVER) == 2000
        assert len(store.signal("garden", "court", "occupancy.person", 0, FOREVER)) == 2000
        store.close()


_HUB = """
import sys
from pathlib import Path
from prometheus_client import CollectorRegistry
from sqlalchemy import insert
from hub.series.journal import encode_entry, last_row
from hub.series.sqlite import SqliteSeries
from hub.series.writer import SeriesWriter, WriterSettings
from hub.state.store import address, connect
from hub.state.tables import Journal
from tests.hub.series.samples import entry

data = Path(sys.argv[1])
engine = connect(address("", data))
writer = SeriesWriter(
    engine,
    SqliteSeries(data / "series.db"),
    lambda: 0,
    registry=CollectorRegistry(),
    settings=WriterSettings(linger_s=0.0),
)
writer.start()
first = 20 * last_row(engine)
while True:
    fresh = entry(20, first=first)
    with engine.begin() as connection:
        connection.execute(insert(Journal).values(entry=encode_entry(fresh)))
    writer.notify(last_row(engine), fresh)
    first += 20
    print(first, flush=True)
"""


@pytest.mark.system
def test_a_hub_that_is_killed_again_and_again_loses_nothing(tmp_path: Path, engine: Engine) -> None:
    printed = 0
    for lines in (7, 23, 40):
        hub = subprocess.Popen(
            [sys.executable, "-c", _HUB, str(tmp_path)], stdout=subprocess.PIPE, text=True
        )
        assert hub.stdout is not None
        with hub.stdout:
            for _ in range(lines):
                printed = int(hub.stdout.readline())
            hub.kill()
        hub.wait()
    n = last_row(engine)
    store = SqliteSeries(tmp_path / "series.db")
    watched = Watched(engine, store)
    watched.writer.start()
    watched.carried(n)
    assert watched.writer.stop(DEADLINE_S)
    assert n * 20 >= printed
    assert seqs(store) == list(range(n * 20))
    store.close()
