"""MQTT: the state of each alert as a retained message."""

import threading
from typing import Any

import msgspec

from configs.notify import Route
from hub.notify.item import Message
from hub.notify.senders.base import SendLater, SendRefused
from hub.notify.senders.webhook import facts
from hub.notify.text import link
from wire import mqtt
from wire.errors import LinkDown, LinkError, LinkRefused
from wire.mqtt import Broker

ROOT = "linli/alerts"
"""Outside linli/v1, where every name means a node."""


class MqttSender:
    """Publishes to ``linli/alerts/<site>/<place>/<rule>``, retained, QoS 1. Connects for each
    message: alerts are few, and a connection that is not there cannot be lost unnoticed."""

    def __init__(self, route: Route, broker: Broker) -> None:
        self._route = route
        self._broker = broker
        self._timeout_s = route.timeout.seconds

    def send(self, message: Message) -> None:
        """Return once the broker has acknowledged every item."""
        try:
            self._publish(message)
        except LinkRefused as error:
            raise SendRefused(str(error)) from None
        except LinkDown as error:
            raise SendLater(str(error)) from None
        except (OSError, ValueError, RuntimeError) as error:
            raise SendLater(f"{mqtt.unreachable(self._broker)}: {error}") from None

    def _publish(self, message: Message) -> None:
        client = mqtt.client(self._broker, "", clean_session=True)
        client.connect_timeout = self._timeout_s
        welcomed = threading.Event()
        refusals: list[LinkError] = []

        def on_connect(_client: Any, _data: Any, _flags: Any, code: Any, _props: Any) -> None:
            problem = mqtt.refusal(code, self._broker)
            if problem is not None:
                refusals.append(problem)
            welcomed.set()

        client.on_connect = on_connect
        client.connect(self._broker.host, self._broker.port, keepalive=self._broker.keepalive_s)
        client.loop_start()
        try:
            if not welcomed.wait(self._timeout_s):
                raise mqtt.unreachable(self._broker)
            if refusals:
                raise refusals[0]
            for item in message.items:
                topic = f"{ROOT}/{item.site}/{item.place}/{item.rule}"
                told = {**facts(item), "url": link(self._route.base_url, item)}
                sent = client.publish(topic, msgspec.json.encode(told), qos=1, retain=True)
                sent.wait_for_publish(self._timeout_s)
                if not sent.is_published():
                    raise LinkDown("the broker took the message and did not acknowledge it")
        finally:
            client.disconnect()
            client.loop_stop()
