"""Takes messages from the broker and acknowledges them once all that follows is on disk.

paho's thread only queues. One worker takes whatever has arrived, without waiting for
more, handles it as one batch, commits, and acknowledges; under load batches grow by
themselves. Killed at any instant, the broker delivers the batch again and the admission
drops what is known.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from paho.mqtt.client import MQTT_ERR_SUCCESS, Client, MQTTMessage
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from configs.servers import HubSettings
from configs.site import SiteFile
from hub.intake import Arrived
from hub.metrics import HubMetrics
from hub.pipeline import Pipeline
from hub.series.writer import SeriesWriter
from hub.upkeep import Upkeep
from wire import codec, mqtt, topics
from wire.errors import LinkError, LinkRefused
from wire.records import Do
from wire.topics import Topic

log = logging.getLogger(__name__)

MAX_MESSAGES = 200
MAX_BYTES = 512 * 1024
"""No more messages go into one transaction than one of these allows; 512 KiB are some 4,000
records. Higher: fewer commits under load, but more memory and a longer worst delay."""
TICK_S = 0.05
RETRY_S = 1.0
FINISH_S = 3.0
"""How long a hub that stops goes on handling what has arrived. Higher: less comes again to the next
one; lower: it ends sooner."""


class Ingest:
    """The hub's connection to the broker, and the one thread that writes its state."""

    def __init__(
        self,
        settings: HubSettings,
        sites: Sequence[str],
        pipeline: Pipeline,
        writer: SeriesWriter,
        upkeep: Upkeep,
        metrics: HubMetrics,
        now_us: Callable[[], int],
        on_failure: Callable[[], None],
    ) -> None:
        """``now_us`` gives microseconds since the Unix epoch; ``on_failure`` is called, on the
        worker's thread, when the worker has ended by ``failure``."""
        self._settings = settings
        self._sites = sites
        self._pipeline = pipeline
        self._writer = writer
        self._upkeep = upkeep
        self._metrics = metrics
        self._now_us = now_us
        self._on_failure = on_failure
        self.failure: Exception | None = None
        self.on_reload: Callable[[Sequence[SiteFile]], None] = lambda _sites: None
        """Called with each configuration that took over."""
        self._last_rx_us = 0
        self._looked_at: int | None = None
        """When the worker last looked at what had arrived, ms."""
        self._arrived: deque[tuple[Arrived, int, int]] = deque()
        """(message, mid, QoS)."""
        self._links: deque[bool] = deque()
        self._news = threading.Event()
        self._stopping = threading.Event()
        self._configured: deque[Sequence[SiteFile] | str] = deque()
        """Sites to take up, or why those on disk cannot be."""
        self._connected = False
        self._said = ""
        self.trouble: str | None = "not connected to the broker yet"
        self._client = mqtt.client(
            settings.mqtt, settings.session, clean_session=False, manual_ack=True
        )
        self._client.reconnect_delay_set(1, 30)
        self._client.on_connect = self._on_connect
        self._client.on_disconnect = self._on_disconnect
        self._client.on_connect_fail = self._on_connect_fail
        self._client.on_message = self._on_message
        self._worker = threading.Thread(target=self._work, name="ingest")

    def start(self) -> None:
        """Connect, and keep connected; raises `LinkRefused` where the settings cannot work."""
        broker = self._settings.mqtt
        self._client.connect_async(broker.host, broker.port, keepalive=broker.keepalive_s)
        self._worker.start()
        self._client.loop_start()

    def stop(self) -> None:
        """Finish the batch at hand; what is not acknowledged comes again to the next hub."""
        self._stopping.set()
        self._news.set()
        self._worker.join()
        self._client.disconnect()
        self._client.loop_stop()

    def reload(self, sites: Sequence[SiteFile]) -> None:
        """Take up another configuration after the batch at hand."""
        self._configured.append(sites)
        self._news.set()

    def send(self, topic: Topic, command: Do) -> bool:
        """Give a node a command; False while there is no broker: a command is for now, so that
        none is kept for later. May be called from any thread."""
        if not self._connected:
            return False
        return self._client.publish(str(topic), codec.encode(command), 1).rc == MQTT_ERR_SUCCESS

    def refuse(self, problem: str) -> None:
        """Show why the configuration on disk is not taken up."""
        self._configured.append(problem)
        self._news.set()

    # paho's thread

    def _on_connect(self, client: Client, _data: Any, _flags: Any, code: Any, _props: Any) -> None:
        problem = mqtt.refusal(code, self._settings.mqtt)
        if problem is not None:
            self._say(problem)
            return
        for site in self._sites:
            client.subscribe(topics.subscription(site), qos=1)
        self._link(up=True)
        log.info("connected to the broker at %s:%d",
                 self._settings.mqtt.host, self._settings.mqtt.port)  # fmt: skip

    def _on_disconnect(self, _c: Client, _data: Any, _flags: Any, code: Any, _props: Any) -> None:
        if not self._stopping.is_set() and self._connected:
            log.warning("lost the broker (%s); trying again until it is back", code)
        self._link(up=False)

    def _on_connect_fail(self, _client: Client, _data: Any) -> None:
        broker = self._settings.mqtt
        self._say(mqtt.unreachable(broker))

    def _say(self, problem: LinkError) -> None:
        self.trouble = str(problem)
        if self.trouble != self._said:  # paho tries again for ever; say each reason once
            self._said = self.trouble
            level = logging.ERROR if isinstance(problem, LinkRefused) else logging.WARNING
            log.log(level, "%s", problem)

    def _link(self, *, up: bool) -> None:
        self._connected = up
        self._metrics.connected.set(up)
        self._said = "" if up else self._said
        self.trouble = None if up else self._said or "not connected to the broker"
        self._links.append(up)
        self._news.set()

    def _on_message(self, _client: Client, _data: Any, message: MQTTMessage) -> None:
        self._last_rx_us = max(self._now_us(), self._last_rx_us + 1)
        try:
            topic = message.topic
        except UnicodeDecodeError:
            topic = "(a topic that is not UTF-8)"
        arrived = Arrived(topic, bytes(message.payload), self._last_rx_us)
        self._arrived.append((arrived, message.mid, message.qos))
        self._news.set()

    # the worker's thread

    def _work(self) -> None:
        try:
            while not self._stopping.is_set():
                self._news.wait(TICK_S)
                self._news.clear()
                self._handle_what_arrived()
                while len(self._arrived) and not self._stopping.is_set():
                    self._handle_what_arrived()
            self._finish()
            self._pipeline.checkpoint(self._now_us() // 1000)
        except Exception as error:
            log.exception("the hub cannot go on; what was not acknowledged will come again")
            self.failure = error
            self._on_failure()

    def _finish(self) -> None:
        """Handle what is here: a broker that ends with the hub would not bring it again."""
        deadline = time.monotonic() + FINISH_S
        while self._arrived and time.monotonic() < deadline:
            self._handle_what_arrived()

    def _handle_what_arrived(self) -> None:
        batch = self._next_batch()
        now = self._now_us() // 1000
        while self._links:
            self._pipeline.watermark.link(up=self._links.popleft(), now=now)
        self._note_stall(now)
        while self._configured:
            self._retrying(lambda: self._configure(self._configured[0], now))
            self._configured.popleft()
        messages = [message for message, _, _ in batch]
        work = self._retrying(lambda: self._pipeline.prepare(messages, now))
        row = self._commit(work)
        for _, mid, qos in batch:
            if qos:
                self._client.ack(mid, qos)
        if batch:
            self._metrics.batch.observe(len(batch))
        if row is not None:
            self._writer.notify(*row)
        self._metrics.held.set(self._pipeline.watermark.held(now))
        # Also under load that never ends, or the journal could not be trimmed.
        self._retrying(lambda: self._upkeep.run(now, self._pipeline.checkpoint))

    def _note_stall(self, now: int) -> None:
        """Else time would run ahead of what the broker held back while a commit had to wait."""
        since, self._looked_at = self._looked_at, now
        if since is not None and now - since > self._settings.settle:
            self._pipeline.watermark.stalled(now - since, now)

    def _configure(self, wish: Sequence[SiteFile] | str, now: int) -> None:
        if isinstance(wish, str):
            self._metrics.reloads.labels("refused").inc()
            self._pipeline.notice("configuration", wish, now)
            return
        changes = self._pipeline.reload(wish, now)
        self._pipeline.notice("configuration", "", now)
        self._metrics.reloads.labels("taken").inc()
        log.info("the configuration was loaded again; %d changes", len(changes))
        self.on_reload(wish)
        for name in {file.site.id for file in wish} - set(self._sites):
            self._client.subscribe(topics.subscription(name), qos=1)
        self._sites = [file.site.id for file in wish]

    def _next_batch(self) -> list[tuple[Arrived, int, int]]:
        batch: list[tuple[Arrived, int, int]] = []
        size = 0
        while self._arrived and len(batch) < MAX_MESSAGES and size < MAX_BYTES:
            batch.append(self._arrived.popleft())
            size += len(batch[-1][0].payload)
        return batch

    def _commit(self, work: Any) -> Any:
        return self._retrying(lambda: self._pipeline.commit(work, self._now_us() // 1000))

    def _retrying(self, act: Callable[[], Any]) -> Any:
        """Do it until the store takes it: nothing is acknowledged meanwhile, nothing lost."""
        while True:
            try:
                result = act()
            except IntegrityError:
                # The store has it already: a commit went through whose answer was lost. Started
                # again, the hub goes on from what the store holds.
                raise
            except SQLAlchemyError as error:
                self._metrics.commit_failures.inc()
                self.trouble = f"the state store does not take writes: {error.__cause__ or error}"
                log.error("%s; check its disk and permissions; trying again", self.trouble)
                if self._stopping.wait(RETRY_S):
                    raise
            else:
                if self._connected:
                    self.trouble = None
                return result
