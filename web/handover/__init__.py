"""The end of a shift, this one's or one of before: what is open, what happened, what is or was
broken, and notes to the next."""

from collections.abc import Iterable, Sequence
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from flask_login import current_user
from msgspec import Struct
from sqlalchemy import Connection, func, or_, select
from sqlalchemy.sql.elements import ColumnElement

from hub import desk, silences
from hub.cases import contacts
from hub.patrols.tables import Patrol
from hub.patrols.walks import WalkView, found
from hub.silences import Quiet
from hub.state.tables import Alert, HandoverNote
from web.cases.words import place_name
from web.console import Console, console
from web.handover import broken
from web.handover.broken import Broken
from web.now.snapshot import AlertView, alerts, firing_alerts, take
from web.now.troubles import Trouble, troubles
from web.roles import acting
from web.rules.scope import scope
from web.when import as_ms, moment, spelled, whole

blueprint = Blueprint("handover", __name__, template_folder="templates")
HOURS = (4, 8, 12, 24)
HOUR_MS = 3_600_000
MINUTE_MS = 60_000
NOTES = 50
ALERTS = 300
"""Of those of the shift so many are listed, the newest; the figures are of all."""
OPEN = 100
"""Of those that are open, the worst."""
ALL = 10_000
"""Of each, where all are asked for."""


class Shift(Struct, frozen=True):
    """From when to when, in ms."""

    hours: int
    end: int
    past: bool
    """It is over; else it ends now."""

    @classmethod
    def asked(cls, here: Console) -> "Shift":
        """As the address says: ``?hours=`` how long, ``?until=`` its end by the first site's
        calendar, left out or to come: now."""
        now, hours = here.now(), request.args.get("hours", HOURS[1], type=whole)
        until = moment(request.args.get("until", ""))
        end = as_ms(until, here, here.sites[0].site.id) if until is not None else now
        return cls(hours if hours in HOURS else HOURS[1], min(end, now), end < now)

    @property
    def start(self) -> int:
        return self.end - self.hours * HOUR_MS

    def address(self, here: Console, end: int, **more: Any) -> str:
        """Of the shift of this length that ends then, by the whole minute; nothing is left out
        between it and this one."""
        whole = -(-end // MINUTE_MS) * MINUTE_MS
        until = spelled(whole, here, here.sites[0].site.id) if whole < here.now() else None
        return url_for("handover.page", hours=self.hours, until=until, **more)


class Seen(Struct, frozen=True):
    """What a handover tells."""

    open: Sequence[AlertView]
    during: Sequence[AlertView]
    figures: Sequence[Any]
    """(severity, alerts, taken, slowest_ms), of all alerts and not only those listed."""
    broken: Sequence[Trouble]
    """Now; nothing where the shift is over."""
    outages: Broken
    """What was broken in it."""
    quiet: Sequence[Quiet]
    notes: Sequence[Any]
    """(site, at, author, text) of the shift and the one before, newest first."""
    missed: Sequence[WalkView]
    """Walks with checkpoints that nobody reached."""
    fading: Sequence[contacts.Fading]


def read(here: Console, shift: Shift, limit: int) -> Seen:
    """A shift at the sites of ``here``; of its alerts the newest ``limit``."""
    start, end = shift.start, shift.end
    mine = [file.site.id for file in here.sites]
    happened = (
        Alert.fired_ts.is_not(None), Alert.fired_ts < end,
        or_(Alert.fired_ts >= start, Alert.resolved_ts.between(start, end)),
    )  # fmt: skip
    closed = (Patrol.site.in_(mine), Patrol.closed_at >= start, Patrol.closed_at <= end)
    with here.reader.connect() as connection:
        seen = take(connection, here)
        quiet = silences.listed(connection, end, over=shift.past)
        return Seen(
            open=_open_at(connection, here, end) if shift.past
            else firing_alerts(connection, here),
            during=alerts(connection, here, *happened, limit=limit),
            figures=_figures(connection, here, happened),
            broken=() if shift.past else troubles(seen),
            outages=broken.read(connection, here, start, end),
            quiet=[
                one for one in quiet
                if one.site in mine and one.ends_at > end
                and (one.starts_at <= end or not shift.past)
            ],
            notes=_notes(connection, mine, start - shift.hours * HOUR_MS, end),
            missed=[walk for walk in found(connection, *closed) if walk.missed],
            fading=() if shift.past else contacts.fading(connection, here.sites, here.now()),
        )  # fmt: skip


@blueprint.get("/handover")
def page() -> ResponseReturnValue:
    """A shift, the one that ends now or one of before (`Shift.asked`); ``?all=yes`` lists all
    its alerts and notes."""
    here = console()
    shift, whole = Shift.asked(here), request.args.get("all") == "yes"
    start, end = shift.start, shift.end
    seen = read(here, shift, ALL if whole else ALERTS)
    return render_template(
        "handover/page.html",
        open=seen.open[: ALL if whole else OPEN],
        opened=len(seen.open),
        during=seen.during,
        by_severity={one.severity: one.alerts for one in seen.figures},
        total=sum(one.alerts for one in seen.figures),
        unanswered=sum(one.alerts - one.taken for one in seen.figures),
        slowest_s=max((one.slowest_ms or 0 for one in seen.figures), default=0) / 1000,
        broken=seen.broken,
        outages=seen.outages,
        quiet=seen.quiet,
        notes=seen.notes[: ALL if whole else NOTES],
        noted=len(seen.notes),
        scope=scope,
        missed=seen.missed,
        fading=seen.fading,
        place_name=place_name,
        shift=shift,
        before=shift.address(here, start),
        after=shift.address(here, end + shift.hours * HOUR_MS) if shift.past else "",
        here=shift.address(here, end, all="yes"),
        choices=[(hours, Shift(hours, end, shift.past).address(here, end)) for hours in HOURS],
        until=spelled(end, here, here.sites[0].site.id),
        may_act=acting(),
    )


def _open_at(connection: Connection, here: Console, end: int) -> list[AlertView]:
    """What fired then and had not ended."""
    still = or_(Alert.resolved_ts.is_(None), Alert.resolved_ts > end)
    return alerts(connection, here, Alert.fired_ts <= end, still, limit=ALL)


def _notes(connection: Connection, sites: list[str], since: int, end: int) -> Sequence[Any]:
    """Of the shift and the one before, newest first."""
    columns = (HandoverNote.site, HandoverNote.at, HandoverNote.author, HandoverNote.text)
    query = select(*columns).where(HandoverNote.at >= since, HandoverNote.at <= end)
    query = query.where(HandoverNote.site.in_(sites)).order_by(HandoverNote.id.desc())
    return connection.execute(query.limit(ALL)).all()


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
