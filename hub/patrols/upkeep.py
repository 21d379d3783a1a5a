"""What time does to walks: checkpoints that nobody reached, and the end of personal records."""

from sqlalchemy import Connection, Engine, delete, func, select, update

from hub import audit
from hub.patrols.checkin import LATE_MS
from hub.patrols.tables import CheckIn, Checkpoint, Patrol, SignUp
from hub.state.store import reading


def close(engine: Engine, now: int) -> int:
    """Call the checkpoints missed that nobody reached on walks that are over; how many. A
    check-in that comes still later takes it back."""
    open_ = Patrol.closed_at.is_(None) & Patrol.cancelled_at.is_(None)
    over = open_ & (Patrol.ends_at + LATE_MS < now)
    with reading(engine).connect() as connection:
        if not connection.scalar(select(func.count()).select_from(Patrol).where(over)):
            return 0
    with engine.begin() as connection:
        audit.lock(connection)
        ids = connection.scalars(select(Patrol.id).where(over)).all()
        return sum(_close(connection, patrol, now) for patrol in ids)


def purge(engine: Engine, site: str, before: int, now: int) -> int:
    """Forget who came to the walks of ``site`` that ended before ``before`` (ms) and what they
    wrote; how many walks. That there were walks, and what they reached, stays for the figures.
    """
    old = (Patrol.site == site) & (Patrol.ends_at < before) & Patrol.purged_at.is_(None)
    with engine.begin() as connection:
        audit.lock(connection)
        ids = connection.scalars(select(Patrol.id).where(old)).all()
        if not ids:
            return 0
        connection.execute(delete(SignUp).where(SignUp.patrol.in_(ids)))
        connection.execute(delete(CheckIn).where(CheckIn.patrol.in_(ids)))
        connection.execute(update(Patrol).where(Patrol.id.in_(ids)).values(purged_at=now))
        audit.enter(connection, "hub", "patrol.delete", site, f"who came to {len(ids)} walks", now)
    return len(ids)


def _close(connection: Connection, patrol: str, now: int) -> int:
    missed = (Checkpoint.patrol == patrol) & Checkpoint.reached_at.is_(None)
    places = connection.scalars(select(Checkpoint.place).where(missed)).all()
    connection.execute(update(Checkpoint).where(missed).values(missed_at=now))
    connection.execute(update(Patrol).where(Patrol.id == patrol).values(closed_at=now))
    if places:
        audit.enter(connection, "hub", "patrol.missed", patrol, ", ".join(places), now)
    return len(places)
