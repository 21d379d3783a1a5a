"""The end of a shift: what is open, what happened, what is broken, and notes to the next."""

from collections import Counter

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from flask_login import current_user
from sqlalchemy import or_, select

from hub import desk, silences
from hub.patrols.tables import Patrol
from hub.patrols.walks import found
from hub.state.tables import Alert, HandoverNote
from web.cases.words import place_name
from web.console import console
from web.now.snapshot import alerts, firing_alerts, take
from web.now.troubles import troubles
from web.roles import acting

blueprint = Blueprint("handover", __name__, template_folder="templates")
HOURS = (4, 8, 12, 24)
NOTES = 50
ALERTS = 300


@blueprint.get("/handover")
def page() -> ResponseReturnValue:
    """The shift that ends now; ``?hours=`` says how long it was."""
    here, now = console(), console().now()
    hours = request.args.get("hours", HOURS[1], type=int)
    hours = hours if hours in HOURS else HOURS[1]
    start = now - hours * 3_600_000
    with here.reader.connect() as connection:
        moment = take(connection, here)
        open_ = firing_alerts(connection, here)
        during = alerts(
            connection, here, Alert.fired_ts.is_not(None),
            or_(Alert.fired_ts >= start, Alert.resolved_ts >= start), limit=ALERTS,
        )  # fmt: skip
        quiet = silences.listed(connection, now)
        notes = connection.execute(
            select(HandoverNote.site, HandoverNote.at, HandoverNote.author, HandoverNote.text)
            .where(HandoverNote.at >= start - hours * 3_600_000)
            .where(HandoverNote.site.in_([file.site.id for file in here.sites]))
            .order_by(HandoverNote.id.desc())
            .limit(NOTES)
        ).all()
        walked = found(
            connection, Patrol.site.in_([file.site.id for file in here.sites]),
            Patrol.closed_at >= start,
        )  # fmt: skip
    taken = [a.acknowledged_at - a.fired_ts for a in during
             if a.acknowledged_at is not None and a.fired_ts is not None]  # fmt: skip
    return render_template(
        "handover/page.html",
        open=open_,
        during=during,
        by_severity=Counter(alert.severity for alert in during),
        unanswered=sum(alert.acknowledged_at is None for alert in during),
        slowest_s=max(taken, default=0) / 1000,
        broken=troubles(moment),
        quiet=[one for one in quiet if here.site(one.site) is not None],
        notes=notes,
        missed=[walk for walk in walked if walk.missed],
        place_name=place_name,
        hours=hours,
        choices=HOURS,
        start=start,
        may_act=acting(),
    )


@blueprint.post("/handover/notes")
def note() -> ResponseReturnValue:
    """Leave a note."""
    here, form = console(), request.form
    site = form.get("site", "")
    if here.site(site) is None or not desk.hand_over(
        here.engine, site, actor=current_user.name, text=form.get("note", ""), now=here.now()
    ):
        flash(gettext("The note was empty."), "warn")
    else:
        flash(gettext("Noted."), "ok")
    return redirect(url_for("handover.page"))
