"""Changes a plan and the walks of it that are to come: when, where, how long, for how many.

A walk that volunteers may be on already stays as it is.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Engine, Row, delete, insert, select, update

from configs.site import SiteFile
from hub import audit
from hub.patrols.checkin import EARLY_MS
from hub.patrols.plans import COLUMNS, TITLE_CHARS, NewPlan, PlanRefused, Tell, check, nobody
from hub.patrols.tables import Checkpoint, Patrol, PatrolPlan, SignUp

WALKS = (Patrol.id, Patrol.starts_at, Patrol.ends_at, Patrol.capacity, Patrol.title)


def ahead(connection: Connection, plan_id: str, now: int) -> Sequence[Row[Any]]:
    """The walks of a plan that can still be changed, the next first."""
    mine = (Patrol.plan == plan_id) & Patrol.cancelled_at.is_(None)
    query = select(*WALKS).where(mine, Patrol.starts_at > now + EARLY_MS)
    rows: Sequence[Any] = connection.execute(query.order_by(Patrol.starts_at)).all()
    return rows


def change(
    engine: Engine, site: SiteFile, plan_id: str, new: NewPlan, *, actor: str, now: int,
    tell: Tell = nobody,
) -> int:  # fmt: skip
    """Make a plan what ``new`` says (`weekly` stays as it was): the next walk begins at its
    ``first_at``, those of the weeks after it a week later each. ``tell`` hears in the same
    transaction which walks that changed; how many. Raises `PlanRefused`."""
    check(site, new, now + EARLY_MS)
    with engine.begin() as connection:
        audit.lock(connection)
        found = connection.execute(select(*COLUMNS).where(PatrolPlan.id == plan_id)).first()
        walks = ahead(connection, plan_id, now)
        if found is None or found.site != site.site.id or not walks:
            raise PlanRefused("first_at", "no walk of it is to come")
        plan = {
            "title": new.title.strip()[:TITLE_CHARS], "route": list(new.route),
            "first_at": new.first_at, "length_ms": new.length_ms, "capacity": new.capacity,
        }  # fmt: skip
        connection.execute(update(PatrolPlan).where(PatrolPlan.id == plan_id).values(plan))
        again = _stops(connection, walks[0].id) != list(new.route)
        zone = ZoneInfo(site.site.timezone)
        moves = list(zip(walks, _begins(new.first_at, zone), strict=False))
        if new.first_at > walks[0].starts_at:
            moves.reverse()  # no two walks of a plan begin at once, not for a moment
        changed = [row.id for row, at in moves if _move(connection, row, plan, at, now, again)]
        if changed:
            tell(connection, changed)
        detail = f"{len(changed)} walks, past {', '.join(new.route)}"
        audit.enter(connection, actor, "patrol.plan.change", plan_id, detail, now)
    return len(changed)


def _begins(first_at: int, zone: ZoneInfo) -> Iterator[int]:
    first, week = datetime.fromtimestamp(first_at / 1000, zone), 0
    while True:
        yield round((first + timedelta(weeks=week)).timestamp() * 1000)
        week += 1


def _move(
    connection: Connection, walk: Row[Any], plan: dict[str, Any], starts_at: int, now: int,
    again: bool,
) -> bool:  # fmt: skip
    values: dict[str, Any] = {
        "title": plan["title"], "starts_at": starts_at, "ends_at": starts_at + plan["length_ms"],
        "capacity": plan["capacity"],
    }  # fmt: skip
    same = all(getattr(walk, name) == value for name, value in values.items())
    if same and not again:
        return False
    values["changed_at"] = now
    if starts_at != walk.starts_at:
        values["was_at"] = walk.starts_at
        mine = update(SignUp).where(SignUp.patrol == walk.id)
        connection.execute(mine.values(reminded_at=None))
    connection.execute(update(Patrol).where(Patrol.id == walk.id).values(values))
    if again:
        connection.execute(delete(Checkpoint).where(Checkpoint.patrol == walk.id))
        rows = [
            {"patrol": walk.id, "place": place, "position": position}
            for position, place in enumerate(plan["route"])
        ]
        connection.execute(insert(Checkpoint), rows)
    return True


def _stops(connection: Connection, patrol: str) -> list[str]:
    query = select(Checkpoint.place).where(Checkpoint.patrol == patrol)
    return list(connection.scalars(query.order_by(Checkpoint.position)))
