"""What is done to alerts: one by one, or many that a reader has marked."""

from collections.abc import Sequence
from urllib.parse import urlencode, urlsplit

from flask import abort, flash, jsonify, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from flask_login import current_user
from sqlalchemy import select

from hub import desk, silences
from hub.state.tables import Alert
from web import users
from web.alerts.part import HOURS, blueprint
from web.console import console
from web.language import clock
from web.login import again, local
from web.now.snapshot import BY_ITSELF
from web.roles import wants_json
from web.when import whole

ENDED = (desk.Verdict.DONE, desk.Verdict.ALREADY_RESOLVED)
MANY = 200
"""Alerts that one press acknowledges at most."""


@blueprint.post("/alerts/acknowledge")
def acknowledge_many() -> ResponseReturnValue:
    """Say of all that are marked that somebody has seen them, and why all at once."""
    form = request.form
    reason, marked = form.get("reason", "").strip(), form.getlist("alert")[:MANY]
    where = local(form.get("back") or url_for("alerts.listing"))
    back = redirect(where)
    if not marked:
        flash(gettext("Mark some alerts first."), "warn")
        if reason:  # what was typed stands there again
            joint = "&" if urlsplit(where).query else "?"
            back = redirect(f"{where.rstrip('?')}{joint}{urlencode({'reason': reason})}")
    elif not reason:
        flash(gettext("Say why: whoever looks into it will want to know."), "warn")
    else:
        outcomes = acknowledge_all(marked, reason).values()
        flash(gettext("Acknowledged: %(n)d.", n=sum(one.done for one in outcomes)), "ok")
        if others := [one.by for one in outcomes if one.by and not one.done]:
            names, n = ", ".join(sorted(set(others))), len(others)
            flash(gettext("Taken before by %(names)s: %(n)d.", names=names, n=n), "warn")
    return back


def acknowledge_all(marked: Sequence[str], reason: str) -> dict[str, desk.Outcome]:
    """Acknowledge alerts, each by itself; what became of each by its id."""
    here, me = console(), current_user.name
    return {
        alert: desk.acknowledge(here.engine, alert, actor=me, now=here.now(), note=reason)
        for alert in marked
    }


@blueprint.post("/alerts/<id:alert_id>/acknowledge")
def acknowledge(alert_id: str) -> ResponseReturnValue:
    """Say that somebody has seen it."""
    here = console()
    outcome = desk.acknowledge(here.engine, alert_id, actor=current_user.name, now=here.now())
    return _answer(alert_id, outcome, gettext("Acknowledged."))


@blueprint.post("/alerts/<id:alert_id>/resolve")
def resolve(alert_id: str) -> ResponseReturnValue:
    """End it by hand, with a note and, where it was said at once, a verdict. The verdict counts
    also where somebody was faster to end it."""
    here, note = console(), request.form.get("note", "")
    outcome = desk.resolve(
        here.engine, alert_id, actor=current_user.name, note=note, now=here.now()
    )
    judged = outcome.verdict in ENDED and _judged(alert_id)
    if outcome.verdict is desk.Verdict.ALREADY_RESOLVED and note.strip() and not wants_json():
        told = gettext("What you typed is below: it can still go into the alert's story.")
        also = gettext("Verdict kept.") if judged else ""
        reason = " ".join(filter(None, (_refusal(alert_id, outcome), also, told)))
        kept = [("note", note), ("back", request.form.get("back", ""))]
        return again(url_for("alerts.note", alert_id=alert_id), kept, reason, 409)
    also = gettext("Verdict kept.") if judged else ""
    return _answer(alert_id, outcome, gettext("Resolved."), also)


def _judged(alert_id: str) -> bool:
    """Whether the form carried a verdict, which is kept now."""
    said, here = request.form.get("verdict", ""), console()
    return said in list(desk.Judgement) and desk.judge(
        here.engine, alert_id, judgement=desk.Judgement(said), actor=current_user.name,
        now=here.now(),
    ).done  # fmt: skip


@blueprint.post("/alerts/<id:alert_id>/assign")
def assign(alert_id: str) -> ResponseReturnValue:
    """Take it over, give it to somebody, or let go of it; ``before`` is the owner shown."""
    here, form = console(), request.form
    owner = form.get("owner", "").strip()
    if owner and not may_have(alert_id, owner):
        text = gettext("%(name)s answers no alerts here. Choose somebody of the list.", name=owner)
        return _say(alert_id, text)
    outcome = desk.assign(
        here.engine, alert_id, owner=owner, actor=current_user.name,
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
        return _back(alert_id)
    outcome = desk.judge(
        here.engine, alert_id, judgement=desk.Judgement(form["verdict"]),
        actor=current_user.name, now=here.now(), text=form.get("note", ""),
    )  # fmt: skip
    return _answer(alert_id, outcome, gettext("Verdict kept."))


@blueprint.post("/alerts/<id:alert_id>/silence")
def silence(alert_id: str) -> ResponseReturnValue:
    """Mute the alert's rule at its place for some hours, with a reason."""
    here, form = console(), request.form
    site, place, rule = where_of(alert_id)
    hours, reason = form.get("hours", ""), form.get("reason", "")
    if hours not in HOURS or not reason.strip():
        flash(gettext("Say why: whoever misses an alert will want to know."), "warn")
        return _back(alert_id)
    now = here.now()
    silences.create(
        here.engine, site=site, place=place, rule=rule, author=current_user.name,
        reason=reason, ends_at=now + int(hours) * 3_600_000, now=now,
    )  # fmt: skip
    flash(gettext("Notifications are muted; alerts still come."), "ok")
    return _back(alert_id)


@blueprint.post("/alerts/<id:alert_id>/unsilence")
def unsilence(alert_id: str) -> ResponseReturnValue:
    """End the silence that mutes the alert."""
    here = console()
    where_of(alert_id)
    number = request.form.get("silence", 0, type=whole)
    ended = silences.end(here.engine, number, actor=current_user.name, now=here.now())
    done = ended is silences.Ended.DONE
    text = gettext("Notifications are on again.") if done else gettext("It was over already.")
    flash(text, "ok" if done else "warn")
    return _back(alert_id)


def may_have(alert_id: str, name: str) -> bool:
    """Whether somebody answers alerts of this one's site."""
    site, _place, _rule = where_of(alert_id)
    with console().reader.connect() as connection:
        return name in users.acting_at(connection, site)


def where_of(alert_id: str) -> tuple[str, str, str]:
    """Site, place and rule of an alert."""
    query = select(Alert.site, Alert.place, Alert.rule).where(Alert.id == alert_id)
    with console().reader.connect() as connection:
        found = connection.execute(query).first()
    if found is None:
        abort(404)
    return found.site, found.place, found.rule


def _answer(alert_id: str, outcome: desk.Outcome, done: str, also: str = "") -> ResponseReturnValue:
    if outcome.verdict is desk.Verdict.NO_SUCH_ALERT:
        abort(404)
    text = done if outcome.done else _refusal(alert_id, outcome)
    return _say(alert_id, f"{text} {also}".strip(), done=outcome.done)


def _say(alert_id: str, text: str, *, done: bool = False) -> ResponseReturnValue:
    if wants_json():
        return jsonify(done=done, text=text)
    flash(text, "ok" if done else "warn")
    return _back(alert_id)


def _back(alert_id: str) -> ResponseReturnValue:
    """To where the form stood, with its filters; else to the alert."""
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
