"""One place: its pictures, signals over time, doors, alerts, and the rules that watch it."""

from flask import Blueprint, abort, render_template, request
from flask.typing import ResponseReturnValue

from configs.rules import Rule
from hub import silences
from hub.series.points import SeriesStore
from hub.silences import Quiet
from hub.state.tables import Alert
from web import pictures
from web.charts import Curve, Points, curve
from web.console import console
from web.now.snapshot import alerts, sources_of, take
from web.roles import acting
from web.rules.force import Condition, watching
from web.rules.scope import scope
from web.when import spelled, whole

blueprint = Blueprint("places", __name__, template_folder="templates")
HOURS = (1, 6, 24, 168)
PICTURES = 12
ALERTS = 10
HOUR_MS = 3_600_000
LOOKBACK_MS = HOUR_MS
MUTE_MS = 2 * HOUR_MS
"""How long a silence of the place lasts that says nothing else."""
HIDDEN = ("silence_s", "scene.fault")
"""Signals that a curve says little of; faults stand among what is broken."""


@blueprint.get("/places/<id:site>/<id:place>")
def page(site: str, place: str) -> ResponseReturnValue:
    """The place as it is and was; ``?hours=`` says how far back: left out, as far as draws well."""
    here = console()
    file, found = here.site(site), here.place(site, place)
    if file is None or found is None:
        abort(404)
    asked = request.args.get("hours", 0, type=whole)
    hours = asked if asked in HOURS else HOURS[1]
    with here.reader.connect() as connection:
        now = take(connection, here)
        card = now.card(site, found)
        quiet = silences.listed(connection, here.now())
        newest = pictures.newest(connection, site, sources_of(found), PICTURES)
        raised = alerts(
            connection, here, Alert.site == site, Alert.place == place,
            Alert.fired_ts.is_not(None), limit=ALERTS,
        )  # fmt: skip
    rules = watching(file, found)
    limits = limits_of(rules)
    names = sorted(name for name in card.signals if not name.startswith(HIDDEN))
    end = here.now()
    points = here.told(
        lambda series: _points(series, site, place, names, end - hours * HOUR_MS, end)
    )
    if asked not in HOURS and points is not None and _is_young(points, end):
        hours = HOURS[0]
    curves = None if points is None else _curves(points, limits, end - hours * HOUR_MS, end)
    return render_template(
        "places/page.html",
        mark=now.mark,
        site=file.site,
        place=found,
        card=card,
        pictures=newest,
        cameras=[
            (node, source, here.source_name(site, node, source))
            for node, source in sorted(sources_of(found, doors=False))
        ],
        alerts=raised,
        rules=rules,
        limits=limits,
        curves=curves,
        hours=hours,
        choices=HOURS,
        may_act=acting(),
        quiet=[one for one in quiet if _is_of(one, site, place) and one.starts_at <= end],
        scope=scope,
        mute_until=spelled(end + MUTE_MS, here, site),
    )


def _is_of(one: Quiet, site: str, place: str) -> bool:
    """Whether a silence says so of this place, or of all places."""
    return one.site == site and one.place in ("", place) and not one.source


def limits_of(rules: list[tuple[Rule, tuple[Condition, ...], str]]) -> dict[str, float]:
    """Of each signal the first limit that one of these rules (`watching`) holds against it as it
    is."""
    found: dict[str, float] = {}
    for one in (one for _rule, conditions, _text in rules for one in conditions):
        if one.limit is not None:
            found.setdefault(one.signal, one.limit)
    return found


def _points(
    series: SeriesStore, site: str, place: str, names: list[str], start: int, end: int
) -> dict[str, Points]:
    """Of each signal, with what held as the span began."""
    return {name: series.signal(site, place, name, start - LOOKBACK_MS, end) for name in names}


def _is_young(points: dict[str, Points], end: int) -> bool:
    """Whether all that is known would stand at the right edge."""
    known = [ts for found in points.values() for ts, _value in found]
    return bool(known) and min(known) > end - HOURS[0] * HOUR_MS


def _curves(
    points: dict[str, Points], limits: dict[str, float], start: int, end: int
) -> list[tuple[str, Curve]]:
    made = [
        (name, curve(found, start, end, *([limits[name]] if name in limits else [])))
        for name, found in points.items()
    ]
    return [(name, one) for name, one in made if one.path]
