"""A door's contact without its bouncing: readings in, door.state records out."""

from collections.abc import Sequence
from typing import Final

from msgspec import UNSET, Struct, UnsetType
from msgspec.structs import replace

from wire.records import DoorState, NodeHealth

REPEAT_MS: Final = 60_000
"""What a door is known to be is repeated this often."""
LOW_BATTERY: Final = 15
"""Per cent at which a battery is called low."""
WEAK_LINK: Final = 30
"""Zigbee link quality (0–255) at which the radio is called weak."""


class Reading(Struct, frozen=True, kw_only=True):
    """What a sensor said; what it left out is UNSET."""

    open: bool | UnsetType = UNSET
    battery: int | UnsetType = UNSET
    """Per cent."""
    battery_low: bool | UnsetType = UNSET
    """Some sensors say only this."""
    tamper: bool | UnsetType = UNSET
    linkquality: int | UnsetType = UNSET
    available: bool | UnsetType = UNSET


class Contact:
    """One door. Time comes in with the readings and ticks; not thread-safe.

    The first reading is believed at once. A change is believed when the contact has stayed
    so for ``debounce_ms`` of event time, and is reported with the moment it was believed;
    opening and closing are late by the same time, so that durations are right. A change of
    tamper or of availability is reported at once. A sensor that has said nothing for
    ``silent_after_ms`` is not available, until it says something again.
    """

    def __init__(
        self, source: str, debounce_ms: int, *, silent_after_ms: int | None = None
    ) -> None:
        self.source = source
        self._debounce_ms = debounce_ms
        self._silent_after_ms = silent_after_ms
        self._known = Reading()
        self._told_ts: int | None = None
        self._heard_ts: int | None = None
        self._silent = False
        self._candidate: bool | None = None
        self._since = 0

    def read(self, reading: Reading, ts: int) -> Sequence[DoorState]:
        """What a reading taken at ``ts`` (milliseconds) brings."""
        ripe = list(self.tick(ts))
        before = self._known
        given = {
            name: value
            for name in ("battery", "battery_low", "tamper", "linkquality", "available")
            if (value := getattr(reading, name)) is not UNSET
        }
        if reading.available is not False:
            self._heard_ts = ts
            if self._silent:
                self._silent = False
                given.setdefault("available", True)
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
        silent_at = self._silent_at()
        if silent_at is not None and ts >= silent_at:
            self._silent = True
            self._known = replace(self._known, available=False)
        return self._tell(ts)

    def due(self) -> int | None:
        """When the next tick will bring something, or None where nothing is to come."""
        if self._told_ts is None:
            return None
        dues = [self._told_ts + REPEAT_MS]
        if self._candidate is not None:
            dues.append(self._since + self._debounce_ms)
        if (silent_at := self._silent_at()) is not None:
            dues.append(silent_at)
        return min(dues)

    def health(self, ts: int) -> NodeHealth:
        """How the sensor does, for people: what is wrong with it first."""
        known = self._known
        bad = [
            text
            for wrong, text in (
                (self._silent, f"silent for {self._silence(ts)}"),
                (known.available is False and not self._silent, "not available"),
                (known.tamper is True, "tampered with"),
            )
            if wrong
        ]
        notes = []
        if known.battery_low is True or _at_most(known.battery, LOW_BATTERY):
            percent = "" if known.battery is UNSET else f" ({known.battery} %)"
            notes.append(f"battery low{percent}")
        if _at_most(known.linkquality, WEAK_LINK):
            notes.append(f"weak radio link ({known.linkquality} of 255)")
        if self._heard_ts is None and not bad:
            notes.append("not heard yet")
        detail = "; ".join([*bad, *notes])
        return NodeHealth(seq=0, ts=ts, source=self.source, ok=not bad, detail=detail[:200])

    def _silent_at(self) -> int | None:
        """When it counts as silent; None where it does already, or never will."""
        if self._silent_after_ms is None or self._heard_ts is None or self._silent:
            return None
        return self._heard_ts + self._silent_after_ms

    def _silence(self, ts: int) -> str:
        minutes = 0 if self._heard_ts is None else (ts - self._heard_ts) // 60_000
        return f"{minutes // 60} h" if minutes >= 120 else f"{minutes} min"

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


def _at_most(value: int | UnsetType, most: int) -> bool:
    return isinstance(value, int) and value <= most
