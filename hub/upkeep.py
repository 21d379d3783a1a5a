"""What a hub does now and then: count what is lost, forget what is old."""

import logging
from collections.abc import Callable, Sequence
from pathlib import Path

from sqlalchemy import Engine, delete, func, select

from configs.servers import HubSettings
from configs.site import SiteFile
from hub import live, troubles, uptime
from hub.analysis import annotations
from hub.cases import blocks, contacts
from hub.cases.escalate import Escalator
from hub.cases.photos import purge_photos
from hub.labels import LabelWatch
from hub.ledger import Ledger
from hub.metrics import HubMetrics
from hub.neighbours import forget as accounts
from hub.notify import retention
from hub.patrols import plans
from hub.patrols import upkeep as patrols
from hub.patrols.remind import remind
from hub.pictures import PictureFolder
from hub.series.points import SeriesError, SeriesStore
from hub.state.tables import Change, DeadLetter, Picture

log = logging.getLogger(__name__)

EVERY_MS = 10_000
PURGE_EVERY_MS = 3_600_000
KEEP_CHANGES = 20_000
KEEP_DEAD_LETTERS = 10_000
LOST_AFTER_MS = 120_000
"""A gap in a node's numbers that has not shrunk for this long is an outage's loss. Brokers hold
back unacknowledged messages for up to a minute after a reconnect; a node sends what is left of
a long outage behind what happens now, for minutes, and so its gap shrinks all the while."""
PURGE_CHUNK = 500


class Upkeep:
    """Runs in the hub's one writing thread, between batches."""

    def __init__(
        self, settings: HubSettings, database: Engine, ledger: Ledger, series: SeriesStore,
        metrics: HubMetrics, sites: Callable[[], Sequence[SiteFile]],
        notice: Callable[[str, str, int], None],
    ) -> None:  # fmt: skip
        """``notice`` is `Pipeline.notice`."""
        self._sites = sites
        self._settings = settings
        self._database = database
        self._ledger = ledger
        self._series = series
        self._metrics = metrics
        self._data = Path(settings.data)
        self._folder = PictureFolder(self._data)
        self._escalator = Escalator(database, sites)
        self._labels = LabelWatch(ledger, notice)
        self._ran_at = 0
        self._purged_at = 0

    def run(self, now: int, checkpoint: Callable[[int], None]) -> None:
        """Do what is due at ``now`` (ms)."""
        if now - self._ran_at < EVERY_MS:
            return
        self._ran_at = now
        self._metrics.lost.set(self._ledger.count_lost(now - LOST_AFTER_MS, now))
        self._metrics.missing.set(sum(c.missing for c in self._ledger.cursors.values()))
        checkpoint(now)
        self._trim()
        self._labels.look(self._sites(), now)
        self._escalator.run(now)
        patrols.close(self._database, now)
        remind(self._database, self._sites(), self._data, now)
        if now - self._purged_at >= PURGE_EVERY_MS:
            self._purged_at = now
            self._purge(now)

    def _trim(self) -> None:
        with self._database.begin() as connection:
            for table, keep in ((Change, KEEP_CHANGES), (DeadLetter, KEEP_DEAD_LETTERS)):
                newest = connection.scalar(select(func.max(table.id))) or 0
                connection.execute(delete(table).where(table.id <= newest - keep))

    def _purge(self, now: int) -> None:
        """Retention: what is past its time goes. And walks of the weeks to come are made."""
        plans.extend(self._database, self._sites(), now)
        retention.purge(self._database, now - self._settings.keep_deliveries)
        live.purge(self._database, now - live.KEEP_MS)
        uptime.purge(self._database, now - self._settings.keep_records)
        troubles.purge(self._database, now - self._settings.keep_records)
        annotations.purge(self._database, now - self._settings.keep_anomalies)
        pictures = self._purge_pictures(now - self._settings.keep_pictures)
        try:
            points = self._series.purge(now - self._settings.keep_records)
        except SeriesError as error:
            log.warning("old records stay for another hour: %s", error)
            points = 0
        for file in self._sites():
            rules, site = file.residents, file.site.id
            pictures += purge_photos(
                self._database, self._data, site, now - rules.keep_photos, now=now
            )
            contacts.purge(self._database, site, rules, now)
            blocks.purge(self._database, site, now - rules.keep_senders)
            patrols.purge(self._database, site, now - rules.keep_patrols, now)
        kept = [file.residents.keep_accounts for file in self._sites()]
        if kept:  # an account is of no site: the longest time holds
            accounts.purge(self._database, now - max(kept), now)
        if pictures or points > 0:
            log.info("retention: %d pictures and %d points removed", pictures, points)

    def _purge_pictures(self, before: int) -> int:
        count = 0
        old = select(Picture.site, Picture.node, Picture.ref).where(Picture.ts < before)
        while True:
            with self._database.begin() as connection:
                rows = connection.execute(old.limit(PURGE_CHUNK)).all()
                for site, node, ref in rows:
                    self._folder.remove(site, node, ref)
                    key = (Picture.site == site) & (Picture.node == node) & (Picture.ref == ref)
                    connection.execute(delete(Picture).where(key))
            count += len(rows)
            if len(rows) < PURGE_CHUNK:
                return count
