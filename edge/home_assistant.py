"""Tells a Home Assistant what this node senses, by its MQTT discovery.

Discovery messages are retained and say what there is; states are retained below topics of
their own and kept small, because Home Assistant reads no batches. Nothing here is durable: the
hub gets every record, Home Assistant what is so now. What a former configuration announced is
taken back: an empty discovery message deletes.
"""

import json
import logging
import threading
from collections.abc import Sequence
from typing import Any, Final

from paho.mqtt.client import MQTTMessage

from configs.agent import EdgeFile
from edge.recorder import Recorder
from wire import mqtt
from wire.errors import LinkError
from wire.records import AnyRecord, DoorState, NodeHealth, SceneFault, ZoneCount

log = logging.getLogger(__name__)

DOOR_EXPIRES_S: Final = 180
"""A door's state is repeated every minute; without three of them nothing is known of it."""
Discovery = dict[str, dict[str, Any]]
"""Discovery topic → message."""
ON, OFF = "ON", "OFF"


class HomeAssistant:
    """One node's, on a connection of its own. ``hear`` from any thread."""

    def __init__(self, settings: EdgeFile, version: str) -> None:
        self._settings = settings
        wanted = settings.home_assistant
        if wanted is None:
            raise ValueError("home_assistant is not configured")
        self._prefix = wanted.prefix
        self._broker = wanted.mqtt or settings.mqtt
        self._base = f"{wanted.topics}/{settings.site}/{settings.node}"
        self._node_id = f"linli_{settings.site}_{settings.node}"
        self._version = version
        self.discovery = self._discover()
        self._lock = threading.Lock()
        self._states: dict[str, dict[str, Any]] = {}
        """By source (a zone: source/zone) what was last told of it."""
        self._available: dict[str, bool] = {}
        self._connected = False

    def start(self) -> None:
        """Connect, and go on trying for as long as it takes. Raises `LinkError`."""
        name = f"linli-home-{self._settings.site}-{self._settings.node}"
        self._client = mqtt.client(self._broker, name, clean_session=True)
        self._client.will_set(f"{self._base}/availability", "offline", 1, retain=True)
        self._client.on_connect = self._on_connect
        self._client.on_disconnect = self._on_disconnect
        self._client.on_message = self._on_message
        self._client.reconnect_delay_set(1, 60)
        self._client.connect_async(self._broker.host, self._broker.port, 30)
        self._client.loop_start()

    def stop(self, *, forget: bool = False) -> None:
        """Say that the node is away, and disconnect; ``forget``: take back what was announced."""
        if self._connected:
            for topic in self.discovery if forget else ():
                self._client.publish(topic, b"", 1, retain=True)
            info = self._client.publish(f"{self._base}/availability", "offline", 1, retain=True)
            info.wait_for_publish(2.0)
        self._client.disconnect()
        self._client.loop_stop()

    def hear(self, records: Sequence[AnyRecord]) -> None:
        """Take what of the records a Home Assistant is told."""
        for record in records:
            match record:
                case DoorState():
                    self._hear_door(record)
                case ZoneCount():
                    key = f"{record.source}/{record.zone}"
                    self._tell(key, {record.label: record.count}, merge=True)
                case SceneFault():
                    said = {record.fault.value: ON if record.active else OFF}
                    self._tell(record.source, said, merge=True)
                case NodeHealth() if record.source in self._cameras():
                    self._tell(record.source, {"online": ON if record.ok else OFF}, merge=True)
                case _:
                    pass

    def _hear_door(self, record: DoorState) -> None:
        said: dict[str, Any] = {"door": ON if record.open else OFF}
        if isinstance(record.tamper, bool):
            said["tamper"] = ON if record.tamper else OFF
        if isinstance(record.battery, int):
            said["battery"] = record.battery
        self._tell(record.source, said, always=True)
        self._tell_available(record.source, available=record.available is not False)

    def _tell(
        self, key: str, said: dict[str, Any], *, merge: bool = False, always: bool = False
    ) -> None:
        with self._lock:
            before = self._states.get(key, {})
            now = {**before, **said} if merge else said
            self._states[key] = now
            if self._connected and (always or now != before):
                self._client.publish(f"{self._base}/{key}", json.dumps(now), 0, retain=True)

    def _tell_available(self, source: str, *, available: bool) -> None:
        with self._lock:
            before = self._available.get(source)
            self._available[source] = available
            if self._connected and available != before:
                self._publish_available(source)

    def _publish_available(self, source: str) -> None:
        word = "online" if self._available[source] else "offline"
        self._client.publish(f"{self._base}/{source}/availability", word, 1, retain=True)

    def _on_connect(self, client: Any, _data: Any, _flags: Any, code: Any, _props: Any) -> None:
        error: LinkError | None = mqtt.refusal(code, self._broker)
        if error is not None:
            log.error("home assistant: %s", error)
            return
        own = f"{self._prefix}/+/{self._node_id}/+/config"
        client.subscribe([(f"{self._prefix}/status", 1), (own, 1)])
        self._announce()

    def _on_disconnect(self, *_: Any) -> None:
        self._connected = False

    def _on_message(self, client: Any, _data: Any, message: MQTTMessage) -> None:
        if message.topic == f"{self._prefix}/status":
            if message.payload == b"online":
                self._announce()
        elif message.payload and message.topic not in self.discovery:
            client.publish(message.topic, b"", 1, retain=True)

    def _announce(self) -> None:
        """All of it: Home Assistant has started, or the broker may have forgotten."""
        with self._lock:
            self._connected = True
            for topic, said in self.discovery.items():
                self._client.publish(topic, json.dumps(said, ensure_ascii=False), 1, retain=True)
            self._client.publish(f"{self._base}/availability", "online", 1, retain=True)
            for key, state in self._states.items():
                self._client.publish(f"{self._base}/{key}", json.dumps(state), 0, retain=True)
            for source in self._available:
                self._publish_available(source)

    def _cameras(self) -> set[str]:
        return {camera.id for camera in self._settings.cameras}

    def _discover(self) -> Discovery:
        found: Discovery = {}
        self._add(
            found,
            "binary_sensor",
            "",
            "connectivity",
            device_class="connectivity",
            name="Connection",
            state_topic=f"{self._base}/availability",
            payload_on="online",
            payload_off="offline",
        )
        for camera in self._settings.cameras:
            self._add_camera(found, camera.id)
            for zone in camera.zones:
                for label in zone.labels:
                    self._add_zone(found, camera.id, zone.id, label)
        for door in self._settings.doors:
            self._add_door(found, door.id)
        return found

    def _add_camera(self, found: Discovery, camera: str) -> None:
        more = {"state_topic": f"{self._base}/{camera}", **self._with_node()}
        self._add(
            found,
            "binary_sensor",
            camera,
            "online",
            name="Camera",
            device_class="connectivity",
            value_template="{{ value_json.online }}",
            **more,
        )
        faults = "dark", "blurred", "covered", "moved", "frozen", "lost"
        any_fault = " or ".join(f"value_json.{fault} == 'ON'" for fault in faults)
        self._add(
            found,
            "binary_sensor",
            camera,
            "fault",
            name="Picture",
            device_class="problem",
            value_template=f"{{{{ 'ON' if {any_fault} else 'OFF' }}}}",
            **more,
        )

    def _add_zone(self, found: Discovery, camera: str, zone: str, label: str) -> None:
        value = f"value_json[{label!r}] | default(0)"
        more = {"state_topic": f"{self._base}/{camera}/{zone}", **self._with_node()}
        what = f"{zone}_{_plain(label)}"
        occupied = f"{{{{ 'ON' if {value} > 0 else 'OFF' }}}}"
        self._add(
            found,
            "binary_sensor",
            camera,
            f"{what}_occupancy",
            device_class="occupancy",
            name=f"{zone} {label}",
            value_template=occupied,
            **more,
        )
        self._add(
            found,
            "sensor",
            camera,
            f"{what}_count",
            name=f"{zone} {label} count",
            state_class="measurement",
            value_template=f"{{{{ {value} }}}}",
            **more,
        )

    def _add_door(self, found: Discovery, door: str) -> None:
        more = {
            "state_topic": f"{self._base}/{door}",
            "expire_after": DOOR_EXPIRES_S,
            "availability_topic": f"{self._base}/{door}/availability",
            "payload_available": "online",
            "payload_not_available": "offline",
        }
        self._add(
            found,
            "binary_sensor",
            door,
            "door",
            name="Door",
            device_class="door",
            value_template="{{ value_json.door }}",
            **more,
        )
        self._add(
            found,
            "binary_sensor",
            door,
            "tamper",
            name="Tamper",
            device_class="tamper",
            value_template="{{ value_json.tamper | default('OFF') }}",
            **more,
        )
        self._add(
            found,
            "sensor",
            door,
            "battery",
            name="Battery",
            device_class="battery",
            unit_of_measurement="%",
            state_class="measurement",
            value_template="{{ value_json.battery | default(none) }}",
            **more,
        )

    def _with_node(self) -> dict[str, Any]:
        return {
            "availability_topic": f"{self._base}/availability",
            "payload_available": "online",
            "payload_not_available": "offline",
        }

    def _add(self, found: Discovery, component: str, source: str, what: str, **said: Any) -> None:
        name = f"{source}_{what}" if source else what
        topic = f"{self._prefix}/{component}/{self._node_id}/{name}/config"
        unique = f"{self._node_id}_{name}"
        found[topic] = {**said, "unique_id": unique, "device": self._device(source)}

    def _device(self, source: str) -> dict[str, Any]:
        node = {"manufacturer": "Linli", "sw_version": self._version}
        if not source:
            name = f"Linli {self._settings.node}"
            return {"identifiers": [self._node_id], "name": name, "model": "edge agent", **node}
        kind = "camera" if source in self._cameras() else "door"
        return {
            "identifiers": [f"{self._node_id}_{source}"],
            "name": f"{self._settings.node} {source}",
            "model": kind,
            "via_device": self._node_id,
            **node,
        }


class Home:
    """The Home Assistant that the settings ask for, if any, whichever that is now."""

    def __init__(self, recorder: Recorder, version: str) -> None:
        self._recorder, self._version = recorder, version
        self._settings: EdgeFile | None = None
        self._teller: HomeAssistant | None = None

    def use(self, settings: EdgeFile) -> bool:
        """Tell what these settings ask for; whether that is another than before."""
        before, self._settings = self._settings, settings
        if before is not None and _parts(before) == _parts(settings):
            return False
        had_one = self._teller is not None
        self.stop(forget=settings.home_assistant is None)
        if settings.home_assistant is None:
            return had_one
        teller = HomeAssistant(settings, self._version)
        try:
            teller.start()
        except (LinkError, ValueError) as error:
            log.error("home assistant: %s; it is told nothing until that changes", error)
        else:
            self._teller = teller
            self._recorder.on_records = teller.hear
        return True

    def stop(self, *, forget: bool = False) -> None:
        """Tell nothing any more."""
        self._recorder.on_records = lambda _records: None
        if self._teller is not None:
            self._teller.stop(forget=forget)
            self._teller = None


def _parts(settings: EdgeFile) -> tuple[Any, ...]:
    """What a Home Assistant is told of, and where."""
    home = settings.home_assistant
    broker = None if home is None else home.mqtt or settings.mqtt
    return home, broker, settings.cameras, settings.doors


def _plain(label: str) -> str:
    """Of the letters that a discovery topic may hold."""
    return "".join(letter if letter.isascii() and letter.isalnum() else "_" for letter in label)
