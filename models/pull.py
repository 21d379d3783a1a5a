"""Downloads weights: resumable, and invisible under their name until their sha256 is right.

    Puller(urls, sha256=…, size_bytes=…).pull(folder / "yolox_nano.onnx")

It uses Python's own urllib: one file over one connection needs no pool, it honours the usual
proxy variables, reads ``file:`` URLs too, and a device gets by without one more library.

Errors::

    models.catalog.ModelError
    ├── PullFailed   none of the sources gave the file; trying again later may help
    └── WrongFile    a source gave another file; trying again does not help
"""

import fcntl
import logging
import os
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import IO, Any, Final
from urllib.parse import urlsplit

from models.catalog import ModelError, sha256_of
from models.entries import Entry

log = logging.getLogger(__name__)

MIRROR: Final = "LINLI_MODELS_MIRROR"
CHUNK_BYTES: Final = 256 * 1024
LARGEST_BYTES: Final = 2 * 1024**3
"""Where the catalog does not know a size: nobody shall fill a device's disk."""
SCHEMES: Final = ("http", "https", "file")

Progress = Callable[[int, int], None]
"""(bytes here, bytes in all or 0 where unknown)."""


class PullFailed(ModelError):
    """No source could be read to its end."""


class WrongFile(ModelError):
    """A source gave a file that is not the one that the catalog means."""


class _Cut(Exception):
    """A connection that ended early, or never began; the next attempt goes on from here."""


class _Refused(Exception):
    """An answer that will be the same next time, such as 404."""


@dataclass(frozen=True, slots=True)
class Puller:
    """Gets one file from the first of its sources that has it."""

    urls: Sequence[str]
    sha256: str
    size_bytes: int = 0
    """0: not known."""
    timeout_s: float = 30.0
    """To connect, and between two pieces. Higher: slow lines; lower: dead ones are left sooner."""
    attempts: int = 4
    """How often in a row a source may fail without giving anything new."""
    wait: Callable[[float], Any] = time.sleep
    progress: Progress = lambda here, whole: None  # noqa: ARG005 - nobody looks

    def pull(self, target: Path) -> None:
        """Put the file there; raises PullFailed or WrongFile, each with what was tried.

        What is here already of an earlier attempt is kept beside it, named by the sha256.
        """
        part = target.with_name(f".{target.name}.{self.sha256[:16]}.part")
        failures: list[str] = []
        wrong = False
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            with part.open("ab+") as file:
                _lock(file, part)
                for url in self.urls:
                    try:
                        self._from(url, file)
                    except (_Refused, _Cut) as error:
                        failures.append(f"{url}: {error}")
                    except WrongFile as error:
                        wrong = True
                        failures.append(f"{url}: {error}")
                    else:
                        _publish(file, part, target)
                        return
                if wrong or part.stat().st_size == 0:
                    part.unlink()
        except OSError as error:
            raise PullFailed(f"{target} cannot be written: {error}") from error
        raise (WrongFile if wrong else PullFailed)("; ".join(failures) or "no source is known")

    def _from(self, url: str, file: IO[bytes]) -> None:
        """The whole file from one source, in as many attempts as bring something new."""
        if urlsplit(url).scheme not in SCHEMES:
            raise _Refused(f"only {', '.join(SCHEMES)} can be read")
        farthest, idle = file.seek(0, os.SEEK_END), 0
        while True:
            begun_at = file.seek(0, os.SEEK_END)
            try:
                if not self.size_bytes or begun_at < self.size_bytes:
                    begun_at = self._attempt(url, file, begun_at)
                self._check(file)
                return
            except WrongFile:
                file.truncate(0)
                if begun_at == 0:
                    raise
                log.warning("%s: what was here before does not belong to it; from the start", url)
                farthest = 0
            except _Cut as error:
                here = file.seek(0, os.SEEK_END)
                idle = 0 if here > farthest else idle + 1
                farthest = max(farthest, here)
                if idle >= self.attempts:
                    raise
                log.warning("%s: %s after %d bytes; going on", url, error, here)
                self.wait(min(2.0**idle, 30.0))

    def _attempt(self, url: str, file: IO[bytes], offset: int) -> int:
        """One request, read to its end; the byte from which the source sent."""
        headers = {"User-Agent": "linli", "Accept-Encoding": "identity"}
        if offset:
            headers["Range"] = f"bytes={offset}-"
        request = urllib.request.Request(url, headers=headers)  # noqa: S310 - schemes are checked
        try:
            with urllib.request.urlopen(request, timeout=self.timeout_s) as answer:  # noqa: S310
                start = _start(answer, offset)
                file.truncate(start)
                self._copy(answer, file, start)
                return start
        except urllib.error.HTTPError as error:
            error.close()
            if error.code == 416:  # what is here is not the beginning of what is there
                file.truncate(0)
                raise _Cut("the source has no such part of it") from error
            kind = _Cut if error.code >= 500 or error.code in (408, 429) else _Refused
            raise kind(f"HTTP {error.code} {error.reason}") from error
        except urllib.error.URLError as error:
            missing = isinstance(error.reason, FileNotFoundError)
            raise (_Refused if missing else _Cut)(str(error.reason)) from error
        except (HTTPException, ConnectionError, TimeoutError) as error:
            raise _Cut(str(error) or type(error).__name__) from error

    def _copy(self, answer: Any, file: IO[bytes], offset: int) -> None:
        told = answer.headers.get("Content-Length")
        whole = offset + int(told) if told and told.isdigit() else 0
        limit = self.size_bytes or LARGEST_BYTES
        if str(answer.headers.get("Content-Type", "")).startswith("text/html"):
            raise WrongFile("it is a web page, such as the login page of a network, and no model")
        if whole and (whole > limit or (self.size_bytes and whole != self.size_bytes)):
            raise WrongFile(f"it is {whole} bytes long, expected {self.size_bytes or 'less'}")
        here = offset
        # read1 gives what has arrived, so that a cut loses nothing.
        while (
            piece := answer.read1(CHUNK_BYTES)
            if hasattr(answer, "read1")
            else answer.read(CHUNK_BYTES)
        ):
            here += len(piece)
            if here > limit:
                raise WrongFile(f"it is longer than the expected {limit} bytes")
            file.write(piece)
            self.progress(here, self.size_bytes or whole)
        file.flush()
        if here < (whole or self.size_bytes):
            raise _Cut("the connection was cut")

    def _check(self, file: IO[bytes]) -> None:
        file.flush()
        found = sha256_of(Path(file.name))
        if found != self.sha256:
            raise WrongFile(f"its sha256 is {found}, expected {self.sha256}")


@dataclass(frozen=True, slots=True)
class Source:
    """One file that would do, and where it may be."""

    urls: tuple[str, ...]
    sha256: str
    size_bytes: int


def mirror_url(given: str) -> str:
    """A mirror as someone names it, a URL or a folder, as a URL; raises PullFailed."""
    if not given or urlsplit(given).scheme in SCHEMES:
        return given.rstrip("/")
    if "://" in given:
        raise PullFailed(
            f"{MIRROR} is {given!r}: expected an {', '.join(f'{each}:' for each in SCHEMES)} URL, "
            "or a folder"
        )
    return Path(given).absolute().as_uri()


def sources(entry: Entry, wanted: Mapping[str, int], mirror: str) -> list[Source]:
    """Where the files of an entry are looked for: at the mirror alone where there is one.

    ``wanted`` holds the sha256 and the size of each file that would do.
    """
    if mirror:
        return [Source((f"{mirror}/{sha256}",), sha256, size) for sha256, size in wanted.items()]
    # Last is what the addresses hold, if that is another file than the catalog's own.
    sha256, size = list(wanted.items())[-1]
    return [Source(entry.urls, sha256, size)]


def advice(
    entry: Entry, wanted: Iterable[str], target: Path, *, mirror: str = "", wrong: bool = False
) -> str:
    """What someone can do whose device cannot download.

    ``mirror``: the one that was asked; ``wrong``: a source gave another file.
    """
    sums = tuple(wanted)
    steps = []
    if wrong:
        steps.append("do not just run it again: the source has another file, which was thrown away")
    elif entry.urls or mirror:
        steps.append("run it again once the source can be reached: it goes on where it stopped")
    if mirror:
        names = " or ".join(sums)
        steps.append(
            f"{MIRROR} is set, so nothing but {mirror} was asked:\n"
            f"    put the file there under the name {names}, or unset it"
        )
    source = f" from {entry.urls[0]}" if entry.urls else ""
    steps.append(
        f"fetch the file on another machine{source},\n"
        f"    put it here as {target}\n"
        f"    and run `linli models verify`: its sha256 must be {' or '.join(sums)}"
    )
    if not mirror:
        steps.append(
            f"set {MIRROR} to a folder, or to an http: or https: URL, under which each file\n"
            f"    lies by its sha256, here {' or '.join(f'<mirror>/{each}' for each in sums)}"
        )
    return "What to do, one of:\n" + "\n".join(f"  - {step}" for step in steps)


def _start(answer: Any, offset: int) -> int:
    """From which byte an answer begins; a source that ignores Range begins at 0."""
    if getattr(answer, "status", None) != 206:
        return 0
    told = str(answer.headers.get("Content-Range", ""))
    if not told.startswith(f"bytes {offset}-"):
        raise _Refused(f"it was asked from byte {offset} on and sent {told!r}")
    return offset


def _lock(file: IO[bytes], part: Path) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise PullFailed(f"{part} is being written by another pull; wait for it") from error


def _publish(file: IO[bytes], part: Path, target: Path) -> None:
    """From here on the file has its name, even if the power fails now."""
    os.fsync(file.fileno())
    part.replace(target)
    folder = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
