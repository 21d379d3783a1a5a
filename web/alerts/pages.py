"""The list of alerts with its filters, as a page and as a table, and one alert with its story."""

import csv
import io
import json
from collections.abc import Iterator, Sequence
from typing import Any

from flask import Response, abort, render_template, request, stream_with_context
from flask.typing import ResponseReturnValue
from sqlalchemy import Connection, RowMapping, select

from configs.values import Text
from hub.notify.tables import Delivery
from hub.state.tables import Alert, AlertEvent
from web import users
from web.alerts.filters import NONE, Filter, below, neighbours
from web.alerts.part import HOURS, blueprint
from web.alerts.seen import around
from web.alerts.views import NAME_CHARS, known
from web.console import Console, console
from web.language import iso, said
from web.now.snapshot import AlertView, alerts, newest_change
from web.roles import acting

PAGE = 50
CHUNK = 500
"""Alerts that a table reads at a time."""
FORMULA = (*"=+-@\t\r\n", *"＝＋－＠")
COLUMNS = (
    "id", "site", "place", "rule", "severity", "state", "pending", "fired", "ended", "ended_by",
    "acknowledged", "acknowledged_by", "owner", "verdict", "verdict_by", "late", "title",
)  # fmt: skip


@blueprint.get("/alerts")
def listing() -> ResponseReturnValue:
    """Newest first, by pages; ``?before=`` goes on below an alert."""
    here = console()
    asked = Filter.parse(request.args, here)
    with here.reader.connect() as connection:
        mark = newest_change(connection)
        found = _page(connection, here, asked, request.args.get("before", ""), PAGE + 1)
        rules = _rules(connection, here)
        views = known(connection, here)
    more = {**asked.asked, "before": found[PAGE - 1].id} if len(found) > PAGE else None
    return render_template(
        "alerts/listing.html",
        mark=mark,
        alerts=found[:PAGE],
        places=[(f.site, p) for f in here.sites for p in f.places],
        rules=rules,
        more=more,
        asked=asked,
        none=NONE,
        name_chars=NAME_CHARS,
        views=views,
        may_act=acting(),
    )


@blueprint.get("/alerts.csv")
def table() -> ResponseReturnValue:
    """What the list shows, all pages of it, for a spreadsheet."""
    here = console()
    asked = Filter.parse(request.args, here)
    response = Response(stream_with_context(_lines(here, asked)), mimetype="text/csv")
    response.headers["Content-Disposition"] = 'attachment; filename="alerts.csv"'
    return response


@blueprint.get("/alerts/<id:alert_id>")
def detail(alert_id: str) -> ResponseReturnValue:
    """One alert: why it fired, what was seen, who was told, and all that was done to it."""
    here = console()
    asked = Filter.parse(request.args, here)
    with here.reader.connect() as connection:
        mark = newest_change(connection)
        found = alerts(connection, here, Alert.id == alert_id)
        if not found:
            abort(404)
        events = events_of(connection, alert_id)
        deliveries = deliveries_of(connection, alert_id)
        newer, older = neighbours(connection, here, alert_id, asked)
        site = found[0].site
        people = users.acting_at(connection, site) if site in acting() else []
    return render_template(
        "alerts/detail.html",
        mark=mark,
        alert=found[0],
        events=events,
        deliveries=deliveries,
        seen=around(here, found[0]),
        facts=json.dumps(_facts(found[0]), ensure_ascii=False, indent=2),
        may_act=site in acting(),
        people=[name for name in people if name != found[0].owner],
        hours=HOURS,
        asked=asked.asked,
        newer=newer,
        older=older,
    )


def events_of(connection: Connection, alert_id: str) -> Sequence[RowMapping]:
    """All that happened to an alert, oldest first."""
    query = select(AlertEvent.__table__).where(AlertEvent.alert == alert_id)
    return connection.execute(query.order_by(AlertEvent.id)).mappings().all()


def deliveries_of(connection: Connection, alert_id: str) -> Sequence[RowMapping]:
    """Who was told of an alert, oldest first."""
    query = select(Delivery.__table__).where(Delivery.alert == alert_id)
    return connection.execute(query.order_by(Delivery.id)).mappings().all()


def _page(
    connection: Connection, here: Console, asked: Filter, before: str, limit: int
) -> list[AlertView]:
    where = asked.where(here)
    if before:
        beneath = below(connection, before)
        if beneath is None:
            abort(404)
        where.append(beneath)
    return alerts(connection, here, *where, limit=limit)


def _rules(connection: Connection, here: Console) -> list[tuple[str, Text]]:
    """Rules that are in force or have raised an alert, by what people call them."""
    titles = {rule.id: rule.title for file in here.sites for rule in file.rules}
    mine = Alert.site.in_([file.site.id for file in here.sites])
    raised = connection.scalars(select(Alert.rule).where(mine).distinct())
    named = {rule: Text(rule, rule) for rule in raised} | titles
    return sorted(named.items(), key=lambda one: said(one[1]).casefold())


def _lines(here: Console, asked: Filter) -> Iterator[str]:
    # A spreadsheet takes the byte order mark as the sign that this is UTF-8.
    yield "\ufeff" + as_line(COLUMNS)
    before = ""
    while True:
        with here.reader.connect() as connection:
            found = _page(connection, here, asked, before, CHUNK)
        yield from (as_line(_row(alert)) for alert in found)
        if len(found) < CHUNK:
            return
        before = found[-1].id


def _row(alert: AlertView) -> list[object]:
    times = (alert.pending_ts, alert.fired_ts, alert.resolved_ts)
    pending, fired, ended = (iso(ts) if ts is not None else "" for ts in times)
    taken = iso(alert.acknowledged_at) if alert.acknowledged_at is not None else ""
    return [
        alert.id, alert.site, alert.place, alert.rule, alert.severity, alert.state, pending, fired,
        ended, alert.resolved_by, taken, alert.acknowledged_by, alert.owner, alert.verdict,
        alert.verdict_by, alert.late, alert.title.en,
    ]  # fmt: skip


def as_line(cells: Any) -> str:
    """A row of CSV. A cell that a spreadsheet would take for a formula is kept as text."""
    buffer = io.StringIO()
    csv.writer(buffer).writerow(
        f"'{cell}" if isinstance(cell, str) and cell.lstrip(" ").startswith(FORMULA) else cell
        for cell in cells
    )
    return buffer.getvalue()


def _facts(alert: AlertView) -> dict[str, Any]:
    here = {"site": alert.site, "place": alert.place, "id": alert.rule}
    return here | {name: value for name, value in alert.details.items() if name != "rule"}
