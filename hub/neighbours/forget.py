"""Ends an account: what is personal goes, and the log keeps that it went."""

from sqlalchemy import Connection, Engine, delete, select, update

from hub import audit
from hub.neighbours.tables import Resident, ResidentReport
from hub.patrols.tables import CheckIn, Patrol, SignUp

CHUNK = 100


def forget(engine: Engine, resident: int, *, actor: str, now: int) -> bool:
    """Delete an account, its sign-ups, its notes on walks, and its ties to reports; False where
    there is none. Checkpoints that it reached stay reached, by nobody."""
    with engine.begin() as connection:
        audit.lock(connection)
        return _forget(connection, resident, actor, now)


def purge(engine: Engine, before: int, now: int) -> int:
    """Delete the accounts that nobody has used since ``before`` (ms); how many."""
    old = select(Resident.id).where(Resident.seen_at < before).limit(CHUNK)
    count = 0
    while True:
        with engine.begin() as connection:
            audit.lock(connection)
            ids = list(connection.scalars(old))
            for resident in ids:
                _forget(connection, resident, "hub", now)
        count += len(ids)
        if len(ids) < CHUNK:
            return count


def _forget(connection: Connection, resident: int, actor: str, now: int) -> bool:
    if not connection.execute(delete(Resident).where(Resident.id == resident)).rowcount:
        return False
    ahead = select(Patrol.id).where(Patrol.ends_at > now)
    signed = SignUp.resident == resident
    given_up = connection.execute(delete(SignUp).where(signed, SignUp.patrol.in_(ahead))).rowcount
    connection.execute(delete(SignUp).where(signed))
    theirs = update(CheckIn).where(CheckIn.resident == resident)
    walked = connection.execute(theirs.values(resident=None, note="")).rowcount
    reports = connection.execute(
        delete(ResidentReport).where(ResidentReport.resident == resident)
    ).rowcount
    detail = f"{given_up} walks given up, {walked} check-ins and {reports} reports without a name"
    audit.enter(connection, actor, "resident.delete", f"resident {resident}", detail, now)
    return True
