"""A test message, sent past the outbox."""

import uuid

from configs.notify import Route
from configs.rules import Severity
from configs.site import SiteFile
from hub.notify.item import Item, Message, Words
from hub.notify.tables import DeliveryKind


def trial(file: SiteFile, route: Route, now: int) -> Message:
    """A message that says it is a test; ``now`` in ms."""
    place = file.places[0] if file.places else None
    item = Item(
        step=f"test-{uuid.uuid4().hex[:16]}:{DeliveryKind.TEST}:{route.id}:0",
        kind=DeliveryKind.TEST,
        alert="test",
        site=file.site.id,
        site_name=Words(file.site.name.en, file.site.name.zh),
        timezone=file.site.timezone,
        place=place.id if place else "nowhere",
        place_name=Words(place.name.en, place.name.zh) if place else Words("nowhere", "无"),
        rule="test",
        severity=Severity.INFO,
        title=Words("This is a test of the notifications", "这是一条通知测试"),
        advice=Words("Nothing to do.", "无需处理。"),
        values=[],
        pending_ts=now,
        fired_ts=now,
        resolved_ts=now,  # nothing goes on: an MQTT topic must not stay active
        resolved_by="rule",
        at=now,
    )
    return Message(id=uuid.uuid4().hex, items=(item,))
