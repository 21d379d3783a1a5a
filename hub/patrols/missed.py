"""Missed checkpoints as a signal of their place: `patrol.missed`, how many walks in a row went by
without anybody there. It is 0 again once a walk reaches it, or when nobody has walked there for
two weeks: then the route has changed, and no walk can end what the last one began.
"""

from collections import Counter
from collections.abc import Sequence

from sqlalchemy import Connection, func, select
from sqlalchemy.sql.elements import ColumnElement

from hub.patrols.tables import Checkpoint, Patrol

SIGNAL = "patrol.missed"
DAY_MS = 86_400_000
LOOK_MS = 90 * DAY_MS
"""Walks of before count for nothing. Higher: longer rows are told."""
FRESH_MS = 15 * DAY_MS
"""After so long without a walk past a place nothing is missed there: a weekly walk comes twice in
it."""


def in_a_row(connection: Connection, sites: Sequence[str], now: int) -> Counter[tuple[str, str]]:
    """(site, place) → how many of the newest walks past it, all over by now, missed it."""
    past = (
        select(Patrol.site, Checkpoint.place, Patrol.starts_at, Checkpoint.missed_at)
        .join(Patrol, Patrol.id == Checkpoint.patrol)
        .where(*_over(sites, now - LOOK_MS), Patrol.cancelled_at.is_(None))
        .order_by(Patrol.starts_at.desc())
    )
    found: Counter[tuple[str, str]] = Counter()
    ended: set[tuple[str, str]] = set()
    for site, place, starts_at, missed_at in connection.execute(past):
        key = (site, place)
        stale = key not in found and starts_at < now - FRESH_MS
        if missed_at is None or stale:
            ended.add(key)
        if key not in ended:
            found[key] += 1
    return found


def mark(connection: Connection, sites: Sequence[str], now: int) -> tuple[int, ...]:
    """Changes when `in_a_row` may: a walk is over, a late check-in came, or a day has passed."""
    recent = _over(sites, now - FRESH_MS)
    row = connection.execute(
        select(func.max(Patrol.closed_at), func.count(Checkpoint.missed_at))
        .join(Checkpoint, Checkpoint.patrol == Patrol.id)
        .where(*recent)
    ).one()
    return (row[0] or 0, row[1], now // DAY_MS)


def _over(sites: Sequence[str], since: int) -> tuple[ColumnElement[bool], ...]:
    return Patrol.site.in_(sites), Patrol.starts_at > since, Patrol.closed_at.is_not(None)
