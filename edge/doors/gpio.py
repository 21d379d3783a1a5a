"""Contacts and door strikes wired to this device's pins, by gpiozero.

A reed contact between a pin and ground closes with the door: the pin, pulled up, reads low.
"""

from collections.abc import Sequence
from typing import Any

from configs.agent import AccessReader, DoorSensor
from edge.doors.contact import Reading
from edge.doors.desk import DoorDesk


class GpioDoors:
    """Every wired contact and reader of a node."""

    def __init__(
        self, sensors: Sequence[DoorSensor], readers: Sequence[AccessReader], desk: DoorDesk
    ) -> None:
        self._sensors, self._readers, self._desk = sensors, readers, desk
        self._pins: list[Any] = []

    def start(self) -> None:
        """Take the pins; one that cannot be had is told, the others work."""
        for sensor in self._sensors:
            if (pin := self._take(sensor)) is not None:
                self._watch_door(sensor, pin)
        for reader in self._readers:
            if (pin := self._take(reader)) is not None:
                self._watch_reader(reader, pin)

    def stop(self) -> None:
        """Give the pins back."""
        while self._pins:
            self._pins.pop().close()

    def _take(self, part: DoorSensor | AccessReader) -> Any:
        """The pin as gpiozero has it; None where it cannot be had."""
        try:
            import gpiozero  # an extra of its own: only boards with pins have it
        except ImportError:
            self._desk.fail(part.id, "gpiozero is not installed; pip install 'linli[gpio]'")
            return None
        try:
            pin = gpiozero.DigitalInputDevice(part.pin, pull_up=part.pull_up)
        except (gpiozero.GPIOZeroError, OSError, ValueError) as error:
            why = f"pin {part.pin} cannot be used: {error}; is it free, and is the user in gpio?"
            self._desk.fail(part.id, why)
            return None
        self._pins.append(pin)
        return pin

    def _watch_door(self, sensor: DoorSensor, pin: Any) -> None:
        def tell(*, closed: bool) -> None:
            self._desk.hear(sensor.id, Reading(open=closed == sensor.inverted, available=True))

        pin.when_activated = lambda: tell(closed=True)
        pin.when_deactivated = lambda: tell(closed=False)
        tell(closed=bool(pin.is_active))

    def _watch_reader(self, reader: AccessReader, pin: Any) -> None:
        def granted() -> None:
            self._desk.access(reader.id, granted=True)

        if reader.inverted:
            pin.when_deactivated = granted
        else:
            pin.when_activated = granted
