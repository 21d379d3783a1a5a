"""When a rule watches, in the site's time zone, across the changes of its clocks."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from configs.rules import Active

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_MINUTE_MS = 60_000
_HORIZON_MIN = 8 * 24 * 60


class Schedule:
    """Answers from a cache that covers the span around the last question."""

    def __init__(self, active: Active | None, timezone: str) -> None:
        self._active = active
        self._zone = ZoneInfo(timezone)
        self._span: tuple[int, int | None, bool] = (0, 0, True)

    def watches(self, at: int) -> bool:
        """Whether the rule watches at ``at`` (ms, UTC)."""
        return self._around(at)[2]

    def next_change(self, at: int) -> int | None:
        """When that changes next; None where it does not within eight days."""
        return self._around(at)[1]

    def _around(self, at: int) -> tuple[int, int | None, bool]:
        if self._active is None:
            return (0, None, True)
        start, end, value = self._span
        if not (start <= at and (end is None or at < end)):
            value = self._at(at)
            self._span = (at, self._search(at, value), value)
        elif end is None and at - start > _HORIZON_MIN * _MINUTE_MS // 2:
            self._span = (at, self._search(at, value), value)
        return self._span

    def _at(self, at: int) -> bool:
        local = datetime.fromtimestamp(at / 1000, UTC).astimezone(self._zone)
        minute = local.hour * 60 + local.minute
        active = self._active
        assert active is not None  # noqa: S101 - the one caller asks only then
        day = local.date()
        if active.within is not None:
            if not active.within.holds(minute):
                return False
            if _belongs_to_yesterday(active.within.start_min, active.within.end_min, minute):
                day -= timedelta(days=1)
        if active.outside is not None:
            if active.outside.holds(minute):
                return False
            if _belongs_to_yesterday(active.outside.end_min, active.outside.start_min, minute):
                day -= timedelta(days=1)
        return not active.days or _DAYS[day.weekday()] in active.days

    def _search(self, at: int, value: bool) -> int | None:
        """The first minute at which the answer differs.

        Bounds written in whole five minutes change only there: zones are offset from UTC
        by multiples of fifteen minutes.
        """
        minute = at // _MINUTE_MS + 1
        last = minute + _HORIZON_MIN
        step = 5 if self._bounds_on_fives() else 1
        while minute < last:
            if self._at(minute * _MINUTE_MS) != value:
                return minute * _MINUTE_MS
            minute += step - minute % step if step > 1 else 1
        return None

    def _bounds_on_fives(self) -> bool:
        active = self._active
        spans = [span for span in (active.within, active.outside) if span] if active else []
        return all(span.start_min % 5 == 0 and span.end_min % 5 == 0 for span in spans)


def _belongs_to_yesterday(start_min: int, end_min: int, minute: int) -> bool:
    """Whether a watch from ``start_min`` past midnight to ``end_min`` began the day before."""
    return start_min > end_min and minute < end_min
