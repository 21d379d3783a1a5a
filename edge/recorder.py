"""The one door to the outbox: counts what goes in, and what could not."""

import logging
import threading
from collections import Counter
from collections.abc import Callable, Sequence

from edge.metrics import EdgeMetrics
from edge.outbox import Outbox, OutboxFailed
from edge.picture_ring import PictureRing
from wire.records import AnyRecord

log = logging.getLogger(__name__)


class Recorder:
    """Appends to the outbox; a full disk loses records, never the agent. Thread-safe."""

    def __init__(
        self, outbox: Outbox, metrics: EdgeMetrics, ring: PictureRing | None = None
    ) -> None:
        """Without a ``ring`` pictures wait in the outbox itself, and are kept no longer."""
        self._outbox = outbox
        self.ring = ring
        if ring is not None:
            outbox.kept = ring.read
            ring.on_gone = self._let_go
        self._metrics = metrics
        self._lock = threading.Lock()
        self.by_type: Counter[str] = Counter()
        """Records written since the start, by their type."""
        self.failed = 0
        """Records that could not be written since the start."""
        self.on_records: Callable[[Sequence[AnyRecord]], None] = lambda _records: None
        """Hears of everything that was written, on the thread that wrote it."""
        self.problem = ""
        """Why the newest records could not be written; empty where they could."""
        self._lost = self._logged = 0
        """Records lost since the outbox could last be written; how many the log has told of."""

    def append(self, records: Sequence[AnyRecord]) -> list[int]:
        """The records' seqs; empty where they could not be written (logged and counted)."""
        if not records:
            return []
        try:
            seqs = self._outbox.append(records)
        except OutboxFailed as error:
            self._metrics.records_failed.inc(len(records))
            self._lose(len(records), str(error))
            return []
        kinds = Counter(record.type for record in records)
        with self._lock:
            self.by_type += kinds
            lost, self._lost, self._logged, self.problem = self._lost, 0, 0, ""
        if lost:
            log.warning("the outbox can be written again; %d records were lost meanwhile", lost)
        for kind, count in kinds.items():
            self._metrics.records_appended.labels(kind).inc(count)
        self.on_records(records)
        return seqs

    def _lose(self, count: int, why: str) -> None:
        """Log each time twice as many are lost: a full disk shall not be filled by its log."""
        with self._lock:
            self.failed += count
            self._lost += count
            self.problem = f"{why}; {self.failed} records are lost so far"
            is_told = self._lost < 2 * self._logged
            self._logged = self._logged if is_told else self._lost
        if not is_told:
            log.error("%s", self.problem)

    def picture(self, source: str, ts: int, seq: int, ref: str, jpeg: bytes) -> None:
        """Keep a picture, taken at ``ts`` (ms), to follow record ``seq`` and for the days after."""
        kept = self.ring is not None and self.ring.add(source, ts, ref, jpeg)
        self.send_picture(seq, ref, b"" if kept else jpeg)

    def send_picture(self, seq: int, ref: str, jpeg: bytes) -> None:
        """Let a picture follow record ``seq``; an empty one lies in the ring."""
        try:
            self._outbox.add_picture(seq, ref, jpeg)
        except OutboxFailed as error:
            log.error("%s; picture %s is not sent", error, ref)

    def _let_go(self, ref: str) -> None:
        try:
            self._outbox.drop_picture(ref)
        except OutboxFailed as error:
            log.error("%s; picture %s waits though it is gone", error, ref)
