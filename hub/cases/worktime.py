"""Deadlines in working time: hours of working days, without public holidays and with the weekends
on which the country works for them."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from configs.days import WEEKDAYS, calendar, is_moved_workday
from configs.residents import Residents
from configs.rules import Severity
from configs.site import SiteFile

SHARE = {
    Severity.CRITICAL: 0.25,
    Severity.HIGH: 0.5,
    Severity.MEDIUM: 1.0,
    Severity.LOW: 2.0,
    Severity.INFO: 2.0,
}
"""Of the kind's time, for each severity."""
LONGEST_DAYS = 3660


def deadlines(site: SiteFile, kind_id: str, severity: Severity, start: int) -> tuple[int, int]:
    """Until when a report of ``start`` (ms) should be answered, and solved (ms)."""
    kind = site.residents.kind(kind_id) or site.residents.kinds[0]
    share = SHARE[severity]
    return (
        after(site, start, round(kind.answer * share)),
        after(site, start, round(kind.solve * share)),
    )


def after(site: SiteFile, start: int, working_ms: int) -> int:
    """The moment (ms) when ``working_ms`` of working time will have passed since ``start``."""
    left = working_ms
    for opens, closes in _hours(site, start):
        begin = max(opens, start)
        if closes - begin >= left:
            return begin + left
        left -= max(0, closes - begin)
    raise ValueError(f"no {working_ms} ms of working time within ten years")


def between(site: SiteFile, start: int, end: int) -> int:
    """How much working time (ms) lies between two moments (ms)."""
    total = 0
    for opens, closes in _hours(site, start):
        if opens >= end:
            break
        total += max(0, min(closes, end) - max(opens, start))
    return total


def _hours(site: SiteFile, start: int) -> Iterator[tuple[int, int]]:
    """Working hours from the day of ``start`` on: (opens, closes), ms."""
    zone, rules = ZoneInfo(site.site.timezone), site.residents
    first = datetime.fromtimestamp(start / 1000, zone).date()
    for number in range(LONGEST_DAYS):
        day = first + timedelta(number)
        if _works(day, rules, site.site.country):
            opens, closes = _at(day, rules, zone)
            if closes > start:
                yield opens, closes


def _works(day: date, rules: Residents, country: str) -> bool:
    if not country:
        return WEEKDAYS[day.weekday()] in rules.days
    listed = WEEKDAYS[day.weekday()] in rules.days and day not in calendar(country)
    return listed or is_moved_workday(day, country)


def _at(day: date, rules: Residents, zone: ZoneInfo) -> tuple[int, int]:
    midnight = datetime(day.year, day.month, day.day, tzinfo=zone)
    minutes = (rules.work.start_min, rules.work.end_min)
    opens, closes = (round((midnight + timedelta(minutes=m)).timestamp() * 1000) for m in minutes)
    return opens, closes
