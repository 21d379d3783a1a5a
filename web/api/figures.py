"""How well it goes: the figures of the page and its report, in numbers."""

from collections.abc import Sequence
from typing import Annotated

from flask import abort
from msgspec import Meta, Struct

from hub.cases.change import Change, compare
from hub.cases.figures import Figures, figures
from hub.cases.groups import groupings
from web.api.part import reads
from web.api.shapes import Id, When, moment_of
from web.console import console
from web.figures import ask, sites_of


class ChangeOfFigure(Struct, frozen=True):
    """A figure before and after a date; null where nothing is known of it."""

    name: str
    before: float | None
    after: float | None
    low: float | None
    """The 95 % interval of after − before; null of too few to say."""
    high: float | None
    before_count: int
    after_count: int


class GroupFigures(Struct, frozen=True):
    """The figures of one site, month, kind or place."""

    by: str
    name: str
    """Such as garden, 2026-03, fire-lane, garden/west-gate."""
    figures: Figures | None
    """null of one that has only changes: all of it lies outside the stretch."""
    changes: list[ChangeOfFigure]
    """Empty where no date was asked for."""


class FiguresOut(Struct, frozen=True):
    """Of all that was reported and seen in a stretch of time. Times are in seconds."""

    sites: list[str]
    start: int
    end: int
    figures: Figures
    changes: list[ChangeOfFigure]
    groups: list[GroupFigures]


class FiguresQuery(Struct, frozen=True):
    """Of which site, left out: of all; of when, left out: the last 90 days."""

    site: Id = ""
    since: When = ""
    until: When = ""
    change: Annotated[
        When, Meta(description="Compare before and after: a moment between the two.")
    ] = ""


@reads("/figures", FiguresOut, FiguresQuery)
def figures_of(asked: FiguresQuery) -> FiguresOut:
    """Rates, times, and who found what; with ``change``, whether it became better."""
    here, sites = console(), sites_of(asked.site)
    first = sites[0].site.id
    found = ask(
        sites, moment_of(asked.since, here, first), moment_of(asked.until, here, first),
        moment_of(asked.change, here, first),
    )  # fmt: skip
    if found.wrong:
        abort(400, "the address: `since` lies before `until`, and `change` between them")
    groups = groupings(sites, found.seen, found.halves)
    return FiguresOut(
        [file.site.id for file in sites], *found.seen.stretch, figures(found.seen),
        _changes(compare(*found.halves) if found.halves else ()),
        [
            GroupFigures(group.key, name, group.figures.get(name),
                         _changes(group.changes.get(name, ())))
            for group in groups
            for name in sorted({*group.figures, *group.changes})
        ],
    )  # fmt: skip


def _changes(found: Sequence[Change]) -> list[ChangeOfFigure]:
    return [_change(one) for one in found]


def _change(one: Change) -> ChangeOfFigure:
    return ChangeOfFigure(one.name, one.before, one.after, one.low, one.high, *one.count)
