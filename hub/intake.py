"""The first half of the pipeline: bytes become records that are news.

Decodes what arrived, sets apart what cannot be read, notes who is online, keeps
pictures, and admits records.
"""

import logging
import operator
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from configs.servers import HubSettings
from configs.site import SiteFile
from hub.ledger import Ledger, Node, picture_rows
from hub.metrics import HubMetrics
from hub.pictures import PictureFolder
from hub.rules.place import Outcome
from hub.series.points import Stored
from hub.watermark import CLOCK_TOLERANCE_MS, Watermark
from wire.codec import decode
from wire.errors import DecodeError
from wire.records import About, AnyRecord, Batch, Do, Done, Evidence, State
from wire.topics import Topic

log = logging.getLogger(__name__)

DEAD_LETTER_BYTES = 4096
OLDEST_MS = 31 * 86_400_000
"""What is older is applied as being this old: a device that woke up in 1970 must not make
its places live through the decades since."""

_event_time = operator.attrgetter("record.ts")


class Arrived(Struct, frozen=True, gc=False):
    """A message as it came from the broker."""

    topic: str
    payload: bytes
    rx_us: int


class Work(Struct):
    """What a batch of messages leads to, until it is committed."""

    stored: list[Stored] = []
    outcome: Outcome = msgspec.field(default_factory=Outcome)
    dead: list[dict[str, Any]] = []
    pictures: list[dict[str, Any]] = []
    changes: set[tuple[str, str, str]] = set()
    """(kind, site, key)."""
    resolved: list[tuple[str, str, str]] = []
    """(site, place, alert) that operators resolved."""
    learned: list[tuple[str, str, str, int]] = []
    """(site, place, what, start) of the anomalies whose verdict was taken in."""


class Intake:
    """Takes messages in; everything it learns goes to the ledger, the watermark and the work."""

    def __init__(
        self,
        sites: Sequence[SiteFile],
        settings: HubSettings,
        ledger: Ledger,
        watermark: Watermark,
        metrics: HubMetrics,
    ) -> None:
        self.expect(sites)
        self._lateness = settings.lateness
        self.ledger = ledger
        self.watermark = watermark
        self._metrics = metrics
        self._folder = PictureFolder(Path(settings.data))
        self.on_done: Callable[[Topic, Done], None] = lambda _topic, _done: None
        """Called with what nodes answer to commands; must not block."""

    def expect(self, sites: Sequence[SiteFile]) -> None:
        """From now on the nodes of these sites are ours."""
        self._members = {(file.site.id, node.id) for file in sites for node in file.nodes}

    def take(self, messages: Sequence[Arrived], work: Work) -> list[Stored]:
        """The records of ``messages`` that are news, in the order of their event times."""
        batches: list[tuple[Topic, Batch, int]] = []
        for message in messages:
            self._decode(message, work, batches)
        return self._admit(batches, work)

    def _decode(
        self, arrived: Arrived, work: Work, batches: list[tuple[Topic, Batch, int]]
    ) -> None:
        try:
            topic, message = decode(arrived.topic, arrived.payload)
            if (topic.site, topic.node) not in self._members:
                raise DecodeError(
                    f"{topic.node} is no node of {topic.site}; add it to the site's nodes"
                )
        except DecodeError as error:
            self._bury(work, arrived.topic, str(error), arrived.payload, arrived.rx_us)
            return
        self._metrics.messages.labels(str(topic.channel)).inc()
        rx = arrived.rx_us // 1000
        match message:
            case Batch():
                batches.append((topic, message, arrived.rx_us))
                for bad in message.bad:
                    self._bury(work, arrived.topic, bad.reason, bad.raw, arrived.rx_us)
            case State():
                self._take_state(topic, message, rx, work)
            case About():
                self.ledger.nodes[topic.site, topic.node].about = msgspec.to_builtins(message)
                self._news_of_node(topic, work)
            case Evidence():
                self._take_picture(topic, message, rx, work)
            case Done():
                self.on_done(topic, message)
            case Do():
                pass  # our own command, or another's

    def _bury(self, work: Work, topic: str, reason: str, payload: bytes, rx_us: int) -> None:
        log.warning("dead letter on %s: %s", topic[:120], reason[:300])
        self._metrics.dead_letters.inc()
        work.dead.append(
            {
                "rx": rx_us // 1000,
                "topic": topic[:300],
                "reason": reason[:500],
                "payload": payload[:DEAD_LETTER_BYTES],
                "size": len(payload),
            }
        )

    def _take_state(self, topic: Topic, state: State, rx: int, work: Work) -> None:
        node = self.ledger.nodes[topic.site, topic.node]
        if node.online != state.online:
            node.online, node.online_at = state.online, rx
        self.ledger.look_at_node(topic.site, topic.node, rx)
        self.watermark.state(topic.site, topic.node, state, rx)
        self._news_of_node(topic, work)

    def _news_of_node(self, topic: Topic, work: Work) -> None:
        self.ledger.changed_nodes.add((topic.site, topic.node))
        work.changes.add(("node", topic.site, topic.node))

    def _take_picture(self, topic: Topic, evidence: Evidence, rx: int, work: Work) -> None:
        site, node, ref = topic.site, topic.node, evidence.ref
        try:
            self._folder.put(site, node, ref, evidence.jpeg)
        except OSError as error:
            reason = f"cannot keep the picture: {error.strerror}; check the disk of the data folder"
            self._bury(work, str(topic), reason, b"", rx * 1000)
            return
        size = len(evidence.jpeg)
        source_name = ""
        for (its_site, its_node, name), source in self.ledger.sources.items():
            if (its_site, its_node, source.told) == (site, node, ref):
                source_name = name
                source.evidence, source.evidence_ts = ref, source.told_ts
                self.ledger.changed_sources.add((site, node, name))
                work.changes.add(("source", site, f"{node}/{name}"))
        work.pictures.append(
            {"site": site, "node": node, "ref": ref, "source": source_name, "ts": rx, "size": size}
        )

    def _admit(self, batches: Sequence[tuple[Topic, Batch, int]], work: Work) -> list[Stored]:
        """The records that are news, in the order of their event times."""
        fresh: list[Stored] = []
        for topic, batch, rx_us in batches:
            fresh += self._admit_batch(topic, batch, rx_us, work)
        fresh.sort(key=_event_time)  # batches of several nodes come interleaved
        return fresh

    def _admit_batch(self, topic: Topic, batch: Batch, rx_us: int, work: Work) -> list[Stored]:
        rx = rx_us // 1000
        site, name = topic.site, topic.node
        node = self.ledger.nodes[site, name]
        self.ledger.changed_nodes.add((site, name))
        seqs = [record.seq for record in (*batch.records, *batch.unknown)]
        seqs += [bad.seq for bad in batch.bad if bad.seq is not None]
        if not seqs:
            return []
        cursor = self.ledger.cursor(site, name, batch.epoch, min(seqs))
        if not node.online:
            node.online, node.online_at = True, rx
            self.ledger.look_at_node(site, name, rx)
            self._news_of_node(topic, work)
        fresh = [record for record in batch.records if cursor.admit(record.seq, rx)]
        node.unknown += sum(cursor.admit(record.seq, rx) for record in batch.unknown)
        for bad in batch.bad:
            if bad.seq is None or cursor.admit(bad.seq, rx):
                node.bad += 1
        node.epoch, node.last_rx = batch.epoch, rx
        fresh = self._put_right(topic, node, fresh, self.watermark.batch(site, name, batch, rx))
        self._count(node, batch, fresh, rx)
        work.pictures += picture_rows(site, name, fresh)
        for record in fresh:
            if self.ledger.hear(site, name, record):
                work.changes.add(("source", site, f"{name}/{record.source}"))
        oldest, newest = rx - OLDEST_MS, rx + CLOCK_TOLERANCE_MS
        return [
            Stored(site, name, batch.epoch, rx_us, max(oldest, min(record.ts, newest)), record)
            for record in fresh
        ]

    def _put_right(
        self, topic: Topic, node: Node, records: list[AnyRecord], behind_ms: int
    ) -> list[AnyRecord]:
        """Records on the hub's clock, where the node's own is too far off to be believed."""
        off = abs(behind_ms) > CLOCK_TOLERANCE_MS
        if off != (abs(node.clock_ms) > CLOCK_TOLERANCE_MS):
            self._news_of_node_clock(topic, behind_ms, off=off)
        node.clock_ms = -behind_ms
        if not off:
            return records
        self._metrics.records.labels("clock_corrected").inc(len(records))
        return [msgspec.structs.replace(r, ts=max(0, r.ts + behind_ms)) for r in records]

    def _news_of_node_clock(self, topic: Topic, behind_ms: int, *, off: bool) -> None:
        if off:
            log.warning(
                "the clock of %s is %.0f s %s; its times are put right by that; set up NTP there",
                topic.node,
                abs(behind_ms) / 1000,
                "behind" if behind_ms > 0 else "ahead",
            )
        else:
            log.info("the clock of %s is right again", topic.node)

    def _count(self, node: Node, batch: Batch, fresh: Sequence[AnyRecord], rx: int) -> None:
        late = sum(rx - record.ts > self._lateness for record in fresh)
        duplicate = len(batch.records) - len(fresh)
        node.admitted += len(fresh)
        node.duplicate += duplicate
        node.late += late
        if fresh:
            node.last_ts = max(node.last_ts, fresh[-1].ts)
        for outcome, count in (
            ("admitted", len(fresh)),
            ("duplicate", duplicate),
            ("late", late),
            ("unknown", len(batch.unknown)),
            ("bad", len(batch.bad)),
        ):
            if count:
                self._metrics.records.labels(outcome).inc(count)
