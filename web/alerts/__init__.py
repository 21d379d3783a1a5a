"""Alerts: the list with its filters, one alert with its story, and what to do about it."""

import json
from collections.abc import Callable
from typing import Any

from flask import Blueprint, abort, flash, jsonify, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from flask_login import current_user
from sqlalchemy import Connection, and_, or_, select
from sqlalchemy.sql.elements import ColumnElement

from hub import desk
from hub.state.tables import Alert, AlertEvent, AlertState
from web.console import console
from web.language import SEVERITIES, clock
from web.login import local
from web.now.snapshot import BY_ITSELF, AlertView, alerts
from web.roles import ACT, wants_json

blueprint = Blueprint("alerts", __name__, template_folder="templates")
PAGE = 50
STATES: dict[str, Callable[[], ColumnElement[bool]]] = {
    "": lambda: Alert.fired_ts.is_not(None),
    "firing": lambda: Alert.state == AlertState.FIRING,
    "open": lambda: and_(Alert.fired_ts.is_not(None), Alert.acknowledged_at.is_(None)),
    "resolved": lambda: and_(Alert.fired_ts.is_not(None), Alert.state == AlertState.RESOLVED),
    "pending": lambda: Alert.state == AlertState.PENDING,
}


@blueprint.get("/alerts")
def listing() -> ResponseReturnValue:
    """Newest first, by pages; ``?before=`` goes on below an alert."""
    here, asked = console(), request.args
    places = {f"{f.site.id}/{p.id}": p.name for f in here.sites for p in f.places}
    where = [STATES.get(asked.get("state", ""), STATES[""])()]
    site, _slash, place = asked.get("place", "").partition("/")
    if f"{site}/{place}" in places:
        where += [Alert.site == site, Alert.place == place]
    if asked.get("severity") in SEVERITIES:
        where.append(Alert.severity == asked["severity"])
    with here.reader.connect() as connection:
        if "before" in asked:
            where.append(_below(connection, asked["before"]))
        found = alerts(connection, here, *where, limit=PAGE + 1)
    more = {**asked.to_dict(), "before": found[PAGE - 1].id} if len(found) > PAGE else None
    return render_template(
        "alerts/listing.html",
        alerts=found[:PAGE],
        places=places,
        more=more,
        asked=asked,
        may_act=current_user.role.includes(ACT),
    )


@blueprint.get("/alerts/<id:alert_id>")
def detail(alert_id: str) -> ResponseReturnValue:
    """One alert and everything that was done to it."""
    here = console()
    query = select(AlertEvent.__table__).where(AlertEvent.alert == alert_id).order_by(AlertEvent.id)
    with here.reader.connect() as connection:
        found = alerts(connection, here, Alert.id == alert_id)
        events = connection.execute(query).mappings().all()
    if not found:
        abort(404)
    return render_template(
        "alerts/detail.html",
        alert=found[0],
        events=events,
        facts=json.dumps(_facts(found[0]), ensure_ascii=False, indent=2),
        may_act=current_user.role.includes(ACT),
    )


@blueprint.post("/alerts/<id:alert_id>/acknowledge")
def acknowledge(alert_id: str) -> ResponseReturnValue:
    """Say that somebody has seen it."""
    here = console()
    outcome = desk.acknowledge(here.engine, alert_id, actor=current_user.name, now=here.now())
    return _answer(alert_id, outcome, gettext("Acknowledged."))


@blueprint.post("/alerts/<id:alert_id>/resolve")
def resolve(alert_id: str) -> ResponseReturnValue:
    """End it by hand, with a note."""
    here, note = console(), request.form.get("note", "")
    outcome = desk.resolve(
        here.engine, alert_id, actor=current_user.name, note=note, now=here.now()
    )
    return _answer(alert_id, outcome, gettext("Resolved."))


def _answer(alert_id: str, outcome: desk.Outcome, done: str) -> ResponseReturnValue:
    if outcome.verdict is desk.Verdict.NO_SUCH_ALERT:
        abort(404)
    text = done if outcome.done else _refusal(alert_id, outcome)
    if wants_json():
        return jsonify(done=outcome.done, text=text)
    flash(text, "ok" if outcome.done else "warn")
    back = request.form.get("back", "")
    return redirect(local(back) if back else url_for("alerts.detail", alert_id=alert_id))


def _refusal(alert_id: str, outcome: desk.Outcome) -> str:
    with console().reader.connect() as connection:
        site = connection.scalar(select(Alert.site).where(Alert.id == alert_id)) or ""
    who: dict[str, str] = {"name": outcome.by, "at": clock(outcome.at, site)}
    if outcome.verdict is desk.Verdict.ALREADY_ACKNOWLEDGED:
        text = gettext("%(name)s had acknowledged it already, at %(at)s.", **who)
    elif outcome.verdict is desk.Verdict.ALREADY_RESOLVED and outcome.by in BY_ITSELF:
        text = gettext("It had ended by itself already, at %(at)s.", **who)
    elif outcome.verdict is desk.Verdict.ALREADY_RESOLVED:
        text = gettext("%(name)s had resolved it already, at %(at)s.", **who)
    else:
        text = gettext("This alert has not fired; there is nothing to do yet.")
    return str(text)


def _below(connection: Connection, alert_id: str) -> ColumnElement[bool]:
    """Alerts that the list shows after this one."""
    ts = connection.scalar(select(Alert.pending_ts).where(Alert.id == alert_id))
    if ts is None:
        abort(404)
    return or_(Alert.pending_ts < ts, and_(Alert.pending_ts == ts, Alert.id < alert_id))


def _facts(alert: AlertView) -> dict[str, Any]:
    return {"rule": alert.rule, "site": alert.site, "place": alert.place, **alert.details}
