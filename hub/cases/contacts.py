"""Whom to tell: the only personal data of a report, kept apart from it and encrypted.

The key is a file of its own, so that a copy of the database tells nobody's number. It is
deleted some time after the case was closed, or at once when the resident asks.
"""

import hashlib
import re
from typing import TYPE_CHECKING

from sqlalchemy import Connection, Engine, select, update

from hub import audit
from hub.cases.family import sources
from hub.cases.tables import ENDED, Case, Reporter

if TYPE_CHECKING:
    from hub.cases.vault import Vault

MAIL = re.compile(
    r"(?<![\w@.%+-])[A-Za-z0-9._%+-]{1,64}@(?:[A-Za-z0-9-]{1,63}\.)+[A-Za-z]{2,24}(?![\w@.-])"
)
"""What is written to: plain addresses, nothing that could say more to a mail server."""
PURGE_CHUNK = 500
GONE = {"contact": b"", "mail_link": None}
"""What a reporter's row says once it is not known any more how to reach them."""


def mail_address(contact: str) -> str:
    """The e-mail address in what somebody wrote; "" where there is none."""
    found = MAIL.search(contact)
    return found[0] if found else ""


def show(engine: Engine, vault: "Vault", case_id: str, *, actor: str, now: int) -> list[str]:
    """The contacts of those who follow a case; that ``actor`` saw them is written down."""
    with engine.begin() as connection:
        rows = connection.scalars(
            select(Reporter.contact).where(
                Reporter.case.in_(sources(connection, case_id)), Reporter.contact != b""
            )
        ).all()
        if rows:
            audit.enter(connection, actor, "case.contact.view", case_id, "", now)
    return [vault.open(row) for row in rows]


def forget(engine: Engine, case_id: str, *, actor: str, now: int) -> int:
    """Delete the contacts of a case, as its resident may ask; the log keeps that it was done."""
    with engine.begin() as connection:
        audit.lock(connection)
        return _forget(connection, [case_id], actor, now)


def purge(engine: Engine, site: str, before: int, now: int) -> int:
    """Delete the contacts of cases of ``site`` that were closed before ``before`` (ms)."""
    old = (
        select(Case.id)
        .join(Reporter, Reporter.case == Case.id)
        .where(Case.site == site, Case.state.in_(ENDED), Case.closed_at < before)
        .where(Reporter.contact != b"")
        .distinct()
        .limit(PURGE_CHUNK)
    )
    count = 0
    while True:
        with engine.begin() as connection:
            audit.lock(connection)
            cases = list(connection.scalars(old))
            count += _forget(connection, cases, "hub", now)
        if len(cases) < PURGE_CHUNK:
            return count


def _forget(connection: Connection, cases: list[str], actor: str, now: int) -> int:
    gone = 0
    for case_id in cases:
        kept = (Reporter.case == case_id) & (Reporter.contact != b"")
        count: int = connection.execute(update(Reporter).where(kept).values(GONE)).rowcount
        if count:
            audit.enter(connection, actor, "case.contact.delete", case_id, f"{count} deleted", now)
        gone += count
    return gone


def forget_one(engine: Engine, token: str, *, now: int) -> bool:
    """Delete the contact of the reporter whose link it is; whether there was one."""
    mine = (Reporter.token_hash == hashlib.sha256(token.encode()).hexdigest()) & (
        Reporter.contact != b""
    )
    with engine.begin() as connection:
        audit.lock(connection)
        case_id = connection.scalar(select(Reporter.case).where(mine))
        if case_id is None:
            return False
        connection.execute(update(Reporter).where(mine).values(GONE))
        audit.enter(connection, "resident", "case.contact.delete", case_id, "1 deleted", now)
        return True
