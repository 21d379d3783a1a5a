"""Which cases a reporter's link leads to, and whose links lead to a case.

A case that is merged ends, and its reporters follow the other. A case that is split goes on
beside its parts, and its reporters follow all of them.
"""

from collections.abc import Sequence

from sqlalchemy import Connection, select

from hub.cases.tables import Case


def followed(connection: Connection, case_id: str) -> list[str]:
    """The cases that a link to ``case_id`` shows, the oldest part first, each where it has gone."""
    return list(dict.fromkeys(_gone_to(connection, part) for part in parts(connection, case_id)))


def parts(connection: Connection, case_id: str) -> list[str]:
    """A case, all that was split off it, and all that was split off that."""
    found, fresh = [case_id], [case_id]
    while fresh:
        query = (
            select(Case.id).where(Case.split_from.in_(fresh)).order_by(Case.split_event, Case.id)
        )
        fresh = [one for one in connection.scalars(query) if one not in found]
        found += fresh
    return found


def sources(connection: Connection, case_id: str) -> set[str]:
    """The cases whose reporters follow a case: itself, what was merged into it, and what it was
    split off, with what was merged into that."""
    found, fresh = {case_id}, {case_id}
    while fresh:
        merged = connection.scalars(select(Case.id).where(Case.merged_into.in_(fresh))).all()
        whole = connection.scalars(select(Case.split_from).where(Case.id.in_(fresh))).all()
        fresh = {*merged, *whole} - found - {""}
        found |= fresh
    return found


def origins(connection: Connection, case_id: str) -> Sequence[tuple[str, int]]:
    """What a case was split off and the event that says so, and that in turn; the oldest first."""
    found: list[tuple[str, int]] = []
    while True:
        query = select(Case.split_from, Case.split_event).where(Case.id == case_id)
        row = connection.execute(query).first()
        if row is None or not row.split_from:
            return found[::-1]
        found.append((row.split_from, row.split_event))
        case_id = row.split_from


def _gone_to(connection: Connection, case_id: str) -> str:
    """What a case was merged into, if anything, and on from there."""
    seen = {case_id}
    while True:
        into = connection.scalar(select(Case.merged_into).where(Case.id == case_id))
        if not into or into in seen:
            return case_id
        seen.add(into)
        case_id = into
