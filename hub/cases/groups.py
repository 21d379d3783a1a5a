"""The figures of groups beside each other (sites, months, kinds of report, places), and what
changed in each.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from msgspec import Struct
from msgspec.structs import replace

from configs.site import SiteFile
from hub.cases.change import GROUP_DRAWS, Change, compare
from hub.cases.figures import (
    By,
    Figures,
    Seen,
    figures,
    kind_of,
    month_of,
    parts,
    place_of,
    reports_of,
    site_of,
)

Halves = tuple[Seen, Seen]
"""What came before a date and after it."""


class Grouping(Struct, frozen=True):
    """One way to group."""

    key: str
    """site, month, kind or place."""
    figures: Mapping[str, Figures]
    changes: Mapping[str, Sequence[Change]]
    """Empty where no date was chosen. A month is compared with all that came before the date."""


def groupings(sites: Sequence[SiteFile], seen: Seen, halves: Halves | None) -> list[Grouping]:
    """Every way to group; by site only where there are several."""
    told = (reports_of(halves[0]), reports_of(halves[1])) if halves else None
    return [
        *([_by("site", site_of, seen, halves)] if len(sites) > 1 else []),
        _by_month(sites, seen, halves),
        _by("kind", kind_of, reports_of(seen), told),
        _by("place", place_of, seen, halves),
    ]


def _by(key: str, by: By, seen: Seen, halves: Halves | None) -> Grouping:
    changes: dict[str, list[Change]] = {}
    if halves is not None:
        before, after = (parts(half, by) for half in halves)
        none = [replace(half, cases=(), alerts=(), stops=()) for half in halves]
        changes = {
            name: compare(before.get(name, none[0]), after.get(name, none[1]), draws=GROUP_DRAWS)
            for name in sorted({*before, *after})
        }
    return Grouping(key, {name: figures(part) for name, part in parts(seen, by).items()}, changes)


def _by_month(sites: Sequence[SiteFile], seen: Seen, halves: Halves | None) -> Grouping:
    by = month_of({site.site.id: site.site.timezone for site in sites})
    changes: dict[str, list[Change]] = {}
    if halves is not None:
        zone = ZoneInfo(sites[0].site.timezone)
        changes = {
            name: compare(halves[0], _within(part, name, zone), draws=GROUP_DRAWS)
            for name, part in parts(halves[1], by).items()
        }
    return Grouping("month", {n: figures(part) for n, part in parts(seen, by).items()}, changes)


def _within(part: Seen, month: str, zone: ZoneInfo) -> Seen:
    """A month's part, with the days that it has."""
    year, number = (int(word) for word in month.split("-"))
    ends = (year + number // 12, number % 12 + 1)
    first, last = (
        round(datetime(*begin, 1, tzinfo=zone).timestamp() * 1000)
        for begin in ((year, number), ends)
    )
    return replace(part, stretch=(max(first, part.stretch[0]), min(last, part.stretch[1])))
