"""Files: paced by the clock or as fast as they go, honest about what they skip."""

import logging
from pathlib import Path

import numpy as np
import pytest

from edge.sources import SourceBroken
from edge.sources.file import FileSource
from tests.edge.sources.clips import Clock, level, picture, write_video


def test_a_fast_file_gives_every_picture_with_its_time(clip: Path) -> None:
    source = FileSource(clip, Clock(5_000), fps=2, fast=True)
    frames = list(source)
    assert [frame.ts for frame in frames] == [3_000 + 100 * index for index in range(20)]
    assert [frame.index for frame in frames] == list(range(20))
    assert [level(frame) for frame in frames] == list(range(20))
    assert (source.delivered, source.skipped, source.broke_off) == (20, 0, 0)
    assert source.fps == 10.0


def test_an_mp4_plays_too(tmp_path: Path) -> None:
    path = write_video(tmp_path / "clip.mp4", [picture(90)] * 12, codec="mp4v")
    assert len(list(FileSource(path, Clock(), fps=5, fast=True))) == 12


def test_vtest_has_795_pictures(shared: Path) -> None:
    source = FileSource(shared / "footage" / "vtest.avi", Clock(0), fps=5, fast=True)
    frames = 0
    for frame in source:
        frames += 1
        last_ts = frame.ts
    assert (frames, last_ts, source.broke_off) == (795, -100, 0)


def test_a_paced_file_waits_for_each_picture(clip: Path) -> None:
    clock = Clock()
    source = FileSource(clip, clock, fps=10, wait=clock.wait)
    for frame in source:
        assert clock.now_ms == frame.ts
    assert (source.delivered, source.skipped) == (20, 0)
    assert clock.now_ms == 1_000_000 + 1_900


def test_a_paced_file_gives_at_most_fps_pictures_evenly(clip: Path) -> None:
    clock = Clock()
    source = FileSource(clip, clock, fps=5, wait=clock.wait)
    assert [frame.index for frame in source] == list(range(0, 20, 2))
    assert (source.delivered, source.skipped) == (10, 10)
    assert source.fps == 5


def test_a_paced_file_takes_another_rate_where_it_is(clip: Path) -> None:
    clock = Clock()
    source = FileSource(clip, clock, fps=5, wait=clock.wait)
    first = [frame.index for _, frame in zip(range(3), source, strict=False)]
    source.set_fps(10)
    assert (first, [frame.index for frame in source]) == ([0, 2, 4], list(range(5, 20)))


def test_a_slow_reader_of_a_paced_file_skips_what_is_late(clip: Path) -> None:
    clock = Clock()
    source = FileSource(clip, clock, fps=10, wait=clock.wait)
    delays = []
    for frame in source:
        delays.append(clock.now_ms - frame.ts)
        clock.now_ms += 350
    assert max(delays) <= 100
    assert source.skipped > 8
    assert source.delivered + source.skipped == 20


def test_a_looped_file_starts_again_and_its_time_goes_on(clip: Path) -> None:
    source = FileSource(clip, Clock(0), fps=10, fast=True, loop=True)
    frames = [frame for _, frame in zip(range(45), source, strict=False)]
    assert [frame.ts for frame in frames] == [100 * index - 2_000 for index in range(45)]
    assert level(frames[20]) == level(frames[40]) == 0
    source.close()
    assert source.read() is None


def test_a_missing_file_says_so(tmp_path: Path) -> None:
    with pytest.raises(SourceBroken, match=r"no video file .*gone\.avi; check the camera's file"):
        FileSource(tmp_path / "gone.avi", Clock(), fps=5)


@pytest.mark.parametrize("content", [b"", b"this is a text, not a video\n" * 100, b"\x00" * 4096])
def test_a_file_that_is_no_video_says_what_to_do(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "notes.mp4"
    path.write_bytes(content)
    with pytest.raises(SourceBroken, match=r"notes\.mp4 is not a video that can be read.*ffmpeg"):
        FileSource(path, Clock(), fps=5)


def test_a_file_that_breaks_off_ends_with_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    random = np.random.default_rng(1)
    noise = [random.integers(0, 255, (48, 64, 3), dtype=np.uint8) for _ in range(20)]
    content = write_video(tmp_path / "whole.avi", noise).read_bytes()
    broken = tmp_path / "broken.avi"
    broken.write_bytes(content[: len(content) * 6 // 10])
    source = FileSource(broken, Clock(), fps=10, fast=True)
    with caplog.at_level(logging.WARNING):
        frames = list(source)
    assert 3 < len(frames) < 20
    assert source.broke_off == 1
    assert f"broken.avi breaks off after {len(frames)} of 20 pictures" in caplog.text
    assert capfd.readouterr() == ("", "")


def test_a_video_that_cannot_be_read_makes_no_noise(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "noise.mp4"
    path.write_bytes(np.random.default_rng(1).bytes(20_000))
    with pytest.raises(SourceBroken):
        FileSource(path, Clock(), fps=5)
    assert capfd.readouterr() == ("", "")
