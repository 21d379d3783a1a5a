"""What the broker and paho alone can do, as a process: ``python -m tests.bench.subscriber PORT``.

Subscribes with QoS 1, lets paho acknowledge, counts messages and does nothing else.
"""

import sys
import threading
import time
from typing import Any

from tests.bench.orders import Done, Expect, Ready, listen, say
from wire import mqtt, topics

BARE = "bare"
"""The site it hears, which no hub knows."""


class Counter:
    """Counts messages."""

    def __init__(self, port: int) -> None:
        self._count = self._wanted = 0
        self._through = threading.Event()
        self._subscribed = threading.Event()
        self._ended_ns = 0
        broker = mqtt.Broker(port=port)
        self._client = mqtt.client(broker, "bench-subscriber", clean_session=True)
        self._client.on_message = self._on_message
        self._client.on_subscribe = lambda *_: self._subscribed.set()
        self._client.connect(broker.host, broker.port)
        self._client.loop_start()
        self._client.subscribe(topics.subscription(BARE), 1)
        self._subscribed.wait()

    def expect(self, messages: int) -> None:
        """Start to count anew."""
        self._count, self._wanted = 0, messages
        self._through.clear()

    def wait(self) -> int:
        """When the last one came, nanoseconds since the Unix epoch."""
        self._through.wait()
        return self._ended_ns

    def _on_message(self, *_: Any) -> None:
        self._count += 1
        if self._count == self._wanted:
            self._ended_ns = time.time_ns()
            self._through.set()

    def close(self) -> None:
        """Say goodbye to the broker."""
        self._client.disconnect()
        self._client.loop_stop()


def main() -> None:
    """Serve until standard input closes."""
    counter = Counter(int(sys.argv[1]))
    for order in listen(Expect):
        counter.expect(order.messages)
        say(Ready())
        begun_ns = time.time_ns()
        say(Done(begun_ns, counter.wait()))
    counter.close()


if __name__ == "__main__":
    main()
