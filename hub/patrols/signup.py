"""Who comes: volunteers sign up for a walk, and withdraw."""

import enum
from typing import Any

from sqlalchemy import Connection, Engine, delete, func, insert, select

from hub import audit
from hub.patrols.tables import Patrol, SignUp

RESIDENT = "resident"


class Signed(enum.StrEnum):
    """What became of it."""

    IN = "signed up"
    WAITING = "on the waiting list"
    ALREADY = "was signed up already"
    TOO_LATE = "the walk is over or called off"
    TOO_MANY = "signed up for too many walks"
    NO_SUCH_WALK = "no such walk"


def sign_up(engine: Engine, patrol_id: str, resident: int, *, most: int, now: int) -> Signed:
    """Take part in a walk. Who finds it full waits, and moves up when somebody withdraws.
    ``most`` is how many walks to come one resident may be signed up for."""
    with engine.begin() as connection:
        audit.lock(connection)
        patrol = _find(connection, patrol_id)
        if patrol is None:
            return Signed.NO_SUCH_WALK
        if patrol.cancelled_at is not None or patrol.ends_at <= now:
            return Signed.TOO_LATE
        mine = (SignUp.patrol == patrol_id) & (SignUp.resident == resident)
        if connection.scalar(select(SignUp.id).where(mine)) is not None:
            return Signed.ALREADY
        if _ahead(connection, resident, now) >= most:
            return Signed.TOO_MANY
        row = {"patrol": patrol_id, "resident": resident, "at": now}
        connection.execute(insert(SignUp).values(row))
        audit.enter(connection, RESIDENT, "patrol.sign-up", patrol_id, "", now)
        count = connection.scalar(select(func.count()).where(SignUp.patrol == patrol_id)) or 0
    return Signed.IN if count <= patrol.capacity else Signed.WAITING


def withdraw(
    engine: Engine, patrol_id: str, resident: int, *, now: int, actor: str = RESIDENT
) -> bool:
    """Not come after all, or be taken off by staff; False where there was nothing to undo."""
    with engine.begin() as connection:
        audit.lock(connection)
        patrol = _find(connection, patrol_id)
        if patrol is None or patrol.ends_at <= now:
            return False
        mine = (SignUp.patrol == patrol_id) & (SignUp.resident == resident)
        if not connection.execute(delete(SignUp).where(mine)).rowcount:
            return False
        audit.enter(connection, actor, "patrol.withdraw", patrol_id, "", now)
    return True


def volunteers(connection: Connection, patrol: Any) -> tuple[list[int], list[int]]:
    """Residents who have a place on a walk, and those who wait for one, in order."""
    query = select(SignUp.resident).where(SignUp.patrol == patrol.id).order_by(SignUp.id)
    found = list(connection.scalars(query))
    return found[: patrol.capacity], found[patrol.capacity :]


def _ahead(connection: Connection, resident: int, now: int) -> int:
    ahead = (Patrol.ends_at > now) & Patrol.cancelled_at.is_(None) & (SignUp.resident == resident)
    query = select(func.count()).select_from(SignUp).join(Patrol, Patrol.id == SignUp.patrol)
    return connection.scalar(query.where(ahead)) or 0


def _find(connection: Connection, patrol_id: str) -> Any:
    query = select(*Patrol.__table__.columns).where(Patrol.id == patrol_id)
    return connection.execute(query).first()
