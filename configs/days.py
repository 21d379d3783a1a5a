"""On which days, and at which minutes of them, a rule watches."""

from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from functools import cache
from itertools import pairwise
from typing import Any

from configs.rules import Active
from configs.values import Holidays, TimeSpan

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DAY_MIN = 24 * 60
_LOOK_FROM = 2025
_LOOK_YEARS = 10


def watches_on(active: Active, day: date, country: str) -> bool:
    """Whether a watch may begin on ``day``; ``country`` is the site's."""
    if active.dates and not any(span.holds(day) for span in active.dates):
        return False
    listed = not active.days or WEEKDAYS[day.weekday()] in active.days
    if active.holidays is None:
        return listed
    free = is_holiday(day, active.holidays, country)
    if active.holidays.mode == "also":
        return listed or free
    return listed and free == (active.holidays.mode == "only")


def watches_at(active: Active, minute: int) -> bool:
    """Whether it watches at ``minute`` of a day on which it watches."""
    if active.within is not None and not active.within.holds(minute):
        return False
    return active.outside is None or not active.outside.holds(minute)


def began_yesterday(active: Active, minute: int) -> bool:
    """Whether a watch that runs at ``minute`` began the day before: it runs past midnight."""
    within, outside = active.within, active.outside
    if within is not None and minute < within.end_min < within.start_min:
        return True
    return outside is not None and minute < outside.start_min < outside.end_min < DAY_MIN


def is_holiday(day: date, holidays: Holidays, country: str) -> bool:
    """Whether ``day`` is a public holiday of the rule's country, or else of the site's."""
    return day in calendar(holidays.country or country, holidays.region)


def is_moved_workday(day: date, country: str) -> bool:
    """Whether work is done on ``day``, a Saturday or Sunday, for a day off elsewhere in that year's
    calendar of ``country``; not every country moves days, nor is every year's calendar known."""
    known = calendar(country)
    # The calendar learns of a year when it is asked for a day of it.
    return day not in known and day in getattr(known, "weekend_workdays", ())


@cache
def calendar(country: str, region: str = "") -> Mapping[Any, Any]:
    """Public holidays by date; raises ValueError where there is no such country or region."""
    import holidays  # here, since an edge reads configurations too and has no need of it

    try:
        found: Mapping[Any, Any] = holidays.country_holidays(country, subdiv=region or None)
    except NotImplementedError as error:
        raise ValueError(str(error)) from None
    return found


def countries() -> list[str]:
    """The codes of the countries whose holidays are known."""
    import holidays

    return list(holidays.list_supported_countries(include_aliases=False))


def longest_watch(active: Active, country: str, enough: int) -> int:
    """For how many minutes it watches without a break, at the most, in the ten years from 2025.

    0: never. Looks no further once it has found ``enough``. A change of the clocks is not
    counted.
    """
    marks = sorted(bounds(active) | {DAY_MIN})
    pieces = [
        (end - begin, watches_at(active, begin), began_yesterday(active, begin))
        for begin, end in pairwise(marks)
    ]
    longest = run = 0
    before: date | None = None
    on_before = False
    for day in _days(active):
        if before is None or day - before != timedelta(days=1):
            run, on_before = 0, watches_on(active, day - timedelta(days=1), country)
        on = watches_on(active, day, country)
        for length, watches, yesterdays in pieces:
            run = run + length if watches and (on_before if yesterdays else on) else 0
            longest = max(longest, run)
        if longest >= enough:
            return longest
        before, on_before = day, on
    return longest


def _days(active: Active) -> Iterator[date]:
    """In rising order; with the day after each span of days, into which its nights run."""
    if active.dates and all(span.first[0] for span in active.dates):
        found: set[date] = set()
        for span in active.dates:
            first, last = date(*span.first), date(*span.last)
            found |= {first + timedelta(days) for days in range((last - first).days + 2)}
        yield from sorted(found)
        return
    first = date(_LOOK_FROM, 1, 1)
    yield from (first + timedelta(days) for days in range(_LOOK_YEARS * 366))


def bounds(active: Active) -> set[int]:
    """The minutes of a day at which the answer may change."""
    spans: list[TimeSpan] = [span for span in (active.within, active.outside) if span]
    return {0} | {minute for span in spans for minute in (span.start_min, span.end_min)}
