"""Sources: paced by the clock, honest about what they skip, and hard to stop."""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import cv2
import numpy as np
import pytest

from configs.agent import Camera, StreetSettings
from edge.frames import Frame, Image
from edge.sources import SourceBroken, SourceDown, open_source
from edge.sources.base import Even
from edge.sources.file import FileSource
from edge.sources.simulated import SimulatedSource
from edge.sources.stream import (
    Patience,
    StreamSource,
    with_credentials,
    without_credentials,
)

DEADLINE_S = 20.0


class Clock:
    """A time that only moves when somebody waits for it or sets it."""

    def __init__(self, now_ms: int = 1_000_000) -> None:
        self.now_ms = now_ms

    def __call__(self) -> int:
        return self.now_ms

    def wait(self, seconds: float) -> bool:
        self.now_ms += max(1, round(seconds * 1000))
        return False


def picture(level: int) -> Image:
    """A plain picture whose brightness tells which one it is."""
    return np.full((48, 64, 3), level, np.uint8)


def write_video(path: Path, pictures: list[Image], *, codec: str = "MJPG") -> Path:
    """A video of 10 pictures a second."""
    fourcc = cv2.VideoWriter.fourcc(*codec)
    writer = cv2.VideoWriter(str(path), fourcc, 10.0, (64, 48))
    for each in pictures:
        writer.write(each)
    writer.release()
    return path


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """20 pictures that tell which one they are."""
    return write_video(tmp_path / "clip.avi", [picture(10 * index) for index in range(20)])


def level(frame: Frame) -> int:
    """Which of the clip's pictures this is."""
    return round(float(frame.image.mean()) / 10)


# Files


def test_a_fast_file_gives_every_picture_with_its_time(clip: Path) -> None:
    source = FileSource(clip, Clock(5_000), fps=2, fast=True)
    frames = list(source)
    assert [frame.ts for frame in frames] == [3_000 + 100 * index for index in range(20)]
    assert [frame.index for frame in frames] == list(range(20))
    assert [level(frame) for frame in frames] == list(range(20))
    assert (source.delivered, source.skipped, source.broke_off) == (20, 0, 0)
    assert (source.fps, source.size_wh) == (10.0, (64, 48))


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


# The simulated street


def test_the_street_plays_by_the_clock() -> None:
    clock = Clock()
    source = SimulatedSource(StreetSettings(fps=10), clock, fps=5, wait=clock.wait)
    frames = [frame for _, frame in zip(range(5), source, strict=False)]
    assert [frame.ts - 1_000_000 for frame in frames] == [0, 200, 400, 600, 800]
    assert clock.now_ms == 1_000_800
    assert source.fps == 5
    np.testing.assert_array_equal(frames[3].image, source.street.frame(600))


def test_a_slow_reader_of_the_street_skips_to_the_present() -> None:
    clock = Clock()
    source = SimulatedSource(StreetSettings(fps=10), clock, fps=10, wait=clock.wait)
    first = source.read()
    clock.now_ms += 1_050
    late = source.read()
    assert first is not None
    assert late is not None
    assert (first.index, late.index, late.ts) == (0, 10, 1_001_000)
    assert (source.delivered, source.skipped) == (2, 9)


def test_a_fast_street_renders_every_moment_without_waiting() -> None:
    clock = Clock()
    source = SimulatedSource(StreetSettings(fps=4), clock, fps=2, fast=True)
    frames = [frame for _, frame in zip(range(6), source, strict=False)]
    assert [frame.ts - 1_000_000 for frame in frames] == [0, 250, 500, 750, 1000, 1250]
    assert clock.now_ms == 1_000_000


def test_the_street_ends_when_closed_even_while_it_waits() -> None:
    source = SimulatedSource(StreetSettings(fps=1), lambda: 7, fps=1)
    assert source.read() is not None
    assert_ends_when_closed(source)


def assert_ends_when_closed(source: SimulatedSource | StreamSource | FileSource) -> None:
    """A read that blocks for ever ends soon after close()."""
    results: list[Frame | None] = []
    started = threading.Event()

    def read() -> None:
        started.set()
        results.append(source.read())

    reader = threading.Thread(target=read)
    reader.start()
    started.wait(DEADLINE_S)
    source.close()
    reader.join(DEADLINE_S)
    assert not reader.is_alive()
    assert results == [None]


# Choosing pictures


@pytest.mark.parametrize(
    ("camera_fps", "wanted_fps", "expected"),
    [(25, 5, 5), (30, 12, 12), (10, 10, 10), (12.5, 5, 5), (5, 10, 5), (29.97, 29.97, 30)],
)
def test_pictures_are_chosen_evenly(camera_fps: float, wanted_fps: float, expected: int) -> None:
    even = Even(wanted_fps)
    seconds = 20
    chosen = [
        index / camera_fps
        for index in range(int(seconds * camera_fps))
        if even.wants(index / camera_fps)
    ]
    assert abs(len(chosen) - expected * seconds) <= 1
    gaps = np.diff(chosen)
    assert gaps.max() - gaps.min() <= 1.01 / camera_fps


# Streams


class FakeCamera:
    """Stands in for cv2.VideoCapture: gives what the script says, then fails."""

    def __init__(self, pictures: Iterator[Image] | None) -> None:
        self._pictures = pictures
        self.released = False

    def isOpened(self) -> bool:  # noqa: N802 - cv2's name
        return self._pictures is not None

    def read(self) -> tuple[bool, Image | None]:
        image = next(self._pictures, None) if self._pictures is not None else None
        return image is not None, image

    def release(self) -> None:
        self.released = True


class FakeOpener:
    """Opens one scripted camera after the other; blocks when there is none left."""

    def __init__(self, *scripts: Iterator[Image] | None) -> None:
        self.cameras = [FakeCamera(script) for script in scripts]
        self.asked: list[str | int] = []
        self.exhausted = threading.Event()
        self.let_go = threading.Event()

    def __call__(self, address: str | int) -> FakeCamera:
        self.asked.append(address)
        if len(self.asked) > len(self.cameras):
            self.exhausted.set()
            self.let_go.wait(DEADLINE_S)
            return FakeCamera(None)
        return self.cameras[len(self.asked) - 1]


QUICK = Patience(first_pause_s=0.001, longest_pause_s=0.01)


def stream(opener: Callable[..., object], now: Callable[[], int], **more: object) -> StreamSource:
    settings: dict[str, object] = {"fps": 60, "patience": QUICK, **more}
    return StreamSource("gate", "rtsp://10.0.0.9/live", now, opener=opener, **settings)  # type: ignore[arg-type]


def steps(*levels: int, clock: Clock, step_ms: int = 100) -> Iterator[Image]:
    """Pictures that arrive ``step_ms`` apart."""
    for each in levels:
        clock.now_ms += step_ms
        yield picture(each)


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


class MjpegCamera:
    """A camera that serves motion JPEG over HTTP, as many real ones do."""

    def __init__(self, port: int = 0) -> None:
        stop = self._stop = threading.Event()

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=cut")
                self.end_headers()
                try:
                    while not stop.wait(0.02):
                        _, jpeg = cv2.imencode(".jpg", picture(120))
                        head = f"--cut\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}"
                        self.wfile.write(head.encode() + b"\r\n\r\n" + jpeg.tobytes() + b"\r\n")
                except OSError:
                    return

            def log_message(self, *_: object) -> None:
                """Requests of a test are of no interest."""

        self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self._server.daemon_threads = True
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    def kill(self) -> None:
        self._stop.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(DEADLINE_S)


def real_now() -> int:
    return time.time_ns() // 1_000_000


def test_an_http_camera_that_is_restarted_comes_back() -> None:
    camera = MjpegCamera()
    source = StreamSource(
        "gate", f"http://127.0.0.1:{camera.port}/video.mjpg", real_now, fps=60, patience=QUICK
    )
    try:
        before = real_now()
        first = source.read()
        assert first is not None
        assert before <= first.ts <= real_now()
        assert source.size_wh == (64, 48)
        assert abs(float(first.image.mean()) - 120) < 3
        port = camera.port
        camera.kill()
        camera = MjpegCamera(port)
        deadline = time.monotonic() + DEADLINE_S
        while source.reconnects == 0 and time.monotonic() < deadline:
            assert source.read() is not None
        assert source.reconnects == 1
        assert source.read() is not None
    finally:
        source.close()
        camera.kill()


# From a camera's settings


def test_settings_choose_the_source(clip: Path) -> None:
    file = open_source(Camera(id="a", file=str(clip), pace="fast", loop=True), Clock())
    assert isinstance(file, FileSource)
    street = open_source(Camera(id="b", street=StreetSettings(size_wh=(320, 240))), Clock())
    assert isinstance(street, SimulatedSource)
    assert street.size_wh == (320, 240)
    for source in (file, street):
        source.close()
        assert source.read() is None


def test_a_camera_nowhere_is_refused() -> None:
    with pytest.raises(SourceBroken, match="camera yard has no url, file, usb or street"):
        open_source(Camera(id="yard"), Clock())


def test_a_password_that_is_not_set_is_refused_by_name() -> None:
    camera = Camera(id="yard", url="rtsp://h/1", username="u", password_env="YARD_PASSWORD")
    with pytest.raises(SourceBroken, match="YARD_PASSWORD that holds its password is not set"):
        open_source(camera, Clock(), environment={})


def test_a_camera_on_the_network_that_is_away_raises_nothing() -> None:
    camera = Camera(id="yard", url="http://127.0.0.1:9/none", username="u", password_env="SECRET")
    source = open_source(camera, real_now, environment={"SECRET": "x"})
    assert isinstance(source, StreamSource)
    assert_ends_when_closed(source)
