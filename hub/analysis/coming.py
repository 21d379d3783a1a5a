"""What is coming, as the console and the digest tell it: drawings, a table, and where to walk."""

from collections.abc import Sequence
from html import escape
from typing import Final, NamedTuple

from configs.site import SiteFile
from hub.analysis import draw, hazards, incidents
from hub.analysis.evidence import Event
from hub.analysis.incidents import DAY_H, Ahead, Coming
from hub.analysis.words import Words, number

DRAWN: Final = 30
"""Places in a drawing: those with the most. The table has all."""


class Told(NamedTuple):
    """A forecast in words; each drawing with its title, none where there is not enough data."""

    note: str
    drawings: Sequence[tuple[str, str]]
    """(title, SVG)."""
    table: str
    """HTML: each place with its ranges for 24 hours and 7 days, the most first."""
    patrols: Sequence[str]


def tell(found: Ahead, site: SiteFile, events: Sequence[Event], words: Words) -> Told:
    """Say a forecast; ``events`` are what it was learned from."""
    key = "coming-how" if found.rows else "coming-little"
    note = words(key, events=found.events, days=found.days)
    if not found.rows:
        return Told(note, (), "", ())
    week = len(found.hours)
    found = found._replace(rows=sorted(found.rows, key=lambda row: -row.over(0, week).mean))
    if len(found.rows) > DRAWN:
        note = f"{note} {words('coming-drawn', count=DRAWN)}"
    drawn = found._replace(rows=found.rows[:DRAWN])
    drawings = [
        (words("next-day"), draw.day_ahead(drawn, words)),
        (words("next-week"), draw.week_ahead(drawn, words)),
    ]
    return Told(note, drawings, _table(found, words), patrols(found, site, events, words))


def patrols(
    found: Ahead, site: SiteFile, events: Sequence[Event], words: Words, hours: int = DAY_H
) -> list[str]:
    """Where and when of the next hours (24 or 168) a patrol would matter most, and why."""
    span = words("over-day" if hours == DAY_H else "over-week")
    lines = []
    for row, first in incidents.most(found, hours):
        hour = found.hours[first]
        told = words.coming(
            row.hours[first], hour, 1, "coming-patrol", place=words.of(row.place.name), span=span
        )
        why = hazards.reasons(site, events, row.place.id, hour.of_week % DAY_H)
        lines.append(told + (words.reasons(why, site) if why else ""))
    return lines


def _table(found: Ahead, words: Words) -> str:
    spans = [("next-day", DAY_H), ("in-week", len(found.hours))]
    ranges = "".join(
        f'<th scope="col" class="number">{words("within", share=share)}</th>' for share in (80, 95)
    )
    head = "".join(f'<th scope="col" class="number">{words(key)}</th>{ranges}' for key, _ in spans)
    body = "".join(
        f'<tr><th scope="row">{escape(words.of(row.place.name))}</th>'
        f"{''.join(_cells(row.over(0, hours)) for _, hours in spans)}</tr>"
        for row in found.rows
    )
    return (
        f'<table><thead><tr><th scope="col">{words("place")}</th>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table>"
    )


def _cells(coming: Coming) -> str:
    ranges = (coming.range(share) for share in (0.8, 0.95))
    return f'<td class="number">{number(coming.mean)}</td>' + "".join(
        f'<td class="number">{low}–{high}</td>' for low, high in ranges
    )
