"""Door sensors: does the gateway that they speak through know them."""

from collections.abc import Sequence

from configs.agent import DoorSensor
from configs.problems import did_you_mean
from edge.doctor.finding import Finding, failed, good, warning
from edge.doors import bridge
from wire import mqtt
from wire.errors import LinkError


def examine(
    doors: Sequence[DoorSensor], broker: mqtt.Broker, node: str, *, patience_s: float = 5.0
) -> list[Finding]:
    """Every Zigbee2MQTT sensor against what its bridge has paired."""
    paired = [door for door in doors if door.kind == "zigbee2mqtt"]
    found: list[Finding] = []
    for base in sorted({door.topic.partition("/")[0] for door in paired}):
        here = [door for door in paired if door.topic.partition("/")[0] == base]
        found += _of_bridge(base, here, broker, node, patience_s)
    return found


def _of_bridge(
    base: str, doors: Sequence[DoorSensor], broker: mqtt.Broker, node: str, patience_s: float
) -> list[Finding]:
    name = f"linli-doctor-z-{node}"[:60]
    try:
        known = bridge.devices(broker, name, base=base, patience_s=patience_s)
    except LinkError as error:
        remedy = "set sensors_mqtt to the broker that Zigbee2MQTT uses"
        return [failed(f"bridge {base}", str(error), remedy)]
    except bridge.BridgeSilent as error:
        remedy = "start Zigbee2MQTT; let this login read zigbee2mqtt/# in the broker's ACL"
        return [failed(f"bridge {base}", str(error), remedy)]
    by_topic = {device.topic: device for device in known}
    return [_door(door, by_topic) for door in doors]


def _door(door: DoorSensor, known: dict[str, bridge.Device]) -> Finding:
    part = f"door {door.id}"
    device = known.get(door.topic)
    if device is None:
        contacts = [topic for topic, each in known.items() if each.is_contact]
        remedy = f"pair it, or correct topic; {did_you_mean(door.topic, contacts)}".rstrip("; ")
        return failed(part, f"Zigbee2MQTT knows no {door.topic!r}", remedy)
    if not device.is_contact:
        remedy = "name the contact of the door in topic"
        return warning(part, f"{door.topic!r} ({device.model}) reports no contact", remedy)
    return good(part, f"{device.model or 'a contact'}, reports {', '.join(sorted(device.exposes))}")
