"""When a rule watches, in the site's time zone, across the changes of its clocks."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from configs.days import began_yesterday, bounds, watches_at, watches_on
from configs.rules import Active

_MINUTE_MS = 60_000
_WEEK_MIN = 7 * 24 * 60


class Schedule:
    """Answers from a cache that covers the span around the last question."""

    def __init__(self, active: Active | None, timezone: str, country: str = "") -> None:
        """``country`` is the site's, for rules that look at holidays and name none."""
        self._active = active
        self._zone = ZoneInfo(timezone)
        self._country = country
        self._step = 1 if active is None or any(m % 5 for m in bounds(active)) else 5
        self._span = (0, 0, True)
        """From when to when (ms) the answer is known, and the answer."""
        self._days: dict[date, bool] = {}

    def watches(self, at: int) -> bool:
        """Whether the rule watches at ``at`` (ms, UTC)."""
        return self._active is None or self._around(at)[2]

    def next_change(self, at: int) -> int | None:
        """When that may change next, at the latest when a week of the epoch ends; None: never."""
        return None if self._active is None else self._around(at)[1]

    def _around(self, at: int) -> tuple[int, int, bool]:
        start, end, _ = self._span
        if not start <= at < end:
            value = self._at(at)
            self._span = (at, self._search(at, value=value), value)
        return self._span

    def _at(self, at: int) -> bool:
        active = self._active
        assert active is not None  # noqa: S101 - the callers ask only then
        local = datetime.fromtimestamp(at / 1000, UTC).astimezone(self._zone)
        minute = local.hour * 60 + local.minute
        if not watches_at(active, minute):
            return False
        day = local.date()
        return self._on(day - timedelta(days=1) if began_yesterday(active, minute) else day)

    def _on(self, day: date) -> bool:
        assert self._active is not None  # noqa: S101 - the callers ask only then
        if day not in self._days:
            if len(self._days) > 30:
                self._days.clear()
            self._days[day] = watches_on(self._active, day, self._country)
        return self._days[day]

    def _search(self, at: int, *, value: bool) -> int:
        """The first minute (as ms) at which the answer differs, or at which the week ends.

        Bounds written in whole five minutes change only there: zones are offset from UTC
        by multiples of fifteen minutes. Weeks end at times that do not depend on ``at``, so
        that a hub that restarts looks at the same moments as one that does not.
        """
        minute, step = at // _MINUTE_MS + 1, self._step
        last = (at // _MINUTE_MS // _WEEK_MIN + 1) * _WEEK_MIN
        while minute < last:
            if self._at(minute * _MINUTE_MS) != value:
                return minute * _MINUTE_MS
            minute += step - minute % step
        return last * _MINUTE_MS
