"""Admission: which records are news, which are duplicates, which never came.

For each outbox (node, epoch) the hub remembers the highest seq and the gaps below it. A
record in a gap is news, however late it comes; one elsewhere below the highest is a
duplicate; a gap that has not shrunk for long is counted as lost.
"""

from bisect import bisect_right
from collections.abc import Iterable

from msgspec import Struct

MAX_GAPS = 1000
"""More gaps than this in one outbox and the oldest is given up as lost: a bound on memory
that only a broken node reaches."""


class Gap(Struct, array_like=True):
    """Seqs that were passed over, both ends included."""

    first: int
    last: int
    opened: int
    """When it was noticed, or last shrank, ms, hub's clock."""
    lost: bool = False
    """It has been open for so long that its records count as lost, until they come after all."""


class Cursor(Struct):
    """What the hub has of one outbox: every seq from ``low`` to ``high`` outside the gaps."""

    low: int
    high: int
    gaps: list[Gap] = []
    given_up: int = 0
    """Records of gaps that are no longer kept."""

    @classmethod
    def before(cls, seq: int) -> "Cursor":
        """Of an outbox first heard at ``seq``: what lies below went to a broker that this hub
        was not subscribed to, or is yet to come out of order; it is not missed."""
        return cls(seq, seq - 1)

    def admit(self, seq: int, rx: int) -> bool:
        """Whether ``seq`` is news; if so it is had from now on. ``rx`` in ms."""
        if seq > self.high:
            if seq > self.high + 1:
                self._open(len(self.gaps), Gap(self.high + 1, seq - 1, rx))
            self.high = seq
            return True
        if seq < self.low:
            if seq < self.low - 1:
                self._open(0, Gap(seq + 1, self.low - 1, rx))
            self.low = seq
            return True
        return self._fill(seq, rx)

    def _open(self, at: int, gap: Gap) -> None:
        self.gaps.insert(at, gap)
        if len(self.gaps) > MAX_GAPS:
            self.given_up += _size(self.gaps[:1])
            del self.gaps[0]

    def _fill(self, seq: int, rx: int) -> bool:
        at = bisect_right(self.gaps, seq, key=lambda gap: gap.first) - 1
        if at < 0 or seq > self.gaps[at].last:
            return False
        gap = self.gaps[at]
        self.gaps[at : at + 1] = [
            Gap(first, last, rx, gap.lost)  # it is being filled: the rest may be on its way
            for first, last in ((gap.first, seq - 1), (seq + 1, gap.last))
            if first <= last
        ]
        return True

    def count_lost(self, opened_before: int) -> bool:
        """Call gaps lost that neither opened nor shrank since a time (ms); whether any is newly."""
        news = [gap for gap in self.gaps if gap.opened < opened_before and not gap.lost]
        for gap in news:
            gap.lost = True
        return bool(news)

    @property
    def lost(self) -> int:
        """How many records count as lost now."""
        return self.given_up + _size(gap for gap in self.gaps if gap.lost)

    @property
    def missing(self) -> int:
        """How many records lie in open gaps, lost or not."""
        return _size(self.gaps)


def _size(gaps: Iterable[Gap]) -> int:
    return sum(gap.last - gap.first + 1 for gap in gaps)
