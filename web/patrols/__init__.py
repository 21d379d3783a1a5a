"""Patrols in the console: plan walks, see what they reached and missed, print their codes."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import segno
from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from flask_login import current_user
from markupsafe import Markup
from sqlalchemy import Connection, Row, select

from configs.site import SiteFile
from hub import audit
from hub.analysis import coming, evidence, incidents
from hub.analysis.evidence import Event
from hub.analysis.hours import WEEK_H
from hub.analysis.words import Words
from hub.cases.tables import Case
from hub.neighbours.tables import Resident
from hub.patrols import change, plans, remind, signup
from hub.patrols.codes import code_of, version_of
from hub.patrols.codes import renew as renew_code
from hub.patrols.plans import NewPlan, PlanRefused, Tell
from hub.patrols.signup import volunteers
from hub.patrols.tables import CheckIn, Patrol, PatrolPlan
from hub.patrols.walks import WalkView, found
from web.cases.words import place_name
from web.console import console
from web.language import language
from web.roles import acting
from web.vault import vault
from web.when import as_ms, moment, whole

blueprint = Blueprint("patrols", __name__, template_folder="templates")
STOPS = 12
"""Fields for checkpoints in the form."""
LATELY_MS = 90 * 86_400_000


@blueprint.get("/patrols")
def listing() -> ResponseReturnValue:
    """Walks to come, walks of the last 90 days, and the form for another."""
    return _listing({}, {}, 200)


@blueprint.post("/patrols")
def plan() -> ResponseReturnValue:
    """Plan a walk, once or every week."""
    here, form = console(), request.form
    file = here.site(form.get("site", "")) or here.sites[0]
    try:
        plans.plan(here.engine, file, _asked(file), actor=current_user.name, now=here.now())
    except PlanRefused as error:
        kept = form.to_dict() | {"stops": form.getlist("stop")}
        return _listing(kept, {error.field: _refusal(error)}, 422)
    flash(gettext("Planned. Residents see it on the public board."), "ok")
    return redirect(url_for("patrols.listing", site=file.site.id))


@blueprint.get("/patrols/<id:patrol_id>")
def detail(patrol_id: str) -> ResponseReturnValue:
    """One walk: its checkpoints, and what volunteers saw there."""
    return _detail(patrol_id, None)


@blueprint.post("/patrols/<id:patrol_id>/who")
def who(patrol_id: str) -> ResponseReturnValue:
    """Who signed up and how they can be reached; that it was looked at is written down."""
    return _detail(patrol_id, people_of(patrol_id))


def people_of(patrol_id: str) -> list[dict[str, Any]]:
    """Who signed up for a walk (id, name, contact, waits), written down as seen by the reader;
    404 where there is no such walk."""
    here = console()
    with here.reader.connect() as connection:
        one = _one(connection, patrol_id)
        going, waiting = volunteers(connection, one)
        chosen = select(Resident.id, Resident.name, Resident.contact)
        rows = connection.execute(chosen.where(Resident.id.in_(going + waiting))).all()
    rows = sorted(rows, key=lambda row: (going + waiting).index(row.id))
    people = [
        {"id": row.id, "name": row.name, "contact": vault().open(row.contact),
         "waits": row.id in waiting}
        for row in rows
    ]  # fmt: skip
    with here.engine.begin() as connection:
        actor, count = current_user.name, f"{len(people)} people"
        audit.enter(connection, actor, "patrol.who.view", patrol_id, count, here.now())
    return people


@blueprint.post("/patrols/<id:patrol_id>/remove")
def remove(patrol_id: str) -> ResponseReturnValue:
    """Take somebody off a walk."""
    here, resident = console(), request.form.get("resident", 0, type=whole)
    done = signup.withdraw(
        here.engine, patrol_id, resident, actor=current_user.name, now=here.now()
    )
    _say(done=done)
    return redirect(url_for("patrols.detail", patrol_id=patrol_id))


@blueprint.post("/patrols/<id:patrol_id>/cancel")
def cancel(patrol_id: str) -> ResponseReturnValue:
    """Call one walk off."""
    here = console()
    with here.reader.connect() as connection:
        site = _one(connection, patrol_id).site
    done = plans.cancel(
        here.engine, patrol_id, actor=current_user.name, now=here.now(), tell=letters(site)
    )
    _say(done=done)
    return redirect(url_for("patrols.detail", patrol_id=patrol_id))


@blueprint.post("/patrols/plans/<id:plan_id>/end")
def end(plan_id: str) -> ResponseReturnValue:
    """No more walks of a weekly plan."""
    here = console()
    with here.reader.connect() as connection:
        site = connection.scalar(select(PatrolPlan.site).where(PatrolPlan.id == plan_id)) or ""
    off = plans.end_plan(
        here.engine, plan_id, actor=current_user.name, now=here.now(), tell=letters(site)
    )
    _say(done=off is not None)
    return redirect(url_for("patrols.listing", site=site))


@blueprint.get("/patrols/plans/<id:plan_id>")
def edit(plan_id: str) -> ResponseReturnValue:
    """A plan as it is from the next walk on, to be changed."""
    here = console()
    with here.reader.connect() as connection:
        row = _plan(connection, plan_id)
        walks = change.ahead(connection, plan_id, here.now())
    if not walks:
        _say(done=False)
        return redirect(url_for("patrols.listing", site=row.site))
    first = datetime.fromtimestamp(walks[0].starts_at / 1000, here.zone(row.site))
    kept = {
        "title": row.title, "first": f"{first:%Y-%m-%dT%H:%M}", "stops": row.route,
        "minutes": row.length_ms // 60_000, "capacity": row.capacity,
    }  # fmt: skip
    return _edit(row, kept, {}, 200)


@blueprint.post("/patrols/plans/<id:plan_id>")
def update(plan_id: str) -> ResponseReturnValue:
    """Change a plan and its walks to come; those who signed up are told."""
    here = console()
    with here.reader.connect() as connection:
        row = _plan(connection, plan_id)
    file = here.site(row.site)
    if file is None:
        abort(404)
    try:
        count = change.change(
            here.engine, file, plan_id, _asked(file), actor=current_user.name, now=here.now(),
            tell=letters(row.site),
        )  # fmt: skip
    except PlanRefused as error:
        kept = request.form.to_dict() | {"stops": request.form.getlist("stop")}
        return _edit(row, kept, {error.field: _refusal(error)}, 422)
    text = gettext("Changed. Whoever signed up sees it, and gets a letter where that can be.")
    flash(text if count else gettext("It was so already, or it is over."), "ok")
    return redirect(url_for("patrols.listing", site=row.site))


@blueprint.post("/patrols/codes/<id:site>/<id:place>/renew")
def renew(site: str, place: str) -> ResponseReturnValue:
    """Make the code of a checkpoint another one; the sheet that hangs there counts no more."""
    here = console()
    if here.place(site, place) is None:
        abort(404)
    renew_code(here.engine, site, place, actor=current_user.name, now=here.now())
    flash(gettext("Renewed. Print the new code and hang it up: the old one counts no more."), "ok")
    return redirect(url_for("patrols.codes"))


@blueprint.get("/patrols/codes")
def codes() -> ResponseReturnValue:
    """QR codes of all checkpoints to print and hang up."""
    here = console()
    with here.reader.connect() as connection:
        versions = {
            (file.site.id, place.id): version_of(connection, file.site.id, place.id)
            for file in here.sites
            for place in file.places
        }

    def drawn(file: SiteFile, place: str) -> Markup:
        code = code_of(vault(), file.site.id, place, versions[file.site.id, place])
        link = url_for(
            "walks.checkpoint", site=file.site.id, place=place, code=code, _external=True
        )
        svg = segno.make(link, error="m").svg_inline(scale=4, border=2, svgclass="qr", lineclass="")
        return Markup(svg)  # noqa: S704 - segno draws it, nothing of the link is text in it

    return render_template("patrols/codes.html", drawn=drawn, versions=versions)


def _advice(file: SiteFile, told: list[Event], now: int) -> list[str]:
    """Where a walk matters most in the week to come."""
    foreseen = incidents.foresee(file, told, now)
    return coming.patrols(foreseen, file, told, Words(file.site, language()), WEEK_H)


def _listing(kept: dict[str, Any], errors: dict[str, str], status: int) -> ResponseReturnValue:
    here, now = console(), console().now()
    asked = request.values.get("site", "")
    file = here.site(asked) or here.sites[0]
    mine = Patrol.site == file.site.id
    with here.reader.connect() as connection:
        ahead = found(connection, mine, Patrol.ends_at > now)
        past = found(
            connection, mine, Patrol.ends_at.between(now - LATELY_MS, now),
            Patrol.cancelled_at.is_(None), order=Patrol.starts_at.desc(),
        )  # fmt: skip
        weekly = connection.execute(
            select(*PatrolPlan.__table__.columns)
            .where(PatrolPlan.site == file.site.id, PatrolPlan.ended_at.is_(None))
            .order_by(PatrolPlan.made_at)
        ).all()
        # Those who may not plan see no advice, and working it out takes a while.
        told = (
            evidence.told(connection, file.site.id, now - incidents.LOOK_MS, now)
            if file.site.id in acting()
            else None
        )
    advice = _advice(file, told, now) if told is not None else []
    page = render_template(
        "patrols/listing.html", file=file, ahead=ahead, past=past, weekly=weekly, kept=kept,
        errors=errors, stops=range(STOPS), advice=advice, **_words(file.site.id),
    )  # fmt: skip
    return page, status


def _detail(patrol_id: str, people: list[dict[str, Any]] | None) -> ResponseReturnValue:
    here = console()
    with here.reader.connect() as connection:
        one = _one(connection, patrol_id)
        seen = seen_on(connection, patrol_id)
    return render_template(
        "patrols/detail.html", one=one, seen=seen, people=people, **_words(one.site)
    )


def seen_on(connection: Connection, patrol_id: str) -> Sequence[Any]:
    """The check-ins of a walk in their order, each with the code of the case it became."""
    query = (
        select(*CheckIn.__table__.columns, Case.code)
        .outerjoin(Case, Case.id == CheckIn.case)
        .where(CheckIn.patrol == patrol_id)
        .order_by(CheckIn.at)
    )
    return connection.execute(query).all()


def _one(connection: Any, patrol_id: str) -> WalkView:
    rows = found(connection, Patrol.id == patrol_id)
    if not rows:
        abort(404)
    return rows[0]


def letters(site: str) -> Tell:
    """Writes to those who signed up for walks of a site that changed or were called off."""
    here = console()
    file = here.site(site)
    return plans.nobody if file is None else remind.letters(file, here.data, here.now())


def _asked(file: SiteFile) -> NewPlan:
    form, here = request.form, console()
    first = moment(form.get("first", ""))
    return NewPlan(
        title=form.get("title", ""), route=[stop for stop in form.getlist("stop") if stop],
        first_at=as_ms(first, here, file.site.id) if first is not None else 0,
        length_ms=form.get("minutes", 0, type=whole) * 60_000,
        capacity=form.get("capacity", 0, type=whole), weekly=form.get("repeat") == "weekly",
    )  # fmt: skip


def _plan(connection: Connection, plan_id: str) -> Row[Any]:
    query = select(*PatrolPlan.__table__.columns).where(PatrolPlan.id == plan_id)
    row = connection.execute(query).first()
    if row is None or console().site(row.site) is None:
        abort(404)
    return row


def _edit(
    row: Row[Any], kept: dict[str, Any], errors: dict[str, str], status: int
) -> ResponseReturnValue:
    page = render_template(
        "patrols/edit.html", plan=row, file=console().site(row.site), kept=kept, errors=errors,
        stops=range(STOPS), **_words(row.site),
    )  # fmt: skip
    return page, status


def _say(*, done: bool) -> None:
    text = gettext("Done.") if done else gettext("It was so already, or it is over.")
    flash(text, "ok" if done else "warn")


def _refusal(error: PlanRefused) -> str:
    words = {
        "title": gettext("Give it a name."),
        "route": gettext("Choose at least one checkpoint, and none twice."),
        "first_at": gettext("Choose a day and time that lie ahead."),
        "length_ms": gettext("A patrol takes 5 minutes to 12 hours."),
        "capacity": gettext("A patrol has room for 1 to 100."),
    }
    return str(words[error.field])


def _words(site: str) -> dict[str, Any]:
    return {"place_name": place_name, "now": console().now(), "may_act": site in acting()}
