"""Live views: for a minute somebody sees what a camera sees, in single blurred pictures.

The console writes that somebody looks (`watch`), which is audited; the hub asks the node for
snapshots for as long as anybody does (`Lookout`). What the node sends is a picture like any
other: blurred there, kept and purged here as all are.
"""

import logging
import queue
import secrets
import threading
from collections.abc import Callable, Sequence

from msgspec import Struct
from sqlalchemy import Connection, Engine, delete, func, insert, select, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.sql.elements import ColumnElement

from hub import audit
from hub.metrics import HubMetrics
from hub.state.store import reading
from hub.state.tables import LiveView
from wire.records import Do, Done
from wire.topics import Channel, Topic

log = logging.getLogger(__name__)

LASTS_MS = 60_000
"""A view ends by itself after this long. Higher: fewer clicks, more forgotten windows."""
EVERY_MS = 2_000
"""A camera is asked at most this often, however many look. Lower: more work for its node."""
PATIENCE_MS = 6_000
"""How long a node may take to answer before it is asked again."""
CAMERAS_AT_ONCE = 4
"""Cameras of one node that may be looked at together."""
KEEP_MS = 86_400_000
"""Views that ended longer ago are forgotten; the audit keeps who looked."""
POLL_S = 0.5

Camera = tuple[str, str, str]
"""(site, node, source)."""


def watch(engine: Engine, camera: Camera, *, viewer: str, now: int) -> bool:
    """Look at a camera for `LASTS_MS` from ``now`` (ms); False where too many of its node's
    cameras are looked at already."""
    with engine.begin() as connection:
        audit.lock(connection)
        others = select(func.count(LiveView.source.distinct())).where(
            LiveView.site == camera[0],
            LiveView.node == camera[1],
            LiveView.source != camera[2],
            LiveView.ends_at > now,
        )
        if (connection.scalar(others) or 0) >= CAMERAS_AT_ONCE:
            return False
        mine = update(LiveView).where(_of(camera), LiveView.viewer == viewer)
        longer = mine.where(LiveView.ends_at > now).values(ends_at=now + LASTS_MS)
        if connection.execute(longer).rowcount == 0:
            row = dict(zip(("site", "node", "source"), camera, strict=True))
            times = {"started_at": now, "ends_at": now + LASTS_MS}
            connection.execute(insert(LiveView).values(**row, viewer=viewer, **times))
        audit.enter(connection, viewer, "camera.watch", "/".join(camera),
                    f"for {LASTS_MS // 1000} s", now)  # fmt: skip
    return True


def stop_watching(engine: Engine, camera: Camera, *, viewer: str, now: int) -> None:
    """End one's own view before its time."""
    mine = update(LiveView).where(_of(camera), LiveView.viewer == viewer, LiveView.ends_at > now)
    with engine.begin() as connection:
        connection.execute(mine.values(ends_at=now))


class Look(Struct, frozen=True):
    """A view that lasts; its fields mean what the table's do."""

    started_at: int
    ends_at: int
    asked_at: int | None
    answered_at: int | None
    refusal: str


def looking(connection: Connection, camera: Camera, viewer: str, now: int) -> Look | None:
    """The viewer's view of a camera that lasts at ``now`` (ms), the first begun of several."""
    columns = [getattr(LiveView, name) for name in Look.__struct_fields__]
    row = connection.execute(
        select(*columns)
        .where(_of(camera), LiveView.viewer == viewer, LiveView.ends_at > now)
        .order_by(LiveView.started_at)
    ).first()
    return Look(*row) if row is not None else None


def purge(engine: Engine, before: int) -> None:
    """Forget views that ended before a time (ms)."""
    with engine.begin() as connection:
        connection.execute(delete(LiveView).where(LiveView.ends_at < before))


def _of(camera: Camera) -> ColumnElement[bool]:
    site, node, source = camera
    return (LiveView.site == site) & (LiveView.node == node) & (LiveView.source == source)


class _Asked(Struct):
    """What is known of a camera that is looked at."""

    command: str
    at: int
    first: int
    """When it was asked first since it last answered."""
    answered: bool = False


class Lookout:
    """Asks nodes for pictures of the cameras that are looked at. One thread, beside the
    pipeline's, so that neither waits for the other."""

    def __init__(
        self,
        database: Engine,
        sites: Callable[[], Sequence[str]],
        send: Callable[[Topic, Do], bool],
        now: Callable[[], int],
        metrics: HubMetrics,
    ) -> None:
        """``send`` says whether the command went out; ``now`` gives ms since the epoch."""
        self._database = database
        self._sites = sites
        self._send = send
        self._now = now
        self._metrics = metrics
        self._asked: dict[Camera, _Asked] = {}
        self._answers: queue.SimpleQueue[tuple[str, str, Done]] = queue.SimpleQueue()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="lookout", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join()

    def answered(self, topic: Topic, done: Done) -> None:
        """A node answered a command, ours or another's; may be called from any thread."""
        self._answers.put((topic.site, topic.node, done))

    def step(self) -> None:
        """Write down what was answered, and ask what is due. Raises SQLAlchemyError."""
        now = self._now()
        while not self._answers.empty():
            self._take(*self._answers.get(), now)
        watched = self._watched(now)
        self._asked = {camera: self._asked[camera] for camera in watched if camera in self._asked}
        for camera in watched:
            if self._due(self._asked.get(camera), now):
                self._ask(camera, now)

    def _run(self) -> None:
        failing = False
        while not self._stopping.wait(POLL_S):
            try:
                self.step()
                failing = False
            except SQLAlchemyError as error:
                if not failing:
                    log.warning("live views wait for the state store: %s", error)
                failing = True

    def _watched(self, now: int) -> list[Camera]:
        query = (
            select(LiveView.site, LiveView.node, LiveView.source)
            .where(LiveView.ends_at > now, LiveView.site.in_(self._sites()))
            .distinct()
        )
        with reading(self._database).connect() as connection:
            return [(row.site, row.node, row.source) for row in connection.execute(query)]

    @staticmethod
    def _due(asked: _Asked | None, now: int) -> bool:
        if asked is None:
            return True
        return now - asked.at >= (EVERY_MS if asked.answered else PATIENCE_MS)

    def _ask(self, camera: Camera, now: int) -> None:
        site, node, source = camera
        before = self._asked.get(camera)
        if before is not None and not before.answered:
            self._metrics.snapshots.labels("unanswered").inc()
        command = Do(f"live-{secrets.token_hex(8)}", "snapshot", source)
        if not self._send(Topic(site, node, Channel.DO), command):
            return
        first = now if before is None or before.answered else before.first
        self._asked[camera] = _Asked(command.id, now, first)
        self._metrics.snapshots.labels("asked").inc()
        self._write(camera, now, command=command.id, asked_at=first)

    def _take(self, site: str, node: str, done: Done, now: int) -> None:
        for camera, asked in self._asked.items():
            if camera[:2] == (site, node) and asked.command == done.id:
                asked.answered = True
                self._metrics.snapshots.labels("granted" if done.ok else "refused").inc()
                self._write(camera, now, answered_at=now, refusal="" if done.ok else done.detail)

    def _write(self, camera: Camera, now: int, **values: str | int) -> None:
        lasting = update(LiveView).where(_of(camera), LiveView.ends_at > now)
        with self._database.begin() as connection:
            connection.execute(lasting.values(**values))
