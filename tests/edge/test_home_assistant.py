"""What a Home Assistant is told over a real broker, and in which shape."""

import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion
from prometheus_client import CollectorRegistry

from configs.agent import Camera, DoorSensor, EdgeFile, Zone
from configs.agent import HomeAssistant as Settings
from edge.home_assistant import Home
from edge.metrics import EdgeMetrics
from edge.outbox import Outbox
from edge.recorder import Recorder
from tests.edge.fakes import DEADLINE_S
from tests.servers import Server
from wire.mqtt import Broker
from wire.records import AnyRecord, DoorState, Fault, NodeHealth, SceneFault, ZoneCount

WHOLE = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0))
KEYS = {
    "name", "unique_id", "state_topic", "value_template", "device_class", "unit_of_measurement",
    "state_class", "expire_after", "availability_topic", "payload_available",
    "payload_not_available", "device", "payload_on", "payload_off",
}  # fmt: skip
DEVICE_KEYS = {"identifiers", "name", "manufacturer", "model", "sw_version", "via_device"}
CLASSES = {
    "door", "occupancy", "motion", "tamper", "problem", "safety", "connectivity", "battery",
}  # fmt: skip
NODE = "homeassistant/binary_sensor/linli_garden_gate-1"


class Assistant:
    """Keeps what stands on a broker's topics, as a Home Assistant would."""

    def __init__(self, port: int) -> None:
        self.topics: dict[str, bytes] = {}
        self._news = threading.Condition()
        self.client = Client(CallbackAPIVersion.VERSION2)
        self.client.on_connect = lambda client, *_: client.subscribe("#", 1)
        self.client.on_message = self._on_message
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()

    def _on_message(self, _client: Any, _data: Any, message: MQTTMessage) -> None:
        with self._news:
            self.topics[message.topic] = bytes(message.payload)
            self._news.notify_all()

    def wait(self, met: Callable[[], bool]) -> None:
        with self._news:
            assert self._news.wait_for(met, DEADLINE_S), sorted(self.topics)

    def until(self, topic: str, payload: bytes | dict[str, Any]) -> None:
        """Until ``topic`` says so."""

        def says() -> bool:
            said = self.topics.get(topic)
            return said == payload or (
                isinstance(payload, dict) and bool(said) and json.loads(said or b"") == payload
            )

        self.wait(says)

    def announced(self) -> dict[str, dict[str, Any]]:
        return {
            topic: json.loads(said)
            for topic, said in list(self.topics.items())
            if topic.startswith("homeassistant/") and topic.endswith("/config") and said
        }

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


@pytest.fixture
def assistant(broker: Server) -> Iterator[Assistant]:
    made = Assistant(broker.port)
    yield made
    made.close()


@pytest.fixture
def settings(broker: Server) -> EdgeFile:
    return EdgeFile(
        site="garden",
        node="gate-1",
        mqtt=Broker(port=broker.port),
        cameras=(Camera(id="yard", usb=0, zones=(Zone(id="lawn", polygon=WHOLE),)),),
        doors=(DoorSensor(id="west", kind="webhook"),),
        home_assistant=Settings(),
    )


@pytest.fixture
def recorder(tmp_path: Path) -> Iterator[Recorder]:
    box = Outbox(tmp_path / "outbox.sqlite", max_records=1000)
    yield Recorder(box, EdgeMetrics(CollectorRegistry()))
    box.close()


@pytest.fixture
def home(recorder: Recorder) -> Iterator[Home]:
    made = Home(recorder, "1.0")
    yield made
    made.stop()


def count(number: int) -> AnyRecord:
    return ZoneCount(seq=0, ts=1, source="yard", zone="lawn", label="person", count=number)


def test_everything_is_announced_in_home_assistants_shape(
    assistant: Assistant, home: Home, settings: EdgeFile
) -> None:
    home.use(settings)
    assistant.wait(lambda: len(assistant.announced()) == 8)
    found = assistant.announced()
    for topic, said in found.items():
        prefix, component, node, name, last = topic.split("/")
        assert (prefix, node, last) == ("homeassistant", "linli_garden_gate-1", "config")
        assert component in ("binary_sensor", "sensor")
        assert set(said) <= KEYS
        assert set(said["device"]) <= DEVICE_KEYS
        assert said.get("device_class") in {*CLASSES, None}
        assert said["unique_id"] == f"{node}_{name}"
    assert len({said["unique_id"] for said in found.values()}) == 8
    door = found[f"{NODE}/west_door/config"]
    assert door["state_topic"] == "linli-home/garden/gate-1/west"
    assert door["availability_topic"] == "linli-home/garden/gate-1/west/availability"
    assert (door["device_class"], door["expire_after"]) == ("door", 180)
    assert door["device"]["via_device"] == "linli_garden_gate-1"


def test_states_follow_the_records(
    assistant: Assistant, home: Home, settings: EdgeFile, recorder: Recorder
) -> None:
    base = "linli-home/garden/gate-1"
    recorder.append([count(9)])
    home.use(settings)
    assistant.until(f"{base}/availability", b"online")
    recorder.append(
        [
            DoorState(seq=0, ts=1, source="west", open=True, battery=80, tamper=False),
            count(2),
            SceneFault(seq=0, ts=1, source="yard", fault=Fault.DARK, active=True),
            NodeHealth(seq=0, ts=1, source="yard", ok=True),
            NodeHealth(seq=0, ts=1, source="agent", ok=True),
        ]
    )
    assistant.until(f"{base}/west", {"door": "ON", "battery": 80, "tamper": "OFF"})
    assistant.until(f"{base}/west/availability", b"online")
    assistant.until(f"{base}/yard/lawn", {"person": 2})
    assistant.until(f"{base}/yard", {"dark": "ON", "online": "ON"})
    assert f"{base}/agent" not in assistant.topics
    recorder.append([DoorState(seq=0, ts=2, source="west", open=True, available=False)])
    assistant.until(f"{base}/west/availability", b"offline")
    home.stop()
    assistant.until(f"{base}/availability", b"offline")


def test_a_home_assistant_that_starts_is_told_anew(
    assistant: Assistant, home: Home, settings: EdgeFile, recorder: Recorder
) -> None:
    home.use(settings)
    assistant.wait(lambda: len(assistant.announced()) == 8)
    recorder.append([count(2)])
    state = "linli-home/garden/gate-1/yard/lawn"
    assistant.until(state, {"person": 2})
    assistant.topics.clear()
    assistant.client.publish("homeassistant/status", b"online", 1)
    assistant.wait(lambda: len(assistant.announced()) == 8)
    assistant.until(state, {"person": 2})


def test_what_a_former_configuration_announced_is_taken_back(
    assistant: Assistant, home: Home, settings: EdgeFile
) -> None:
    stale = f"{NODE}/gone_door/config"
    foreign = "homeassistant/binary_sensor/somebody_else/gone_door/config"
    for topic in (stale, foreign):
        assistant.client.publish(topic, b'{"name":"x"}', 1, retain=True).wait_for_publish(60)
    assert home.use(settings)
    assistant.until(stale, b"")
    assert not home.use(settings), "nothing has changed"
    assistant.wait(lambda: len(assistant.announced()) == 9)
    assert home.use(replace(settings, doors=()))
    assistant.until(f"{NODE}/west_door/config", b"")
    assert home.use(replace(settings, home_assistant=None))
    assistant.wait(lambda: set(assistant.announced()) == {foreign})


def test_a_broker_that_comes_back_empty_is_told_everything_again(
    broker: Server, assistant: Assistant, home: Home, settings: EdgeFile, recorder: Recorder
) -> None:
    home.use(settings)
    assistant.wait(lambda: len(assistant.announced()) == 8)
    broker.kill()
    recorder.append([count(3)])
    broker.start()
    assistant.until("linli-home/garden/gate-1/yard/lawn", {"person": 3})
