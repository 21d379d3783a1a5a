"""A site as its YAML says it: the community, its places, and what sees them."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from configs.rules import Rule
from configs.servers import EmbeddedBroker, HubSettings, WebSettings
from configs.values import Text
from wire.records import Direction, Id


class Site(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The community."""

    id: Id
    name: Text
    timezone: str
    """IANA name, such as Asia/Shanghai: the clock that rules and people read."""
    plan: str = ""
    """The drawing of the site, an SVG or a picture beside this file."""
    language: Literal["en", "zh"] = "en"


class View(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A zone of a camera that sees the place."""

    node: Id
    source: Id
    zone: Id
    trust: Annotated[float, Meta(gt=0, le=1)] = 0.9
    """Weight of what this view says in ``presence``: higher believes it more."""


class CountingLine(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A line of a camera at an entrance of the place."""

    node: Id
    source: Id
    line: Id
    inward: Direction = Direction.RIGHT
    """The side of the line that the place is on."""


class DoorOf(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A door that leads to the place."""

    node: Id
    source: Id
    controlled: bool = False
    """An access reader guards it: opened without access granted is forced."""


class Place(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Somewhere an operator would send a patrol."""

    id: Id
    name: Text
    at: tuple[float, float] | None = None
    """Where on the plan, in the drawing's units."""
    tags: tuple[Id, ...] = ()
    views: tuple[tuple[View, ...], ...] = ()
    """Groups of overlapping views; a group counts once."""
    lines: tuple[CountingLine, ...] = ()
    doors: tuple[DoorOf, ...] = ()


class NodeOf(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An edge agent of the site."""

    id: Id
    name: Text = Text("", "")


class SiteFile(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A whole site.yaml. ``broker``, ``hub`` and ``web`` are read by ``linli up`` alone."""

    site: Site
    nodes: tuple[NodeOf, ...]
    places: tuple[Place, ...]
    rules: tuple[Rule, ...] = ()
    rule_files: tuple[str, ...] = ()
    """More rules, in files beside this one."""
    broker: EmbeddedBroker | None = None
    hub: HubSettings = HubSettings()
    web: WebSettings = WebSettings()
