"""Door sensors: does the gateway that they speak through know them, can this device hear them."""

import importlib.util
import os
from collections.abc import Sequence
from pathlib import Path

from configs.agent import AccessReader, DoorSensor, EdgeFile
from configs.problems import did_you_mean
from edge.doctor.finding import Finding, failed, good, warning
from edge.doors import bridge
from edge.doors.webhook import LEAST_TOKEN
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


def wired(parts: Sequence[DoorSensor | AccessReader], chips: Path = Path("/dev")) -> list[Finding]:
    """Whether this board has pins that may be read. They are not taken: an agent may have them."""
    if not any(part.pin is not None for part in parts):
        return []
    found = sorted(chips.glob("gpiochip*"))
    if importlib.util.find_spec("gpiozero") is None:
        return [failed("pins", "gpiozero is not installed", "pip install 'linli[gpio]'")]
    if not found:
        remedy = "use zigbee2mqtt or webhook sensors here, or a board with pins"
        return [failed("pins", "this device has no GPIO chip", remedy)]
    if not any(os.access(chip, os.R_OK | os.W_OK) for chip in found):
        remedy = "add the agent's user to the group gpio: usermod -aG gpio <user>"
        return [failed("pins", f"{found[0]} may not be used by this user", remedy)]
    return [good("pins", f"{found[0].name} can be used")]


def called(settings: EdgeFile) -> list[Finding]:
    """Whether sensors that call a URL would be let in."""
    parts: list[DoorSensor | AccessReader] = [*settings.doors, *settings.readers]
    if not any(part.kind == "webhook" for part in parts):
        return []
    at = f"port {settings.webhooks.port}"
    try:
        token = settings.webhooks.token()
    except (OSError, ValueError) as error:
        remedy = "openssl rand -hex 16 > webhook.token; webhooks: {token_file: webhook.token}"
        return [failed("webhooks", f"there is no token: {error}", remedy)]
    if len(token) < LEAST_TOKEN:
        says = f"the token has less than {LEAST_TOKEN} characters"
        return [failed("webhooks", says, "openssl rand -hex 16 makes a good one")]
    if settings.webhooks.host in ("127.0.0.1", "localhost"):
        remedy = "set webhooks.host to this device's address, or to 0.0.0.0"
        return [warning("webhooks", f"{at} listens on loopback: no device can call it", remedy)]
    return [good("webhooks", f"{at}, with a token")]


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
