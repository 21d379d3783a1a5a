"""What was broken between two times, by the hub's book, and of when the book knows nothing."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from msgspec import Struct
from sqlalchemy import Connection, or_, select

from configs.values import Text
from hub import uptime
from hub.state.tables import TroubleSpell
from hub.troubles import UNKEPT
from web.console import Console
from web.now.troubles import Trouble

SPELLS = 10_000
"""So many of a shift are read, the newest."""


class Outage(Struct, frozen=True):
    """One thing that was broken in a shift, however often it came and went."""

    site: str
    node: str
    source: str
    """"" for the node itself."""
    name: Text
    kind: str
    """A key of `web.language.TROUBLES`."""
    detail: str
    """A number at its worst, or the fault's name."""
    since: int
    """When it began first, also before the shift, ms."""
    until: int | None
    """When it was mended last; None: it was not by the end of the shift."""
    times: int
    ms: int
    """How much of the shift it was broken."""


class Unknown(Struct, frozen=True):
    """A stretch of a shift of which the book knows nothing. Times in ms."""

    site: str
    start: int
    end: int
    kept: bool
    """A book was kept, only the hub did not run; else there was none yet, or it is gone."""


class Broken(Struct, frozen=True):
    """What a shift's book says."""

    outages: Sequence[Outage]
    """What lasted at its end first, then the longest first."""
    unknown: Sequence[Unknown]
    blank: bool
    """It says nothing of the whole shift."""

    @property
    def lasting(self) -> list[Outage]:
        """Broken as the shift ended."""
        return [one for one in self.outages if one.until is None]

    @property
    def mended(self) -> list[Outage]:
        """Broken in the shift, and not any more as it ended; and what was lost in it."""
        return [one for one in self.outages if one.until is not None]

    def since(self, trouble: Trouble) -> int | None:
        """When what is broken now began, where the book says so."""
        key = (trouble.site, trouble.node, trouble.source, trouble.kind)
        begun = [
            one.since
            for one in self.lasting
            if (one.site, one.node, one.source, one.kind) == key
            and (trouble.kind != "fault" or trouble.detail == one.detail)
        ]
        return begun[0] if begun else None


def read(connection: Connection, here: Console, start: int, end: int) -> Broken:
    """From ``start`` to ``end`` (ms), at the sites of ``here``."""
    sites = [file.site.id for file in here.sites]
    lasted = or_(TroubleSpell.until.is_(None), TroubleSpell.until >= start)
    rows = connection.execute(
        select(*TroubleSpell.__table__.columns)
        .where(TroubleSpell.site.in_(sites), lasted, TroubleSpell.since < end)
        .order_by(TroubleSpell.since.desc())
        .limit(SPELLS)
    ).all()
    spells = defaultdict(list)
    for row in rows:
        if row.kind != UNKEPT:
            spells[row.site, row.node, row.source, row.kind, row.what].append(row)
    found = [_outage(here, of_one, start, end) for of_one in spells.values()]
    found.sort(key=lambda one: (one.until is not None, -one.ms, one.site, one.node, one.source))
    unkept = {row.site: row.until for row in rows if row.kind == UNKEPT}
    unknown = _unknown(connection, sites, unkept, start, end)
    told = {one.site for one in unknown if not one.kept and one.end == end}
    return Broken(found, unknown, blank=not found and len(told) == len(sites))


def _outage(here: Console, spells: Sequence[Any], start: int, end: int) -> Outage:
    """Of one thing, newest first."""
    newest, worst = spells[0], max(spells, key=lambda one: one.size)
    site, node, source = newest.site, newest.node, newest.source
    name = here.source_name(site, node, source) if source else here.node_name(site, node)
    ends = [end if one.until is None else min(one.until, end) for one in spells]
    lasts = newest.until is None or newest.until > end
    return Outage(
        site, node, source, name, newest.kind, newest.what or worst.detail, spells[-1].since,
        None if lasts else newest.until, len(spells),
        sum(last - max(one.since, start) for one, last in zip(spells, ends, strict=True)),
    )  # fmt: skip


def _unknown(
    connection: Connection, sites: Sequence[str], unkept: dict[str, int], start: int, end: int
) -> list[Unknown]:
    begun = set(connection.scalars(select(TroubleSpell.site).where(TroubleSpell.kind == UNKEPT)))
    found = []
    for site in sites:
        until = min(unkept.get(site, start), end) if site in begun else end
        if until > start:
            found.append(Unknown(site, start, until, kept=False))
        found += [
            Unknown(site, max(one.start, until), one.end, kept=True)
            for one in uptime.downs(connection, site, start, end)
            if one.end > until
        ]
    return found
