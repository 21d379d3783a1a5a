"""The nodes' side, as a process: ``python -m tests.bench.publisher PORT``."""

import functools
import sys
import threading
import time
from collections.abc import Sequence
from typing import Any

from tests.bench.orders import Done, Ready, Send, listen, say
from tests.bench.traffic import STAMP_BYTES, Traffic
from wire import mqtt

WINDOW = 200
"""Messages that the broker has not acknowledged yet."""


class Sender:
    """Publishes with QoS 1 and no more than a window unacknowledged."""

    def __init__(self, port: int) -> None:
        self._room = threading.Semaphore(WINDOW)
        broker = mqtt.Broker(port=port)
        self._client = mqtt.client(broker, "bench-publisher", clean_session=True)
        self._client.max_inflight_messages_set(WINDOW)
        self._client.on_publish = self._on_publish
        self._client.connect(broker.host, broker.port)
        self._client.loop_start()

    def _on_publish(self, *_: Any) -> None:
        self._room.release()

    def send(self, messages: Sequence[tuple[str, bytes]], per_second: float) -> Done:
        """Stamp and send; returns when the broker has acknowledged all."""
        begun_ns = time.time_ns()
        begun = time.monotonic()
        for index, (topic, payload) in enumerate(messages):
            if per_second:
                time.sleep(max(0.0, begun + index / per_second - time.monotonic()))
            self._room.acquire()
            now = b"%d" % (time.time_ns() // 1_000_000)
            self._client.publish(topic, payload.replace(STAMP_BYTES, now), 1)
        for _ in range(WINDOW):
            self._room.acquire()
        self._room.release(WINDOW)
        return Done(begun_ns, time.time_ns())

    def close(self) -> None:
        """Say goodbye to the broker."""
        self._client.disconnect()
        self._client.loop_stop()


def main() -> None:
    """Serve until standard input closes."""
    sender = Sender(int(sys.argv[1]))
    traffic = functools.cache(Traffic)
    for order in listen(Send):
        messages = traffic(order.site).messages(order.messages)
        say(Ready())
        sys.stdin.readline()
        say(sender.send(messages, order.per_second))
    sender.close()


if __name__ == "__main__":
    main()
