"""When the hub ran: a row for each stretch, whose end moves on while it does.

Between two of them nobody listened. What edges saw meanwhile waits in the broker and in their
outboxes and comes later; where nothing comes, that is no silence of theirs, and it can be told.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, Engine, delete, func, insert, select, update
from sqlalchemy.exc import SQLAlchemyError

from configs.servers import HubSettings
from hub.downs import Down
from hub.series.points import SeriesStore
from hub.state import store
from hub.state.tables import HubRun

LEAST_MS: Final = 30_000
"""A shorter break is none: the hub says that it runs every ten seconds, later under load."""
BEAT_MS: Final = 15_000
"""How long it may have run on, at the most, after it last said so."""
SILENT_MS: Final = 60_000
"""From then on a hub that has not said that it runs is not there. Higher: later told; lower: one
that is busy is taken for one that is gone."""


class Uptime:
    """Of one hub, for each of its sites."""

    def __init__(self) -> None:
        self._rows: dict[str, int] = {}

    def begin(
        self, connection: Connection, sites: Iterable[str], now: int, known: Mapping[str, int]
    ) -> dict[str, Down]:
        """The hub runs from ``now`` (ms) on; for how long it did not before, by site.

        ``known`` says until when a site was surely heard by a hub that kept no such book.
        """
        found = {}
        for site in sites:
            newest = select(HubRun.id, HubRun.seen_at).where(HubRun.site == site)
            last = connection.execute(newest.order_by(HubRun.id.desc()).limit(1)).first()
            seen = last.seen_at if last is not None else known.get(site)
            if last is None and seen is not None:
                _enter(connection, site, 0, seen)
            if seen is not None and now - seen >= LEAST_MS:
                found[site] = Down(seen, now)
            if last is not None and site not in found:
                self._rows[site] = last.id
            else:
                self._rows[site] = _enter(connection, site, now, now)
        self.beat(connection, now)
        return found

    def beat(self, connection: Connection, now: int) -> None:
        """It still runs at ``now`` (ms)."""
        rows = sorted(self._rows.values())
        connection.execute(update(HubRun).where(HubRun.id.in_(rows)).values(seen_at=now))

    def adopt(self, connection: Connection, sites: Iterable[str], now: int) -> None:
        """Watch these sites from ``now`` (ms) on."""
        names = set(sites)
        self._rows = {site: row for site, row in self._rows.items() if site in names}
        self.begin(connection, sorted(names - set(self._rows)), now, {})


def _enter(connection: Connection, site: str, start: int, seen: int) -> int:
    row = {"site": site, "started_at": start, "seen_at": seen}
    key = connection.execute(insert(HubRun).values(**row)).inserted_primary_key
    return int(key[0]) if key is not None else 0


def purge(engine: Engine, before: int) -> None:
    """Forget stretches that ended before a time (ms)."""
    with engine.begin() as connection:
        connection.execute(delete(HubRun).where(HubRun.seen_at < before))


def downs(connection: Connection, site: str, start: int, end: int) -> list[Down]:
    """When no hub ran for a site from ``start`` to ``end`` (ms), in order.

    None where nothing is on the books.
    """
    rows = connection.execute(
        select(HubRun.started_at, HubRun.seen_at).where(HubRun.site == site).order_by(HubRun.id)
    ).all()
    if not rows:
        return []
    found = [Down(0, rows[0].started_at)]
    found += [Down(a.seen_at, b.started_at) for a, b in pairwise(rows)]
    found.append(Down(rows[-1].seen_at, end))
    within = [Down(max(one.start, start), min(one.end, end)) for one in found]
    return [one for one in within if one.ms >= LEAST_MS]


def silent(connection: Connection, now: int) -> dict[str, int]:
    """Sites whose hub does not run at ``now`` (ms), and until when it did. None of which nothing is
    on the books."""
    newest = select(HubRun.site, func.max(HubRun.seen_at)).group_by(HubRun.site)
    return {site: seen for site, seen in connection.execute(newest) if now - seen > SILENT_MS}


def read_downs(settings: HubSettings, site: str, start: int, end: int) -> list[Down]:
    """`downs` from the state store. Raises `StateError`."""
    database = store.connect(store.address(settings.state_url, Path(settings.data)))
    try:
        with store.reading(database).begin() as connection:
            return downs(connection, site, start, end)
    except SQLAlchemyError as error:
        raise store.StateError(
            f"cannot read when the hub ran ({error}): is {settings.data} the hub's data folder, "
            "and has this version's hub run on it once?"
        ) from error
    finally:
        database.dispose()


def unheard(series: SeriesStore, site: str, found: Sequence[Down]) -> list[Down]:
    """Those of which no records came later either. Raises `SeriesError`.

    The hub may have taken some after it last said that it runs.
    """
    return [one for one in found if not series.count_records(site, one.start + BEAT_MS, one.end)]
