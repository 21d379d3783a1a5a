"""The last days' pictures on disk, within a byte budget: the oldest go first.

What is in it is what was made to be sent: heads are blurred and masks are black. A file for each
picture, ``<folder>/<source>/<ts>_<ref>.jpg``, so that it survives a restart and anybody may look
without the agent. Pictures that wait for the broker are read from here, so that an outage loses
none as long as the ring holds them.
"""

import contextlib
import errno
import logging
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

log = logging.getLogger(__name__)

FOLDER: Final = "pictures"
"""In the data folder."""
RESERVE_BYTES: Final = 64 * 1024 * 1024
"""So much of the disk is left to the records: nothing else may cost one of them."""
PART: Final = ".part"


class Kept(NamedTuple):
    """A picture in the ring."""

    source: str
    ts: int
    """When it was taken, ms since the Unix epoch."""
    ref: str
    size: int

    def path(self, folder: Path) -> Path:
        """Where it lies below the ring's folder."""
        return folder / self.source / f"{self.ts:013d}_{self.ref}.jpg"


def kept_in(folder: Path) -> Iterator[Kept]:
    """Every picture of a ring, in no order; what is no picture of it is passed over."""
    for path in folder.glob("*/*.jpg"):
        ts, _, ref = path.stem.partition("_")
        if not ts.isdigit() or not ref:
            continue
        try:
            yield Kept(path.parent.name, int(ts), ref, path.stat().st_size)
        except OSError:
            continue  # the agent has deleted it meanwhile


class PictureRing:
    """One node's ring. Thread-safe."""

    def __init__(
        self,
        folder: Path,
        *,
        max_bytes: int,
        keep_ms: int,
        free_bytes: Callable[[Path], int] = lambda folder: shutil.disk_usage(folder).free,
    ) -> None:
        """A folder that cannot be read is an empty ring, and the log says so."""
        self._folder = folder
        self._max_bytes, self._keep_ms = max_bytes, keep_ms
        self._free_bytes = free_bytes
        self._lock = threading.Lock()
        self.on_gone: Callable[[str], None] = lambda _ref: None
        """Hears the ref of every picture that the ring lets go."""
        self.problem = ""
        """Why the newest picture could not be kept; empty where it could."""
        self._kept: dict[str, Kept] = {}
        """By ref, the oldest first."""
        self._bytes = 0
        for kept in sorted(self._found(), key=lambda each: each.ts):
            self._kept[kept.ref] = kept
            self._bytes += kept.size

    @property
    def pictures(self) -> int:
        """How many there are."""
        return len(self._kept)

    @property
    def size(self) -> int:
        """How many bytes they take."""
        return self._bytes

    def limit(self, max_bytes: int, keep_ms: int, now: int) -> None:
        """From now (ms) on keep no more than this."""
        self._max_bytes, self._keep_ms = max_bytes, keep_ms
        self.prune(now)

    def add(self, source: str, ts: int, ref: str, jpeg: bytes) -> bool:
        """Keep a picture taken at ``ts`` (ms); False where the disk has no room for it."""
        kept = Kept(source, ts, ref, len(jpeg))
        with self._lock:
            gone = self._let_go(lambda _oldest: self._bytes + len(jpeg) > self._max_bytes)
            gone += self._make_room(len(jpeg))
            problem = self._write(kept, jpeg)
            if not problem:
                self._kept[ref] = kept
                self._bytes += kept.size
            if problem and not self.problem:
                log.error("%s; pictures are sent, but not kept", problem)
            self.problem = problem
        self._tell(gone)
        return not problem

    def read(self, ref: str) -> bytes | None:
        """A picture's JPEG; None where it is gone."""
        kept = self._kept.get(ref)
        try:
            return kept.path(self._folder).read_bytes() if kept is not None else None
        except OSError:
            return None

    def nearest(self, source: str, ts: int, within_ms: int) -> Kept | None:
        """The picture of a source that was taken nearest to ``ts`` (ms); None beyond that."""
        with self._lock:
            found = [each for each in self._kept.values() if each.source == source]
        best = min(found, key=lambda each: abs(each.ts - ts), default=None)
        return best if best is not None and abs(best.ts - ts) <= within_ms else None

    def prune(self, now: int) -> None:
        """Let go of what is too old at ``now`` (ms), too much, or in the way of the records."""
        with self._lock:
            gone = self._let_go(
                lambda oldest: self._bytes > self._max_bytes or now - oldest.ts > self._keep_ms
            )
            gone += self._make_room(0)
        self._tell(gone)

    def _found(self) -> list[Kept]:
        try:
            for rest in self._folder.glob(f"*/*{PART}"):
                rest.unlink(missing_ok=True)  # power failed in the middle of a picture
            return list(kept_in(self._folder))
        except OSError as error:
            log.warning("the pictures in %s cannot be read: %s", self._folder, error)
            return []

    def _let_go(self, too_much: Callable[[Kept], bool]) -> list[str]:
        """Delete the oldest pictures as long as it is; their refs."""
        gone = []
        while self._kept and too_much(oldest := next(iter(self._kept.values()))):
            del self._kept[oldest.ref]
            self._bytes -= oldest.size
            gone.append(oldest.ref)
            try:
                oldest.path(self._folder).unlink(missing_ok=True)
            except OSError as error:
                log.warning("picture %s cannot be deleted: %s", oldest.ref, error)
        return gone

    def _make_room(self, size: int) -> list[str]:
        """Delete until the disk has its reserve and ``size`` bytes besides."""
        try:
            return self._let_go(lambda _oldest: self._free_bytes(self._at()) < RESERVE_BYTES + size)
        except OSError:
            return []  # writing will say what is wrong

    def _at(self) -> Path:
        return self._folder if self._folder.is_dir() else self._folder.parent

    def _write(self, kept: Kept, jpeg: bytes) -> str:
        """Empty, or why it could not be written; nothing is left of it then."""
        path = kept.path(self._folder)
        part = path.with_suffix(PART)
        try:
            if self._free_bytes(self._at()) < RESERVE_BYTES + len(jpeg):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            path.parent.mkdir(parents=True, exist_ok=True)
            part.write_bytes(jpeg)
            part.replace(path)
        except OSError as error:
            with contextlib.suppress(OSError):  # the first error says it
                part.unlink(missing_ok=True)
            return f"{path.parent}: {error.strerror or error}"
        return ""

    def _tell(self, gone: list[str]) -> None:
        """Outside the lock: whoever hears of it may ask the ring for something."""
        for ref in gone:
            self.on_gone(ref)
