"""What is left of a long outage: sent in order, at a bounded rate, behind what happens now.

The hub tells a node that is heard live from one that catches up by the newest record of each
message, and lets time stand still at the places of the latter. So the rest of an outage never
travels alone: it rides behind something that has just happened, which the agent provides where
nothing else does.
"""

from collections.abc import Callable, Sequence
from typing import Final

from edge.outbox import Outbox, Row

LIVE_MS: Final = 60_000
"""Older than this when the connection is made is backlog. As long as the hub waits for a node
that is cut off: for a shorter outage everything goes in order, as if nothing had happened."""
RIDE_MS: Final = 500
"""How often something is provided to ride behind."""


class Backlog:
    """One connection's; not thread-safe."""

    def __init__(self, outbox: Outbox, per_s: int, now: Callable[[], int]) -> None:
        """``per_s``: records a second at most; 0: nothing counts as backlog."""
        self._outbox, self._per_s, self._now = outbox, per_s, now
        self.end = outbox.last_before(now() - LIVE_MS) if per_s else 0
        """The last seq that belongs to it; 0 where there is none."""
        self._cursor = 0
        self._filled_at = now() - RIDE_MS
        self._tokens = 0.0
        self._ride_at = now()

    @property
    def waits(self) -> bool:
        """Whether anything of it is still to be sent."""
        return self._cursor < self.end

    def wants_a_ride(self) -> bool:
        """Whether something live should be provided now; asked while nothing live waits."""
        if not self.waits or self._now() < self._ride_at:
            return False
        self._ride_at = self._now() + RIDE_MS
        return True

    def take(self, limit_records: int, limit_bytes: int) -> Sequence[Row]:
        """The next of it that may go now; perhaps none."""
        if not self.waits:
            return ()
        self._fill()
        allowed = min(limit_records, int(self._tokens))
        if allowed <= 0 or limit_bytes <= 0:
            return ()
        found = self._outbox.peek(
            after=self._cursor, limit_records=allowed, limit_bytes=limit_bytes
        ).rows
        rows = [row for row in found if row.seq <= self.end]
        if sum(len(row.raw) + 1 for row in rows) > limit_bytes:
            return ()  # one large record that fits no more: it goes first in the next
        self._cursor = rows[-1].seq if rows else self.end
        self._tokens -= len(rows)
        return rows

    def _fill(self) -> None:
        now = self._now()
        passed_s = max(now - self._filled_at, 0) / 1000
        self._filled_at = now
        self._tokens = min(self._tokens + passed_s * self._per_s, float(self._per_s))
