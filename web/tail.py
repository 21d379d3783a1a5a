"""Follows the change table and hands its news to every open page.

One thread for each process, and only while somebody listens: it reads by growing id,
draws what changed once for each kind of reader, and puts it in each listener's queue.
"""

import logging
import queue
import threading
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Engine, func, insert, select

from hub import uptime
from hub.state.store import reading
from hub.state.tables import Change, User
from web.news import Heard, View, heard
from web.stream import Event
from web.users import LEFT
from web.vitals import Meters

log = logging.getLogger("linli.web.tail")
POLL_S = 0.05
"""Lower: news arrives sooner and idle pages cost more."""
PACE_S = 1.0
"""Places, cameras and nodes are told of at most this often; alerts at once. Lower: numbers move
more smoothly, and a busy site draws and sends all of its places ever more often."""
AT_ONCE = ("alert", "notice")
"""Kinds of changes that do not wait."""
USERS_S = 1.0
"""How often it looks whether the listeners may still listen."""
QUEUE = 64
"""Events that may wait for a slow reader before it is told to load the page anew."""
REPLAY = 1000
"""Changes that are replayed to a reader that comes back; for more it loads the page anew."""
WINDOW = 200
"""Ids that are read again on stores where rows can become visible out of order."""
RESYNC = Event.of("event: resync\ndata: {}\n\n")
BYE = Event.of("event: bye\ndata: {}\n\n")
Draw = Callable[[Sequence[Heard], Collection[View]], dict[View, str]]


@dataclass(eq=False)
class Listener:
    """An open page: who reads it, and what waits to be sent."""

    view: View
    session_id: str
    """The user's id and session key: it ends when they do."""
    joined_at: int = 0
    """The newest change before its queue began."""
    queue: "queue.Queue[Event]" = field(default_factory=lambda: queue.Queue(QUEUE))
    ended: bool = False

    def put(self, event: Event) -> bool:
        """Queue an event; False when it is too slow and must load the page anew."""
        try:
            self.queue.put_nowait(event)
        except queue.Full:
            self.drop()
            self.queue.put_nowait(RESYNC)
            return False
        return True

    def end(self) -> None:
        """Nothing more will come."""
        self.ended = True
        self.drop()
        self.queue.put_nowait(BYE)

    def drop(self) -> None:
        """Forget what waits."""
        while True:
            try:
                self.queue.get_nowait()
            except queue.Empty:
                return


class ChangeTail:
    """Reads changes, fans them out. Safe to use from many threads."""

    def __init__(
        self, engine: Engine, draw: Draw, meters: Meters, now: Callable[[], int], *, limit: int,
        pace_s: float = PACE_S,
    ) -> None:  # fmt: skip
        self._engine = engine
        self._reader = reader = reading(engine)
        self._draw = draw
        self._meters = meters
        self._now = now
        self._limit = limit
        self._pace_s = pace_s
        self._held: list[Heard] = []
        """Read, and not handed out yet."""
        self._handed_at = float("-inf")
        """When held changes were last handed out, by the monotonic clock."""
        # On SQLite there is one writer at a time, so ids become visible in their order. On
        # PostgreSQL a transaction can take an id and commit after one with a later id:
        # there the last ids are read again, and those that were seen are left out.
        self._window = 0 if reader.dialect.name == "sqlite" else WINDOW
        self._seen: set[int] = set()
        self._silent: set[str] = set()
        """Sites whose hub did not run at the last look."""
        self._cursor = 0
        self._listeners: set[Listener] = set()
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self.healthy = True
        """Whether the last look at the store succeeded; pages show it when not."""

    def join(self, view: View, session_id: str) -> Listener | None:
        """A new listener, or None when there are too many."""
        listener = Listener(view, session_id)
        with self._lock:
            if len(self._listeners) >= self._limit or self._stop.is_set():
                self._meters.live_refused.inc()
                return None
            if not self._listeners:
                self._begin()
            listener.joined_at = self._cursor
            self._listeners.add(listener)
            self._meters.listeners.set(len(self._listeners))
        return listener

    def leave(self, listener: Listener) -> None:
        """The page is closed; again is harmless."""
        with self._lock:
            self._listeners.discard(listener)
            self._meters.listeners.set(len(self._listeners))

    def close(self) -> None:
        """End every listener and the thread."""
        self._stop.set()
        with self._lock:
            for listener in self._listeners:
                listener.end()
            thread = self._thread
        if thread is not None:
            thread.join(timeout=2)

    def replay(self, after: int, listener: Listener) -> Event | None:
        """What a reader missed since change ``after``: an event, None for nothing, or a resync."""
        upto = listener.joined_at
        with self._reader.connect() as connection:
            oldest = connection.scalar(select(func.min(Change.id)))
            span = Change.id.between(after + 1 - self._window, upto)
            rows = connection.execute(select(Change.__table__).where(span).order_by(Change.id)
                                      .limit(REPLAY + 1)).all()  # fmt: skip
        trimmed = oldest is None or oldest > after + 1
        if after > upto or (trimmed and after < upto) or len(rows) > REPLAY:
            self._meters.live_resyncs.inc()
            return RESYNC
        if not rows:
            return None
        changes = [heard(row) for row in rows]
        return event(upto, self._draw(changes, [listener.view])[listener.view])

    def step(self) -> int:
        """Look once, and hand out what is new, or what has waited; returns how many changes
        were new."""
        changes = self._read()
        waiting = [*self._held, *changes]
        due = time.monotonic() - self._handed_at >= self._pace_s
        now = waiting if due else [one for one in waiting if one.kind in AT_ONCE]
        if now:
            held = [] if due else [one for one in waiting if one.kind not in AT_ONCE]
            self._hand_out(now, changes, held)
            self._held = held
            self._handed_at = time.monotonic() if due else self._handed_at
        elif changes:
            with self._lock:
                self._note(changes)
            self._held = waiting
        return len(changes)

    def end_strangers(self) -> None:
        """End the listeners whose user was disabled or has a new session key, or whose session
        has ended."""
        with self._lock:
            listeners = list(self._listeners)
        numbers = {int(one.session_id.partition(":")[0]) for one in listeners}
        query = select(User.id, User.session_key, User.settings).where(
            User.id.in_(numbers), User.disabled.is_(False)
        )
        with self._reader.connect() as connection:
            rows = connection.execute(query).all()
        left = {f"{number}:{key}": settings.get(LEFT, ()) for number, key, settings in rows}
        for listener in listeners:
            user, _, session = listener.session_id.rpartition(":")
            if user not in left or session in left[user]:
                listener.end()

    def watch_hub(self) -> None:
        """Tell when a hub has ended or is back: one that does not run cannot say so itself."""
        now = self._now()
        with self._reader.connect() as connection:
            silent = set(uptime.silent(connection, now))
        if silent != self._silent:
            change = {"kind": "notice", "site": "", "key": "hub", "at": now}
            with self._engine.begin() as connection:
                connection.execute(insert(Change), change)
            self._silent = silent

    def _begin(self) -> None:
        """Start at the present: what lies before is for `replay`."""
        with self._reader.connect() as connection:
            self._cursor = connection.scalar(select(func.max(Change.id))) or 0
            self._held = []
            recent = select(Change.id).where(Change.id > self._cursor - self._window)
            self._seen = set(connection.scalars(recent))
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="change-tail", daemon=True)
            self._thread.start()

    def _run(self) -> None:
        looked = 0.0
        while not self._stop.wait(POLL_S):
            if not self._listeners:
                continue
            try:
                self.step()
                if time.monotonic() - looked > USERS_S:
                    looked = time.monotonic()
                    self.end_strangers()
                    self.watch_hub()
                self.healthy = True
            except Exception:
                self.healthy = False
                self._meters.failures.labels("tail").inc()
                log.warning("cannot follow the change table; trying again", exc_info=True)
                self._stop.wait(USERS_S)

    def _read(self) -> list[Heard]:
        query = select(Change.__table__).where(Change.id > self._cursor - self._window)
        with self._reader.connect() as connection:
            rows = connection.execute(query.order_by(Change.id)).all()
        return [heard(row) for row in rows if row.id > self._cursor or row.id not in self._seen]

    def _hand_out(self, changes: list[Heard], fresh: list[Heard], held: Sequence[Heard]) -> None:
        """Tell everybody of ``changes``; those of ``fresh`` are new, ``held`` are told later."""
        with self._lock:
            listeners = list(self._listeners)
        # Who comes back with this number must hear of what is held, which has lower ones.
        number = max([self._cursor, *(one.id for one in fresh)])
        number = min([number, *(one.id - 1 for one in held)])
        drawn = self._drawn(number, changes, {one.view for one in listeners})
        with self._lock:
            # Who joined while this was drawn was given the old cursor: it must hear it too.
            late = {one.view for one in self._listeners} - set(drawn)
            drawn |= self._drawn(number, changes, late) if late else {}
            for listener in self._listeners:
                if not listener.put(drawn[listener.view]):
                    self._meters.live_resyncs.inc()
            self._note(fresh)
        for change in changes:
            self._meters.live_seconds.observe(max(0, self._now() - change.at) / 1000)

    def _drawn(
        self, number: int, changes: Sequence[Heard], views: Collection[View]
    ) -> dict[View, Event]:
        return {view: event(number, data) for view, data in self._draw(changes, views).items()}

    def _note(self, fresh: Sequence[Heard]) -> None:
        """These have been read. Under the lock, with the handing out: who joins in between is
        given a cursor that fits what it hears."""
        self._cursor = max([self._cursor, *(one.id for one in fresh)])
        if self._window:
            self._seen |= {change.id for change in fresh}
            self._seen = {one for one in self._seen if one > self._cursor - self._window}


def event(number: int, data: str) -> Event:
    """A server-sent event; ``data`` is one line."""
    return Event.of(f"id: {number}\nevent: news\ndata: {data}\n\n")
