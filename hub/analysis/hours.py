"""The hours of a site: local, across the changes of its clocks, with its public holidays."""

from datetime import UTC, date, datetime
from functools import cache
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from configs.days import calendar

HOUR_MS: Final = 3_600_000
WEEK_H: Final = 168
_QUARTER_MS: Final = HOUR_MS // 4
_KEPT: Final = 9_000
"""Hours that are remembered: a year of them, as a site's places all ask for the same."""


class Hour(NamedTuple):
    """One hour of a site's clock."""

    start: int
    """When it began, ms."""
    of_week: int
    """0 is Monday's first, 167 Sunday's last."""
    holiday: bool


class Hours:
    """Says which local hour a time lies in.

    An hour that the clocks repeat in autumn comes twice, one that they leave out in spring
    never: each is an hour of its own, and none is longer than sixty minutes.
    """

    def __init__(self, timezone: str, country: str = "") -> None:
        """``country`` is ISO 3166-1; without one no day is a holiday."""
        self._zone = ZoneInfo(timezone)
        self._country = country
        self._holidays: dict[date, bool] = {}
        self._known: dict[int, Hour] = {}
        """By the quarter of an hour, in which no clock of the world moves to another hour."""

    def at(self, ms: int) -> Hour:
        """The hour that ``ms`` (since the Unix epoch, UTC) lies in."""
        quarter = ms // _QUARTER_MS
        known = self._known.get(quarter)
        if known is None:
            if len(self._known) >= _KEPT:
                self._known.clear()
            known = self._known[quarter] = self._find(ms)
        return known

    def _find(self, ms: int) -> Hour:
        local = datetime.fromtimestamp(ms // 1000, UTC).astimezone(self._zone)
        start = ms - (local.minute * 60 + local.second) * 1000 - ms % 1000
        return Hour(start, local.weekday() * 24 + local.hour, self._is_holiday(local.date()))

    def _is_holiday(self, day: date) -> bool:
        if not self._country:
            return False
        known = self._holidays.get(day)
        if known is None:
            if len(self._holidays) > 800:
                self._holidays.clear()
            known = self._holidays[day] = day in calendar(self._country)
        return known


@cache
def hours_of(timezone: str, country: str) -> Hours:
    """The same for all who ask for the same, since what a place remembers is multiplied."""
    return Hours(timezone, country)
