"""How far time may go at each place.

Durations ("for 30 s", "silent for a minute") are decided by event time. While a node's
records are on their way (the broker was away, the hub was, the node drains an outbox),
its places must not run ahead of them, or a door that was shut in time would alert as
left open. So a place's time follows the clock, a little behind, while all of its nodes
are heard live; it stands still where one is cut off or catching up, until that node's
records go on or the patience with it is over.
"""

from collections import deque
from collections.abc import Iterable

from wire.records import Batch, State

BACKLOG_MS = 2_000
"""A record that waited longer than this before it was sent, or a message that travelled
longer than usual by this, is part of a backlog."""
OFFSET_WINDOW_MS = 60_000
STEADY_MS = 5_000
"""A lag that has not shrunk for this long while messages came is a clock that is behind:
a backlog drains much faster than it grew."""
CLOCK_TOLERANCE_MS = 5_000
"""A clock this far off is left alone; beyond it the hub puts the node's times right."""


class ClockOffset:
    """How far a node's clock is behind the hub's, from the fastest of its recent messages.

    The least of (received − sent) is the offset plus the shortest travel; messages that
    waited somewhere only make it larger.
    """

    def __init__(self) -> None:
        self._recent: deque[tuple[int, int]] = deque()

    def add(self, sent: int, rx: int) -> None:
        """A message that said ``sent`` arrived at ``rx`` (ms)."""
        offset = rx - sent
        while self._recent and self._recent[-1][1] >= offset:
            self._recent.pop()
        self._recent.append((rx, offset))
        while self._recent[0][0] < rx - OFFSET_WINDOW_MS and len(self._recent) > 1:
            self._recent.popleft()

    @property
    def ms(self) -> int:
        """Milliseconds; 0 before any message."""
        return self._recent[0][1] if self._recent else 0


class _Node:
    """What is known of one node's time."""

    def __init__(self, now: int) -> None:
        self.offset = ClockOffset()
        self.baseline = 0
        """Its clock's offset as last believed, ms behind the hub's."""
        self.online = True
        self.live = False
        self.heard_all_at = 0
        """When all that may lie behind its last message will have come: what piled up in
        ``lag`` is here in less than ``lag``."""
        self.resumed_at = 0
        """When the hub last went on after a stall."""
        self.seen = 0
        """The newest event time it has told, on the hub's clock."""
        self.cut_at = now
        """When it was last known to be cut off, or last seen to catch up."""
        self.least_lag = 0

    def cut(self, now: int) -> None:
        """From now on it must be heard anew."""
        self.live, self.cut_at, self.least_lag = False, now, 2**62

    def stall(self, ms: int, now: int) -> None:
        """The hub has looked at nothing for so long; what came meanwhile may wait elsewhere."""
        self.resumed_at = now
        self.heard_all_at = max(self.heard_all_at, now + ms)

    def hear(self, batch: Batch, rx: int) -> None:
        """Learn from a batch whether it is live or catching up."""
        self.online = True
        self.offset.add(batch.sent, rx)
        lag = rx - batch.sent - self.baseline
        if batch.records:
            newest = max(record.ts for record in batch.records)
            lag = max(lag, batch.sent - newest)
            self.seen = max(self.seen, min(newest + self.baseline, rx))
        if lag <= BACKLOG_MS:
            self.live = True
            # What was here before a stall was over says nothing of what the broker still holds.
            before = self.heard_all_at if rx <= self.resumed_at else 0
            self.heard_all_at = max(before, rx + lag)
            # Right after a cut the fastest message so far may itself have waited: only a
            # whole window of messages can say that the clock is further behind.
            if self.offset.ms < self.baseline or rx - self.cut_at > OFFSET_WINDOW_MS:
                self.baseline = self.offset.ms
        elif self.live:
            self.cut(rx)
        elif lag < self.least_lag - (rx - self.cut_at) // 4:
            self.least_lag, self.cut_at = lag, rx  # it catches up
        elif rx - self.cut_at > STEADY_MS:
            self.baseline = self.offset.ms  # a lag that stays is a clock that is behind


class Watermark:
    """Keeps, for each node, whether it is heard live."""

    def __init__(self, *, settle_ms: int, patience_ms: int, now: int) -> None:
        self._settle_ms = settle_ms
        self._patience_ms = patience_ms
        self._started = now
        self._nodes: dict[tuple[str, str], _Node] = {}
        self._link_up = False

    def _node(self, site: str, node: str, now: int) -> _Node:
        return self._nodes.setdefault((site, node), _Node(now))

    def link(self, *, up: bool, now: int) -> None:
        """The hub's own connection to the broker came or went; everyone must be heard anew."""
        self._link_up = up
        for node in self._nodes.values():
            node.cut(now)

    def stalled(self, ms: int, now: int) -> None:
        """The hub looked at nothing for so long until ``now``: its store did not take a write, or
        the machine stood still. A broker delivers so many messages and waits for them to be
        acknowledged; the rest comes in less time than it took to pile up."""
        for node in self._nodes.values():
            node.stall(min(ms, self._patience_ms), now)

    def state(self, site: str, node: str, state: State, now: int) -> None:
        """A node went online or offline."""
        known = self._node(site, node, now)
        known.online = state.online
        if known.live:
            known.cut(now)

    def batch(self, site: str, node: str, batch: Batch, rx: int) -> int:
        """A batch arrived at ``rx`` (ms); returns how far the node's clock is behind the hub's."""
        known = self._node(site, node, rx)
        known.hear(batch, rx)
        return known.baseline

    def remember(self, site: str, node: str, behind_ms: int, now: int) -> None:
        """Take up what an earlier hub knew of a node's clock."""
        self._node(site, node, now).baseline = behind_ms

    def limit(self, site: str, nodes: Iterable[str], now: int) -> int:
        """Up to when (ms, event time) durations may be decided that depend on these nodes."""
        settled = now - self._settle_ms
        return min((self._reached(site, node, now, settled) for node in nodes), default=settled)

    def _reached(self, site: str, name: str, now: int, settled: int) -> int:
        node = self._nodes.get((site, name))
        if node is None:
            heard_by = self._started
            return settled if now - heard_by > self._patience_ms else 0
        if self._link_up and node.online and node.live:
            return settled if now >= node.heard_all_at else min(settled, node.seen)
        if now - node.cut_at > self._patience_ms:
            return settled
        return min(settled, node.seen)

    def held(self, now: int) -> int:
        """How many nodes keep their places waiting."""
        return sum(1 for site, node in self._nodes if self._reached(site, node, now, now) < now)
