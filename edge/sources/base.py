"""What every source of pictures offers, and what can go wrong with one.

Errors::

    SourceError
    ├── SourceBroken   no picture will ever come: wrong path, not a video; trying again is useless
    └── SourceDown     not reachable now; trying again can help
"""

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Protocol, Self

import cv2
import numpy as np

from edge.frames import Frame

Now = Callable[[], int]
"""Milliseconds since the Unix epoch, UTC."""
Wait = Callable[[float], bool]
"""Waits so many seconds, or less where the source is closed; True once it is closed."""


class SourceError(Exception):
    """A source that gives no pictures."""


class SourceBroken(SourceError):
    """No picture will ever come from it as it is configured."""


class SourceDown(SourceError):
    """It cannot be reached now; trying again can help."""


class Source(Protocol):
    """One camera's pictures, in order of time.

    One thread reads; any thread may close, which ends a blocked ``read`` within moments.
    """

    fps: float
    """Pictures a second that ``read`` delivers at most (a live source)."""
    delivered: int
    """Pictures handed out."""
    skipped: int
    """Pictures that came but were not handed out: too late, or more than ``fps``."""
    reconnects: int
    """How often a connection that was there had to be made again."""
    down: SourceDown | None
    """Why no pictures come at the moment, where that is so."""

    def read(self) -> Frame | None:
        """The next picture; waits for it. None once there is none any more, or when closed."""

    def set_fps(self, fps: float) -> None:
        """Deliver at most so many a second from the next picture on; the reader calls it."""

    def close(self) -> None:
        """Release the camera or file. May be called again."""

    def __iter__(self) -> Iterator[Frame]:
        """Every picture until the last."""


class Base(ABC):
    """Counting, iterating and closing, the same for every source."""

    turn: int | None = None
    """cv2's code of the quarter turns that set its pictures upright; None: they are."""

    def __init__(self, *, fps: float, wait: Wait | None) -> None:
        self.fps = fps
        self.delivered = 0
        self.skipped = 0
        self.reconnects = 0
        self.down: SourceDown | None = None
        self._closed = threading.Event()
        self._wait: Wait = wait or self._closed.wait

    def read(self) -> Frame | None:
        """The next picture, upright; None at the end or when closed."""
        frame = self._read()
        if frame is None or self.turn is None:
            return frame
        return replace(frame, image=cv2.rotate(frame.image, self.turn).astype(np.uint8, copy=False))

    @abstractmethod
    def _read(self) -> Frame | None:
        """The next picture as the camera gives it; None at the end or when closed."""

    @abstractmethod
    def set_fps(self, fps: float) -> None:
        """Deliver at most so many a second from the next picture on."""

    def close(self) -> None:
        self._closed.set()

    def __iter__(self) -> Iterator[Frame]:
        while (frame := self.read()) is not None:
            yield frame

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _until(self, due_ms: float, now: Now) -> bool:
        """Wait for a time of the clock; False where the source was closed meanwhile."""
        while not self._closed.is_set():
            left_ms = due_ms - now()
            if left_ms <= 0:
                return True
            self._wait(min(left_ms / 1000, 0.5))
        return False


class Even:
    """Chooses pictures evenly: of a stream at any rate, at most ``fps`` a second.

    A picture is wanted when it is the first in its slot of 1/fps seconds; slots are counted
    from the first picture, so that rounding never adds up.
    """

    def __init__(self, fps: float) -> None:
        self._fps = fps
        self._first_s: float | None = None
        self._slot = -1

    def wants(self, time_s: float) -> bool:
        """Whether a picture taken at ``time_s`` is to be handed out."""
        if self._first_s is None:
            self._first_s = time_s
        # A hair of slack: 10 fps pictures into 5 fps slots fall exactly on their edges.
        slot = int((time_s - self._first_s) * self._fps + 1e-3)
        if slot == self._slot:
            return False
        self._slot = slot
        return True
