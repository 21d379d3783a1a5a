"""Cameras on the network (RTSP, HTTP) and on USB: whatever happens, the newest picture.

A thread reads the camera and keeps only its last picture, so that a slow detector never
makes the delay grow. The thread connects again by itself, with growing pauses.
"""

import atexit
import logging
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, urlsplit, urlunsplit

import cv2

from edge.frames import Frame, Image
from edge.sources.base import Base, Even, Now, SourceDown, Wait
from edge.sources.capture import grab, open_capture

log = logging.getLogger(__name__)

MAX_READERS = 3
"""Threads at most, those that hang included."""

LEFT_S: Final = 12.0
"""The process waits so long at its end for readers that hang; cv2 gives a camera up before."""
_left: list[threading.Thread] = []

Opener = Callable[[str | int], cv2.VideoCapture]


@dataclass(frozen=True, slots=True)
class Patience:
    """How a stream behaves when its camera does not answer."""

    first_pause_s: float = 0.5
    longest_pause_s: float = 30.0
    """Pauses double up to this. Higher: fewer attempts, later recovery."""
    stall_s: float = 10.0
    """No picture for so long counts as a lost connection. Higher: tolerates hiccups."""
    opening_s: float = 20.0
    """So much longer may it take to open a camera. Higher: one that wakes up slowly gets there;
    one whose driver hangs is found later."""

    def pause_s(self, attempt: int, jitter: float) -> float:
        """The pause after failed attempt number ``attempt`` (from 0); jitter 0–1 spreads it.

        Full length at jitter 1, half at 0, so that many cameras do not come back at once.
        """
        full = min(self.longest_pause_s, self.first_pause_s * 2.0 ** min(attempt, 30))
        return full * (0.5 + jitter / 2)


class StreamSource(Base):
    """A live camera. ``read`` gives the newest picture; ts is when it was received."""

    def __init__(
        self,
        name: str,
        address: str | int,
        now: Now,
        *,
        fps: float,
        username: str = "",
        password: str = "",
        patience: Patience = Patience(),
        wait: Wait | None = None,
        opener: Opener = open_capture,
    ) -> None:
        super().__init__(fps=fps, wait=wait)
        self._name = name
        self._shown = f"usb {address}" if isinstance(address, int) else without_credentials(address)
        self._address = (
            address if isinstance(address, int) else with_credentials(address, username, password)
        )
        self._now = now
        self._patience = patience
        self._opener = opener
        self._even = Even(fps)
        self._fresh = threading.Condition()
        self._latest: Frame | None = None
        self._received = 0
        self._heard_at = now()
        self._was_connected = False
        self._readers: list[threading.Thread] = []
        self._replace_reader()

    def _read(self) -> Frame | None:
        """The newest picture not yet handed out; waits for one. None when closed."""
        with self._fresh:
            while not self._closed.is_set():
                if self._latest is not None:
                    frame, self._latest = self._latest, None
                    self.delivered += 1
                    return frame
                self._fresh.wait(0.5)
                self._watch_for_stall()
        return None

    def set_fps(self, fps: float) -> None:
        """Deliver at most so many a second from the next picture on; the stream goes on."""
        self.fps = fps
        self._even = Even(fps)

    def close(self) -> None:
        """Stop reading; a reader that hangs in the driver is left to end by itself."""
        super().close()
        with self._fresh:
            self._fresh.notify_all()
        for reader in self._readers:
            if reader is not threading.current_thread():
                reader.join(timeout=1.0)
        _left[:] = [each for each in (*_left, *self._readers) if each.is_alive()]

    def _watch_for_stall(self) -> None:
        stalled_ms = self._now() - self._heard_at
        if stalled_ms < self._patience.stall_s * 1000:
            return
        self._readers = [reader for reader in self._readers if reader.is_alive()]
        if len(self._readers) < MAX_READERS:
            self.down = SourceDown(
                f"camera {self._name} ({self._shown}) hangs: no answer for "
                f"{stalled_ms / 1000:.0f} s; check its power and network"
            )
            log.warning("%s; connecting anew", self.down)
            self._replace_reader()

    def _replace_reader(self) -> None:
        """A new thread; one that hangs finds itself replaced when it wakes up."""
        self._opens()
        reader = threading.Thread(
            target=self._run, name=f"camera-{self._name}-{len(self._readers)}", daemon=True
        )
        self._readers.append(reader)
        reader.start()

    def _opens(self) -> None:
        """Else a camera that takes its time would be left each time before its first picture."""
        self._heard_at = self._now() + round(self._patience.opening_s * 1000)

    def _is_current(self) -> bool:
        return not self._closed.is_set() and self._readers[-1] is threading.current_thread()

    def _run(self) -> None:
        attempt = 0
        while self._is_current():
            try:
                attempt = self._play(attempt)
            except SourceDown as down:
                self.down = down
                pause_s = self._patience.pause_s(attempt, random.random())  # noqa: S311 - spreads load
                log.warning("%s; next attempt in %.1f s", down, pause_s)
                attempt += 1
                self._heard_at = self._now() + round(pause_s * 1000)
                self._wait(pause_s)

    def _play(self, attempt: int) -> int:
        """Connect and receive until the connection ends; 0, the next attempt's number.

        Raises SourceDown where no picture came at all.
        """
        self._opens()
        capture = self._opener(self._address)
        try:
            with self._fresh:
                if self._is_current():
                    self._heard_at = self._now()
            received = 0
            while self._is_current():
                image = grab(capture)
                if image is None:
                    break
                if received == 0:
                    self._note_connected()
                received += 1
                self._keep(image)
            if received == 0 and self._is_current():
                raise SourceDown(
                    f"camera {self._name} ({self._shown}) gives no picture (attempt "
                    f"{attempt + 1}); check its power, network, address and password"
                )
        finally:
            capture.release()
        if self._is_current():
            log.warning("camera %s (%s) broke off; connecting anew", self._name, self._shown)
            self._wait(self._patience.pause_s(0, random.random()))  # noqa: S311 - spreads load
        return 0

    def _note_connected(self) -> None:
        self.down = None
        if self._was_connected:
            self.reconnects += 1
        self._was_connected = True

    def _keep(self, image: Image) -> None:
        """Make a picture the newest; the one before it, if nobody took it, is skipped."""
        ts = self._now()
        with self._fresh:
            if not self._is_current():
                return
            self._heard_at = ts
            index = self._received
            self._received += 1
            if not self._even.wants(ts / 1000):
                self.skipped += 1
                return
            self.skipped += self._latest is not None
            self._latest = Frame(image, ts, index)
            self._fresh.notify_all()


@atexit.register
def _wait_for_the_left() -> None:
    """Python's end aborts the whole process where a thread comes back from cv2 meanwhile."""
    end = time.monotonic() + LEFT_S
    for reader in _left:
        reader.join(max(0.0, end - time.monotonic()))


def with_credentials(url: str, username: str, password: str) -> str:
    """The address that the camera is asked with. Never log it."""
    if not username:
        return url
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{quote(username, '')}:{quote(password, '')}@{host}"))


def without_credentials(url: str) -> str:
    """The address as it may be shown: no name, no password, no query (it may hold a token)."""
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))
