"""How well it goes, as a page: rates, times, what was found by whom, before and after a date."""

from collections.abc import Sequence

from flask import Blueprint, Response, abort, current_app, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from markupsafe import Markup
from msgspec import Struct

from configs.site import SiteFile
from hub.cases import report as pages
from hub.cases.figures import Seen, figures, read
from hub.cases.groups import Halves
from hub.cases.printed import page as printed
from hub.cases.printed import plot
from hub.cases.report import COLUMNS, Report
from web.console import console
from web.language import language
from web.when import as_ms, moment

blueprint = Blueprint("figures", __name__, template_folder="templates")
FRESH_MS = 60_000
RECENT_MS = 90 * 86_400_000
LONGEST_MS = 3660 * 86_400_000
"""Days further back than this before the end count for nothing but the time they would take."""


@blueprint.get("/figures")
def page() -> ResponseReturnValue:
    """The figures of ``?site=``, or of all sites beside each other, from ``?from=`` to ``?to=``,
    compared at ``?change=``."""
    found, wrong = _report()
    return render_template(
        "figures/page.html", asked=request.args, wrong=wrong, report=found,
        tables=[(table, Markup(plot(table, found))) for table in found.tables],  # noqa: S704 - escaped there
        cells=pages.cells, changed=pages.changed,
    )  # fmt: skip


@blueprint.get("/figures.html")
def printable() -> Response:
    """The same as a file that prints and needs nothing else."""
    found, _wrong = _report()
    name = "attachment; filename=linli-report.html"
    return Response(printed(found), mimetype="text/html", headers={"Content-Disposition": name})


def recent(site: SiteFile) -> Sequence[pages.Row]:
    """Of the last 90 days, what the public board shows, at most a minute old: anybody may ask
    for the board, as often as they like."""
    kept: dict[tuple[str, str], tuple[int, Sequence[pages.Row]]]
    kept = current_app.extensions.setdefault("linli.figures", {})
    now, key = console().now(), (site.site.id, language())
    at, rows = kept.get(key, (now - FRESH_MS - 1, ()))
    if not 0 <= now - at <= FRESH_MS:
        rows = _recent(site, now)
        kept[key] = now, rows
    return rows


def _recent(site: SiteFile, now: int) -> Sequence[pages.Row]:
    seen = read(console().engine, [site], now - RECENT_MS, now + 1, now)
    found = figures(seen)
    return [
        pages.Row(
            pages.WORDS[name].in_(language()), pages.plainly(getattr(found, name), language())
        )
        for name in COLUMNS
        if pages.spell(getattr(found, name), language()) != "—"  # not every community walks
    ]


class Asked(Struct, frozen=True):
    """What the figures are made of, and what was wrong with what was asked for: nothing, or
    why it is not of that."""

    seen: Seen
    halves: Halves | None
    wrong: str = ""


def sites_of(asked: str) -> Sequence[SiteFile]:
    """The site of a name, or for "" all; 404 where there is none."""
    here = console()
    found = here.site(asked) if asked else None
    if not here.sites or (asked and found is None):
        abort(404)
    return here.sites if found is None else [found]


def ask(sites: Sequence[SiteFile], start: int | None, end: int | None, change: int | None) -> Asked:
    """All that was told and seen from ``start`` until ``end`` (ms), left out: the last 90 days;
    and in two halves at ``change``."""
    here, wrong = console(), ""
    now = here.now()
    start = start if start is not None else now - RECENT_MS
    end = end if end is not None else now + 1
    start = max(start, end - LONGEST_MS)
    if start >= end:
        wrong = gettext("The first day is not before the last.")
        start, end = now - RECENT_MS, now + 1
    halves = None
    if change is not None and start < change < end:
        before, after = (start, change), (change, end)
        halves = read(here.engine, sites, *before, now), read(here.engine, sites, *after, now)
    elif change is not None:
        wrong = wrong or gettext("The day of the change is not between the two.")
    return Asked(read(here.engine, sites, start, end, now), halves, wrong)


def _report() -> tuple[Report, str]:
    """The report, and what is wrong with what was asked for. Days are those of the first site."""
    sites = sites_of(request.args.get("site", ""))
    found = ask(sites, *(_asked(name, sites[0]) for name in ("from", "to", "change")))
    report = pages.make(sites, found.seen, found.seen.stretch, language(), found.halves)
    return report, found.wrong


def _asked(name: str, site: SiteFile) -> int | None:
    found = moment(request.args.get(name, ""))
    return None if found is None else as_ms(found, console(), site.site.id)
