"""Webhooks: CloudEvents 1.0 in structured mode."""

import hashlib
from datetime import UTC, datetime
from typing import Any

import msgspec

from configs.notify import Route
from hub.notify.item import Item, Message
from hub.notify.senders.http import Poster
from hub.notify.tables import DeliveryKind
from hub.notify.text import link

CONTENT_TYPE = "application/cloudevents+json; charset=utf-8"


class WebhookSender:
    """One event for each step."""

    def __init__(self, route: Route) -> None:
        self._route = route
        self._poster = Poster(route)

    def send(self, message: Message) -> None:
        """POST each item; the id of an event is the step's, so a receiver can drop doubles."""
        for item in message.items:
            self._poster.post(msgspec.json.encode(cloud_event(item, self._route)), CONTENT_TYPE)


def cloud_event(item: Item, route: Route) -> dict[str, Any]:
    """A step as a CloudEvent, as https://github.com/cloudevents/spec v1.0.2 says it."""
    at = datetime.fromtimestamp(item.at / 1000, UTC).isoformat(timespec="milliseconds")
    return {
        "specversion": "1.0",
        "id": hashlib.blake2b(item.step.encode(), digest_size=16).hexdigest(),
        "source": f"/linli/{item.site}",
        "type": f"org.linli.{_type(item)}",
        "subject": item.case.code if item.case else f"{item.place}/{item.rule}".strip("/"),
        "time": at.replace("+00:00", "Z"),
        "datacontenttype": "application/json",
        "data": {**facts(item), "url": link(route.base_url, item)},
    }


def facts(item: Item) -> dict[str, Any]:
    """A step as plain JSON, for machines."""
    plain: dict[str, Any] = msgspec.to_builtins(item)
    if item.case is None:
        del plain["case"]
    del plain["walk"]  # told by letter alone
    return {**plain, "active": item.active}


def _type(item: Item) -> str:
    """``alert.firing``, ``case.due``, ``digest`` and the like."""
    if item.kind is DeliveryKind.DIGEST:
        return str(item.kind)
    return item.kind.replace("-", ".") if item.case else f"alert.{item.kind}"
