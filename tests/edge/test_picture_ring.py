"""The last days' pictures: within their budget, the oldest go first, whatever happens."""

import errno
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from prometheus_client import CollectorRegistry

import linli
from edge.metrics import EdgeMetrics
from edge.outbox import Outbox
from edge.picture_ring import RESERVE_BYTES, PictureRing, kept_in
from edge.recorder import Recorder
from wire.records import DoorState

DAY_MS = 86_400_000
PLENTY = 10**12
START = 1_700_000_000_000


def ring_in(folder: Path, max_bytes: int = 1_000, free: int = PLENTY) -> PictureRing:
    return PictureRing(folder, max_bytes=max_bytes, keep_ms=DAY_MS, free_bytes=lambda _folder: free)


def refs(folder: Path) -> list[str]:
    return [each.ref for each in sorted(kept_in(folder), key=lambda each: each.ts)]


def fill(ring: PictureRing, count: int, size: int = 100) -> None:
    for number in range(count):
        assert ring.add("cam", START + number * 1_000, f"r-{number}", bytes([number]) * size)


def test_the_oldest_go_first_when_the_budget_is_spent(tmp_path: Path) -> None:
    ring = ring_in(tmp_path)
    gone: list[str] = []
    ring.on_gone = gone.append
    fill(ring, 13)
    assert (ring.pictures, ring.size) == (10, 1_000)
    assert refs(tmp_path) == [f"r-{n}" for n in range(3, 13)]
    assert gone == ["r-0", "r-1", "r-2"]
    assert ring.read("r-2") is None
    assert ring.read("r-12") == bytes([12]) * 100


def test_a_restart_goes_on_where_it_was_also_after_a_power_cut(tmp_path: Path) -> None:
    fill(ring_in(tmp_path), 5)
    (tmp_path / "cam" / "0001700000099000_half.part").write_bytes(b"half a pict")
    (tmp_path / "cam" / "notes.jpg").write_bytes(b"somebody's")
    ring = ring_in(tmp_path, max_bytes=600)
    assert (ring.pictures, ring.size) == (5, 500)
    assert not list(tmp_path.glob("*/*.part"))
    for number in (5, 6):
        ring.add("yard", START + 10_000 + number, f"r-{number}", b"x" * 100)
    assert refs(tmp_path) == [f"r-{n}" for n in range(1, 7)]
    assert (tmp_path / "cam" / "notes.jpg").exists(), "what is not ours stays"


def test_what_is_too_old_goes_though_there_is_room(tmp_path: Path) -> None:
    ring = ring_in(tmp_path)
    fill(ring, 3)
    ring.prune(START + DAY_MS + 1_500)
    assert refs(tmp_path) == ["r-2"]
    ring.limit(10, DAY_MS, START)
    assert refs(tmp_path) == []


def test_a_full_disk_costs_the_oldest_pictures_and_never_the_agent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    fill(ring_in(tmp_path), 4)
    free = iter([RESERVE_BYTES + n for n in (0, 60, 120, 120)])
    ring = PictureRing(
        tmp_path, max_bytes=1_000, keep_ms=DAY_MS, free_bytes=lambda _folder: next(free)
    )
    assert ring.add("cam", START + 9_000, "new", b"x" * 100)
    assert refs(tmp_path) == ["r-2", "r-3", "new"]

    def full(_self: Path, _data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    ring = ring_in(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", full)
        assert not ring.add("cam", START + 10_000, "lost", b"x")
        assert not ring.add("cam", START + 11_000, "lost-too", b"x")
    assert caplog.text.count("No space left on device; pictures are sent, but not kept") == 1
    assert "No space left" in ring.problem
    assert ring.add("cam", START + 12_000, "again", b"x")
    assert ring.problem == ""


def test_a_disk_that_others_have_filled_is_left_to_the_records(tmp_path: Path) -> None:
    ring = ring_in(tmp_path, free=RESERVE_BYTES - 1)
    assert not ring.add("cam", START, "r", b"x")
    assert "No space left" in ring.problem
    assert refs(tmp_path) == []


def test_the_picture_of_a_moment_is_the_nearest_of_that_camera(tmp_path: Path) -> None:
    ring = ring_in(tmp_path)
    fill(ring, 5)
    ring.add("yard", START + 2_100, "other", b"x")
    found = ring.nearest("cam", START + 2_400, 60_000)
    assert found is not None
    assert found.ref == "r-2"
    assert ring.nearest("cam", START + 90_000, 60_000) is None
    assert ring.nearest("lobby", START, 60_000) is None


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[Outbox]:
    made = Outbox(tmp_path / "outbox.sqlite", max_records=1_000, max_picture_bytes=150)
    yield made
    made.close()


def test_an_outage_loses_no_picture_that_the_ring_still_holds(
    outbox: Outbox, tmp_path: Path
) -> None:
    ring = ring_in(tmp_path / "pictures")
    recorder = Recorder(outbox, EdgeMetrics(CollectorRegistry()), ring)
    for number in range(12):  # eight times what the outbox itself would hold
        (seq,) = recorder.append([DoorState(seq=0, ts=number, source="d", open=True)])
        recorder.picture("cam", START + number, seq, f"r-{number}", bytes([number]) * 100)
    assert (outbox.pictures_waiting, outbox.pictures_dropped) == (10, 2)
    outbox.delete(1, 12)
    sent = []
    while (picture := outbox.peek_picture()) is not None:
        sent.append((picture.ref, picture.jpeg[0], len(picture.jpeg)))
        outbox.delete_picture(picture.id)
    assert sent == [(f"r-{n}", n, 100) for n in range(2, 12)]
    assert ring.pictures == 10, "sent, and kept for the days after"


def test_a_picture_that_somebody_has_deleted_is_counted_and_the_next_one_goes(
    outbox: Outbox, tmp_path: Path
) -> None:
    ring = ring_in(tmp_path / "pictures")
    recorder = Recorder(outbox, EdgeMetrics(CollectorRegistry()), ring)
    (seq,) = recorder.append([DoorState(seq=0, ts=1, source="d", open=True)])
    for name in ("one", "two"):
        recorder.picture("cam", START, seq, name, b"jpeg")
    outbox.delete(seq, seq)
    next((tmp_path / "pictures" / "cam").glob("*one.jpg")).unlink()
    picture = outbox.peek_picture()
    assert picture is not None
    assert (picture.ref, outbox.pictures_dropped) == ("two", 1)


def test_where_the_ring_has_no_room_the_picture_waits_in_the_outbox(
    outbox: Outbox, tmp_path: Path
) -> None:
    ring = ring_in(tmp_path / "pictures", free=0)
    recorder = Recorder(outbox, EdgeMetrics(CollectorRegistry()), ring)
    (seq,) = recorder.append([DoorState(seq=0, ts=1, source="d", open=True)])
    recorder.picture("cam", START, seq, "one", b"jpeg")
    outbox.delete(seq, seq)
    picture = outbox.peek_picture()
    assert picture is not None
    assert picture.jpeg == b"jpeg"


def asked(config: Path, *words: str) -> Result:
    return CliRunner().invoke(linli.main, ["edge", "pictures", words[0], "-c", str(config),
                                           *words[1:]])  # fmt: skip


def test_what_is_kept_is_listed_and_taken_along(tmp_path: Path) -> None:
    config = tmp_path / "edge.yaml"
    config.write_text("site: s\nnode: n\npictures: {max_mb: 100, keep: 3d}\n")
    ring = ring_in(tmp_path / "data" / "pictures")
    fill(ring, 3)
    ring.add("yard", START + 1_200, "other", b"yard")
    shown = asked(config, "list")
    assert shown.exit_code == 0, shown.output
    assert "4 pictures, 0.0 MB" in shown.output
    rows = [json.loads(row) for row in asked(config, "list", "--camera", "cam", "--json",
                                             "--since", "2023-11-14T22:13:21+00:00").output
            .splitlines()]  # fmt: skip
    assert [(row["ref"], row["ts"]) for row in rows] == [("r-1", START + 1_000),
                                                         ("r-2", START + 2_000)]  # fmt: skip
    folder = tmp_path / "taken"
    done = asked(config, "export", "--to", str(folder), "--at", "2023-11-14T22:13:21.300+00:00")
    assert "2 pictures in" in done.output, done.output
    assert sorted(each.read_bytes()[:4] for each in folder.iterdir()) == [b"\x01" * 4, b"yard"]
    none = asked(config, "export", "--to", str(folder), "--camera", "attic")
    assert (none.exit_code, "no picture of a camera 'attic'" in none.stderr) == (1, True)
    late = asked(config, "export", "--to", str(folder), "--at", "2023-11-14T22:15:00+00:00")
    assert (late.exit_code, len(list(folder.iterdir()))) == (1, 2), "another moment is not that one"
    assert "yard: no picture from within a minute; the nearest is of 2023-11-1" in late.stderr
    assert "is no time such as" in asked(config, "list", "--since", "yesterday").stderr
    config.write_text("site: s\nnode: n\npictures: {keep: 10m}\n")
    wrong = asked(config, "list")
    assert wrong.exit_code == 2
    assert "pictures.keep" in wrong.stderr
    assert "too short to outlast an outage" in wrong.stderr
