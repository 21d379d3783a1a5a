"""The log: who did what, who looked at which picture, and whether it is whole."""

from collections.abc import Iterator, Mapping

from flask import (
    Blueprint,
    Response,
    flash,
    redirect,
    render_template,
    request,
    stream_with_context,
    url_for,
)
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from sqlalchemy import Connection, Row, select

from hub import audit
from hub.state.tables import Audit
from web.alerts.pages import as_line
from web.cases.words import EVENTS
from web.console import console
from web.language import ACTIONS, iso, word
from web.when import as_ms, ended, moment, whole

blueprint = Blueprint("audit", __name__, template_folder="templates")
PAGE = 100
CHUNK = 1000
"""Entries that a table reads at a time."""
FIELDS = ("actor", "action", "target", "since", "until")
COLUMNS = ("id", "at", "actor", "action", "target", "detail", "hash")


@blueprint.get("/audit")
def page() -> ResponseReturnValue:
    """Newest first; ``?before=`` goes on below an entry."""
    asked = {name: text for name in FIELDS if (text := request.args.get(name, "").strip())}
    with console().reader.connect() as connection:
        rows = entries(
            connection, asked, _span(asked), request.args.get("before", type=whole), PAGE + 1
        )
        actions = list(connection.scalars(select(Audit.action).distinct().order_by(Audit.action)))
    more = {**asked, "before": rows[PAGE - 1].id} if len(rows) > PAGE else None
    return render_template(
        "audit/page.html",
        words=_words,
        rows=rows[:PAGE],
        actions=actions,
        asked=asked,
        more=more,
        head=audit.head(console().engine),
    )


@blueprint.get("/audit.csv")
def table() -> ResponseReturnValue:
    """What the page shows, all pages of it."""
    asked = {name: text for name in FIELDS if (text := request.args.get(name, "").strip())}
    response = Response(stream_with_context(_lines(asked)), mimetype="text/csv")
    response.headers["Content-Disposition"] = 'attachment; filename="audit.csv"'
    return response


def _lines(asked: dict[str, str]) -> Iterator[str]:
    yield "\ufeff" + as_line(COLUMNS)
    before = None
    while True:
        with console().reader.connect() as connection:
            rows = entries(connection, asked, _span(asked), before, CHUNK)
        for row in rows:
            cells = [row.id, iso(row.at), row.actor, row.action, row.target, row.detail, row.hash]
            yield as_line(cells)
        if len(rows) < CHUNK:
            return
        before = rows[-1].id


@blueprint.post("/audit/verify")
def verify() -> ResponseReturnValue:
    """Read the whole log and say whether it is whole."""
    found = audit.verify(console().engine)
    if found.whole:
        flash(gettext("The log is whole: %(n)d entries are right.", n=found.checked), "ok")
    else:
        where = found.broken if found.broken is not None else "—"
        words = gettext("The log is broken at entry %(where)s: %(how)s", where=where, how=found.how)
        flash(words, "error")
    return redirect(url_for("audit.page"))


def _words(action: str) -> str:
    """What was done, as people say it: a step of a report by the step's own name."""
    kind = action.removeprefix("case.")
    if action not in ACTIONS and kind in EVENTS:
        return str(gettext("report: %(step)s", step=EVENTS[kind]))
    return word(action, ACTIONS)


def _span(asked: Mapping[str, str]) -> tuple[int | None, int | None]:
    """From when until when (ms), by the clock of the first site."""
    here = console()
    site = here.sites[0].site.id
    since, until = moment(asked.get("since", "")), moment(asked.get("until", ""))
    return (
        as_ms(since, here, site) if since is not None else None,
        as_ms(ended(until), here, site) if until is not None else None,
    )


def entries(
    connection: Connection, asked: Mapping[str, str], span: tuple[int | None, int | None],
    before: int | None, limit: int,
) -> list[Row[tuple[int, int, str, str, str, str, str]]]:  # fmt: skip
    """Newest first: of an ``actor`` or ``action``, of targets with these words in them, written
    in ``span`` (ms, None: open), below the entry ``before``."""
    query = select(
        Audit.id, Audit.at, Audit.actor, Audit.action, Audit.target, Audit.detail, Audit.hash
    )
    for name, column in (("actor", Audit.actor), ("action", Audit.action)):
        if asked.get(name):
            query = query.where(column == asked[name])
    if asked.get("target"):
        query = query.where(Audit.target.icontains(asked["target"], autoescape=True))
    since, until = span
    query = query.where(Audit.at >= since) if since is not None else query
    query = query.where(Audit.at < until) if until is not None else query
    query = query.where(Audit.id < before) if before is not None else query
    return list(connection.execute(query.order_by(Audit.id.desc()).limit(limit)))
