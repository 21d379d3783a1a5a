"""A video file as a camera: for trials, recordings and backtests."""

import logging
from pathlib import Path

import cv2

from edge.frames import Frame, Image
from edge.sources.base import Base, Even, Now, SourceBroken, Wait
from edge.sources.capture import grab, open_capture

log = logging.getLogger(__name__)

FALLBACK_FPS = 25.0
"""For files that do not say how fast they play."""


class FileSource(Base):
    """Plays a video file.

    ``fast`` hands out every picture as soon as it is asked for, as a recording that ended
    just now: nothing it shows lies in the future, however fast it is read. Otherwise the file
    plays at its own rate by the clock, at most ``fps`` pictures a second, and pictures that
    are already late are skipped. In both, a picture's ts is the start plus its place in the
    file.
    Raises SourceBroken where the file is missing or is no video.
    """

    def __init__(
        self,
        path: Path,
        now: Now,
        *,
        fps: float,
        fast: bool = False,
        loop: bool = False,
        wait: Wait | None = None,
    ) -> None:
        self._path = path
        self._now = now
        self._fast = fast
        self._loop = loop
        self._capture, first = self._opened()
        native = self._capture.get(cv2.CAP_PROP_FPS)
        self.native_fps = native if 0 < native < 1000 else FALLBACK_FPS
        super().__init__(
            fps=self.native_fps if fast else min(fps, self.native_fps),
            wait=wait,
        )
        self._pending: Image | None = first
        self._expected = int(self._capture.get(cv2.CAP_PROP_FRAME_COUNT))
        self._in_round = 0
        self._even = Even(fps)
        self._index = 0
        self._start_ts: int | None = None
        self.broke_off = 0
        """How often the file ended before the length that it states."""

    def set_fps(self, fps: float) -> None:
        """Deliver at most so many a second from the next picture on; read fast, it gives all."""
        if not self._fast:
            self.fps = min(fps, self.native_fps)
            self._even = Even(fps)

    def _read(self) -> Frame | None:
        """The next picture, in its own memory; None at the end or when closed."""
        while not self._closed.is_set():
            image = self._next()
            if image is None:
                return None
            if self._start_ts is None:
                recorded = self._expected / self.native_fps if self._fast else 0
                self._start_ts = self._now() - round(recorded * 1000)
            index = self._index
            self._index += 1
            frame = Frame(image, self._start_ts + round(index * 1000 / self.native_fps), index)
            if self._fast or self._on_time(frame):
                self.delivered += 1
                return frame
        self._capture.release()
        return None

    def _on_time(self, frame: Frame) -> bool:
        """Wait for a picture's moment; False where it is not wanted, too late, or closed."""
        late_ms = self._now() - frame.ts
        if late_ms > 1000 / self.fps or not self._even.wants(frame.index / self.native_fps):
            self.skipped += 1
            return False
        return self._until(frame.ts, self._now)

    def _next(self) -> Image | None:
        image, self._pending = self._pending, None
        if image is None:
            image = grab(self._capture)
        if image is None:
            self._note_end()
            if self._loop:
                self._capture.release()
                self._capture, image = self._opened()
                self._in_round = 0
        if image is None:
            self._capture.release()
            return None
        self._in_round += 1
        return image

    def _note_end(self) -> None:
        # Containers round their length; a file that stops within its last pictures is whole.
        if self._capture.isOpened() and self._in_round < self._expected * 0.98 - 2:
            self.broke_off += 1
            log.warning(
                "%s breaks off after %d of %d pictures: the rest cannot be read; copy it again",
                self._path,
                self._in_round,
                self._expected,
            )

    def _opened(self) -> tuple[cv2.VideoCapture, Image]:
        """The file from its start, and its first picture."""
        if not self._path.is_file():
            raise SourceBroken(f"there is no video file {self._path}; check the camera's file")
        capture = open_capture(str(self._path))
        image = grab(capture)
        if image is None:
            capture.release()
            raise SourceBroken(
                f"{self._path} is not a video that can be read; check that it plays, "
                "or convert it: ffmpeg -i IN -c:v libx264 OUT.mp4"
            )
        return capture, image
