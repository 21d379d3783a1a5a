"""Pictures that tell which one they are, a clock that tests move, and cameras by script."""

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np

from edge.frames import Frame, Image
from edge.sources import Source
from edge.sources.stream import Patience, StreamSource
from tests.edge.fakes import DEADLINE_S

QUICK = Patience(first_pause_s=0.001, longest_pause_s=0.01)


class Clock:
    """A time that only moves when somebody waits for it or sets it."""

    def __init__(self, now_ms: int = 1_000_000) -> None:
        self.now_ms = now_ms

    def __call__(self) -> int:
        return self.now_ms

    def wait(self, seconds: float) -> bool:
        self.now_ms += max(1, round(seconds * 1000))
        return False


def real_now() -> int:
    return time.time_ns() // 1_000_000


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


def level(frame: Frame) -> int:
    """Which of the clip's pictures this is."""
    return round(float(frame.image.mean()) / 10)


def assert_ends_when_closed(source: Source) -> None:
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


def stream(opener: Callable[..., object], now: Callable[[], int], **more: object) -> StreamSource:
    settings: dict[str, object] = {"fps": 60, "patience": QUICK, **more}
    return StreamSource("gate", "rtsp://10.0.0.9/live", now, opener=opener, **settings)  # type: ignore[arg-type]


def steps(*levels: int, clock: Clock, step_ms: int = 100) -> Iterator[Image]:
    """Pictures that arrive ``step_ms`` apart."""
    for each in levels:
        clock.now_ms += step_ms
        yield picture(each)
