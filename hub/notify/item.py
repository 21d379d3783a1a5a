"""What a delivery tells: one step of one alert, complete in itself."""

from typing import Any

from msgspec import Struct

from configs.rules import Severity
from hub.notify.tables import DeliveryKind


class Words(Struct, frozen=True):
    """Words for people, in both languages."""

    en: str = ""
    zh: str = ""

    def in_(self, language: str) -> str:
        """The words in ``language``."""
        return self.zh if language == "zh" else self.en


class Item(Struct, frozen=True, kw_only=True):
    """One step of an alert. Times are ms since the epoch."""

    step: str
    kind: DeliveryKind
    alert: str
    site: str
    site_name: Words
    timezone: str
    place: str
    place_name: Words
    rule: str
    severity: Severity
    title: Words
    advice: Words
    values: list[dict[str, Any]]
    """[{signal, value, text}]."""
    pending_ts: int
    fired_ts: int
    resolved_ts: int | None = None
    resolved_by: str = ""
    late: bool = False
    evidence: str = ""
    at: int = 0
    """When this step was decided."""

    @property
    def active(self) -> bool:
        """Whether the alert goes on."""
        return self.resolved_ts is None


class Sent(Struct, frozen=True):
    """A step that a route was told earlier."""

    step: str
    at: int
    """The `Item.at` it was told with."""


class Message(Struct, frozen=True, kw_only=True):
    """What goes to a route at once."""

    id: str
    items: tuple[Item, ...]
    digest: bool = False
    """Of what waited for the end of quiet hours."""
    earlier: tuple[Sent, ...] = ()
    """For a message of one item: what the route was told of its alert before."""
