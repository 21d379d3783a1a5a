"""What Zigbee2MQTT has paired, from its retained ``<base>/bridge/devices``."""

import threading
from typing import Any, Final

import msgspec
from msgspec import Struct
from paho.mqtt.client import MQTTMessage

from wire import mqtt

BASE: Final = "zigbee2mqtt"
DEVICES: Final = "/bridge/devices"
PATIENCE_S: Final = 5.0


class Device(Struct, frozen=True):
    """A paired device."""

    topic: str
    """Such as ``zigbee2mqtt/hall/west gate``; a friendly name may hold slashes."""
    model: str
    exposes: frozenset[str]
    """Names of what it reports, such as contact, battery, tamper."""

    @property
    def is_contact(self) -> bool:
        """Whether it is a door's or window's contact."""
        return "contact" in self.exposes

    @property
    def name(self) -> str:
        """Its friendly name."""
        return self.topic.partition("/")[2]


class BridgeSilent(Exception):
    """No Zigbee2MQTT tells its devices on this broker."""


def devices(
    broker: mqtt.Broker, client_id: str, *, base: str = BASE, patience_s: float = PATIENCE_S
) -> list[Device]:
    """Every paired device; raises `BridgeSilent`, and `LinkError` where there is no broker."""
    heard: list[bytes] = []
    greeted: list[Any] = []
    news = threading.Event()

    def on_connect(client: Any, _data: Any, _flags: Any, code: Any, _props: Any) -> None:
        greeted.append(code)
        if mqtt.refusal(code, broker) is None:
            client.subscribe(base + DEVICES, 1)
        else:
            news.set()

    def on_message(_client: Any, _data: Any, message: MQTTMessage) -> None:
        heard.append(bytes(message.payload))
        news.set()

    client = mqtt.client(broker, client_id, clean_session=True)
    client.on_connect, client.on_message = on_connect, on_message
    try:
        client.connect(broker.host, broker.port, keepalive=30)
    except (OSError, ValueError):
        raise mqtt.unreachable(broker) from None
    client.loop_start()
    news.wait(patience_s)
    client.disconnect()
    client.loop_stop()
    if greeted and (refusal := mqtt.refusal(greeted[0], broker)) is not None:
        raise refusal
    if not heard:
        raise BridgeSilent(
            f"no Zigbee2MQTT tells its devices on {base}{DEVICES} at {broker.host}:{broker.port}; "
            "check that it runs and uses this broker and base topic"
        )
    return read_devices(heard[0], base)


def read_devices(payload: bytes, base: str = BASE) -> list[Device]:
    """The devices of a bridge/devices message, the coordinator left out; raises `BridgeSilent`."""
    try:
        listed = msgspec.json.decode(payload, type=list[dict[str, Any]])
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise BridgeSilent(f"{base}{DEVICES} is no list of devices: {error}") from None
    return [_device(each, base) for each in listed if each.get("type") != "Coordinator"]


def _device(said: dict[str, Any], base: str) -> Device:
    definition = said.get("definition")
    known = definition if isinstance(definition, dict) else {}
    exposes = known.get("exposes")
    return Device(
        topic=f"{base}/{said.get('friendly_name') or said.get('ieee_address') or ''}",
        model=str(known.get("model") or said.get("model_id") or ""),
        exposes=frozenset(_names(exposes if isinstance(exposes, list) else [])),
    )


def _names(exposes: list[Any]) -> list[str]:
    """Of features too: a lock's or a switch's are one level down."""
    found: list[str] = []
    for each in exposes:
        if isinstance(each, dict):
            found += [each["property"]] if isinstance(each.get("property"), str) else []
            inner = each.get("features")
            found += _names(inner) if isinstance(inner, list) else []
    return found
