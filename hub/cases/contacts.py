"""Whom to tell: the only personal data of a report, kept apart from it and encrypted.

The key is a file of its own, so that a copy of the database tells nobody's number. A contact is
deleted some time after the case was closed, or after anybody last did something about one that
is still open, or at once when the resident asks.
"""

import hashlib
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from msgspec import Struct
from sqlalchemy import Connection, Engine, false, func, or_, select, update
from sqlalchemy.sql.elements import ColumnElement

from configs.residents import DAY, Residents
from configs.site import SiteFile
from hub import audit
from hub.cases.family import sources
from hub.cases.tables import ENDED, Case, CaseEvent, Reporter

if TYPE_CHECKING:
    from hub.cases.vault import Vault

MAIL = re.compile(
    r"(?<![\w@.%+-])[A-Za-z0-9._%+-]{1,64}@(?:[A-Za-z0-9-]{1,63}\.)+[A-Za-z]{2,24}(?![\w@.-])"
)
"""What is written to: plain addresses, nothing that could say more to a mail server."""
PURGE_CHUNK = 500
WARN_MS = 14 * DAY
"""So long before the contact of an open case is deleted, staff read that it will be."""
KNOWN = select(Reporter.id).where(Reporter.case == Case.id, Reporter.contact != b"").exists()
"""Cases that know whom to tell."""
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
    """Delete the contacts of those who follow a case, as they may ask; the log keeps that it was
    done."""
    with engine.begin() as connection:
        audit.lock(connection)
        return _forget(connection, sorted(sources(connection, case_id)), actor, now)


def touched() -> ColumnElement[int]:
    """When anybody last said or did something about a case (ms): what the hub notes by itself, or
    that its page was opened, is not that."""
    theirs = (CaseEvent.case == Case.id) & (CaseEvent.actor != "hub") & (CaseEvent.kind != "looked")
    newest = select(func.max(CaseEvent.at)).where(theirs).correlate(Case).scalar_subquery()
    return func.coalesce(newest, Case.created_at)


class Fading(Struct, frozen=True):
    """An open case whose contacts are about to be deleted."""

    case: str
    code: str
    site: str
    place: str
    spot: str
    ends_at: int
    """When they are, ms; anything that somebody does about the case puts it off."""


def purge(engine: Engine, site: str, rules: Residents, now: int) -> int:
    """Delete the contacts of cases of ``site`` that were closed long enough ago, and of open ones
    about which nobody has done anything for long; how many."""
    closed = Case.state.in_(ENDED) & (Case.closed_at < now - rules.keep_contacts)
    left = Case.state.not_in(ENDED) & (touched() < now - rules.keep_open_contacts)
    days = rules.keep_open_contacts / DAY
    why = f", nobody had dealt with the open report for {days:g} days"
    return _purge(engine, site, closed, "", now) + _purge(engine, site, left, why, now)


def fading(connection: Connection, files: Sequence[SiteFile], now: int) -> list[Fading]:
    """The open cases of some sites whose contacts are deleted within `WARN_MS`, the next first."""
    keep = {file.site.id: file.residents.keep_open_contacts for file in files}
    near = or_(
        false(),
        *((Case.site == site) & (touched() < now - ms + WARN_MS) for site, ms in keep.items()),
    )
    columns = (Case.id, Case.code, Case.site, Case.place, Case.spot, touched().label("touched"))
    query = select(*columns).where(Case.state.not_in(ENDED), KNOWN, near)
    rows = [Fading(*row[:5], row.touched + keep[row.site]) for row in connection.execute(query)]
    return sorted(rows, key=lambda row: (row.ends_at, row.case))


def kept_until(connection: Connection, rules: Residents, token: str) -> int | None:
    """Until when (ms) it is known how to reach the reporter whose link it is; None where it is
    not."""
    digest = hashlib.sha256(token.encode()).hexdigest()
    mine = (Reporter.token_hash == digest) & (Reporter.contact != b"")
    query = select(Case.state, Case.closed_at, touched().label("touched"))
    row = connection.execute(query.join(Reporter, Reporter.case == Case.id).where(mine)).first()
    if row is None:
        return None
    if row.state in ENDED and row.closed_at is not None:
        return int(row.closed_at + rules.keep_contacts)
    return int(row.touched + rules.keep_open_contacts)


def _purge(engine: Engine, site: str, old: ColumnElement[bool], why: str, now: int) -> int:
    query = select(Case.id).where(Case.site == site, old, KNOWN).limit(PURGE_CHUNK)
    count = 0
    while True:
        with engine.begin() as connection:
            audit.lock(connection)
            cases = list(connection.scalars(query))
            count += _forget(connection, cases, "hub", now, why)
        if len(cases) < PURGE_CHUNK:
            return count


def _forget(connection: Connection, cases: list[str], actor: str, now: int, why: str = "") -> int:
    gone = 0
    for case_id in cases:
        kept = (Reporter.case == case_id) & (Reporter.contact != b"")
        count: int = connection.execute(update(Reporter).where(kept).values(GONE)).rowcount
        if count:
            told = f"{count} deleted{why}"
            audit.enter(connection, actor, "case.contact.delete", case_id, told, now)
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
