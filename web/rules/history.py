"""How the configuration changed, page by page, each change by the clock of the site it is of."""

import re
from collections.abc import Iterator
from typing import Any

from msgspec import Struct
from sqlalchemy import Connection, select

from hub.state.tables import Audit
from web.console import Console
from web.tuning.edits import EDITED

PAGE = 20
"""Changes on a page."""
CHUNK = 100
"""Rows read at once: of some, a reader may see nothing."""


class Change(Struct, frozen=True):
    """A change of the configuration, as far as it is of sites that are here."""

    id: int
    at: int
    actor: str
    action: str
    target: str
    detail: str
    clocks: tuple[str, ...]
    """Sites whose clocks it is told by: those it is of, one of each time zone."""


def history(
    connection: Connection, here: Console, before: int | None, limit: int = PAGE
) -> tuple[list[Change], int | None]:
    """A page of changes below an entry of the audit, newest first, and where the next page goes on.

    Both are of what the reader may see.
    """
    found: list[Change] = []
    for row in _rows(connection, before):
        change = _mine(here, row)
        if change is None:
            continue
        if len(found) == limit:
            return found, found[-1].id
        found.append(change)
    return found, None


def _rows(connection: Connection, before: int | None) -> Iterator[Any]:
    query = (
        select(Audit.id, Audit.at, Audit.actor, Audit.action, Audit.target, Audit.detail)
        .where(Audit.action.in_(("configuration.reload", EDITED)))
        .order_by(Audit.id.desc())
        .limit(CHUNK)
    )
    while True:
        rows = connection.execute(query if before is None else query.where(Audit.id < before)).all()
        yield from rows
        if len(rows) < CHUNK:
            return
        before = rows[-1].id


def _mine(here: Console, row: Any) -> Change | None:
    """The change without what it says of sites that are not here."""
    of_line = [(line, _site(line)) for line in str(row.detail).splitlines()]
    lines = [line for line, site in of_line if here.whole or here.site(site) is not None]
    if not lines:
        return None
    named = [row.target.partition("/")[0], *(site for _, site in of_line)]
    clocks: dict[str, str] = {}
    for site in named:
        file = here.site(site)
        if file is not None:
            clocks.setdefault(file.site.timezone, site)
    sites = tuple(clocks.values()) or tuple(file.site.id for file in here.sites[:1])
    return Change(row.id, row.at, row.actor, row.action, row.target, "\n".join(lines), sites)


def _site(line: str) -> str:
    """Of which site a line of a difference speaks: ``~ garden.rules[open] …``."""
    return re.split(r"[.\[]", line[2:])[0]
