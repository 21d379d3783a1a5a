"""What a resident has done: their reports, and their walks."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from hub.cases.tables import Case
from hub.cases.vault import Vault
from hub.neighbours.tables import ResidentReport
from hub.patrols.signup import volunteers
from hub.patrols.tables import CheckIn, Checkpoint, Patrol, SignUp
from web.cases.queries import CaseView, cases
from web.console import Console

LATELY = 50
"""Walks and reports on the page."""


@dataclass(frozen=True, slots=True)
class Walked:
    """A walk of somebody's."""

    patrol: Any
    stops: int
    going: bool
    """They have a place on it; else they wait for one."""
    seen: Sequence[Any]
    """Their check-ins, in order."""


def reports(here: Console, vault: Vault, resident: int) -> list[tuple[CaseView, str]]:
    """Their reports, newest first, each with the token of its link."""
    mine = (
        select(ResidentReport.case, ResidentReport.token)
        .where(ResidentReport.resident == resident)
        .order_by(ResidentReport.at.desc())
        .limit(LATELY)
    )
    with here.reader.connect() as connection:
        links = {case: vault.open(sealed) for case, sealed in connection.execute(mine)}
        found = cases(connection, Case.id.in_(list(links)))
    return [(case, links[case.id]) for case in found]


def tokens(here: Console, vault: Vault, resident: int) -> list[str]:
    """Of the links to all their reports."""
    query = select(ResidentReport.token).where(ResidentReport.resident == resident)
    with here.reader.connect() as connection:
        return [vault.open(sealed) for sealed in connection.scalars(query)]


def soon(here: Console, resident: int) -> Any:
    """Their next walk, also one that was called off, where it is near enough to be reminded of it,
    or goes on; else None."""
    now = here.now()
    query = (
        select(*Patrol.__table__.columns)
        .join(SignUp, SignUp.patrol == Patrol.id)
        .where(SignUp.resident == resident, Patrol.ends_at > now)
        .order_by(Patrol.starts_at)
    )
    with here.reader.connect() as connection:
        for patrol in connection.execute(query).all():
            file = here.site(patrol.site)
            near = file is not None and patrol.starts_at <= now + file.residents.remind
            if near and resident in volunteers(connection, patrol)[0]:
                return patrol
    return None


def walks(here: Console, resident: int) -> list[Walked]:
    """Their walks, the latest first."""
    signed = select(SignUp.patrol).where(SignUp.resident == resident)
    query = (
        select(*Patrol.__table__.columns)
        .where(Patrol.id.in_(signed))
        .order_by(Patrol.starts_at.desc())
        .limit(LATELY)
    )
    with here.reader.connect() as connection:
        found = []
        for patrol in connection.execute(query).all():
            stops = select(Checkpoint.place).where(Checkpoint.patrol == patrol.id)
            seen = (
                select(*CheckIn.__table__.columns)
                .where(CheckIn.patrol == patrol.id, CheckIn.resident == resident)
                .order_by(CheckIn.at)
            )
            going, _waiting = volunteers(connection, patrol)
            number = len(connection.scalars(stops).all())
            mine = connection.execute(seen).all()
            found.append(Walked(patrol, number, resident in going, mine))
    return found
