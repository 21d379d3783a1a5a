"""Door contacts behind Zigbee2MQTT: subscribes to their topics, emits door.state.

``<topic>`` carries the contact (true: closed) and what else the device reports;
``<topic>/availability`` carries ``online`` or ``{"state":"online"}``. Both may be retained.
A record's ts is when the message was received: Zigbee2MQTT's last_seen may be switched off
and is of another clock.
"""

import json
import logging
import queue
import threading
from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec
from msgspec import UNSET, Struct, UnsetType
from paho.mqtt.client import MQTTMessage

from configs.agent import DoorSensor
from edge.doors.contact import Contact, Reading
from edge.metrics import EdgeMetrics
from edge.recorder import Recorder
from wire import mqtt
from wire.errors import LinkError, LinkRefused

log = logging.getLogger(__name__)

LONGEST_WAIT_S: Final = 5.0
_AVAILABILITY: Final = "/availability"


class UnreadableReading(ValueError):
    """A payload that is not a door sensor's."""


class _Payload(Struct, frozen=True):
    contact: bool | UnsetType | None = UNSET
    battery: float | UnsetType | None = UNSET
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


def _within(value: float | UnsetType | None, most: int) -> int | UnsetType:
    """A number in the record's range; one that a device got wrong is left out."""
    return round(value) if isinstance(value, int | float) and 0 <= value <= most else UNSET


class Zigbee2MqttDoors:
    """Every Zigbee2MQTT door of a node, on one connection."""

    def __init__(
        self,
        sensors: Sequence[DoorSensor],
        broker: mqtt.Broker,
        client_id: str,
        *,
        recorder: Recorder,
        metrics: EdgeMetrics,
        now: Callable[[], int],
    ) -> None:
        self._sensors = {sensor.topic: sensor for sensor in sensors}
        self._contacts = {sensor.topic: Contact(sensor.id, sensor.debounce) for sensor in sensors}
        self._broker = broker
        self._client_id = client_id
        self._recorder, self._metrics, self._now = recorder, metrics, now
        self._inbox: queue.SimpleQueue[tuple[str, Reading, int] | None] = queue.SimpleQueue()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="doors", daemon=True)

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
        self._thread.start()

    def stop(self) -> None:
        """Disconnect."""
        self._stopping.set()
        self._inbox.put(None)
        self._client.disconnect()
        self._client.loop_stop()
        self._thread.join(5.0)

    def take(self, topic: str, payload: bytes, ts: int) -> tuple[str, Reading, int] | None:
        """The door's topic, its reading and time; None where the message is not to be read."""
        door = topic.removesuffix(_AVAILABILITY)
        sensor = self._sensors.get(topic) or self._sensors.get(door)
        if sensor is None:
            return None
        try:
            if topic == sensor.topic:
                return topic, read_contact(payload), ts
            return door, read_availability(payload), ts
        except UnreadableReading as error:
            log.warning("door %s: unreadable message on %s: %s", sensor.id, topic, error)
            self._metrics.door_messages_bad.labels(sensor.id).inc()
            return None

    def _on_connect(self, client: Any, _data: Any, _flags: Any, code: Any, _props: Any) -> None:
        error: LinkError | None = mqtt.refusal(code, self._broker)
        if error is not None:
            log.error("doors: %s", error)
            return
        for topic in self._sensors:
            client.subscribe([(topic, 1), (topic + _AVAILABILITY, 1)])

    def _on_message(self, _client: Any, _data: Any, message: MQTTMessage) -> None:
        taken = self.take(message.topic, bytes(message.payload), self._now())
        if taken is not None:
            self._inbox.put(taken)

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                taken = self._inbox.get(timeout=self._until_due_s())
            except queue.Empty:
                taken = None
            if taken is not None:
                topic, reading, ts = taken
                self._recorder.append(self._contacts[topic].read(reading, ts))
            for contact in self._contacts.values():
                self._recorder.append(contact.tick(self._now()))

    def _until_due_s(self) -> float:
        dues = [due for contact in self._contacts.values() if (due := contact.due()) is not None]
        wait_ms = min(dues, default=self._now() + LONGEST_WAIT_S * 1000) - self._now()
        return min(max(wait_ms / 1000, 0.0), LONGEST_WAIT_S)
