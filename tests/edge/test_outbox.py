"""The outbox: nothing acknowledged is lost, nothing grows without bound."""

import logging
import os
import signal
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.outbox import MAX_PICTURE_BYTES, Outbox, OutboxFailed, OutboxLocked
from wire.codec import decode_record
from wire.records import AnyRecord, DoorState, ZoneCount

COUNT = ZoneCount(seq=0, ts=1, source="cam", zone="yard", label="person", count=1)
DOOR = DoorState(seq=0, ts=1, source="door", open=True)


def outbox(
    folder: Path, max_records: int = 1000, max_picture_bytes: int = MAX_PICTURE_BYTES
) -> Outbox:
    return Outbox(
        folder / "outbox.sqlite", max_records=max_records, max_picture_bytes=max_picture_bytes
    )


def waiting(box: Outbox) -> list[int]:
    return [row.seq for row in box.peek(after=0, limit_records=10_000, limit_bytes=10**9).rows]


def test_seqs_grow_by_one_and_are_in_the_bytes(tmp_path: Path) -> None:
    box = outbox(tmp_path)
    assert box.append([COUNT, DOOR]) == [1, 2]
    assert box.append([]) == []
    assert box.append([COUNT]) == [3]
    rows = box.peek(after=0, limit_records=10, limit_bytes=10_000).rows
    assert [decode_record(row.raw).seq for row in rows] == [row.seq for row in rows] == [1, 2, 3]
    box.close()


def test_epoch_and_seqs_survive_a_restart_even_when_everything_was_sent(tmp_path: Path) -> None:
    box = outbox(tmp_path)
    box.append([COUNT] * 3)
    box.delete(1, 3)
    epoch = box.epoch
    box.close()
    again = outbox(tmp_path)
    assert (again.epoch, again.depth) == (epoch, 0)
    assert again.append([COUNT]) == [4]
    again.close()


def test_a_new_folder_is_a_new_epoch(tmp_path: Path) -> None:
    one, two = outbox(tmp_path / "a"), outbox(tmp_path / "b")
    assert one.epoch != two.epoch
    one.close()
    two.close()


def test_peek_keeps_to_its_limits_but_gives_at_least_one(tmp_path: Path) -> None:
    box = outbox(tmp_path)
    box.append([COUNT] * 10)
    size = len(box.peek(after=0, limit_records=1, limit_bytes=1).rows[0].raw)
    assert len(box.peek(after=0, limit_records=4, limit_bytes=10**6).rows) == 4
    assert len(box.peek(after=0, limit_records=10, limit_bytes=3 * (size + 1)).rows) == 3
    assert [row.seq for row in box.peek(after=8, limit_records=9, limit_bytes=10**6).rows] == [
        9,
        10,
    ]
    box.close()


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.one_of(st.lists(st.booleans(), max_size=8), st.integers(1, 12)), max_size=20),
    st.integers(1, 10),
)
def test_when_full_the_oldest_counts_go_first_then_the_oldest_of_the_rest(
    tmp_path_factory: pytest.TempPathFactory, steps: list[list[bool] | int], bound: int
) -> None:
    box = outbox(tmp_path_factory.mktemp("box"), max_records=bound)
    model: list[tuple[int, bool]] = []
    last, dropped = 0, 0
    for step in steps:
        if isinstance(step, int):
            model = [row for row in model if row[0] > step]
            box.delete(1, step)
        else:
            for is_count in step:
                last += 1
                model.append((last, is_count))
            records: list[AnyRecord] = [COUNT if is_count else DOOR for is_count in step]
            box.append(records)
            while len(model) > bound:
                model.remove(next((row for row in model if row[1]), model[0]))
                dropped += 1
        assert waiting(box) == [seq for seq, _ in model]
        assert (box.depth, box.dropped) == (len(model), dropped)
    box.close()


def test_what_was_dropped_is_still_known_after_a_restart(tmp_path: Path) -> None:
    box = outbox(tmp_path, max_records=5)
    box.append([DOOR] * 8)
    box.close()
    again = outbox(tmp_path, max_records=5)
    assert (again.dropped, again.depth) == (3, 5)
    again.close()


WRITER = """
import sys
from pathlib import Path
from edge.outbox import MAX_PICTURE_BYTES, Outbox
from wire.records import DoorState
box = Outbox(Path(sys.argv[1]), max_records=100_000)
door = DoorState(seq=0, ts=1, source="door", open=True)
while True:
    print(box.append([door] * 3)[-1], flush=True)
"""


def test_killed_in_the_middle_of_writing_no_acknowledged_record_is_lost(tmp_path: Path) -> None:
    path = tmp_path / "outbox.sqlite"
    acknowledged = 0
    for after in (5, 40):
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(path)],
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[2],
        )
        assert writer.stdout is not None
        for _ in range(after):
            acknowledged = int(writer.stdout.readline())
        os.kill(writer.pid, signal.SIGKILL)
        rest = writer.stdout.read().split("\n")[:-1]  # a torn last line was never read as told
        writer.stdout.close()
        writer.wait()
        acknowledged = int(rest[-1]) if rest else acknowledged
        box = Outbox(path, max_records=100_000)
        seqs = waiting(box)
        assert seqs == list(range(1, len(seqs) + 1))
        assert len(seqs) >= acknowledged
        assert len(seqs) % 3 == 0, "a batch is kept whole or not at all"
        box.close()


def test_a_corrupt_file_is_set_aside_and_a_new_epoch_begins(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    box = outbox(tmp_path)
    box.append([DOOR] * 500)
    epoch = box.epoch
    box.close()
    path = tmp_path / "outbox.sqlite"
    content = bytearray(path.read_bytes())
    content[4096:] = b"\x5a" * (len(content) - 4096)
    path.write_bytes(content)
    with caplog.at_level(logging.WARNING):
        again = outbox(tmp_path)
    assert again.epoch != epoch
    assert again.append([DOOR]) == [1]
    assert len(list(tmp_path.glob("outbox.sqlite.corrupt-*"))) == 1
    assert "is corrupt" in caplog.text
    assert "a new epoch begins" in caplog.text
    again.close()


def test_a_file_that_is_no_database_is_set_aside(tmp_path: Path) -> None:
    (tmp_path / "outbox.sqlite").write_bytes(b"this is not a database" * 400)
    box = outbox(tmp_path)
    assert box.append([DOOR]) == [1]
    box.close()


def test_a_file_that_breaks_while_in_use_is_set_aside_too(tmp_path: Path) -> None:
    box = outbox(tmp_path)
    box.append([DOOR] * 2000)
    epoch = box.epoch
    box._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    box._db.execute("PRAGMA cache_size = 0")
    box._db.execute("PRAGMA shrink_memory")
    path = tmp_path / "outbox.sqlite"
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\x5a" * (path.stat().st_size - 4096))
    with pytest.raises(OutboxFailed):
        waiting(box)
    assert box.epoch != epoch
    assert box.append([DOOR]) == [1]
    box.close()


def test_a_full_disk_is_told_and_nothing_is_half_written(tmp_path: Path) -> None:
    box = outbox(tmp_path)
    box.append([DOOR])
    (pages,) = box._db.execute("PRAGMA page_count").fetchone()
    box._db.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(OutboxFailed, match="full; check the disk's space and health"):
        box.append([DOOR] * 5000)
    assert (waiting(box), box.depth) == ([1], 1)
    box._db.execute("PRAGMA max_page_count = 100000")
    assert box.append([DOOR] * 5000) == list(range(2, 5002))
    box.close()


def test_every_sqlite_error_becomes_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken:
        in_transaction = False

        def execute(self, *_: object) -> None:
            raise sqlite3.OperationalError("disk I/O error")

    box = outbox(tmp_path)
    box.append([DOOR])
    box.add_picture(99, "ref", b"x")
    real = box._db
    monkeypatch.setattr(box, "_db", Broken())
    for use in (
        lambda: box.append([DOOR]),
        lambda: box.add_picture(1, "ref", b"x"),
        lambda: box.peek(after=0, limit_records=1, limit_bytes=1),
        lambda: box.delete(1, 1),
        box.peek_picture,
        lambda: box.delete_picture(1),
    ):
        with pytest.raises(OutboxFailed, match="disk I/O error"):
            use()
    real.close()


def test_two_agents_cannot_share_a_data_folder(tmp_path: Path) -> None:
    box = outbox(tmp_path)
    box.append([DOOR])
    with pytest.raises(OutboxLocked, match="is another agent running with this data folder"):
        outbox(tmp_path)
    box.close()


def test_threads_append_while_another_drains(tmp_path: Path) -> None:
    box = outbox(tmp_path)
    numbered: list[list[int]] = [[] for _ in range(4)]

    def write(mine: list[int]) -> None:
        for _ in range(30):
            mine += box.append([DOOR, COUNT])

    writers = [threading.Thread(target=write, args=(mine,)) for mine in numbered]
    for writer in writers:
        writer.start()
    drained: list[int] = []
    while len(drained) < 240:
        rows = box.peek(after=0, limit_records=50, limit_bytes=10**6).rows
        if rows:
            box.delete(rows[0].seq, rows[-1].seq)
            drained += [row.seq for row in rows]
    for writer in writers:
        writer.join()
    assert drained == list(range(1, 241))
    assert sorted(seq for mine in numbered for seq in mine) == drained
    box.close()


def test_a_picture_waits_for_its_record(tmp_path: Path) -> None:
    box = outbox(tmp_path)
    box.append([DOOR, DOOR])
    box.add_picture(1, "one", b"first")
    box.add_picture(2, "two", b"second")
    assert box.peek_picture() is None
    box.delete(2, 2)
    picture = box.peek_picture()
    assert picture is not None
    assert (picture.ref, picture.jpeg) == ("two", b"second")
    box.delete_picture(picture.id)
    assert box.peek_picture() is None
    box.delete(1, 1)
    assert box.pictures_waiting == 1
    box.close()


def test_pictures_are_bounded_by_bytes_and_the_oldest_go(tmp_path: Path) -> None:
    box = outbox(tmp_path, max_picture_bytes=1000)
    for number in range(5):
        box.add_picture(99, f"ref-{number}", b"x" * 300)
    assert (box.pictures_waiting, box.pictures_dropped) == (3, 2)
    picture = box.peek_picture()
    assert picture is not None
    assert picture.ref == "ref-2"
    box.close()


def test_the_picture_of_a_dropped_record_goes_with_it(tmp_path: Path) -> None:
    box = outbox(tmp_path, max_records=2)
    box.append([DOOR])
    box.add_picture(1, "ref", b"jpeg")
    box.append([DOOR] * 2)
    assert (box.pictures_waiting, box.pictures_dropped) == (0, 1)
    assert box.peek_picture() is None
    box.close()
