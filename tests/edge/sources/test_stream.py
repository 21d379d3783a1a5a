"""Cameras on the network: the newest picture, tried again for ever, and no secret told."""

import logging
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from edge.frames import Image
from edge.sources import SourceDown
from edge.sources.stream import (
    Patience,
    StreamSource,
    with_credentials,
    without_credentials,
)
from tests.edge.fakes import DEADLINE_S, until
from tests.edge.sources.clips import (
    QUICK,
    Clock,
    FakeOpener,
    assert_ends_when_closed,
    level,
    picture,
    steps,
    stream,
)


def test_a_slow_reader_of_a_stream_gets_only_the_newest_picture() -> None:
    clock = Clock()
    opener = FakeOpener(steps(10, 20, 30, 40, clock=clock))
    source = stream(opener, clock)
    assert opener.exhausted.wait(DEADLINE_S)
    frame = source.read()
    assert frame is not None
    assert (level(frame), frame.ts, frame.index) == (4, 1_000_400, 3)
    assert (source.delivered, source.skipped) == (1, 3)
    opener.let_go.set()
    source.close()


def test_a_stream_gives_at_most_fps_pictures() -> None:
    clock = Clock()
    opener = FakeOpener(steps(*range(1, 51), clock=clock, step_ms=40))
    source = stream(opener, clock, fps=5)
    assert opener.exhausted.wait(DEADLINE_S)
    # 50 pictures, 25 a second, are 2 s: 10 were wanted, of which nobody took but the last.
    assert source._received == 50
    assert source.skipped == 49
    opener.let_go.set()
    source.close()


def test_a_stream_takes_another_rate_without_connecting_anew() -> None:
    clock = Clock()
    made = threading.Event()

    def script() -> Iterator[Image]:
        made.wait(DEADLINE_S)
        for number in range(1, 11):
            if number == 6:
                source.set_fps(25)
            yield from steps(10 * number, clock=clock, step_ms=40)

    opener = FakeOpener(script())
    source = stream(opener, clock, fps=1)
    made.set()
    assert opener.exhausted.wait(DEADLINE_S)
    frame = source.read()
    assert frame is not None
    assert (level(frame), source.fps) == (10, 25), "at one a second the first was the only one"
    opener.let_go.set()
    source.close()


LEAVING = """
import time
import cv2, numpy
from edge.sources.stream import StreamSource

class Busy:
    def isOpened(self): return True
    def release(self): pass
    def read(self):
        begun = time.monotonic()
        while time.monotonic() - begun < 2.5:
            cv2.blur(numpy.zeros((64, 64), numpy.uint8), (9, 9))
        return False, None

StreamSource("gate", 0, lambda: 0, fps=5, opener=lambda _: Busy()).close()
"""


def test_a_process_ends_well_though_a_camera_hangs_in_its_driver() -> None:
    done = subprocess.run(
        [sys.executable, "-c", LEAVING], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_a_camera_that_is_away_is_tried_again_until_it_answers(
    caplog: pytest.LogCaptureFixture,
) -> None:
    clock = Clock()
    pauses: list[float] = []

    def wait(seconds: float) -> bool:
        pauses.append(seconds)
        return False

    opener = FakeOpener(None, iter(()), None, steps(10, clock=clock))
    with caplog.at_level(logging.WARNING):
        source = stream(opener, clock, wait=wait, patience=Patience(first_pause_s=1))
        frame = source.read()
    assert frame is not None
    assert source.down is None
    assert source.reconnects == 0
    assert all(camera.released for camera in opener.cameras[:3])
    for attempt, pause in enumerate(pauses[:3]):
        assert 0.5 * 2**attempt <= pause <= 2**attempt
    assert "camera gate (rtsp://10.0.0.9/live) gives no picture (attempt 1); check" in caplog.text
    opener.let_go.set()
    source.close()


def test_a_camera_that_is_away_says_why() -> None:
    opener = FakeOpener(None)
    source = stream(opener, Clock())
    assert opener.exhausted.wait(DEADLINE_S)
    assert isinstance(source.down, SourceDown)
    opener.let_go.set()
    assert_ends_when_closed(source)


def test_a_connection_that_breaks_off_is_made_again_and_counted() -> None:
    clock = Clock()
    opener = FakeOpener(
        steps(10, 20, clock=clock), None, steps(30, clock=clock), steps(40, clock=clock)
    )
    source = stream(opener, clock)
    assert opener.exhausted.wait(DEADLINE_S)
    assert source.reconnects == 2
    opener.let_go.set()
    source.close()


def test_pauses_grow_up_to_a_limit_and_are_spread() -> None:
    patience = Patience(first_pause_s=0.5, longest_pause_s=30)
    assert [patience.pause_s(attempt, 1.0) for attempt in (0, 1, 2, 5, 6, 500)] == [
        0.5, 1, 2, 16, 30, 30,
    ]  # fmt: skip
    assert patience.pause_s(500, 0.0) == 15


def test_a_camera_that_hangs_is_connected_anew(caplog: pytest.LogCaptureFixture) -> None:
    clock = Clock()
    hanging, freed = threading.Event(), threading.Event()

    def hangs() -> Iterator[Image]:
        yield picture(10)
        hanging.set()
        freed.wait(DEADLINE_S)
        yield picture(20)

    def alive() -> Iterator[Image]:
        yield picture(30)
        freed.wait(DEADLINE_S)

    opener = FakeOpener(hangs(), alive())
    source = stream(opener, clock, patience=Patience(stall_s=10))
    assert source.read() is not None
    assert hanging.wait(DEADLINE_S)
    clock.now_ms += 10_001
    with caplog.at_level(logging.WARNING):
        frame = source.read()
    assert frame is not None
    assert level(frame) == 3
    assert "hangs: no answer for 10 s" in caplog.text
    assert source.reconnects == 1
    opener.let_go.set()
    freed.set()
    source.close()
    # What the thread that hung received too late is not handed out.
    assert source.delivered == 2


def test_a_camera_that_takes_long_to_open_is_waited_for() -> None:
    clock, opener = Clock(), FakeOpener()
    source = stream(opener, clock, patience=Patience(stall_s=10, opening_s=20))
    assert opener.exhausted.wait(DEADLINE_S)
    clock.now_ms += 29_000
    source._watch_for_stall()
    assert source.down is None
    clock.now_ms += 2_000
    source._watch_for_stall()
    assert "hangs" in str(source.down)
    until(lambda: len(opener.asked) == 2)
    opener.let_go.set()
    source.close()


def test_credentials_go_to_the_camera_and_nowhere_else(caplog: pytest.LogCaptureFixture) -> None:
    opener = FakeOpener(None)
    with caplog.at_level(logging.DEBUG):
        source = StreamSource(
            "gate", "rtsp://10.0.0.9:554/live?token=abc", Clock(), fps=5, patience=QUICK,
            username="guard", password="p@ss:w/rd", opener=opener,  # type: ignore[arg-type]
        )  # fmt: skip
        assert opener.exhausted.wait(DEADLINE_S)
    assert opener.asked[0] == "rtsp://guard:p%40ss%3Aw%2Frd@10.0.0.9:554/live?token=abc"
    for secret in ("p@ss", "p%40ss", "guard", "token"):
        assert secret not in caplog.text
        assert secret not in str(source.down)
    opener.let_go.set()
    source.close()


def test_addresses_are_shown_without_what_is_secret() -> None:
    assert without_credentials("http://a:b@cam:81/x?key=1") == "http://cam:81/x"
    assert with_credentials("http://old:pw@cam/x", "me", "") == "http://me:@cam/x"
    assert with_credentials("http://cam/x", "", "unused") == "http://cam/x"
