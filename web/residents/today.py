"""What the board says of today: how safe the site is, what happened so far, and what looks on."""

from datetime import datetime

from msgspec import Struct
from sqlalchemy import Connection, func, select

from configs.rules import Severity
from configs.site import Place, SiteFile
from hub.cases.tables import Case, CaseOutcome
from hub.state.tables import Alert, AlertState
from web.console import console

SERIOUS = (Severity.MEDIUM.value, Severity.HIGH.value, Severity.CRITICAL.value)


class Today(Struct, frozen=True):
    """Since midnight, by the site's clock."""

    alerts: int
    """Of medium severity and up, and not judged false."""
    reports: int
    solved: int


class Watched(Struct, frozen=True):
    """What is collected where."""

    cameras: tuple[Place, ...]
    doors: tuple[Place, ...]


def level(connection: Connection, site: str) -> str:
    """How safe the site is now, in a word: calm, watchful or alert."""
    query = select(Alert.severity).where(Alert.site == site, Alert.state == AlertState.FIRING)
    firing = set(connection.scalars(query.distinct()))
    if firing & {Severity.CRITICAL.value, Severity.HIGH.value}:
        return "alert"
    return "watchful" if Severity.MEDIUM.value in firing else "calm"


def so_far(connection: Connection, file: SiteFile) -> Today:
    """What the day has brought."""
    here, site = console(), file.site.id
    local = datetime.fromtimestamp(here.now() / 1000, here.zone(site))
    start = round(local.replace(hour=0, minute=0, second=0, microsecond=0).timestamp() * 1000)

    def count(column: object, *where: object) -> int:
        query = select(func.count()).where(column >= start, *where)  # type: ignore[operator, arg-type]
        return connection.scalar(query) or 0

    mine = (Case.site == site) & (Case.held == "")
    return Today(
        count(Alert.fired_ts, Alert.site == site, Alert.severity.in_(SERIOUS),
              Alert.verdict != "false"),
        count(Case.created_at, mine),
        count(Case.closed_at, mine, Case.outcome == CaseOutcome.SOLVED),
    )  # fmt: skip


def watched(file: SiteFile) -> Watched:
    """The places that cameras look at, and those whose doors say that they open."""
    return Watched(
        tuple(place for place in file.places if place.views or place.lines),
        tuple(place for place in file.places if place.doors),
    )
