"""Where the readings of every door sensor of a node arrive, whatever brought them.

One thread owns the contacts: it hears readings, lets time pass, and writes the records.
"""

import logging
import queue
import threading
from collections.abc import Callable, Sequence
from typing import Final

from configs.agent import AccessReader, DoorSensor
from edge.doors.contact import Contact, Reading
from edge.recorder import Recorder
from wire.records import DoorAccess, NodeHealth

log = logging.getLogger(__name__)

LONGEST_WAIT_S: Final = 5.0


class DoorDesk:
    """Readings in, door.state and door.access out. ``hear`` and ``access`` from any thread."""

    def __init__(
        self,
        sensors: Sequence[DoorSensor],
        readers: Sequence[AccessReader],
        *,
        recorder: Recorder,
        now: Callable[[], int],
    ) -> None:
        self._contacts = {
            sensor.id: Contact(
                sensor.id,
                sensor.debounce,
                # A wire cannot go silent; what has a battery or a radio can.
                silent_after_ms=None if sensor.kind == "gpio" else int(sensor.silent_after),
            )
            for sensor in sensors
        }
        self._readers = {reader.id: reader.door or reader.id for reader in readers}
        """The door that each opens."""
        self._recorder, self._now = recorder, now
        self._faults: dict[str, str] = {}
        self._inbox: queue.SimpleQueue[tuple[str, Reading, int] | None] = queue.SimpleQueue()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="doors", daemon=True)

    def start(self) -> None:
        """Begin; readings that came before wait."""
        self._thread.start()

    def stop(self) -> None:
        """Write what has been heard, and end."""
        self._stopping.set()
        self._inbox.put(None)
        self._thread.join(5.0)

    def hear(self, door: str, reading: Reading) -> None:
        """A sensor said something, now."""
        self._faults.pop(door, None)
        self._inbox.put((door, reading, self._now()))

    def access(self, reader: str, *, granted: bool) -> None:
        """An access reader let somebody in, or refused, now."""
        self._faults.pop(reader, None)
        door = self._readers[reader]
        record = DoorAccess(seq=0, ts=self._now(), source=door, granted=granted)
        self._recorder.append([record])

    def fail(self, source: str, why: str) -> None:
        """A sensor cannot be used as configured."""
        log.error("%s: %s", source, why)
        self._faults[source] = why

    def health(self) -> list[NodeHealth]:
        """How each sensor and reader does."""
        ts = self._now()
        found = [
            self._faulty(name, ts) or contact.health(ts) for name, contact in self._contacts.items()
        ]
        readers = [self._faulty(name, ts) for name in sorted(self._readers)]
        return [*found, *(each for each in readers if each is not None)]

    def _faulty(self, source: str, ts: int) -> NodeHealth | None:
        why = self._faults.get(source)
        if why is None:
            return None
        return NodeHealth(seq=0, ts=ts, source=source, ok=False, detail=why[:200])

    def _run(self) -> None:
        while not (self._stopping.is_set() and self._inbox.empty()):
            try:
                heard = self._inbox.get(timeout=self._until_due_s())
            except queue.Empty:
                heard = None
            if heard is not None:
                door, reading, ts = heard
                self._recorder.append(self._contacts[door].read(reading, ts))
            if self._inbox.empty():  # time may not pass what was said before it
                for contact in self._contacts.values():
                    self._recorder.append(contact.tick(self._now()))

    def _until_due_s(self) -> float:
        dues = [due for contact in self._contacts.values() if (due := contact.due()) is not None]
        wait_ms = min(dues, default=self._now() + LONGEST_WAIT_S * 1000) - self._now()
        return min(max(wait_ms / 1000, 0.0), LONGEST_WAIT_S)
