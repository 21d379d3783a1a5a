"""The newest picture of each camera that is being drawn on, as the hub would get to see it.

Heads are blurred and masks are black here too: the browser may be far from the device.
"""

import threading
import time
from collections.abc import Callable, Sequence

from configs.agent import Camera
from edge.evidence import people, render
from edge.frames import Frame
from edge.shared_detector import AnyDetector
from edge.sources import Source, SourceError, open_source

FIRST_S = 12.0
"""How long the first picture may take."""
LOOK_S = 0.2
"""A source does not tell when it goes down: it is looked at this often."""
IDLE_S = 20.0
"""A camera that nobody looks at any more is let go after this."""


class NoPicture(Exception):
    """No picture is to be had; the text says why."""


class Pictures:
    """Opens a camera when it is first looked at. Thread-safe."""

    def __init__(
        self,
        detector: AnyDetector,
        opener: Callable[[Camera, Callable[[], int]], Source] = open_source,
    ) -> None:
        self._detector = detector
        self._opener = opener
        self._lock = threading.Lock()
        self._views: dict[str, _View] = {}

    def jpeg(self, camera: Camera) -> bytes:
        """The camera's newest picture; raises `NoPicture`."""
        with self._lock:
            view = self._views.get(camera.id)
            if view is None or view.ended:
                view = self._views[camera.id] = _View(camera, self._opener)
        frame = view.newest(FIRST_S)
        with self._lock:  # one detector for all
            found = self._detector.detect(frame.image)
        labels: Sequence[str] = self._detector.labels
        return render(frame.image, people(found, found, labels), camera)

    def close(self) -> None:
        """Let go of every camera."""
        with self._lock:
            for view in self._views.values():
                view.close()


class _View:
    """One camera, read for as long as somebody looks."""

    def __init__(
        self, camera: Camera, opener: Callable[[Camera, Callable[[], int]], Source]
    ) -> None:
        self._camera, self._opener = camera, opener
        self._news = threading.Condition()
        self._frame: Frame | None = None
        self._source: Source | None = None
        self._trouble = ""
        self._asked_at = time.monotonic()
        self.ended = False
        threading.Thread(target=self._run, name=f"draw {camera.id}", daemon=True).start()

    def newest(self, patience_s: float) -> Frame:
        self._asked_at = time.monotonic()
        end = self._asked_at + patience_s
        with self._news:
            while self._frame is None and not self._reason() and time.monotonic() < end:
                self._news.wait(LOOK_S)
            if self._frame is not None:
                return self._frame
        raise NoPicture(self._reason() or f"camera {self._camera.id} gives no picture")

    def _reason(self) -> str:
        """Why no picture comes, where that is known."""
        down = self._source.down if self._source is not None else None
        return self._trouble or str(down or ("its file has ended" if self.ended else ""))

    def close(self) -> None:
        self._asked_at = float("-inf")
        if self._source is not None:
            self._source.close()

    def _run(self) -> None:
        try:
            self._source = source = self._opener(self._camera, _wall_ms)
            try:
                while time.monotonic() - self._asked_at < IDLE_S:
                    frame = source.read()
                    if frame is None:
                        break
                    with self._news:
                        self._frame = frame
                        self._news.notify_all()
            finally:
                source.close()
        except SourceError as error:
            self._trouble = str(error)
        finally:
            with self._news:
                self.ended = True
                self._news.notify_all()


def _wall_ms() -> int:
    return time.time_ns() // 1_000_000
