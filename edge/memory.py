"""What a camera's agent remembers over a restart: who stood where, and which faults were told.

A small file for each live camera, written every few seconds and when the agent stops, so that
who stands in the picture keeps their identity and a parked car its spell. Another is written
whenever a fault begins or ends: one that is gone after a restart must be told to be over.
"""

import logging
from collections.abc import Collection
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from wire.records import Fault

log = logging.getLogger(__name__)

SAVE_MS: Final = 5_000
"""How often it is written. Higher: less wear of the disk, more forgotten when power fails."""
OLD_MS: Final = 600_000
"""What is older than this says nothing any more."""


class TrackRow(Struct, array_like=True):
    """One track: where it was (centre and size, pixels) and how sure it is."""

    id: int
    label: str
    score: float
    hits: int
    box: tuple[float, float, float, float]


class Visit(Struct):
    """One track's time in a zone. Times in ms since the Unix epoch."""

    label: str
    since: int
    """When it was first seen inside."""
    anchor: tuple[float, float]
    """Where it has stood still since ``still_since``, pixels."""
    still_since: int
    entered: bool
    dwell_told: int
    still_told: int


class Memory(Struct):
    """Of one camera's scene."""

    ts: int
    size_wh: tuple[int, int]
    next_id: int
    tracks: list[TrackRow] = []
    zones: dict[str, dict[int, Visit]] = {}
    """Zone id → track → visit."""


def save(path: Path, memory: Memory) -> None:
    """Replace the file at once or not at all; a disk that is full costs the memory only."""
    replace_file(path, msgspec.json.encode(memory), "a restart will know nobody")


def recall(path: Path, ts: int, size_wh: tuple[int, int]) -> Memory | None:
    """What is still worth knowing at ``ts`` of pictures of that size; None where nothing is."""
    try:
        memory = msgspec.json.decode(path.read_bytes(), type=Memory)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.DecodeError) as error:
        log.warning("%s cannot be read: %s; the scene starts anew", path, error)
        return None
    fits = memory.size_wh == size_wh and 0 <= ts - memory.ts <= OLD_MS
    return memory if fits else None


def save_faults(path: Path, faults: Collection[Fault]) -> None:
    """Replace the file of told faults; a disk that is full costs the memory only."""
    replace_file(path, msgspec.json.encode(sorted(faults)), "a fault may stay told after a restart")


def recall_faults(path: Path) -> set[Fault]:
    """The faults that were told and not yet over, however long ago."""
    try:
        return set(msgspec.json.decode(path.read_bytes(), type=list[Fault]))
    except FileNotFoundError:
        return set()
    except (OSError, msgspec.DecodeError) as error:
        log.warning("%s cannot be read: %s; a fault may stay told", path, error)
        return set()


def replace_file(path: Path, content: bytes, cost: str) -> None:
    """At once or not at all; what cannot be written is logged with what it costs."""
    fresh = path.with_suffix(".new")
    try:
        fresh.write_bytes(content)
        fresh.replace(path)
    except OSError as error:
        log.warning("%s cannot be written: %s; %s", path, error, cost)
