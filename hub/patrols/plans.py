"""When there is a walk: plans of staff, and the walks that they make."""

import secrets
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from msgspec import Struct
from sqlalchemy import Connection, Engine, Row, insert, select, update

from configs.site import SiteFile
from hub import audit
from hub.patrols.tables import Checkpoint, Patrol, PatrolPlan
from hub.state.store import reading

AHEAD_MS = 28 * 86_400_000
"""Walks of a weekly plan are there this long before. Higher: residents can plan further."""
MIN_MS, MAX_MS = 5 * 60_000, 12 * 3_600_000
CAPACITY = range(1, 101)
STOPS = range(1, 25)
TITLE_CHARS = 120
WEEK_MS = 7 * 86_400_000
COLUMNS = tuple(PatrolPlan.__table__.columns)
Tell = Callable[[Connection, Sequence[str]], object]
"""Hears of walks that staff changed or called off, in the transaction that does it."""


def nobody(_connection: Connection, _walks: Sequence[str]) -> None:
    """Nobody is told."""


class PlanRefused(Exception):
    """A walk cannot be planned so; ``field`` says which part of it and the text why."""

    def __init__(self, field: str, why: str) -> None:
        super().__init__(why)
        self.field = field


class NewPlan(Struct, frozen=True, kw_only=True):
    """What staff want; ``first_at`` in ms."""

    title: str
    route: Sequence[str]
    first_at: int
    length_ms: int
    capacity: int
    weekly: bool = False


def plan(engine: Engine, site: SiteFile, new: NewPlan, *, actor: str, now: int) -> str:
    """Plan a walk and make those of the weeks to come. Raises `PlanRefused`."""
    check(site, new, now)
    row = {
        "id": secrets.token_hex(8), "site": site.site.id, "title": new.title.strip()[:TITLE_CHARS],
        "route": list(new.route), "first_at": new.first_at, "length_ms": new.length_ms,
        "weekly": new.weekly, "capacity": new.capacity, "made_by": actor, "made_at": now,
        "ended_at": None if new.weekly else now,
    }  # fmt: skip
    with engine.begin() as connection:
        audit.lock(connection)
        made = connection.execute(insert(PatrolPlan).values(row).returning(*COLUMNS)).one()
        detail = f"{'weekly' if new.weekly else 'once'}, past {', '.join(new.route)}"
        audit.enter(connection, actor, "patrol.plan", made.id, detail, now)
        _make(connection, made, new.first_at)
        _extend(connection, site, now)
    return str(made.id)


def extend(engine: Engine, sites: Sequence[SiteFile], now: int) -> int:
    """Make the walks of weekly plans that are near enough now; how many are new."""
    with reading(engine).connect() as connection:
        if not any(True for site in sites for _ in _wanted(connection, site, now)):
            return 0
    with engine.begin() as connection:
        return sum(_extend(connection, site, now) for site in sites)


def end_plan(
    engine: Engine, plan_id: str, *, actor: str, now: int, tell: Tell = nobody
) -> list[str] | None:
    """No more walks of a plan; those to come are called off, and which they are is told. None
    where it had ended."""
    with engine.begin() as connection:
        audit.lock(connection)
        going = (PatrolPlan.id == plan_id) & PatrolPlan.ended_at.is_(None)
        if not connection.execute(update(PatrolPlan).where(going).values(ended_at=now)).rowcount:
            return None
        ahead = (Patrol.plan == plan_id) & (Patrol.starts_at > now) & Patrol.cancelled_at.is_(None)
        off = update(Patrol).where(ahead).values(cancelled_at=now).returning(Patrol.id)
        ids = list(connection.scalars(off))
        tell(connection, ids)
        audit.enter(connection, actor, "patrol.plan.end", plan_id, "", now)
    return ids


def cancel(engine: Engine, patrol_id: str, *, actor: str, now: int, tell: Tell = nobody) -> bool:
    """Call one walk off; False where it is over, or was called off."""
    with engine.begin() as connection:
        audit.lock(connection)
        ahead = (Patrol.id == patrol_id) & (Patrol.ends_at > now) & Patrol.cancelled_at.is_(None)
        if not connection.execute(update(Patrol).where(ahead).values(cancelled_at=now)).rowcount:
            return False
        tell(connection, [patrol_id])
        audit.enter(connection, actor, "patrol.cancel", patrol_id, "", now)
    return True


def check(site: SiteFile, new: NewPlan, now: int) -> None:
    """Raises `PlanRefused` for a walk that there cannot be, or that begins before ``now``."""
    places = {place.id for place in site.places}
    unknown = [stop for stop in new.route if stop not in places]
    if not new.title.strip():
        raise PlanRefused("title", "a walk needs a name")
    if unknown or len(set(new.route)) != len(new.route) or len(new.route) not in STOPS:
        raise PlanRefused("route", "a route has 1 to 24 places of the site, each once")
    if new.first_at <= now:
        raise PlanRefused("first_at", "the first walk begins in the past")
    if not MIN_MS <= new.length_ms <= MAX_MS:
        raise PlanRefused("length_ms", "a walk takes 5 minutes to 12 hours")
    if new.capacity not in CAPACITY:
        raise PlanRefused("capacity", "a walk has room for 1 to 100")


def _make(connection: Connection, plan: Row[Any], starts_at: int) -> None:
    patrol = {
        "id": secrets.token_hex(8), "plan": plan.id, "site": plan.site, "title": plan.title,
        "starts_at": starts_at, "ends_at": starts_at + plan.length_ms, "capacity": plan.capacity,
    }  # fmt: skip
    connection.execute(insert(Patrol).values(patrol))
    stops = [
        {"patrol": patrol["id"], "place": place, "position": position}
        for position, place in enumerate(plan.route)
    ]
    connection.execute(insert(Checkpoint), stops)


def _extend(connection: Connection, site: SiteFile, now: int) -> int:
    wanted = list(_wanted(connection, site, now))
    for plan, starts_at in wanted:
        _make(connection, plan, starts_at)
    return len(wanted)


def _wanted(connection: Connection, site: SiteFile, now: int) -> Iterator[tuple[Row[Any], int]]:
    """Weekly plans, and beginnings of walks that are near enough and not there yet."""
    going = (PatrolPlan.site == site.site.id) & PatrolPlan.ended_at.is_(None)
    for plan in connection.execute(select(*COLUMNS).where(going)).all():
        made = set(connection.scalars(select(Patrol.starts_at).where(Patrol.plan == plan.id)))
        for starts_at in _weeks(plan.first_at, ZoneInfo(site.site.timezone), now):
            if starts_at not in made:
                yield plan, starts_at


def _weeks(first_at: int, zone: ZoneInfo, now: int) -> Iterator[int]:
    """The beginnings (ms) that lie ahead, at one time by the site's clock, summer and winter.
    A hub that was off for long makes no walks of the past."""
    first = datetime.fromtimestamp(first_at / 1000, zone)
    week = max(0, (now - first_at) // WEEK_MS)
    while True:
        starts_at = round((first + timedelta(weeks=week)).timestamp() * 1000)
        if starts_at > now + AHEAD_MS:
            return
        if starts_at > now:
            yield starts_at
        week += 1
