"""Trends: a signal by the hour and by weekday, alerts by rule and verdict, response times."""

from typing import Annotated

from flask import abort
from msgspec import Meta, Struct

from web.api.part import reads
from web.api.shapes import Id, PlaceKey
from web.charts import hourly
from web.console import Console, console
from web.trends import LOOKBACK_MS, PER_MINUTE, signals_of
from web.trends.figures import by_rule, first_hour, heat, responses

Days = Annotated[int, Meta(ge=1, le=28, description="Whole days before today's, by its clock.")]
AlertDays = Annotated[int, Meta(ge=1, le=366, description="Whole days before today's.")]


class Hour(Struct, frozen=True):
    """An hour, and the signal's mean over it."""

    start: int
    mean: float


class Cell(Struct, frozen=True):
    """An hour of the week, and its mean over the weeks."""

    weekday: int
    """0 is Monday."""
    hour: int
    mean: float


class SignalTrend(Struct, frozen=True):
    """A signal by the hour; hours of which nothing is known are left out."""

    site: str
    place: str
    signal: str
    zone: str
    """The time zone in which the cells are."""
    start: int
    end: int
    hours: list[Hour]
    cells: list[Cell]
    per_hour: bool
    """Cells count what happens in an hour; else they are what the signal was."""


class RuleTrend(Struct, frozen=True):
    """How often a rule fired, by verdict; ``none`` where nobody has said."""

    site: str
    rule: str
    total: int
    verdicts: dict[str, int]


class AlertTrend(Struct, frozen=True):
    """Rules that fired, the loudest first."""

    start: int
    end: int
    rules: list[RuleTrend]


class ResponseOut(Struct, frozen=True):
    """How long alerts of a severity waited to be acknowledged."""

    severity: str
    fired: int
    acknowledged: int
    median_s: float | None
    worst_s: float | None


class ResponseTrend(Struct, frozen=True):
    """Response times, the worst severity first."""

    start: int
    end: int
    responses: list[ResponseOut]


class TrendQuery(Struct, frozen=True):
    """Which signal of which place."""

    place: PlaceKey
    signal: Annotated[Id, Meta(description="Such as flow.in.")]
    days: Days = 7


class AlertTrendQuery(Struct, frozen=True):
    """Of which site, left out: of all; and how far back."""

    site: Id = ""
    days: AlertDays = 7


@reads("/trends/signal", SignalTrend, TrendQuery, series=True)
def trend(asked: TrendQuery) -> SignalTrend:
    """A signal of a place by the hour, and by hour and weekday."""
    here = console()
    site, _slash, name = asked.place.partition("/")
    place = here.place(site, name)
    if place is None or asked.signal not in signals_of(place):
        abort(404)
    zone, end = here.zone(site), here.now()
    start, per_hour = first_hour(end, asked.days, zone), asked.signal in PER_MINUTE
    points = here.told(
        lambda series: series.signal(site, name, asked.signal, start - LOOKBACK_MS, end)
    )
    if points is None:
        abort(503)
    cells = heat(points, start, end, zone, per_minute=per_hour).cells
    return SignalTrend(
        site, name, asked.signal, zone.key, start, end,
        [Hour(*one) for one in sorted(hourly(points, start, end).items())],
        [Cell(*cell, cells[cell]) for cell in sorted(cells)], per_hour,
    )  # fmt: skip


@reads("/trends/alerts", AlertTrend, AlertTrendQuery)
def alert_trend(asked: AlertTrendQuery) -> AlertTrend:
    """Alerts by rule and verdict."""
    here, end = console(), console().now()
    sites, start = _since(here, asked, end)
    with here.reader.connect() as connection:
        found = by_rule(connection, sites, start)
    rules = [RuleTrend(one.site, one.rule, one.total, one.verdicts) for one in found]
    return AlertTrend(start, end, rules)


@reads("/trends/responses", ResponseTrend, AlertTrendQuery)
def response_trend(asked: AlertTrendQuery) -> ResponseTrend:
    """How long alerts waited to be acknowledged, by severity."""
    here, end = console(), console().now()
    sites, start = _since(here, asked, end)
    with here.reader.connect() as connection:
        found = responses(connection, sites, start)
    return ResponseTrend(start, end, [
        ResponseOut(one.severity, one.fired, one.acknowledged, one.median_s, one.worst_s)
        for one in found
    ])  # fmt: skip


def _since(here: Console, asked: AlertTrendQuery, now: int) -> tuple[list[str], int]:
    """Sites, and midnight of the first day by the clock of the first of them."""
    sites = [file.site.id for file in here.sites if asked.site in ("", file.site.id)]
    if not sites:
        abort(404)
    return sites, first_hour(now, asked.days, here.zone(sites[0]))
