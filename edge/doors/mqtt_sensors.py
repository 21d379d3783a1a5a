"""Sensors that publish over MQTT: Zigbee2MQTT's contacts, and access readers.

``<topic>`` of a contact carries its state (true: closed) and what else the device reports;
``<topic>/availability`` carries ``online`` or ``{"state":"online"}``; ``<base>/bridge/state``
the same for Zigbee2MQTT itself. All may be retained. A record's ts is when the message was
received: Zigbee2MQTT's last_seen may be switched off and is of another clock.
"""

import json
import logging
from collections.abc import Sequence
from typing import Any, Final

import msgspec
from msgspec import UNSET, Struct, UnsetType
from paho.mqtt.client import MQTTMessage

from configs.agent import AccessReader, DoorSensor
from edge.doors.contact import Reading
from edge.doors.desk import DoorDesk
from edge.metrics import EdgeMetrics
from wire import mqtt
from wire.errors import LinkError, LinkRefused

log = logging.getLogger(__name__)

_AVAILABILITY: Final = "/availability"
_BRIDGE: Final = "/bridge/state"


class UnreadableReading(ValueError):
    """A payload that is not a door sensor's or a reader's."""


class _Payload(Struct, frozen=True):
    contact: bool | UnsetType | None = UNSET
    battery: float | UnsetType | None = UNSET
    battery_low: bool | UnsetType | None = UNSET
    tamper: bool | UnsetType | None = UNSET
    linkquality: float | UnsetType | None = UNSET


def read_contact(payload: bytes) -> Reading:
    """What a device's message says; raises `UnreadableReading`."""
    try:
        said = msgspec.json.decode(payload, type=_Payload)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise UnreadableReading(str(error)) from None
    return Reading(
        open=not said.contact if isinstance(said.contact, bool) else UNSET,
        battery=_within(said.battery, 100),
        battery_low=said.battery_low if isinstance(said.battery_low, bool) else UNSET,
        tamper=said.tamper if isinstance(said.tamper, bool) else UNSET,
        linkquality=_within(said.linkquality, 255),
    )


def read_availability(payload: bytes) -> Reading:
    """What an availability message says; raises `UnreadableReading`."""
    state: object
    try:
        state = payload.decode()
        if state.startswith("{"):
            state = json.loads(state).get("state")
    except (ValueError, RecursionError) as error:
        raise UnreadableReading(str(error)) from None
    if state not in ("online", "offline"):
        raise UnreadableReading(f"expected online or offline, got {str(state)[:40]!r}")
    return Reading(available=state == "online")


def read_access(payload: bytes, reader: AccessReader) -> bool:
    """Whether a reader's message lets somebody in; raises `UnreadableReading`.

    The whole payload, or the ``field`` of a JSON object, is one of ``granted_values`` or not.
    """
    value: object
    try:
        value = payload.decode().strip()
        if reader.field:
            said = json.loads(payload)
            value = said.get(reader.field) if isinstance(said, dict) else None
    except (ValueError, RecursionError) as error:
        raise UnreadableReading(str(error)) from None
    if not isinstance(value, str | int | float) or value == "":
        raise UnreadableReading(f"no {reader.field or 'value'} in it")
    return str(value).lower() in {each.lower() for each in reader.granted_values}


def _within(value: float | UnsetType | None, most: int) -> int | UnsetType:
    """A number in the record's range; one that a device got wrong is left out."""
    return round(value) if isinstance(value, int | float) and 0 <= value <= most else UNSET


class MqttSensors:
    """Every MQTT door and reader of a node, on one connection."""

    def __init__(
        self,
        sensors: Sequence[DoorSensor],
        readers: Sequence[AccessReader],
        broker: mqtt.Broker,
        client_id: str,
        *,
        desk: DoorDesk,
        metrics: EdgeMetrics,
    ) -> None:
        self._sensors = {sensor.topic: sensor for sensor in sensors}
        self._readers = {reader.topic: reader for reader in readers}
        self._bridges = {sensor.topic.partition("/")[0] + _BRIDGE for sensor in sensors}
        self._offline: set[str] = set()
        """Topics of devices that are offline by their own availability."""
        self._broker = broker
        self._client_id = client_id
        self._desk, self._metrics = desk, metrics

    def start(self) -> None:
        """Connect, and go on trying for as long as it takes. Raises `LinkRefused`."""
        self._client = mqtt.client(self._broker, self._client_id, clean_session=True)
        self._client.on_connect = self._on_connect
        self._client.on_message = self._on_message
        self._client.reconnect_delay_set(1, 30)
        try:
            self._client.connect_async(self._broker.host, self._broker.port, 30)
        except ValueError as error:
            raise LinkRefused(f"sensors_mqtt {self._broker.host!r}: {error}") from None
        self._client.loop_start()

    def stop(self) -> None:
        """Disconnect."""
        self._client.disconnect()
        self._client.loop_stop()

    def take(self, topic: str, payload: bytes) -> None:
        """Read one message; one that cannot be read is logged and counted."""
        if topic in self._bridges:
            self._guarded("the bridge", topic, lambda: self._hear_bridge(topic, payload))
        elif (reader := self._readers.get(topic)) is not None:
            self._guarded(
                reader.id,
                topic,
                lambda: self._desk.access(reader.id, granted=read_access(payload, reader)),
            )
        elif (sensor := self._sensors.get(topic)) is not None:
            self._guarded(
                sensor.id, topic, lambda: self._desk.hear(sensor.id, read_contact(payload))
            )
        elif topic.endswith(_AVAILABILITY):
            self._take_availability(topic.removesuffix(_AVAILABILITY), payload)

    def _take_availability(self, topic: str, payload: bytes) -> None:
        sensor = self._sensors.get(topic)
        if sensor is None:
            return

        def hear() -> None:
            reading = read_availability(payload)
            (self._offline.discard if reading.available else self._offline.add)(topic)
            self._desk.hear(sensor.id, reading)

        self._guarded(sensor.id, topic + _AVAILABILITY, hear)

    def _hear_bridge(self, topic: str, payload: bytes) -> None:
        """While Zigbee2MQTT is away none of its devices can be heard."""
        reading = read_availability(payload)
        base = topic.removesuffix(_BRIDGE) + "/"
        for device, sensor in self._sensors.items():
            if device.startswith(base) and device not in self._offline:
                self._desk.hear(sensor.id, reading)

    def _guarded(self, name: str, topic: str, hear: Any) -> None:
        try:
            hear()
        except UnreadableReading as error:
            log.warning("door %s: unreadable message on %s: %s", name, topic, error)
            self._metrics.door_messages_bad.labels(name).inc()

    def _on_connect(self, client: Any, _data: Any, _flags: Any, code: Any, _props: Any) -> None:
        error: LinkError | None = mqtt.refusal(code, self._broker)
        if error is not None:
            log.error("doors: %s", error)
            return
        wanted = [*self._bridges, *self._readers]
        for topic in self._sensors:
            wanted += [topic, topic + _AVAILABILITY]
        client.subscribe([(topic, 1) for topic in wanted])

    def _on_message(self, _client: Any, _data: Any, message: MQTTMessage) -> None:
        if message.retain and message.topic in self._readers:
            return  # somebody came in before this agent listened: no news
        self.take(message.topic, bytes(message.payload))
