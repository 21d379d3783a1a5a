"""What an edge sends to the embedded broker before the hub is there waits for the hub."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from configs.servers import HubSettings
from launch.hold import hold_place
from launch.supervisor import Child, LaunchError, Supervisor, listens, python
from tests.servers import free_port
from wire import mqtt
from wire.mqtt import Broker

DEADLINE_S = 60


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[HubSettings]:
    port = free_port()
    with Supervisor() as supervisor:
        argv = python("-m", "launch.broker", str(port))
        supervisor.start(Child("broker", argv, tmp_path / "log", listens(port)))
        yield HubSettings(mqtt=Broker(host="127.0.0.1", port=port))


def _connected(hub: HubSettings, name: str, *, clean: bool) -> Any:
    client = mqtt.client(hub.mqtt, name, clean_session=clean)
    client.connect(hub.mqtt.host, hub.mqtt.port)
    return client


def test_what_comes_before_the_hub_waits_for_it(hub: HubSettings) -> None:
    hold_place(hub, ["garden"])
    edge = _connected(hub, "edge", clean=True)
    edge.loop_start()
    sent = [edge.publish("linli/v1/garden/n/records", str(n), qos=1) for n in range(30)]
    for one in sent:
        one.wait_for_publish(DEADLINE_S)
    edge.disconnect()
    edge.loop_stop()
    came: list[str] = []
    everything = threading.Event()

    def take(_client: Any, _data: Any, message: Any) -> None:
        came.append(message.payload.decode())
        if len(came) == len(sent):
            everything.set()

    late = _connected(hub, hub.session, clean=False)
    late.on_message = take
    late.loop_start()
    arrived = everything.wait(DEADLINE_S)
    late.disconnect()
    late.loop_stop()
    assert arrived, came
    assert sorted(map(int, came)) == list(range(30))


def test_a_broker_that_is_not_there_is_said() -> None:
    nobody = HubSettings(mqtt=Broker(host="127.0.0.1", port=free_port()))
    with pytest.raises(LaunchError, match="cannot be reached"):
        hold_place(nobody, ["garden"])
