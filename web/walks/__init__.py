"""Patrols for residents: which there are, signing up, and checking in at checkpoints.

Looking needs no account, taking part does. A check-in works without JavaScript; with it, what
happens without a connection is kept on the phone and sent once, with the time at which it
happened.
"""

from typing import Any

from flask import (
    Blueprint,
    Response,
    abort,
    current_app,
    flash,
    g,
    jsonify,
    redirect,
    render_template,
    request,
    send_from_directory,
    url_for,
)
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from sqlalchemy import Connection, select

from configs.residents import HAZARD
from configs.site import SiteFile
from hub.cases import receive
from hub.cases.receive import NewReport, Received, ReportRefused
from hub.patrols import checkin, signup
from hub.patrols.checkin import Arrived, Checked, Seen
from hub.patrols.codes import Code, judge
from hub.patrols.signup import Signed, volunteers
from hub.patrols.tables import CheckIn, Patrol
from hub.patrols.walks import WalkView, found, to_come
from web import neighbours
from web.cases.words import place_name
from web.console import console
from web.neighbours import resident
from web.residents import blocked
from web.roles import wants_json
from web.vault import vault
from web.when import whole

blueprint = Blueprint("walks", __name__, template_folder="templates")


@blueprint.get("/walks")
def listing() -> ResponseReturnValue:
    """Walks to come."""
    here = console()
    with here.reader.connect() as connection:
        sites = [
            (file, to_come(connection, file.site.id, here.now())) for file in here.sites
            if file.residents.open
        ]  # fmt: skip
    return render_template("walks/listing.html", sites=sites, **_words())


@blueprint.get("/walks/<id:patrol_id>")
def walk(patrol_id: str) -> ResponseReturnValue:
    """One walk: when, where, how many, and for its volunteers what they saw."""
    here, me = console(), resident()
    with here.reader.connect() as connection:
        one = _one(connection, patrol_id)
        going, waiting = volunteers(connection, one)
        mine = select(*CheckIn.__table__.columns).where(CheckIn.patrol == patrol_id)
        seen = connection.execute(mine.where(CheckIn.resident == me.id)).all() if me else []
    return render_template(
        "walks/walk.html", one=one, me=me, going=me is not None and me.id in going,
        waits=waiting.index(me.id) + 1 if me is not None and me.id in waiting else 0,
        seen={row.place: row for row in seen}, **_words(),
    )  # fmt: skip


@blueprint.post("/walks/<id:patrol_id>/join")
def join(patrol_id: str) -> ResponseReturnValue:
    """Sign up."""
    here, me = console(), resident()
    with here.reader.connect() as connection:
        file = here.site(_one(connection, patrol_id).site)
    if me is None or file is None:
        abort(404)
    most = file.residents.patrol_sign_ups
    got = signup.sign_up(here.engine, patrol_id, me.id, most=most, now=here.now())
    words = {
        Signed.IN: gettext("You are signed up. See you there!"),
        Signed.WAITING: gettext("It is full: you are on the waiting list and move up by yourself."),
        Signed.ALREADY: gettext("You were signed up already."),
        Signed.TOO_LATE: gettext("That patrol is over, or it was called off."),
        Signed.TOO_MANY: gettext(
            "You are signed up for %(n)d patrols to come, which is the most. Withdraw from one "
            "first.", n=most,
        ),
    }  # fmt: skip
    flash(words.get(got, ""), "ok" if got in (Signed.IN, Signed.WAITING) else "warn")
    return redirect(url_for("walks.walk", patrol_id=patrol_id))


@blueprint.post("/walks/<id:patrol_id>/leave")
def leave(patrol_id: str) -> ResponseReturnValue:
    """Withdraw."""
    here, me = console(), resident()
    if me is not None and signup.withdraw(here.engine, patrol_id, me.id, now=here.now()):
        flash(gettext("You have withdrawn; somebody else can take your place."), "ok")
    else:
        flash(gettext("There was nothing to withdraw from."), "warn")
    return redirect(url_for("walks.walk", patrol_id=patrol_id))


@blueprint.get("/walks/at/<id:site>/<id:place>/<id:code>")
def checkpoint(site: str, place: str, code: str) -> ResponseReturnValue:
    """What the QR code at a checkpoint opens."""
    here, me = console(), resident()
    if here.place(site, place) is None or not _is_open(site):
        abort(404)
    with here.reader.connect() as connection:
        judged = judge(connection, vault(), site, place, code, here.now())
        if judged is Code.OLD:
            return render_template("residents/excuse.html", text=_renewed()), 410
        if judged is Code.WRONG:
            abort(404)
        at = checkin.walk_at(connection, me.id, site, place, here.now()) if me else None
    return render_template(
        "walks/checkpoint.html", site=site, place=place, code=code, patrol=at, **_words()
    )


@blueprint.post("/walks/check-in")
def check_in() -> ResponseReturnValue:
    """A volunteer was at a checkpoint, ``age_ms`` ago by their own clock."""
    here, me, sent = console(), resident(), request.form
    if me is None:
        abort(404)
    age = max(0, sent.get("age_ms", 0, type=whole))
    seen = Seen(
        site=sent.get("site", ""), place=sent.get("place", ""), code=sent.get("code", ""),
        at=here.now() - age, note=sent.get("note", ""),
    )  # fmt: skip
    got = checkin.check_in(here.engine, vault(), me.id, seen, now=here.now())
    if not got.id:
        return _refused(got)
    if sent.get("report") and seen.note.strip():
        _report(got.id, me.id)
    link = url_for("walks.walk", patrol_id=got.patrol)
    if wants_json():
        return jsonify(link=link)
    flash(gettext("You are checked in."), "ok")
    return redirect(link)


@blueprint.post("/walks/check-ins/<id:check_in_id>/note")
def note(check_in_id: str) -> ResponseReturnValue:
    """What was seen there, told later."""
    here, me = console(), resident()
    text = request.form.get("note", "")
    if me is None or not checkin.add_note(here.engine, check_in_id, me.id, text):
        flash(gettext("Write a few words first."), "warn")
    else:
        flash(gettext("Added."), "ok")
    return _back(check_in_id)


@blueprint.post("/walks/check-ins/<id:check_in_id>/report")
def report(check_in_id: str) -> ResponseReturnValue:
    """The note becomes a report."""
    me = resident()
    if me is not None and _report(check_in_id, me.id):
        flash(gettext("Your note is a report now: it stands on your page."), "ok")
    else:
        flash(
            gettext("It could not become a report: write a few words, or report it there."), "warn"
        )
    return _back(check_in_id)


@blueprint.get("/walks/offline")
def offline() -> ResponseReturnValue:
    """What the phone shows of a checkpoint while there is no connection: of nobody, since it is
    stored there."""
    g.neighbour = None
    return render_template("walks/offline.html", **_words())


@blueprint.get("/walks/worker.js")
def worker() -> Response:
    """Keeps that page on the phone; it stands here because it may answer for this folder alone."""
    return send_from_directory(
        current_app.static_folder or "", "worker.js", mimetype="text/javascript"
    )


def _report(check_in_id: str, me: int) -> bool:
    """Make the note of a check-in a report, once; the reporter finds it on their page."""
    here = console()
    query = (
        select(CheckIn.place, CheckIn.note, Patrol.site)
        .join(Patrol, Patrol.id == CheckIn.patrol)
        .where(CheckIn.id == check_in_id, CheckIn.resident == me)
    )
    with here.reader.connect() as connection:
        row = connection.execute(query).first()
    file = here.site(row.site) if row is not None else None
    if row is None or file is None or blocked.standing(vault(), [file]):
        return False
    known = here.place(row.site, row.place) is not None
    told = NewReport(
        kind=_hazard(file), text=row.note, place=row.place if known else "",
        spot="" if known else row.place, request_key=f"patrol-{check_in_id}",
        sender=blocked.sender(vault()),
    )  # fmt: skip
    now = here.now()
    keep = neighbours.keeps(vault(), now)

    def then(connection: Connection, got: Received) -> None:
        checkin.became(connection, check_in_id, got.case, now=now)
        keep(connection, got)

    try:
        receive.receive(here.engine, file, told, vault=vault(), data=here.data, now=now, then=then)
    except ReportRefused:
        return False
    return True


def _hazard(file: SiteFile) -> str:
    kinds = file.residents.kinds
    return next((kind.id for kind in kinds if kind.id == HAZARD), kinds[0].id)


def _renewed() -> str:
    text = gettext(
        "This code was renewed, so that the sheet it is on counts no more. Look for the new one at "
        "the checkpoint; if there is none, please tell the property office."
    )
    return str(text)


def _refused(got: Arrived) -> ResponseReturnValue:
    words = {
        Checked.WRONG_CODE: gettext("That code is of no checkpoint here."),
        Checked.OLD_CODE: _renewed(),
        Checked.NO_WALK: gettext("No patrol that you have a place on passes here at that time."),
        Checked.TOO_OLD: gettext("That was more than a week ago."),
    }
    text = words[got.verdict]
    if wants_json():
        return jsonify(error=text), 422
    flash(text, "warn")
    return redirect(url_for("walks.listing"))


def _back(check_in_id: str) -> ResponseReturnValue:
    query = select(CheckIn.patrol).where(CheckIn.id == check_in_id)
    with console().reader.connect() as connection:
        patrol = connection.scalar(query)
    return redirect(url_for("walks.walk", patrol_id=patrol) if patrol else url_for("walks.listing"))


def _one(connection: Any, patrol_id: str) -> WalkView:
    rows = found(connection, Patrol.id == patrol_id)
    if not rows or not _is_open(rows[0].site):
        abort(404)
    return rows[0]


def _is_open(site: str) -> bool:
    file = console().site(site)
    return file is not None and file.residents.open


def _words() -> dict[str, Any]:
    return {"place_name": place_name, "now": console().now()}
