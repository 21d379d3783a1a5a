"""At a checkpoint: who was there, when, and what they saw.

The code on the sheet that hangs there proves that somebody has been near it. A check-in that
waited on a phone for a connection counts from when it happened.
"""

import enum
import secrets
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from msgspec import Struct
from sqlalchemy import Connection, Engine, insert, select, update

from hub import audit
from hub.patrols.codes import Code, judge
from hub.patrols.signup import RESIDENT, volunteers
from hub.patrols.tables import CheckIn, Checkpoint, Patrol, SignUp

if TYPE_CHECKING:  # the hub takes times from here, and loads no cryptography for that
    from hub.cases.vault import Vault

EARLY_MS, LATE_MS = 30 * 60_000, 60 * 60_000
"""Volunteers come before the time and take longer: so much still belongs to the walk."""
OLDEST_MS = 7 * 86_400_000
"""What waited longer on a phone is not taken."""
NOTE_CHARS = 2000


class Checked(enum.StrEnum):
    """What became of a check-in."""

    DONE = "checked in"
    AGAIN = "was checked in already"
    WRONG_CODE = "the code is of no checkpoint here"
    OLD_CODE = "the code was renewed"
    NO_WALK = "no walk of theirs passes here at that time"
    TOO_OLD = "it happened too long ago"


class Arrived(Struct, frozen=True):
    """A check-in, or why there is none."""

    verdict: Checked
    id: str = ""
    patrol: str = ""


class Seen(Struct, frozen=True, kw_only=True):
    """What a phone sends."""

    site: str
    place: str
    code: str
    at: int
    """When it happened, ms."""
    note: str = ""


def check_in(engine: Engine, vault: "Vault", resident: int, seen: Seen, *, now: int) -> Arrived:
    """Write down that a volunteer was there; again at the same checkpoint adds to the note."""
    at = min(seen.at, now)
    with engine.begin() as connection:
        audit.lock(connection)
        code = judge(connection, vault, seen.site, seen.place, seen.code, at)
        if code is not Code.GOOD:
            return Arrived(Checked.OLD_CODE if code is Code.OLD else Checked.WRONG_CODE)
        if at < now - OLDEST_MS:
            return Arrived(Checked.TOO_OLD)
        patrol = walk_at(connection, resident, seen.site, seen.place, at)
        if patrol is None:
            return Arrived(Checked.NO_WALK)
        here = (CheckIn.patrol == patrol.id) & (CheckIn.place == seen.place)
        known = connection.scalar(select(CheckIn.id).where(here, CheckIn.resident == resident))
        if known is not None:
            _add_note(connection, known, seen.note)
            return Arrived(Checked.AGAIN, known, patrol.id)
        row = {
            "id": secrets.token_hex(8), "patrol": patrol.id, "place": seen.place,
            "resident": resident, "at": at, "received_at": now, "note": _tidy(seen.note),
        }  # fmt: skip
        connection.execute(insert(CheckIn).values(row))
        _reach(connection, patrol.id, seen.place, at)
        target = f"{patrol.id}/{seen.place}"
        when = datetime.fromtimestamp(at / 1000, UTC).isoformat(timespec="seconds")
        audit.enter(connection, RESIDENT, "patrol.check-in", target, f"at {when}", now)
    return Arrived(Checked.DONE, str(row["id"]), patrol.id)


def add_note(engine: Engine, check_in_id: str, resident: int, note: str) -> bool:
    """What was seen, told later; False where it is not theirs, or says nothing."""
    if not note.strip():
        return False
    with engine.begin() as connection:
        mine = (CheckIn.id == check_in_id) & (CheckIn.resident == resident)
        known = connection.scalar(select(CheckIn.id).where(mine))
        if known is not None:
            _add_note(connection, known, note)
    return known is not None


def became(connection: Connection, check_in_id: str, case: str, *, now: int) -> None:
    """The note is a report now; the two know of each other. In the transaction of the report."""
    row = connection.execute(
        select(CheckIn.patrol, CheckIn.place, CheckIn.case).where(CheckIn.id == check_in_id)
    ).first()
    if row is None or row.case == case:
        return
    connection.execute(update(CheckIn).where(CheckIn.id == check_in_id).values(case=case))
    target = f"{row.patrol}/{row.place}"
    audit.enter(connection, RESIDENT, "patrol.report", target, f"case {case}", now)


def walk_at(connection: Connection, resident: int, site: str, place: str, at: int) -> Any:
    """The walk of theirs that passes a place at a time, the one that begins nearest to it."""
    mine = select(SignUp.patrol).where(SignUp.resident == resident)
    past = select(Checkpoint.patrol).where(Checkpoint.place == place)
    query = (
        select(*Patrol.__table__.columns)
        .where(Patrol.site == site, Patrol.id.in_(mine), Patrol.id.in_(past))
        .where(Patrol.starts_at - EARLY_MS <= at, Patrol.ends_at + LATE_MS >= at)
        .where(Patrol.cancelled_at.is_(None))
    )
    rows = connection.execute(query).all()
    going = [row for row in rows if resident in volunteers(connection, row)[0]]
    return min(going, key=lambda row: abs(row.starts_at - at), default=None)


def _reach(connection: Connection, patrol: str, place: str, at: int) -> None:
    stop = (Checkpoint.patrol == patrol) & (Checkpoint.place == place)
    first = Checkpoint.reached_at.is_(None) | (Checkpoint.reached_at > at)
    connection.execute(update(Checkpoint).where(stop, first).values(reached_at=at, missed_at=None))


def _add_note(connection: Connection, check_in_id: str, note: str) -> None:
    note = _tidy(note)
    before = connection.scalar(select(CheckIn.note).where(CheckIn.id == check_in_id)) or ""
    if note and note not in before.split("\n\n"):  # sent again after its answer got lost
        both = f"{before}\n\n{note}".strip()[:NOTE_CHARS]
        connection.execute(update(CheckIn).where(CheckIn.id == check_in_id).values(note=both))


def _tidy(note: str) -> str:
    return note.strip()[:NOTE_CHARS]
