"""Takes up a changed edge.yaml while the agent runs; a bad one changes nothing."""

import logging
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final

from configs import ConfigError, load_edge
from configs.agent import EdgeFile
from edge.metrics import EdgeMetrics
from edge.shared_detector import AnyDetector
from models.catalog import ModelError
from wire.records import ModelAbout

log = logging.getLogger(__name__)

FIXED: Final = ("site", "node", "data", "outbox", "http_host", "http_port")
"""What cannot change while the agent runs."""

GONE: Final = (0, 0)
"""The stamp of a file that is not there: editors move it away for a moment."""

MakeDetector = Callable[[EdgeFile], tuple[AnyDetector, ModelAbout]]
TakeUp = Callable[[EdgeFile, "tuple[AnyDetector, ModelAbout] | None"], str]


class NeedsRestart(Exception):
    """A change that a running agent cannot take up."""


class Reloader:
    """Watches one file. Thread-safe."""

    def __init__(
        self,
        path: Path,
        settings: EdgeFile,
        *,
        take_up: TakeUp,
        make_detector: MakeDetector,
        metrics: EdgeMetrics,
    ) -> None:
        """``settings`` are what runs now; ``take_up`` gets good new ones and says what it did.

        It gets a detector too where the model's settings have changed.
        """
        self._path = path
        self._settings = settings
        self._take_up = take_up
        self._make_detector = make_detector
        self._metrics = metrics
        self._lock = threading.Lock()
        self._known = self._stamp()
        self.problem = ""
        """Why the file as it is now was refused; empty where it runs."""
        metrics.config_good.set(1)

    def check(self) -> None:
        """Reload where the file has changed since it was last read. Call it now and then."""
        stamp = self._stamp()
        if stamp not in (self._known, GONE):
            self.reload()

    def reload(self) -> tuple[bool, str]:
        """Whether the file runs now, and what was taken up or why it was refused."""
        with self._lock:
            self._known = self._stamp()
            try:
                done = self._load()
            except (ConfigError, ModelError, NeedsRestart) as error:
                return self._refuse(str(error))
            self.problem = ""
            self._metrics.config_good.set(1)
            self._metrics.config_reloads.labels("good").inc()
            log.info("%s read again: %s", self._path, done)
            return True, done

    def _load(self) -> str:
        """Raises `ConfigError`, `ModelError` and `NeedsRestart` before anything has changed."""
        new = load_edge(self._path)
        old = self._settings
        if new == old:
            return "nothing has changed"
        fixed = [name for name in FIXED if getattr(new, name) != getattr(old, name)]
        if fixed:
            raise NeedsRestart(
                f"{', '.join(fixed)} cannot change while the agent runs; restart it for that"
            )
        detector = self._make_detector(new) if new.model != old.model else None
        self._settings = new
        return self._take_up(new, detector)

    def _refuse(self, why: str) -> tuple[bool, str]:
        self.problem = f"{self._path.name} is refused, what ran before runs on: {why}"
        self._metrics.config_good.set(0)
        self._metrics.config_reloads.labels("refused").inc()
        log.error("%s", self.problem)
        return False, self.problem

    def _stamp(self) -> tuple[int, int]:
        """(modified in ns, size) of the file."""
        try:
            found = self._path.stat()
        except OSError:
            return GONE
        return found.st_mtime_ns, found.st_size
