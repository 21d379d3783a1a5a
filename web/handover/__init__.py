"""The end of a shift: what is open, what happened, what is broken, and notes to the next."""

from collections.abc import Iterable, Sequence
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from flask_login import current_user
from sqlalchemy import Connection, func, or_, select
from sqlalchemy.sql.elements import ColumnElement

from hub import desk, silences
from hub.cases import contacts
from hub.patrols.tables import Patrol
from hub.patrols.walks import found
from hub.state.tables import Alert, HandoverNote
from web.cases.words import place_name
from web.console import Console, console
from web.now.snapshot import alerts, firing_alerts, take
from web.now.troubles import troubles
from web.roles import acting

blueprint = Blueprint("handover", __name__, template_folder="templates")
HOURS = (4, 8, 12, 24)
NOTES = 50
ALERTS = 300
"""Of those of the shift the newest are listed; the figures are of all."""


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
        happened = (
            Alert.fired_ts.is_not(None),
            or_(Alert.fired_ts >= start, Alert.resolved_ts >= start),
        )
        during = alerts(connection, here, *happened, limit=ALERTS)
        figures = _figures(connection, here, happened)
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
        fading = contacts.fading(connection, here.sites, now)
    return render_template(
        "handover/page.html",
        open=open_,
        during=during,
        by_severity={one.severity: one.alerts for one in figures},
        total=sum(one.alerts for one in figures),
        unanswered=sum(one.alerts - one.taken for one in figures),
        slowest_s=max((one.slowest_ms or 0 for one in figures), default=0) / 1000,
        broken=troubles(moment),
        quiet=[one for one in quiet if here.site(one.site) is not None],
        notes=notes,
        missed=[walk for walk in walked if walk.missed],
        fading=fading,
        place_name=place_name,
        hours=hours,
        choices=HOURS,
        start=start,
        may_act=acting(),
    )


def _figures(
    connection: Connection, here: Console, where: Iterable[ColumnElement[bool]]
) -> Sequence[Any]:
    """Of all alerts, not only those listed: how many of each severity, and how fast they were
    acknowledged (severity, alerts, taken, slowest_ms)."""
    mine = Alert.site.in_([file.site.id for file in here.sites])
    query = select(
        Alert.severity,
        func.count().label("alerts"),
        func.count(Alert.acknowledged_at).label("taken"),
        func.max(Alert.acknowledged_at - Alert.fired_ts).label("slowest_ms"),
    )
    return connection.execute(query.where(mine, *where).group_by(Alert.severity)).all()


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
