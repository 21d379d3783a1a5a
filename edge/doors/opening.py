"""From the settings to the sensors that they name, whatever brings their readings."""

from collections.abc import Callable
from typing import Protocol

from configs.agent import EdgeFile
from edge.doors.desk import DoorDesk
from edge.doors.gpio import GpioDoors
from edge.doors.mqtt_sensors import MqttSensors
from edge.doors.webhook import WebhookDoors
from edge.metrics import EdgeMetrics
from edge.recorder import Recorder
from wire.records import NodeHealth


class _Ears(Protocol):
    """What brings readings to the desk."""

    def start(self) -> None: ...

    def stop(self) -> None: ...


class Doors:
    """Every door sensor and reader of a node, simulated ones apart."""

    def __init__(
        self,
        settings: EdgeFile,
        *,
        recorder: Recorder,
        metrics: EdgeMetrics,
        now: Callable[[], int],
    ) -> None:
        doors = [door for door in settings.doors if door.kind != "simulated"]
        self._desk = DoorDesk(doors, settings.readers, recorder=recorder, now=now)
        self._ears: list[_Ears] = []
        self._any = bool(doors or settings.readers)
        zigbee = [door for door in doors if door.kind == "zigbee2mqtt"]
        readers = [reader for reader in settings.readers if reader.kind == "mqtt"]
        if zigbee or readers:
            broker = settings.sensors_mqtt or settings.mqtt
            name = f"linli-doors-{settings.site}-{settings.node}"
            self._ears.append(
                MqttSensors(zigbee, readers, broker, name, desk=self._desk, metrics=metrics)
            )
        wired = [door for door in doors if door.kind == "gpio"]
        strikes = [reader for reader in settings.readers if reader.kind == "gpio"]
        if wired or strikes:
            self._ears.append(GpioDoors(wired, strikes, self._desk))
        called = [door for door in doors if door.kind == "webhook"]
        callers = [reader for reader in settings.readers if reader.kind == "webhook"]
        if called or callers:
            self._ears.append(
                WebhookDoors(settings.webhooks, called, callers, desk=self._desk, metrics=metrics)
            )

    def start(self) -> None:
        """Listen. Raises `LinkRefused` where the sensors' broker cannot be used as configured."""
        if not self._any:
            return
        self._desk.start()
        for ears in self._ears:
            ears.start()

    def stop(self) -> None:
        """Stop listening, and write what was heard."""
        if not self._any:
            return
        for ears in reversed(self._ears):
            ears.stop()
        self._desk.stop()

    def health(self) -> list[NodeHealth]:
        """How each of them does."""
        return self._desk.health()
