"""What is usual at a place, what was not, and what comes next; and where the risk is."""

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue
from markupsafe import Markup

from configs.site import Place, SiteFile
from hub.analysis import draw, flows, risk
from hub.analysis.hours import HOUR_MS, hours_of
from hub.analysis.words import Words
from hub.series.points import SeriesStore
from web.console import Console, console
from web.language import language

blueprint = Blueprint("analysis", __name__, template_folder="templates")
SPAN_MS = 7 * 24 * HOUR_MS


@blueprint.get("/expected")
def page() -> ResponseReturnValue:
    """Of one place, the last seven days and the next; of its site, the risk by hour."""
    here = console()
    file, place = _asked(here)
    end = hours_of(file.site.timezone, file.site.country).at(here.now()).start
    words = Words(file.site, language())
    drawn = here.told(lambda series: _draw(series, file, place, end, words))
    return render_template(
        "analysis/page.html",
        here=f"{file.site.id}/{place.id}",
        places=[(one.site, known) for one in here.sites for known in one.places],
        name=place.name,
        words=words,
        drawn=drawn,
    )


def _asked(here: Console) -> tuple[SiteFile, Place]:
    """From the address; left out or unknown: the first place that has a line."""
    site, _slash, name = request.args.get("place", "").partition("/")
    file, place = here.site(site), here.place(site, name)
    if file is None or place is None:
        file = here.sites[0]
        place = next((one for one in file.places if one.lines), file.places[0])
    return file, place


def _draw(
    series: SeriesStore, file: SiteFile, place: Place, end: int, words: Words
) -> dict[str, object]:
    start = end - SPAN_MS
    rows = risk.by_hour(file, series, start, end)
    told = [
        {
            "title": words(found.what),
            "change": words.change(found),
            "next": words.next(found),
            "anomalies": [
                f"{words.local(seen.hour.start):%m-%d}: {words.anomaly(seen)}"
                for seen in found.anomalies
            ],
            "svg": Markup(draw.flow(found, words)),  # noqa: S704 - it escapes its texts
        }
        for found in flows.of_place(file, series, place, start, end)
    ]
    heat = Markup(draw.heat(rows, words)) if rows else ""  # noqa: S704 - likewise
    patrols = [
        words("patrol", place=words.of(where.name), hour=hour, value=value)
        for where, hour, value in risk.worst(rows)
    ]
    return {"flows": told, "heat": heat, "patrols": patrols}
