"""Door contacts: Zigbee2MQTT sensors and the simulated street's door.

What every kind has in common is `Contact`: readings in, records out.
"""

from edge.doors.contact import Contact, Reading
from edge.doors.simulated import SimulatedDoor
from edge.doors.zigbee2mqtt import Zigbee2MqttDoors

__all__ = ["Contact", "Reading", "SimulatedDoor", "Zigbee2MqttDoors"]
