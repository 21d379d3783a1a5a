"""One file for each way to send; `open_sender` picks."""

from collections.abc import Callable

from configs.notify import Route
from hub.notify.senders.apprise import AppriseSender
from hub.notify.senders.base import Sender, SendError, SendLater, SendRefused
from hub.notify.senders.cap import CapSender
from hub.notify.senders.mqtt import MqttSender
from hub.notify.senders.webhook import WebhookSender
from wire.mqtt import Broker

__all__ = ["SendError", "SendLater", "SendRefused", "Sender", "open_sender"]


def open_sender(route: Route, broker: Broker) -> Sender:
    """What sends for a route; ``broker`` is the hub's own."""
    kinds: dict[str, Callable[[], Sender]] = {
        "apprise": lambda: AppriseSender(route),
        "webhook": lambda: WebhookSender(route),
        "mqtt": lambda: MqttSender(route, route.broker or broker),
        "cap": lambda: CapSender(route),
    }
    return kinds[route.kind]()
