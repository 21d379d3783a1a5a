"""A door's contact without its bouncing: readings in, door.state records out."""

from collections.abc import Sequence
from typing import Final

from msgspec import UNSET, Struct, UnsetType
from msgspec.structs import replace

from wire.records import DoorState

REPEAT_MS: Final = 60_000
"""What a door is known to be is repeated this often."""


class Reading(Struct, frozen=True, kw_only=True):
    """What a sensor said; what it left out is UNSET."""

    open: bool | UnsetType = UNSET
    battery: int | UnsetType = UNSET
    """Per cent."""
    tamper: bool | UnsetType = UNSET
    linkquality: int | UnsetType = UNSET
    available: bool | UnsetType = UNSET


class Contact:
    """One door. Time comes in with the readings and ticks; not thread-safe.

    The first reading is believed at once. A change is believed when the contact has stayed
    so for ``debounce_ms`` of event time, and is reported with the moment it was believed;
    opening and closing are late by the same time, so that durations are right. A change of
    tamper or of availability is reported at once.
    """

    def __init__(self, source: str, debounce_ms: int) -> None:
        self.source = source
        self._debounce_ms = debounce_ms
        self._known = Reading()
        self._told_ts: int | None = None
        self._candidate: bool | None = None
        self._since = 0

    def read(self, reading: Reading, ts: int) -> Sequence[DoorState]:
        """What a reading taken at ``ts`` (milliseconds) brings."""
        ripe = list(self.tick(ts))
        before = self._known
        given = {
            name: value
            for name in ("battery", "tamper", "linkquality", "available")
            if (value := getattr(reading, name)) is not UNSET
        }
        self._known = replace(before, **given)
        if isinstance(reading.open, bool):
            self._hear(reading.open, ts)
        first = before.open is UNSET and self._known.open is not UNSET
        changed = (before.tamper, before.available) != (self._known.tamper, self._known.available)
        return [*ripe, *(self._tell(ts) if first or changed else ())]

    def tick(self, ts: int) -> Sequence[DoorState]:
        """What the passing of time up to ``ts`` brings."""
        due = self.due()
        if due is None or ts < due:
            return ()
        if self._candidate is not None and ts >= self._since + self._debounce_ms:
            self._known = replace(self._known, open=self._candidate)
            self._candidate = None
        return self._tell(ts)

    def due(self) -> int | None:
        """When the next tick will bring something, or None where nothing is to come."""
        if self._told_ts is None:
            return None
        repeat = self._told_ts + REPEAT_MS
        return repeat if self._candidate is None else min(repeat, self._since + self._debounce_ms)

    def _hear(self, is_open: bool, ts: int) -> None:
        if self._known.open is UNSET:
            self._known = replace(self._known, open=is_open)
        elif is_open == self._known.open:
            self._candidate = None
        elif self._candidate is None:
            self._candidate, self._since = is_open, ts

    def _tell(self, ts: int) -> Sequence[DoorState]:
        known = self._known
        if not isinstance(known.open, bool):
            return ()
        self._told_ts = ts
        return (
            DoorState(
                seq=0,
                ts=ts,
                source=self.source,
                open=known.open,
                battery=known.battery,
                tamper=known.tamper,
                linkquality=known.linkquality,
                available=known.available,
            ),
        )
