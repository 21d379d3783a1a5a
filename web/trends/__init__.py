"""Trends: people by hour and weekday, a signal over days, alerts by rule, response times."""

from collections.abc import Iterable

from babel.dates import get_day_names
from flask import Blueprint, Response, abort, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import get_locale
from msgspec import Struct
from sqlalchemy import Connection

from configs.signals import family_of, known_signals, missing
from configs.site import Place, SiteFile
from hub.analysis import annotations
from hub.analysis.words import Words
from hub.series.points import SeriesStore
from web.alerts.pages import as_line
from web.charts import Curve, curve, hourly
from web.console import Console, console
from web.language import iso, language
from web.trends.figures import VERDICTS, Heat, by_rule, first_hour, heat, responses
from web.when import whole

blueprint = Blueprint("trends", __name__, template_folder="templates")
DAYS = (7, 28)
LOOKBACK_MS = 3_600_000
PER_MINUTE = ("flow.in", "flow.out")
"""Signals that count what happened in the last minute: their sum over an hour is a number."""
SHOWN = ("flow.in", "flow.out", "occupancy.person", "presence.person", "door.open_s", "risk")


COUNTS = {
    "flow.in": "flow", "flow.out": "flow", "occupancy.person": "occupancy", "door.open_s": "door",
}  # fmt: skip
"""Signal → the count that is judged as usual or not."""


class Mark(Struct, frozen=True):
    """Something unusual, on the curve."""

    start: int
    """ms."""
    end: int
    told: str
    verdict: str


class Asked(Struct, frozen=True):
    """What a reader wants to see."""

    file: SiteFile
    place: Place
    signal: str
    days: int
    start: int
    end: int


@blueprint.get("/trends")
def page() -> ResponseReturnValue:
    """Of one place and signal, and of all alerts."""
    here, asked = console(), _asked(console())
    sites = [file.site.id for file in here.sites]
    zone, words = here.zone(asked.file.site.id), Words(asked.file.site, language())
    with here.reader.connect() as connection:
        rules = by_rule(connection, sites, asked.start)
        waits = responses(connection, sites, asked.start)
        marks = _marks(connection, asked, words)
    drawn = here.told(lambda series: _draw(series, here, asked))
    days = get_day_names("abbreviated", locale=get_locale())
    return render_template(
        "trends/page.html",
        asked=asked,
        days=DAYS,
        places=[(file.site, place) for file in here.sites for place in file.places],
        signals=signals_of(asked.place),
        weekdays=[days[number] for number in range(7)],
        heat=drawn[0] if drawn else None,
        curve=drawn[1] if drawn else None,
        rules=rules,
        rule_name=here.rule_name,
        most=max((one.total for one in rules), default=1),
        verdicts=VERDICTS,
        responses=waits,
        marks=marks,
        words=words,
        zone=zone.key,
        per_minute=asked.signal in PER_MINUTE,
    )


@blueprint.get("/trends/<id:what>.csv")
def table(what: str) -> ResponseReturnValue:
    """The numbers behind a plot: ``signal`` by the hour, ``alerts`` or ``responses``."""
    here, asked = console(), _asked(console())
    if what not in ("signal", "alerts", "responses"):
        abort(404)
    lines = _hours(here, asked) if what == "signal" else _counts(here, asked, what)
    if lines is None:
        abort(503)
    body = "\ufeff" + "".join(as_line(line) for line in lines)
    response = Response(body, mimetype="text/csv")
    response.headers["Content-Disposition"] = f'attachment; filename="{what}.csv"'
    return response


def _asked(here: Console) -> Asked:
    """From the address; what makes no sense is left at what fits most."""
    site, _slash, name = request.args.get("place", "").partition("/")
    file, place = here.site(site), here.place(site, name)
    if file is None or place is None:
        file = here.sites[0]
        place = next((one for one in file.places if one.lines), file.places[0])
    signals = signals_of(place)
    signal = request.args.get("signal", "")
    days = request.args.get("days", DAYS[0], type=whole)
    days = days if days in DAYS else DAYS[0]
    now = here.now()
    return Asked(
        file, place, signal if signal in signals else signals[0], days,
        first_hour(now, days, here.zone(file.site.id)), now,
    )  # fmt: skip


def signals_of(place: Place) -> list[str]:
    """Those that the place has, of those that trends are looked at for."""
    known = [name for name in known_signals() if name in SHOWN]
    has = [name for name in known if family_of(name) and not missing(name, place)]
    return sorted(has, key=SHOWN.index)


def _draw(series: SeriesStore, here: Console, asked: Asked) -> tuple[Heat, Curve]:
    site = asked.file.site.id
    points = series.signal(site, asked.place.id, asked.signal, asked.start - LOOKBACK_MS, asked.end)
    per_minute = asked.signal in PER_MINUTE
    found = heat(points, asked.start, asked.end, here.zone(site), per_minute=per_minute)
    return found, curve(points, asked.start, asked.end)


def _marks(connection: Connection, asked: Asked, words: Words) -> list[Mark]:
    """What was unusual of what the signal counts, the newest first."""
    what = COUNTS.get(asked.signal)
    place, site = asked.place.id, asked.file.site.id
    entries = annotations.listed(connection, [site], asked.start, asked.end, place)
    notes = [entry.note for entry in entries if entry.note.what == what]
    return [
        Mark(
            # It was told when its first window had ended.
            max(asked.start, note.found.start - note.found.worst.hours * LOOKBACK_MS),
            min(asked.end, note.found.end),
            words.anomaly(note.found), note.found.verdict,
        )
        for note in notes
    ]  # fmt: skip


def _hours(here: Console, asked: Asked) -> Iterable[list[object]] | None:
    site = asked.file.site.id
    points = here.told(
        lambda series: series.signal(
            site, asked.place.id, asked.signal, asked.start - LOOKBACK_MS, asked.end
        )
    )
    if points is None:
        return None
    means = hourly(points, asked.start, asked.end)
    lines: list[list[object]] = [["site", "place", "signal", "hour", "mean"]]
    for ts, mean in sorted(means.items()):
        lines.append([site, asked.place.id, asked.signal, iso(ts), f"{mean:.6g}"])
    return lines


def _counts(here: Console, asked: Asked, what: str) -> Iterable[list[object]]:
    sites = [file.site.id for file in here.sites]
    with here.reader.connect() as connection:
        if what == "alerts":
            counts = by_rule(connection, sites, asked.start)
            lines: list[list[object]] = [["site", "rule", *VERDICTS]]
            lines += [[c.site, c.rule, *(c.verdicts.get(v, 0) for v in VERDICTS)] for c in counts]
            return lines
        waits = responses(connection, sites, asked.start)
    names = ("severity", "fired", "acknowledged", "median_s", "worst_s")
    return [list(names), *([getattr(one, name) for name in names] for one in waits)]
