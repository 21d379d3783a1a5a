"""Trials on disk, in the console's data folder: their pages outlive the console.

A file for each, the newest of all; a trial of a console that stopped meanwhile has failed.
"""

import logging
import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from configs import edit, schedule
from configs.edit import Value
from configs.rules import Active, Severity
from configs.values import Duration
from hub.backtest.compare import Comparison
from hub.backtest.workers import Stretch

log = logging.getLogger("linli.web")
KEPT: Final = 40
"""Trials that are kept: the newest. Higher: more to look back at, more disk."""
MAX_BYTES: Final = 16_000_000
"""Of one trial: a few hundred thousand alerts. What is larger is shown once and not kept."""
_NAME: Final = re.compile(r"[0-9a-f]{32}")


class Kept(Struct, kw_only=True):
    """What is kept of a trial; its fields mean what those of `Trial` do."""

    id: str
    site: str
    rule: str
    place: str
    values: dict[str, tuple[str, str]]
    """Path in the rule → (kind, as YAML says it)."""
    version: str
    author: str
    stretch: Stretch
    back: bool
    at: int
    state: str
    records: int
    found: Comparison | None
    why: str

    @property
    def numbers(self) -> dict[str, Value]:
        """The values as the rule has them."""
        return {path: _KINDS[kind](text) for path, (kind, text) in self.values.items()}


_KINDS: Final[dict[str, Callable[[str], Value]]] = {
    "number": float,
    "length": Duration.parse,
    "severity": Severity,
    "active": schedule.parse,
}


def spelled(values: Mapping[str, Value]) -> dict[str, tuple[str, str]]:
    """Values as they are kept."""
    return {path: (_kind(value), edit.spell(value)) for path, value in values.items()}


def _kind(value: Value) -> str:
    match value:
        case Duration():
            return "length"
        case Severity():
            return "severity"
        case Active():
            return "active"
    return "number"


_decoder: Final = msgspec.json.Decoder(Kept)


class Shelf:
    """A folder of trials."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def put(self, one: Kept) -> None:
        """Keep a trial, or what has become of it; a disk that is full only costs the keeping."""
        body = msgspec.json.encode(one)
        if len(body) > MAX_BYTES:
            body = msgspec.json.encode(msgspec.structs.replace(one, found=None, why="too large"))
        path = self._folder / f"{one.id}.json"
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            draft = path.with_suffix(".new")
            draft.write_bytes(body)
            draft.replace(path)
            for old in self._newest()[KEPT:]:
                old.unlink(missing_ok=True)
        except OSError as error:
            log.warning("a trial of %s is not kept (%s): check the disk of %s",
                        one.rule, error.strerror, self._folder)  # fmt: skip

    def find(self, name: str) -> Kept | None:
        """A trial by its id."""
        return self._read(self._folder / f"{name}.json") if _NAME.fullmatch(name) else None

    def of(self, site: str, rule: str) -> list[Kept]:
        """The trials of a rule, the newest first."""
        found = [one for path in self._newest() if (one := self._read(path)) is not None]
        mine = [one for one in found if (one.site, one.rule) == (site, rule)]
        return sorted(mine, key=lambda one: -one.at)

    def _newest(self) -> list[Path]:
        found: list[tuple[int, Path]] = []
        for path in self._folder.glob("*.json"):
            try:
                found.append((path.stat().st_mtime_ns, path))
            except OSError:
                continue  # another request has just put it away
        return [path for _, path in sorted(found, reverse=True)]

    @staticmethod
    def _read(path: Path) -> Kept | None:
        try:
            return _decoder.decode(path.read_bytes())
        except FileNotFoundError:
            return None
        except (OSError, msgspec.MsgspecError) as error:
            log.warning("%s cannot be read: %s", os.fspath(path), error)
            return None
