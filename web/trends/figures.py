"""The numbers behind the trends: flow by hour and weekday, alerts by verdict, response times."""

import statistics
from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from msgspec import Struct
from sqlalchemy import Connection, func, select

from configs.rules import Severity
from hub.desk import Judgement
from hub.state.tables import Alert
from web.charts import Points, hourly

NOT_JUDGED = "none"
VERDICTS = (*(str(one) for one in Judgement), NOT_JUDGED)
SHADES = 8
"""Steps of colour in the heat map."""


class Heat(Struct, frozen=True):
    """A signal by weekday (0 is Monday) and hour of the day, by the site's clock."""

    cells: dict[tuple[int, int], float]
    """The mean over the weeks; what is not known is left out."""
    top: float

    def shade(self, day: int, hour: int) -> int:
        """0 (nothing) to `SHADES`; −1 where nothing is known."""
        if (day, hour) not in self.cells:
            return -1
        return round(self.cells[day, hour] / self.top * SHADES) if self.top else 0


class RuleCount(Struct, frozen=True):
    """How often a rule fired, by verdict."""

    site: str
    rule: str
    verdicts: dict[str, int]

    @property
    def total(self) -> int:
        return sum(self.verdicts.values())


class Response(Struct, frozen=True):
    """How long alerts of a severity waited to be acknowledged."""

    severity: str
    fired: int
    acknowledged: int
    median_s: float | None
    worst_s: float | None


def first_hour(now: int, days: int, zone: ZoneInfo) -> int:
    """Midnight, ``days`` before today's, by the site's clock (ms)."""
    today = datetime.fromtimestamp(now / 1000, zone).replace(hour=0, minute=0, second=0)
    return round((today - timedelta(days=days)).timestamp()) * 1000


def heat(points: Points, start: int, end: int, zone: ZoneInfo, *, per_minute: bool) -> Heat:
    """The heat map of a signal. Where it counts ``per_minute``, a cell is a number per hour."""
    found: dict[tuple[int, int], list[float]] = defaultdict(list)
    for ts, mean in hourly(points, start, end).items():
        local = datetime.fromtimestamp(ts / 1000, zone)
        found[local.weekday(), local.hour].append(mean * 60 if per_minute else mean)
    cells = {cell: statistics.fmean(values) for cell, values in found.items()}
    return Heat(cells, max(cells.values(), default=0.0))


def by_rule(connection: Connection, sites: Iterable[str], start: int) -> list[RuleCount]:
    """Rules that fired since ``start`` (ms), the loudest first."""
    rows = connection.execute(
        select(Alert.site, Alert.rule, Alert.verdict, func.count())
        .where(Alert.fired_ts >= start, Alert.site.in_(list(sites)))
        .group_by(Alert.site, Alert.rule, Alert.verdict)
    )
    found: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for site, rule, verdict, count in rows:
        found[site, rule][verdict or NOT_JUDGED] += count
    counts = [RuleCount(*key, dict(verdicts)) for key, verdicts in found.items()]
    return sorted(counts, key=lambda one: (-one.total, one.site, one.rule))


def responses(connection: Connection, sites: Iterable[str], start: int) -> list[Response]:
    """By severity, the worst first; those that did not fire are left out."""
    rows = connection.execute(
        select(Alert.severity, Alert.fired_rx, Alert.fired_ts, Alert.acknowledged_at).where(
            Alert.fired_ts >= start, Alert.site.in_(list(sites))
        )
    )
    fired: Counter[str] = Counter()
    waits: dict[str, list[float]] = defaultdict(list)
    for severity, rx, ts, taken in rows:
        fired[severity] += 1
        if taken is not None:
            # From when the hub knew: nobody can answer what has not arrived.
            waits[severity].append(max(0, taken - (rx or ts or taken)) / 1000)
    return [
        Response(
            severity, fired[severity], len(known),
            statistics.median(known) if known else None, max(known, default=None),
        )
        for severity in reversed([str(one) for one in Severity])
        if fired[severity] and (known := waits[severity]) is not None
    ]  # fmt: skip
