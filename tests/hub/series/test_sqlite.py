"""What the SQLite home alone does."""

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from hub.series import sqlite as home
from hub.series.points import AlertPoint, Entry, SeriesDown, SeriesRefused, SignalPoint
from hub.series.sqlite import SqliteSeries
from tests.hub.series.samples import FOREVER, T0, counts, entry, seqs, stored
from wire.records import NodeHealth

_READ = """
import sys
from pathlib import Path
from hub.series.sqlite import SqliteSeries
print(SqliteSeries(Path(sys.argv[1])).count_records("garden", 0, 2**53))
"""


def _count(path: Path, table: str) -> int:
    db = sqlite3.connect(path)
    (count,) = db.execute(f"SELECT count(*) FROM {table}").fetchone()  # noqa: S608 - ours
    db.close()
    return int(count)


def test_another_process_reads_while_this_one_has_it_open(tmp_path: Path) -> None:
    store = SqliteSeries(tmp_path / "series.db")
    store.write([entry(5)])
    command = [sys.executable, "-c", _READ, str(tmp_path / "series.db")]
    assert subprocess.run(command, capture_output=True, check=True).stdout == b"5\n"
    store.close()
    assert subprocess.run(command, capture_output=True, check=True).stdout == b"5\n"


def test_a_purge_takes_what_is_older_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(home, "PURGE_ROWS", 7)  # several pieces, some within one millisecond
    store = SqliteSeries(tmp_path / "series.db")
    crowd = tuple(
        stored(NodeHealth(seq=n, ts=T0, source="agent"), n, epoch="e2") for n in range(30)
    )
    store.write([entry(50), Entry(crowd), Entry(counts(50, site="other"))])
    assert store.purge(T0 + 200) == 20 + 20 + 1 + 30 + 20
    assert seqs(store) == list(range(20, 50))
    assert seqs(store, "other") == list(range(20, 50))
    assert store.signal_ranges("garden", 0, FOREVER) == {
        ("court", "occupancy.person"): (20.0, 49.0, 30)
    }
    assert store.purge(T0 + 200) == 0
    store.close()


def test_alerts_are_kept_once_for_each_state(tmp_path: Path) -> None:
    store = SqliteSeries(tmp_path / "series.db")
    points = tuple(
        AlertPoint("garden", "court", "night", "high", T0, state, "a1")
        for state in ("pending", "firing", "firing")
    )
    store.write([Entry((), (), points)])
    store.close()
    assert _count(tmp_path / "series.db", "alerts") == 2


def test_a_store_that_no_hub_has_made_yet_is_down(tmp_path: Path) -> None:
    store = SqliteSeries(tmp_path / "series.db")
    for ask in (store.ping, lambda: store.count_records("garden", 0, FOREVER)):
        with pytest.raises(SeriesDown, match=r"there is no .*series\.db yet: start the hub"):
            ask()
    assert not (tmp_path / "series.db").exists()


def test_a_folder_that_is_not_there_is_down(tmp_path: Path) -> None:
    with pytest.raises(SeriesDown, match=r"unable to open .*check the disk and rights"):
        SqliteSeries(tmp_path / "unmounted" / "series.db").write(())


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "series.db").write_bytes(b"not a database " * 100)
    store = SqliteSeries(tmp_path / "series.db")
    for ask in (store.ping, lambda: store.write(())):
        with pytest.raises(SeriesRefused, match="check that it is Linli's and undamaged"):
            ask()


def test_a_file_of_a_newer_version_is_refused_and_left_alone(tmp_path: Path) -> None:
    db = sqlite3.connect(tmp_path / "series.db")
    db.execute("PRAGMA user_version=99")
    db.close()
    store = SqliteSeries(tmp_path / "series.db")
    for ask in (store.ping, lambda: store.write([entry(1)])):
        with pytest.raises(SeriesRefused, match="written by a newer Linli"):
            ask()


def test_a_record_that_cannot_be_read_is_refused_by_name(tmp_path: Path) -> None:
    store = SqliteSeries(tmp_path / "series.db")
    store.write([entry(1)])
    db = sqlite3.connect(tmp_path / "series.db")
    db.execute("""UPDATE records SET body = '{"type":"zone.fly"}'""")
    db.commit()
    db.close()
    with pytest.raises(SeriesRefused, match="holds a record that this Linli cannot read"):
        seqs(store)
    store.close()


def test_a_locked_file_is_down(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(home, "BUSY_TIMEOUT_S", 0.05)
    store = SqliteSeries(tmp_path / "series.db")
    store.write([entry(1)])
    other = sqlite3.connect(tmp_path / "series.db")
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(SeriesDown, match="database is locked"):
        store.write([Entry((), (SignalPoint("garden", "court", "risk", T0, 1.0),))])
    other.close()
    store.write([Entry(counts(1, first=1))])
    assert seqs(store) == [0, 1]
    store.close()
