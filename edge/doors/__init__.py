"""Door contacts and access readers: MQTT, wires, webhooks, and the simulated street's door.

What every contact has in common is `Contact`: readings in, records out.
"""

from edge.doors.contact import Contact, Reading
from edge.doors.opening import Doors
from edge.doors.simulated import SimulatedDoor

__all__ = ["Contact", "Doors", "Reading", "SimulatedDoor"]
