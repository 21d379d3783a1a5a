"""``surprise.flow``: how far the flow of people is from what it usually is at this time."""

import math
from collections import deque
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from configs.site import Place
from hub.fusion.flow import LABEL
from hub.fusion.signal import Reading
from wire.records import RECORD_TYPES, AnyRecord, LineCross

HOUR_MS = 3_600_000
MINUTE_MS = 60_000
STEP_MS = 5 * MINUTE_MS
"""How often it is worked out."""
KEEP = 0.9
"""What a week leaves of what was known. Higher: slower to learn a change of habits."""
PRIOR_COUNT, PRIOR_HOURS = 0.5, 0.05
"""What is believed before anything was seen: next to nothing."""
LEAST_SEEN = 3
"""Below this many observations of an hour of the week the value is 0."""
LEAST_MINUTES = 45
"""An hour in which the cameras spoke in fewer minutes was not observed."""


class Surprise:
    """−log₁₀ of the probability of a count at least as far off as the last hour's.

    Each hour of the week keeps a Gamma belief about its crossings, with a shape a and a rate
    b: an hour with n of them makes it a ← 0.9·a + n, b ← 0.9·b + 1. The last sixty minutes
    lie in two hours, a part f in this one; their rate has the mean m = f·a₁/b₁ + (1−f)·a₀/b₀
    and the variance v = f²·a₁/b₁² + (1−f)²·a₀/b₀², so that their count N is negative binomial
    with r = m²/v and p = m/(m+v). The value is −log₁₀ min(1, 2·P(N ≤ n), 2·P(N ≥ n)).
    """

    hears = tuple(RECORD_TYPES.values())

    def __init__(self, place: Place, timezone: str) -> None:
        self._lines = {(line.node, line.source, line.line) for line in place.lines}
        self._cameras = {(line.node, line.source) for line in place.lines}
        self._zone = ZoneInfo(timezone)
        self._crossed: deque[int] = deque()
        """In the last hour, ms."""
        self._start = 0
        """When the local hour began, ms; 0 before the first record."""
        self._slot = 0
        """Hour of the week, 0 is Monday's first."""
        self._count = 0
        self._heard = [0, 0]
        """The minutes of the hour before and of this one in which a camera spoke, as bits."""
        self._known: dict[int, list[float]] = {}
        """Hour of the week → [a, b, observations]."""
        self._value = 0.0
        self.due: int | None = None

    def take(self, node: str, record: AnyRecord, at: int) -> Iterable[Reading]:
        if (node, record.source) not in self._cameras:
            return ()
        if not self._start:
            self._begin(at)
        if self.due is None:
            self.due = at - at % STEP_MS + STEP_MS
        self._reach(at)
        self._heard[1] |= 1 << (at - self._start) // MINUTE_MS
        if (
            isinstance(record, LineCross)
            and record.label == LABEL
            and (node, record.source, record.line) in self._lines
        ):
            self._crossed.append(at)
            self._count += 1
        return ()

    def _begin(self, at: int) -> None:
        local = datetime.fromtimestamp(at / 1000, UTC).astimezone(self._zone)
        self._start = at - (local.minute * 60 + local.second) * 1000 - at % 1000
        self._slot = local.weekday() * 24 + local.hour
        self._count = 0

    def _reach(self, at: int) -> None:
        while at >= self._start + HOUR_MS:
            self._learn()
            self._heard = [self._heard[1], 0]
            self._begin(self._start + HOUR_MS)

    def _learn(self) -> None:
        if self._heard[1].bit_count() < LEAST_MINUTES:
            return
        a, b, seen = self._known.get(self._slot, (PRIOR_COUNT, PRIOR_HOURS, 0))
        self._known[self._slot] = [KEEP * a + self._count, KEEP * b + 1, seen + 1]

    def tick(self, at: int) -> Iterable[Reading]:
        self._reach(at)
        while self._crossed and self._crossed[0] <= at - HOUR_MS:
            self._crossed.popleft()
        value = self._work_out(at)
        asleep = not value and not any(self._heard)  # nobody speaks: wait for who does
        self.due = None if asleep else at - at % STEP_MS + STEP_MS
        if value == self._value:
            return ()
        self._value = value
        return (("surprise.flow", value),)

    def _work_out(self, at: int) -> float:
        minute = (at - self._start) // MINUTE_MS
        before, now = self._heard
        heard = (before >> minute).bit_count() + (now & ((1 << minute) - 1)).bit_count()
        if heard < LEAST_MINUTES:
            return 0.0
        share = (at - self._start) / HOUR_MS
        mean = variance = 0.0
        for slot, part in ((self._slot, share), ((self._slot - 1) % 168, 1 - share)):
            a, b, seen = self._known.get(slot, (0.0, 1.0, 0))
            if part and seen < LEAST_SEEN:
                return 0.0
            mean += part * a / b
            variance += part**2 * a / b**2
        return round(surprise(len(self._crossed), mean, variance), 2)

    def dump(self) -> Any:
        rows = [[slot, *known] for slot, known in self._known.items()]
        return [
            [list(self._crossed), self._start, self._slot, self._count, self._heard],
            rows,
            self._value,
            self.due,
        ]

    def load(self, state: Any) -> None:
        (crossed, self._start, self._slot, self._count, self._heard), rows = state[:2]
        self._value, self.due = state[2:]
        self._crossed = deque(crossed)
        self._known = {slot: known for slot, *known in rows}


def surprise(count: int, mean: float, variance: float) -> float:
    """−log₁₀ min(1, 2·P(N ≤ count), 2·P(N ≥ count)) of a Poisson count whose rate is Gamma
    distributed with this mean and variance (both above 0)."""
    r, p = mean**2 / variance, mean / (mean + variance)
    log_term = r * math.log(p)
    below = 0.0
    for n in range(count):
        below += math.exp(log_term)
        log_term += math.log((n + r) / (n + 1)) + math.log1p(-p)
    least = below + math.exp(log_term)
    most = _upper(count, r, p, log_term) if below > 0.5 else 1 - below
    tail = min(1.0, 2 * least, 2 * most)
    return -math.log10(max(tail, 1e-99))


def _upper(count: int, r: float, p: float, log_term: float) -> float:
    """P(N ≥ count) summed upwards, which keeps its digits where 1 − P(N < count) has none."""
    scale, term, total, n = log_term, 1.0, 0.0, count
    while term > total * 1e-12:
        total += term
        term *= (n + r) / (n + 1) * (1 - p)
        n += 1
    return math.exp(scale) * total
