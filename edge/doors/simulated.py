"""The simulated street's door, as a contact on it would report it."""

from configs.agent import DoorSensor
from edge.doors.contact import Contact, Reading
from edge.frames import Frame
from edge.recorder import Recorder
from edge.sources import Source
from edge.sources.simulated import SimulatedSource


class SimulatedDoor:
    """Follows the door of one camera's street, picture by picture."""

    def __init__(self, sensor: DoorSensor, recorder: Recorder) -> None:
        self._contact = Contact(sensor.id, sensor.debounce)
        self._recorder = recorder

    def look(self, source: Source, frame: Frame) -> None:
        """Read the contact at the moment the picture was taken."""
        if not isinstance(source, SimulatedSource) or source.start_ts is None:
            return
        is_open = source.street.door_open(frame.ts - source.start_ts)
        reading = Reading(open=is_open, battery=100, available=True)
        self._recorder.append(self._contact.read(reading, frame.ts))
