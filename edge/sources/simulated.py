"""The simulated street as a camera."""

import math

from configs.agent import StreetSettings
from edge.frames import Frame
from edge.sources.base import Base, Now, Wait
from edge.street import Street


class SimulatedSource(Base):
    """Renders the street at its own rate by the clock, or as fast as it is asked.

    By the clock, moments that have already passed are skipped, so that it keeps up. The
    scene starts at the first read: a picture's ts is that start plus the scene's time.
    """

    def __init__(
        self,
        settings: StreetSettings,
        now: Now,
        *,
        fps: float,
        fast: bool = False,
        wait: Wait | None = None,
    ) -> None:
        self._most_fps = settings.fps
        super().__init__(fps=settings.fps if fast else min(fps, settings.fps), wait=wait)
        self.street = Street(settings)
        self._now = now
        self._fast = fast
        self._start_ts: int | None = None
        self._index = 0

    @property
    def start_ts(self) -> int | None:
        """When the scene's time was 0; None before the first read."""
        return self._start_ts

    def set_fps(self, fps: float) -> None:
        """Render so many a second from the next picture on; read fast, it gives its own rate."""
        if not self._fast:
            before, self.fps = self.fps, min(fps, self._most_fps)
            self._index = math.ceil(self._index * self.fps / before)

    def _read(self) -> Frame | None:
        """The next moment of the street; None when closed."""
        if self._start_ts is None:
            self._start_ts = self._now()
        if not self._fast:
            # The newest moment that has come, or else the next one.
            newest = int((self._now() - self._start_ts) * self.fps / 1000)
            self.skipped += max(0, newest - self._index)
            self._index = max(self._index, newest)
        index, t_ms = self._index, round(self._index * 1000 / self.fps)
        ts = self._start_ts + t_ms
        if self._closed.is_set() or not (self._fast or self._until(ts, self._now)):
            return None
        self._index += 1
        self.delivered += 1
        return Frame(self.street.frame(t_ms), ts, index)
