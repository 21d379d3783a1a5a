"""Which cases a reporter's link leads to, and whose links lead to a case."""

from sqlalchemy import Connection, select

from hub.cases.tables import Case


def followed_from(connection: Connection, case_id: str) -> str:
    """Where a link to a case leads: to what it was merged into, if anything, and on from there."""
    seen = {case_id}
    while True:
        into = connection.scalar(select(Case.merged_into).where(Case.id == case_id))
        if not into or into in seen:
            return case_id
        seen.add(into)
        case_id = into


def sources(connection: Connection, case_id: str) -> set[str]:
    """The cases whose reporters follow a case: itself, and all that were merged into it."""
    found, fresh = {case_id}, {case_id}
    while fresh:
        merged = connection.scalars(select(Case.id).where(Case.merged_into.in_(fresh)))
        fresh = set(merged) - found
        found |= fresh
    return found
