"""What is usual at a place, what was not, and what comes next; and where the risk is.

What was unusual is confirmed or dismissed here, and the place learns from that.
"""

from collections.abc import Sequence

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import lazy_gettext
from flask_login import current_user
from markupsafe import Markup
from sqlalchemy import Connection

from configs.site import Place, SiteFile
from hub.analysis import annotations, coming, draw, evidence, flows, hazards, incidents, risk
from hub.analysis.annotations import Entry, Said
from hub.analysis.anomaly import Verdict
from hub.analysis.evidence import Event
from hub.analysis.flows import Note
from hub.analysis.hours import HOUR_MS, hours_of
from hub.analysis.shelf import Shelf
from hub.analysis.words import Words
from hub.series.points import SeriesStore
from web.console import Console, console
from web.language import language
from web.roles import ACT
from web.when import whole

blueprint = Blueprint("analysis", __name__, template_folder="templates")
SPAN_MS = 7 * 24 * HOUR_MS
LISTED_MS = 28 * 24 * HOUR_MS
"""How far back anomalies can still be judged."""
LISTED = 60
_ANSWERS = {
    Said.DONE: (lazy_gettext("Noted: the place learns from it."), "ok"),
    Said.SAME: (lazy_gettext("It was judged so already."), "ok"),
    Said.NO_SUCH: (lazy_gettext("There is no such anomaly."), "warn"),
}


@blueprint.get("/expected")
def page() -> ResponseReturnValue:
    """Of one place, the last seven days and the next; of its site, the risk by hour."""
    here = console()
    file, place = _asked(here)
    end = hours_of(file.site.timezone, file.site.country).at(here.now()).start
    words = Words(file.site, language())
    with here.reader.connect() as connection:
        sites = [one.site.id for one in here.sites]
        entries = annotations.listed(connection, sites, here.now() - LISTED_MS, here.now())
        notes = notes_of(connection, file, place, end, here.now())
        events = evidence.small(connection, file.site.id, end - SPAN_MS, here.now())
        told = evidence.told(connection, file.site.id, here.now() - incidents.LOOK_MS, here.now())
    drawn = here.told(lambda series: _draw(series, file, place, end, words, notes, events))
    entries.sort(key=lambda entry: entry.note.found.verdict != "")
    return render_template(
        "analysis/page.html",
        here=f"{file.site.id}/{place.id}",
        places=[(one.site, known) for one in here.sites for known in one.places],
        name=place.name,
        words=words,
        drawn=drawn,
        coming=_coming(file, told, here.now(), words),
        anomalies=[_line(here, entry) for entry in entries[:LISTED]],
        cut=len(entries) > LISTED,
        waiting=sum(entry.note.found.verdict == "" for entry in entries),
        may_act=current_user.role.includes(ACT),
    )


@blueprint.get("/expected/digest")
def digest() -> ResponseReturnValue:
    """A week's digest of a site as the hub made it; left out: the newest of the first site."""
    here = console()
    site = request.args.get("site", "")
    file = here.site(site) or here.sites[0]
    shelf = Shelf(here.data)
    days = shelf.days(file.site.id)
    day = request.args.get("day", "")
    day = day if day in days else next(iter(days), "")
    text = shelf.read(file.site.id, day, language()) if day else ""
    return render_template(
        "analysis/digest.html",
        site=file.site,
        days=days,
        day=day,
        text=Markup(text),  # noqa: S704 - the hub wrote it, and escaped its texts
    )


@blueprint.post("/expected/judge")
def judge() -> ResponseReturnValue:
    """Say what an anomaly was: confirmed or dismissed."""
    here, form = console(), request.form
    site, place = form.get("site", ""), form.get("place", "")
    key = (site, place, form.get("what", ""), form.get("start", 0, type=whole))
    said = Said.NO_SUCH
    if here.site(site) is not None and form.get("verdict") in tuple(Verdict):
        verdict = Verdict(form["verdict"])
        said = annotations.judge(here.engine, key, verdict, actor=current_user.name, now=here.now())
    flash(*_ANSWERS[said])
    return redirect(url_for("analysis.page", place=f"{site}/{place}") + "#unusual")


def notes_of(
    connection: Connection, file: SiteFile, place: Place, end: int, now: int
) -> list[Note]:
    """What staff said of a place that its week up to ``end`` (ms) is judged and learned by."""
    start = end - SPAN_MS - flows.LEARN_MS
    learned = annotations.listed(connection, [file.site.id], start, now, place.id)
    return [entry.note for entry in learned]


def _line(here: Console, entry: Entry) -> dict[str, object]:
    """An anomaly as the list shows it."""
    site, note = entry.site, entry.note
    file, place = here.site(site), here.place(site, note.place)
    words = Words((file or here.sites[0]).site, language())
    return {
        "site": site, "place": note.place, "what": note.what, "start": note.found.start,
        "name": place.name if place else None, "title": words(note.what),
        "told": words.anomaly(note.found._replace(verdict="")), "by": entry.by,
        "verdict": note.found.verdict,
    }  # fmt: skip


def _asked(here: Console) -> tuple[SiteFile, Place]:
    """From the address; left out or unknown: the first place that has a line."""
    site, _slash, name = request.args.get("place", "").partition("/")
    file, place = here.site(site), here.place(site, name)
    if file is None or place is None:
        file = here.sites[0]
        place = next((one for one in file.places if one.lines), file.places[0])
    return file, place


def _coming(file: SiteFile, events: Sequence[Event], now: int, words: Words) -> dict[str, object]:
    told = coming.tell(incidents.foresee(file, events, now), file, events, words)
    return {
        "note": told.note,
        "drawings": [(title, Markup(svg)) for title, svg in told.drawings],  # noqa: S704 - it
        "table": Markup(told.table),  # noqa: S704 - escapes its texts
        "patrols": told.patrols,
    }


def _draw(
    series: SeriesStore, file: SiteFile, place: Place, end: int, words: Words,
    notes: Sequence[Note], events: Sequence[Event],
) -> dict[str, object]:  # fmt: skip
    start = end - SPAN_MS
    rows = risk.by_hour(file, series, start, end)
    told = [
        {
            "title": words(found.what),
            "change": words.change(found),
            "next": words.next(found),
            "anomalies": [
                f"{words.date(one.worst.hour.start)} · {words.anomaly(one)}"
                for one in found.anomalies
            ],
            "svg": Markup(draw.flow(found, words)),  # noqa: S704 - it escapes its texts
        }
        for found in flows.of_place(file, series, place, start, end, notes)
    ]
    heat = Markup(draw.heat(rows, words)) if rows else ""  # noqa: S704 - likewise
    patrols = [
        words("patrol", place=words.of(where.name), hour=hour, value=value)
        + words.reasons(hazards.reasons(file, events, where.id, hour), file)
        for where, hour, value in risk.worst(rows)
    ]
    return {"flows": told, "heat": heat, "patrols": patrols}
