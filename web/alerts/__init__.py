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

from hub import desk, silences
from hub.state.tables import Alert, AlertEvent, AlertState
from web.console import console
from web.language import SEVERITIES, clock
from web.login import local
from web.now.snapshot import BY_ITSELF, AlertView, alerts
from web.roles import ACT, wants_json

blueprint = Blueprint("alerts", __name__, template_folder="templates")
PAGE = 50
HOURS = ("1", "4", "24", "168")
"""For how long an alert's page offers to mute its rule."""
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
        hours=HOURS,
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


@blueprint.post("/alerts/<id:alert_id>/assign")
def assign(alert_id: str) -> ResponseReturnValue:
    """Take it over, give it to somebody, or let go of it; ``before`` is the owner shown."""
    here, form = console(), request.form
    outcome = desk.assign(
        here.engine, alert_id, owner=form.get("owner", ""), actor=current_user.name,
        now=here.now(), before=form.get("before"),
    )  # fmt: skip
    name = outcome.by
    done = gettext("%(name)s deals with it.", name=name) if name else gettext("Nobody has it now.")
    return _answer(alert_id, outcome, done)


@blueprint.post("/alerts/<id:alert_id>/note")
def note(alert_id: str) -> ResponseReturnValue:
    """Add to its story."""
    here, text = console(), request.form.get("note", "")
    outcome = desk.note(here.engine, alert_id, actor=current_user.name, text=text, now=here.now())
    return _answer(alert_id, outcome, gettext("Noted."))


@blueprint.post("/alerts/<id:alert_id>/judge")
def judge(alert_id: str) -> ResponseReturnValue:
    """Say what it turned out to be."""
    here, form = console(), request.form
    if form.get("verdict") not in list(desk.Judgement):
        flash(gettext("Choose a verdict."), "warn")
        return redirect(url_for("alerts.detail", alert_id=alert_id))
    outcome = desk.judge(
        here.engine, alert_id, judgement=desk.Judgement(form["verdict"]),
        actor=current_user.name, now=here.now(), text=form.get("note", ""),
    )  # fmt: skip
    return _answer(alert_id, outcome, gettext("Verdict kept."))


@blueprint.post("/alerts/<id:alert_id>/silence")
def silence(alert_id: str) -> ResponseReturnValue:
    """Mute the alert's rule at its place for some hours, with a reason."""
    here, form = console(), request.form
    site, place, rule = _where(alert_id)
    hours, reason = form.get("hours", ""), form.get("reason", "")
    if hours not in HOURS or not reason.strip():
        flash(gettext("Say why: whoever misses an alert will want to know."), "warn")
        return redirect(url_for("alerts.detail", alert_id=alert_id))
    now = here.now()
    silences.create(
        here.engine, site=site, place=place, rule=rule, author=current_user.name,
        reason=reason, ends_at=now + int(hours) * 3_600_000, now=now,
    )  # fmt: skip
    flash(gettext("Notifications are muted; alerts still come."), "ok")
    return redirect(url_for("alerts.detail", alert_id=alert_id))


@blueprint.post("/alerts/<id:alert_id>/unsilence")
def unsilence(alert_id: str) -> ResponseReturnValue:
    """End the silence that mutes the alert."""
    here = console()
    _where(alert_id)
    number = request.form.get("silence", 0, type=int)
    ended = silences.end(here.engine, number, actor=current_user.name, now=here.now())
    done = ended is silences.Ended.DONE
    text = gettext("Notifications are on again.") if done else gettext("It was over already.")
    flash(text, "ok" if done else "warn")
    return redirect(url_for("alerts.detail", alert_id=alert_id))


def _where(alert_id: str) -> tuple[str, str, str]:
    """Site, place and rule of an alert."""
    query = select(Alert.site, Alert.place, Alert.rule).where(Alert.id == alert_id)
    with console().reader.connect() as connection:
        found = connection.execute(query).first()
    if found is None:
        abort(404)
    return found.site, found.place, found.rule


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
    elif outcome.verdict is desk.Verdict.ALREADY_OWNED and outcome.by:
        text = gettext("%(name)s has it already.", name=outcome.by)
    elif outcome.verdict is desk.Verdict.ALREADY_OWNED:
        text = gettext("Nobody has it any more.")
    elif outcome.verdict is desk.Verdict.ALREADY_JUDGED:
        text = gettext("%(name)s had said so already, at %(at)s.", **who)
    elif outcome.verdict is desk.Verdict.NOTHING_SAID:
        text = gettext("The note was empty.")
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
    here = {"site": alert.site, "place": alert.place, "id": alert.rule}
    return here | {name: value for name, value in alert.details.items() if name != "rule"}
