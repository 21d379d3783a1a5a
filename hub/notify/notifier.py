"""The thread that plans, and lets each route's courier work without waiting for the others."""

import logging
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Final

from prometheus_client import CollectorRegistry
from sqlalchemy import Engine, func, select
from sqlalchemy.exc import SQLAlchemyError

from configs.notify import Route
from configs.site import SiteFile
from hub.cases.tell import Teller
from hub.notify import hush
from hub.notify.courier import Courier
from hub.notify.metrics import NotifyMetrics
from hub.notify.planner import Planner, retire
from hub.notify.senders import Sender, open_sender
from hub.notify.senders.letter import LetterSender
from hub.notify.tables import Delivery, DeliveryState
from hub.state.store import reading
from wire.mqtt import Broker

log = logging.getLogger(__name__)

POLL_S: Final = 0.5
"""How often to look for news. Higher: later messages; lower: more reading."""
WORKERS: Final = 16
RELEASE_MS: Final = 2_000


class Notifier:
    """Tells people of the alerts of one hub's sites."""

    def __init__(
        self, database: Engine, hub: str, sites: Sequence[SiteFile], broker: Broker,
        now: Callable[[], int], *, registry: CollectorRegistry,
        data: Path = Path("data"),
        open_with: Callable[[Route, Broker], Sender] = open_sender,
        wait: Callable[[threading.Event, float], bool] = threading.Event.wait,
    ) -> None:  # fmt: skip
        """``now`` gives milliseconds; ``broker`` is the hub's own, for routes without one;
        ``data`` the folder with the key of reporters' contacts."""
        self._database = database
        self._broker = broker
        self._now = now
        self._data = data
        self._open_with = open_with
        self._wait = wait
        self._metrics = NotifyMetrics(registry)
        self._planner = Planner(database, hub, sites)
        self._teller = Teller(database, sites)
        self._couriers: dict[tuple[str, str], Courier] = {}
        self._busy: dict[tuple[str, str], Future[int]] = {}
        self._fresh: Sequence[SiteFile] | None = None
        self._released_at = 0
        self._stopping = threading.Event()
        self._pool = ThreadPoolExecutor(WORKERS, thread_name_prefix="notify-route")
        self._thread = threading.Thread(target=self._run, name="notifier", daemon=True)
        self._adopt(sites)

    def start(self) -> None:
        """Begin where the outbox is."""
        self._thread.start()

    def stop(self) -> None:
        """End after the messages at hand; what is not sent stays in the outbox."""
        self._stopping.set()
        self._thread.join()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def reload(self, sites: Sequence[SiteFile]) -> None:
        """Take up another configuration at the next look; may be called from any thread."""
        self._fresh = sites

    def step(self) -> list[Future[int]]:
        """Plan, and set those couriers to work that have something due; what they do."""
        fresh, self._fresh = self._fresh, None
        if fresh is not None:
            self._planner.adopt(fresh)
            self._teller.adopt(fresh)
            self._adopt(fresh)
        now = self._now()
        self._planner.plan(now)
        if not self._released_at <= now < self._released_at + RELEASE_MS:
            self._released_at = now
            self._teller.plan(now)  # what is told of cases can wait this long
            hush.release(self._database, {site for site, _ in self._couriers}, now)
            self._measure(now)
        return [self._set_to_work(key) for key in self._idle() if self._is_due(key, now)]

    def _adopt(self, sites: Sequence[SiteFile]) -> None:
        retire(self._database, sites)
        self._couriers = {
            (file.site.id, route.id): Courier(
                self._database, file.site.id, route, file.site.timezone,
                self._sender(file, route), self._metrics,
            )
            for file in sites
            for route in file.routes
        }  # fmt: skip

    def _sender(self, file: SiteFile, route: Route) -> Sender:
        if route.id == file.residents.mail:
            return LetterSender(route, self._database, self._data)
        return self._open_with(route, self._broker)

    def _idle(self) -> list[tuple[str, str]]:
        for key, work in list(self._busy.items()):
            if work.done():
                del self._busy[key]
                problem = work.exception()
                if problem is not None:
                    self._metrics.failures.inc()
                    log.error("route %s stumbled; trying again", key[1], exc_info=problem)
        return [key for key in self._couriers if key not in self._busy]

    def _is_due(self, key: tuple[str, str], now: int) -> bool:
        due = self._couriers[key].next_due()
        return due is not None and due <= now

    def _set_to_work(self, key: tuple[str, str]) -> Future[int]:
        self._busy[key] = self._pool.submit(self._couriers[key].carry, self._now)
        return self._busy[key]

    def _measure(self, now: int) -> None:
        query = select(func.count(), func.min(Delivery.due_at)).where(
            Delivery.state == DeliveryState.QUEUED
        )
        with reading(self._database).begin() as connection:
            count, due = connection.execute(query).one()
        self._metrics.waiting.set(count)
        self._metrics.overdue.set(max(0, now - due) / 1000 if count else 0)

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self.step()
            except SQLAlchemyError as error:
                self._metrics.failures.inc()
                log.error("nobody can be told until the state store works: %s", error)
            except Exception:  # else the thread would end and nobody would be told
                self._metrics.failures.inc()
                log.exception("the notifier stumbled and will try again")
            self._wait(self._stopping, POLL_S)
