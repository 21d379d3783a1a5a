"""A site as its YAML says it: the community, its places, and what sees them."""

from collections.abc import Iterable
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct, field

from configs.notify import Route
from configs.residents import Residents
from configs.rules import Rule, Weekday
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
    """The drawing of the site, an SVG with a viewBox or a PNG, beside this file."""
    language: Literal["en", "zh"] = "en"
    country: str = ""
    """ISO 3166-1 code, such as CN: whose public holidays rules mean."""


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
    """[x, y] on the plan in the drawing's units: those of an SVG's viewBox, a PNG's pixels;
    x goes to the right and y down."""
    tags: tuple[Id, ...] = ()
    views: tuple[tuple[View, ...], ...] = ()
    """Groups of overlapping views; a group counts once."""
    lines: tuple[CountingLine, ...] = ()
    doors: tuple[DoorOf, ...] = ()

    def answers_to(self, targets: Iterable[str]) -> bool:
        """Whether any of ids, tags and "*" means it."""
        return any(target in ("*", self.id) or target in self.tags for target in targets)


class SourceOf(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What people call a camera or sensor of a node, and where it hangs."""

    id: Id
    name: Text = Text("", "")
    at: tuple[float, float] | None = None
    """Where on the plan, as a place's."""


class NodeOf(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An edge agent of the site."""

    id: Id
    name: Text = Text("", "")
    sources: tuple[SourceOf, ...] = ()


class Override(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Other values for a rule at some places, without a copy of the rule."""

    rule: Id
    places: tuple[str, ...] = ("*",)
    """Ids, tags or "*"."""
    set_: dict[str, Any] = field(name="set")
    """Path in the rule, such as when[0].above, clear.below or cooldown → value."""


class RiskTerm(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A signal's part in ``risk``: weight · min(1, value ÷ full)."""

    signal: str
    weight: Annotated[float, Meta(gt=0)]
    """What it adds at the most."""
    full: Annotated[float, Meta(gt=0)] = 1.0
    """The value from which on it adds all of that."""


RISK = tuple(
    RiskTerm(signal=signal, weight=weight, full=full)
    for signal, weight, full in (
        ("door.forced", 25.0, 1.0),
        ("scene.fault", 15.0, 1.0),
        ("tailgating", 10.0, 2.0),
        ("door.open_s", 10.0, 300.0),
        ("stationary.car", 10.0, 600.0),
        ("surprise.flow", 10.0, 6.0),
        ("dwell.person", 5.0, 1800.0),
        ("occupancy.person", 5.0, 20.0),
        ("silence_s", 5.0, 600.0),
        ("reports.hazard", 5.0, 2.0),
    )
)
"""Where a site says nothing else: from 0 to 100."""


class WeeklyDigest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What stood out, once a week by message."""

    day: Weekday = "mon"
    at: Annotated[str, Meta(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")] = "08:00"
    """On the site's clock; it tells of the seven days before."""
    to: tuple[Id, ...] = ()
    """Routes of kind apprise or webhook; left out: nobody is told."""


class SiteFile(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A whole site.yaml. ``broker``, ``hub`` and ``web`` are read by ``linli up`` alone."""

    site: Site
    nodes: tuple[NodeOf, ...]
    places: tuple[Place, ...]
    rules: tuple[Rule, ...] = ()
    routes: tuple[Route, ...] = ()
    """Whom rules can tell, and how."""
    rule_files: tuple[str, ...] = ()
    """More rules, in files beside this one."""
    overrides: tuple[Override, ...] = ()
    """Applied in this order."""
    risk: tuple[RiskTerm, ...] = RISK
    residents: Residents = Residents()
    digest: WeeklyDigest = WeeklyDigest()
    broker: EmbeddedBroker | None = None
    hub: HubSettings = HubSettings()
    web: WebSettings = WebSettings()
