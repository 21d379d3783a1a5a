"""The weekly digest: once a week, at the time a site names, for the console and to its routes.

It runs in a thread of its own and takes a breath after each place, so that the hub's own work
waits for it no longer than it takes to look at one. What was planned is in the outbox under the
week's name, so a week is told once, however often the hub starts.
"""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from msgspec.structs import replace
from sqlalchemy import Engine, select
from sqlalchemy.exc import SQLAlchemyError

from configs.days import WEEKDAYS
from configs.rules import Severity
from configs.servers import HubSettings
from configs.site import SiteFile
from hub.analysis import digest
from hub.analysis.hours import HOUR_MS, WEEK_H
from hub.analysis.shelf import LANGUAGES, Shelf
from hub.analysis.words import Words as Sayings
from hub.notify.item import Item, Words
from hub.notify.planner import insert_once, row_of
from hub.notify.tables import Delivery, DeliveryKind
from hub.series.points import SeriesError, SeriesStore
from hub.state.store import StateError, reading

log = logging.getLogger(__name__)

LOOK_S: Final = 60.0
"""How often it is looked whether a digest is due."""
LATE_MS: Final = 48 * HOUR_MS
"""A digest that could not be made for so long is left out: the next one comes soon."""
BREATH: Final = 3.0
"""How long it waits after a place, in times of what the place took. Higher: gentler, slower."""
WEEK_MS: Final = WEEK_H * HOUR_MS


class Weekly:
    """Plans the digests of one hub's sites."""

    def __init__(
        self, database: Engine, settings: HubSettings, series: SeriesStore,
        sites: Sequence[SiteFile], now: Callable[[], int],
        *, clock: Callable[[], float] = time.monotonic,
    ) -> None:  # fmt: skip
        """``now`` gives milliseconds, ``clock`` seconds for what a place takes."""
        self._database, self._settings, self._series = database, settings, series
        self._sites = sites
        self._shelf = Shelf(Path(settings.data))
        self._now, self._clock = now, clock
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="weekly-digest", daemon=True)

    def start(self) -> None:
        """Begin to look at the clock."""
        self._thread.start()

    def stop(self) -> None:
        """End; a digest that is being made is left, and made again."""
        self._stopping.set()
        self._thread.join()

    def reload(self, sites: Sequence[SiteFile]) -> None:
        """Plan by another configuration; may be called from any thread."""
        self._sites = sites

    def step(self) -> int:
        """Make what is due; how many digests that were."""
        return sum(self._plan(file) for file in self._sites)

    def _run(self) -> None:
        while not self._stopping.wait(LOOK_S):
            try:
                self.step()
            except _Stopped:
                return
            except (OSError, SQLAlchemyError, StateError, SeriesError) as error:
                log.warning("the weekly digest waits: %s", error)
            except Exception:  # a defect of it must not end the hub's other work
                log.exception("the weekly digest failed; it is tried again")

    def _plan(self, file: SiteFile) -> bool:
        now = self._now()
        due = due_at(file, now)
        day = f"{datetime.fromtimestamp(due / 1000, ZoneInfo(file.site.timezone)):%Y-%m-%d}"
        name = f"digest-{day}"
        if now - due > LATE_MS or self._is_made(file, day, name):
            return False
        found = digest.analyse(
            self._settings, file, self._series, due - WEEK_MS, due, progress=self._breathe()
        )
        texts = {name: digest.inside(found, Sayings(file.site, name)) for name in LANGUAGES}
        self._shelf.put(file.site.id, day, texts)
        item = _item(file, found, name, due)
        with self._database.begin() as connection:
            for route in file.digest.to:
                step = f"{_step(file, name)}{route}:0"
                whole = replace(item, step=step)
                insert_once(connection, [row_of(whole, route, created=now, due=now)])
        log.info("site %s: the digest of the week is ready", file.site.id)
        return True

    def _is_made(self, file: SiteFile, day: str, name: str) -> bool:
        """By the outbox, which is written last, where anybody is told."""
        if not file.digest.to:
            return day in self._shelf.days(file.site.id)
        known = select(Delivery.id).where(Delivery.step.startswith(_step(file, name)))
        with reading(self._database).begin() as connection:
            return connection.scalar(known.limit(1)) is not None

    def _breathe(self) -> Callable[[str], None]:
        last = self._clock()

        def pause(_place: str) -> None:
            nonlocal last
            if self._stopping.wait((self._clock() - last) * BREATH):
                raise _Stopped
            last = self._clock()

        return pause


class _Stopped(Exception):
    """The hub stops while a digest is made."""


def due_at(file: SiteFile, now: int) -> int:
    """The last time at or before ``now`` (ms) for which the site wants a digest."""
    zone = ZoneInfo(file.site.timezone)
    local = datetime.fromtimestamp(now / 1000, zone)
    hour, minute = map(int, file.digest.at.split(":"))
    back = (local.weekday() - WEEKDAYS.index(file.digest.day)) % 7
    day = local.date() - timedelta(days=back)
    due = datetime(day.year, day.month, day.day, hour, minute, tzinfo=zone)
    if due > local:
        day -= timedelta(days=7)
        due = datetime(day.year, day.month, day.day, hour, minute, tzinfo=zone)
    return round(due.timestamp() * 1000)


def _step(file: SiteFile, name: str) -> str:
    return f"{file.site.id}/{name}:{DeliveryKind.DIGEST}:"


def _item(file: SiteFile, found: digest.Digest, name: str, at: int) -> Item:
    en, zh = Sayings(file.site, "en"), Sayings(file.site, "zh")
    site = file.site.name
    return Item(
        step="",
        kind=DeliveryKind.DIGEST,
        alert=name,
        site=file.site.id,
        site_name=Words(site.en, site.zh),
        timezone=file.site.timezone,
        place="",
        place_name=Words(),
        rule="digest",
        severity=Severity.INFO,
        title=Words(en("title", site=site.en), zh("title", site=site.zh)),
        advice=Words(digest.brief(found, en), digest.brief(found, zh)),
        values=[],
        pending_ts=at - WEEK_MS,
        fired_ts=at,
        resolved_ts=at,  # nothing goes on
        at=at,
    )
