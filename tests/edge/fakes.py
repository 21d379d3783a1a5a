"""Scripted stand-ins for what an agent talks to, and a listener on a real broker."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion

from edge.detections import Detections
from edge.frames import Frame, Image
from edge.sources import SourceDown
from wire import codec
from wire.records import AnyRecord, Batch, Evidence, Message
from wire.topics import Topic

DEADLINE_S = 60.0
LABELS = ("person", "car")


class Clock:
    """Milliseconds that a test moves by hand."""

    def __init__(self, ms: int = 1_700_000_000_000) -> None:
        self.ms = ms

    def __call__(self) -> int:
        return self.ms


class ScriptedDetector:
    """Says what the script says of each picture, in turn; the last goes on for ever."""

    def __init__(self, script: Sequence[Detections | Exception]) -> None:
        self.labels = LABELS
        self._script = list(script)
        self.calls = 0

    def detect(self, image: Image) -> Detections:  # noqa: ARG002 - the script decides
        step = self._script[min(self.calls, len(self._script) - 1)]
        self.calls += 1
        if isinstance(step, Exception):
            raise step
        return step


class ScriptedSource:
    """``count`` grey pictures, ``step_ms`` apart, then the end, or waiting until closed."""

    def __init__(
        self, count: int, *, start: int, step_ms: int = 100, size_wh: tuple[int, int] = (640, 480)
    ) -> None:
        self.size_wh = size_wh
        self.fps = 10.0
        self.delivered = self.skipped = self.reconnects = 0
        self.down: SourceDown | None = None
        self.ends = True
        self._count, self._start, self._step_ms = count, start, step_ms
        self._closed = threading.Event()

    def read(self) -> Frame | None:
        if self.delivered == self._count or self._closed.is_set():
            if not self.ends:
                self._closed.wait(DEADLINE_S)
            return None
        ts = self._start + self.delivered * self._step_ms
        frame = Frame(
            np.full((self.size_wh[1], self.size_wh[0], 3), 90, np.uint8), ts, self.delivered
        )
        self.delivered += 1
        return frame

    def set_fps(self, fps: float) -> None:
        self.fps = fps

    def close(self) -> None:
        self._closed.set()

    def __iter__(self) -> Iterator[Frame]:
        while (frame := self.read()) is not None:
            yield frame


class Listener:
    """Hears everything under linli/ on a broker."""

    def __init__(self, port: int) -> None:
        self.heard: list[tuple[Topic, Message]] = []
        self._news = threading.Condition()
        self._subscribed = threading.Event()
        self.client = Client(CallbackAPIVersion.VERSION2, client_id="listener", clean_session=False)
        self.client.on_connect = self._on_connect
        self.client.on_subscribe = lambda *_: self._subscribed.set()
        self.client.on_message = self._on_message
        self.client.reconnect_delay_set(1, 1)
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()
        assert self._subscribed.wait(DEADLINE_S)

    def _on_connect(self, client: Client, *_: Any) -> None:
        client.subscribe("linli/#", 1)

    def _on_message(self, _client: Any, _data: Any, message: MQTTMessage) -> None:
        with self._news:
            self.heard.append(codec.decode(message.topic, bytes(message.payload)))
            self._news.notify_all()

    def wait_for(self, met: Callable[[], bool], deadline_s: float = DEADLINE_S) -> None:
        """Until a condition on what was heard holds; fails at the deadline."""
        with self._news:
            assert self._news.wait_for(met, deadline_s), [str(topic) for topic, _ in self.heard]

    def batches(self) -> list[Batch]:
        return [message for _, message in list(self.heard) if isinstance(message, Batch)]

    def records(self) -> list[AnyRecord]:
        return [record for batch in self.batches() for record in batch.records]

    def seqs(self) -> list[int]:
        return [record.seq for record in self.records()]

    def pictures(self) -> list[Evidence]:
        return [message for _, message in list(self.heard) if isinstance(message, Evidence)]

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


def boxes(*feet: tuple[float, float], score: float = 0.9, size: float = 100.0) -> Detections:
    """Persons who stand at ``feet`` (pixels), each ``size`` high and 0.4 as wide."""
    xyxy = [(x - 0.2 * size, y - size, x + 0.2 * size, y) for x, y in feet]
    return Detections.of(xyxy, [score] * len(feet), [0] * len(feet))


def until(met: Callable[[], bool], deadline_s: float = DEADLINE_S) -> None:
    """Wait for something that no condition tells of; fails at the deadline."""
    end = time.monotonic() + deadline_s
    while not met():
        assert time.monotonic() < end, "the deadline has passed"
        time.sleep(0.005)
