"""What a camera's agent remembers over a restart: who stood where, and since when.

A small file for each live camera, written every few seconds and when the agent stops, so that
who stands in the picture keeps their identity and a parked car its spell.
"""

import logging
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

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
    fresh = path.with_suffix(".new")
    try:
        fresh.write_bytes(msgspec.json.encode(memory))
        fresh.replace(path)
    except OSError as error:
        log.warning("%s cannot be written: %s; a restart will know nobody", path, error)


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
