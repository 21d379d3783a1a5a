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


class CaseStep(Struct, frozen=True, kw_only=True):
    """What is told of a case. Nothing of who reported it, and no words of theirs."""

    id: str
    code: str
    deadline: str = ""
    """answer or solve, of a deadline that comes near or is missed."""
    due: int | None = None
    owner: str = ""
    event: str = ""
    """What a letter tells of: one of `hub.cases.letters.EVENTS`."""
    reporter: int = 0
    """Whom a letter is for: a row of ``reporter``, which alone says how they are reached."""


class WalkStep(Struct, frozen=True, kw_only=True):
    """A patrol that a volunteer is reminded of: rows of ``patrol`` and ``resident``."""

    patrol: str
    resident: int
    off: bool = False
    """It was called off."""
    changed: bool = False
    """Staff changed when or where it is."""


class Item(Struct, frozen=True, kw_only=True):
    """One step of an alert, or of a ``case``: then ``alert`` names that, ``title`` is its kind,
    ``pending_ts`` and ``fired_ts`` are when it came. Times are ms since the epoch."""

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
    case: CaseStep | None = None
    walk: WalkStep | None = None
    """Then ``alert`` names the volunteer, ``title`` is the patrol's and ``fired_ts`` when it
    begins."""

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
