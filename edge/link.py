"""The MQTT link: tells the broker that the node lives, and empties the outbox into it.

One thread owns everything. It makes a client for each connection, so that no queue of paho's
outlives one: whatever the broker has not acknowledged is read from the outbox again, in order,
with a new ``sent``. paho's network thread only wakes it.
"""

import logging
import random
import socket
import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from msgspec import Struct
from paho.mqtt.client import Client, MQTTMessage

from edge.backlog import Backlog
from edge.metrics import EdgeMetrics
from edge.outbox import Outbox, OutboxFailed, Picture, Row
from wire import codec, mqtt
from wire.errors import DecodeError, LinkDown, LinkError, LinkRefused
from wire.records import MAX_BATCH_BYTES, MAX_RECORDS, About, Do, Done, State
from wire.topics import Channel, Topic

log = logging.getLogger(__name__)

WINDOW: Final = 8
"""Batches on their way at a time. Higher: a backlog drains faster over slow networks."""
FRAME_BYTES: Final = 200
"""What a batch's payload has besides its records."""
BACKOFF_S: Final = (0.5, 30.0)
"""The first and the longest wait before connecting again; doubled in between, with jitter."""
REFUSED_S: Final = 30.0
"""The wait after the broker refused the login: somebody has to change something."""
CONNECT_S: Final = 15.0
"""How long the broker may take to greet."""
MAX_COMMANDS: Final = 20
"""Commands that may wait for the one being done."""
DRAIN_S: Final = 0.1
"""How often the rest of an outage is looked after."""
RETRY_S: Final = 1.0
"""The wait before the outbox is tried again after a failure."""


class _Sent(Struct, frozen=True):
    """Records on their way with one batch, numbered without a gap that is not theirs."""

    first: int
    last: int
    count: int

    @classmethod
    def of(cls, rows: Sequence[Row]) -> list["_Sent"]:
        """Nothing of no rows."""
        return [cls(rows[0].seq, rows[-1].seq, len(rows))] if rows else []


class _Connection:
    """One connection and what happened on it, told by paho's thread to the link's."""

    def __init__(self, client: Client, wake: threading.Event) -> None:
        self.client = client
        self.acked: deque[int] = deque()
        self.greeting: Any = None
        """The CONNACK's reason, once it came."""
        self.lost: str = ""
        """Why the connection ended, once it has."""
        self._wake = wake
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_publish = self._on_publish
        client.on_socket_open = _without_delay

    def _on_connect(self, _client: Any, _data: Any, _flags: Any, code: Any, _props: Any) -> None:
        self.greeting = code
        self._wake.set()

    def _on_disconnect(self, client: Any, _data: Any, _flags: Any, code: Any, _props: Any) -> None:
        client.disconnect()  # the link reconnects with a new client; this one must not
        self.lost = str(code)
        self._wake.set()

    def _on_publish(self, _client: Any, _data: Any, mid: int, _code: Any, _props: Any) -> None:
        self.acked.append(mid)
        self._wake.set()


class Link:
    """Publishes for one node until stopped."""

    def __init__(
        self,
        broker: mqtt.Broker,
        site: str,
        node: str,
        *,
        outbox: Outbox,
        metrics: EdgeMetrics,
        now: Callable[[], int],
        about: Callable[[], About],
        on_caught_up: Callable[[], None] = lambda: None,
        on_draining: Callable[[], None] = lambda: None,
        drain_per_s: int = 1000,
        on_do: Callable[[Do], Done] | None = None,
        backoff_s: tuple[float, float] = BACKOFF_S,
    ) -> None:
        """``on_caught_up`` is called once for each connection, when its backlog has been sent.

        ``on_draining`` makes a record of now, for what is left of a long outage to ride behind,
        at most ``drain_per_s`` records a second; 0: everything goes in order, at once.

        ``on_do`` answers commands, one after the other, on a thread of their own.
        """
        self._broker, self._site, self._node = broker, site, node
        self._outbox, self._metrics, self._now, self._about = outbox, metrics, now, about
        self._on_caught_up, self._on_do = on_caught_up, on_do
        self._on_draining, self._drain_per_s = on_draining, drain_per_s
        self._backoff_s = backoff_s
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._about_is_due = threading.Event()
        self._commands = ThreadPoolExecutor(1, thread_name_prefix="commands")
        self._asked = threading.Semaphore(MAX_COMMANDS)
        self._idle = threading.Event()
        """Set while connected with nothing left to send."""
        self._thread = threading.Thread(target=self._run, name="link", daemon=True)
        self.problem = "not connected to the broker yet"
        """Why the link is down; empty while it is up."""
        self.published = 0
        """Records that the broker has acknowledged since the start."""
        self.pictures_published = 0
        outbox.on_append = self._wake.set
        self._forget()

    def start(self) -> None:
        """Connect, and go on trying for as long as it takes."""
        self._thread.start()

    def stop(self, flush_s: float = 5.0) -> None:
        """Send what waits for at most ``flush_s``, say goodbye, disconnect."""
        if self._thread.is_alive():
            if not self.problem:
                self._await_idle(flush_s)
            self._stopping.set()
            self._wake.set()
            self._thread.join(10.0)
        self._commands.shutdown(wait=False, cancel_futures=True)

    def tell_about(self) -> None:
        """What the node is has changed: say it again."""
        self._about_is_due.set()
        self._wake.set()

    def _await_idle(self, flush_s: float) -> None:
        self._idle.clear()
        self._wake.set()
        if not self._idle.wait(flush_s):
            log.warning("%d records stay in the outbox until the next start", self._outbox.depth)

    def _run(self) -> None:
        wait_s = self._backoff_s[0]
        while not self._stopping.is_set():
            try:
                self._connect_and_serve()
            except LinkRefused as error:
                self._note(error, logging.ERROR)
                wait_s = REFUSED_S
            except LinkError as error:
                # An empty problem: it was connected, so the waits begin anew.
                wait_s = wait_s if self.problem else self._backoff_s[0]
                self._note(error, logging.WARNING)
            self._stopping.wait(wait_s * random.uniform(0.7, 1.3))  # noqa: S311 - jitter
            wait_s = min(wait_s * 2, self._backoff_s[1])

    def _note(self, error: LinkError, level: int) -> None:
        log.log(level, "%s; %d records wait in the outbox", error, self._outbox.depth)
        self.problem = str(error)
        self._metrics.connected.set(0)
        self._metrics.link_failures.inc()

    def _connect_and_serve(self) -> None:
        """One connection, from its beginning to its end; raises `LinkError` unless stopped."""
        client = mqtt.client(
            self._broker, f"linli-edge-{self._site}-{self._node}", clean_session=True
        )
        client.will_set(self._topic(Channel.STATE), codec.encode(State(False)), 1, retain=True)
        client.on_message = self._on_message
        connection = _Connection(client, self._wake)
        self._forget()
        _open(client, self._broker)
        client.loop_start()
        try:
            self._greet(connection)
            self._serve(connection)
        finally:
            client.disconnect()
            client.loop_stop()
            self._metrics.connected.set(0)

    def _greet(self, connection: _Connection) -> None:
        waited = 0.0
        while connection.greeting is None and not connection.lost and waited < CONNECT_S:
            if self._stopping.is_set():
                return
            self._wake.wait(0.5)
            waited += 0 if self._wake.is_set() else 0.5
            self._wake.clear()
        if connection.greeting is None:
            raise LinkDown(
                f"the broker at {self._broker.host}:{self._broker.port} did not greet "
                f"({connection.lost or 'no answer'})"
            )
        refusal = mqtt.refusal(connection.greeting, self._broker)
        if refusal is not None:
            raise refusal
        self._metrics.connects.inc()
        self._metrics.connected.set(1)
        self.problem = ""
        connection.client.subscribe(self._topic(Channel.DO), 1)
        self._announce(connection.client)
        log.info("connected to the broker at %s:%d", self._broker.host, self._broker.port)

    def _announce(self, client: Client) -> None:
        self._epoch = self._outbox.epoch
        state = State(True, self._now(), self._epoch)
        client.publish(self._topic(Channel.STATE), codec.encode(state), 1, retain=True)
        self._publish_about(client)

    def _publish_about(self, client: Client) -> None:
        client.publish(self._topic(Channel.ABOUT), codec.encode(self._about()), 1, retain=True)

    def _forget(self) -> None:
        """Nothing is on its way: begin again with the oldest record that waits."""
        self._epoch = self._outbox.epoch
        self._backlog = Backlog(self._outbox, self._drain_per_s, self._now)
        self._cursor = self._backlog.end
        self._in_flight: dict[int, list[_Sent]] = {}
        self._picture: tuple[int, Picture] | None = None
        self._undeleted: list[_Sent] = []
        self._caught_up = False

    def _serve(self, connection: _Connection) -> None:
        while not self._stopping.is_set():
            if connection.lost:
                raise LinkDown(f"the connection to the broker broke ({connection.lost})")
            self._wake.clear()
            if self._about_is_due.is_set():
                self._about_is_due.clear()
                self._publish_about(connection.client)
            try:
                self._take_acks(connection)
                self._send(connection.client)
            except OutboxFailed as error:
                log.error("%s; trying again", error)
                self._wake.wait(RETRY_S)
                continue
            self._wake.wait(DRAIN_S if self._backlog.waits else None)
        goodbye = codec.encode(State(False, self._now(), self._epoch))
        info = connection.client.publish(self._topic(Channel.STATE), goodbye, 1, retain=True)
        if not connection.lost:
            info.wait_for_publish(2.0)

    def _take_acks(self, connection: _Connection) -> None:
        while connection.acked:
            mid = connection.acked.popleft()
            if (sent := self._in_flight.pop(mid, None)) is not None:
                count = sum(each.count for each in sent)
                self.published += count
                self._metrics.records_published.inc(count)
                self._undeleted += sent
            elif self._picture is not None and self._picture[0] == mid:
                self._outbox.delete_picture(self._picture[1].id)
                self.pictures_published += 1
                self._metrics.pictures_published.inc()
                self._picture = None
        while self._undeleted:
            self._outbox.delete(self._undeleted[0].first, self._undeleted[0].last)
            self._undeleted.pop(0)

    def _send(self, client: Client) -> None:
        """Records as far as the window allows; a picture when no record waits."""
        if self._outbox.epoch != self._epoch:
            self._forget()
            self._announce(client)
        while len(self._in_flight) < WINDOW:
            if not self._send_batch(client):
                break
        else:
            return
        if self._backlog.wants_a_ride():
            self._on_draining()
        if not self._backlog.waits and not self._caught_up:
            self._caught_up = True
            self._on_caught_up()
        if self._picture is None:
            self._send_picture(client)
        busy = self._in_flight or self._backlog.waits or self._picture is not None
        if not busy and not self._wake.is_set():
            self._idle.set()

    def _send_batch(self, client: Client) -> bool:
        """The next records; False where there are none."""
        limit = MAX_BATCH_BYTES - FRAME_BYTES
        waiting = self._outbox.peek(
            after=self._cursor, limit_records=MAX_RECORDS, limit_bytes=limit
        )
        if not waiting.rows or waiting.epoch != self._epoch:
            return False
        live = waiting.rows
        used = sum(len(row.raw) + 1 for row in live)
        older = self._backlog.take(MAX_RECORDS - len(live), limit - used)
        raws = [row.raw for row in (*older, *live)]
        payload = codec.splice(waiting.epoch, self._now(), raws)
        info = client.publish(self._topic(Channel.RECORDS), payload, 1)
        self._in_flight[info.mid] = [*_Sent.of(older), *_Sent.of(live)]
        self._cursor = live[-1].seq
        return True

    def _send_picture(self, client: Client) -> None:
        picture = self._outbox.peek_picture()
        if picture is not None:
            topic = self._topic(Channel.EVIDENCE, picture.ref)
            self._picture = (client.publish(topic, picture.jpeg, 1).mid, picture)

    def _on_message(self, client: Client, _data: Any, message: MQTTMessage) -> None:
        if message.retain:
            log.warning("a retained command on %s is ignored: commands are for now", message.topic)
            return
        try:
            _, command = codec.decode(message.topic, bytes(message.payload))
        except DecodeError as error:
            log.warning("unreadable command: %s", error)
            return
        if not isinstance(command, Do):
            return
        if not self._asked.acquire(blocking=False):
            busy = Done(command.id, False, f"{MAX_COMMANDS} commands wait already; ask again later")
            client.publish(self._topic(Channel.DONE), codec.encode(busy), 1)
            return
        try:
            self._commands.submit(self._obey, client, command)
        except RuntimeError:
            return  # it is being stopped: nobody is left to do it

    def _obey(self, client: Client, command: Do) -> None:
        try:
            done = self._answer(command)
        except Exception as error:  # one command's failure is its own
            log.warning("the command %s failed", command.verb, exc_info=error)
            done = Done(command.id, False, f"failed: {type(error).__name__}: {error}"[:2000])
        finally:
            self._asked.release()
        client.publish(self._topic(Channel.DONE), codec.encode(done), 1)

    def _answer(self, command: Do) -> Done:
        if self._on_do is not None:
            return self._on_do(command)
        if command.verb == "ping":
            return Done(command.id, True, "pong")
        return Done(command.id, False, f"this node does not know the verb {command.verb!r}")

    def _topic(self, channel: Channel, ref: str = "") -> str:
        return str(Topic(self._site, self._node, channel, ref))


def _open(client: Client, broker: mqtt.Broker) -> None:
    try:
        client.connect(broker.host, broker.port, keepalive=broker.keepalive_s)
    except (OSError, ValueError):
        raise mqtt.unreachable(broker) from None


def _without_delay(_client: Any, _data: Any, sock: Any) -> None:
    """A record shall not wait for the acknowledgement of the one before it."""
    if getattr(sock, "family", None) in (socket.AF_INET, socket.AF_INET6):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
