"""A resident's own account: made, entered, looked after and deleted; reports and walks in one page.

Nobody needs one to report. Patrols do, since a record over many walks is somebody's.
"""

from typing import Any

from flask import (
    Blueprint,
    Flask,
    abort,
    current_app,
    flash,
    redirect,
    render_template,
    request,
    url_for,
)
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address
from werkzeug import Response as Answer

from hub.cases import contacts
from hub.neighbours.forget import forget
from web import neighbours, users
from web.account.record import reports, soon, tokens, walks
from web.cases.words import STATES, kind_name, place_name
from web.console import console
from web.login import local
from web.neighbours import NameRefused, NameTaken, Neighbour, resident
from web.roles import RESIDENTS, wants_json
from web.vault import vault

blueprint = Blueprint("account", __name__, template_folder="templates")
TRIES_OF_ADDRESS = "60 per 5 minutes"
"""Failed ones; a whole community may share one address."""
TRIES_OF_NAME = "8 per 5 minutes"
NEW_OF_ADDRESS = "100 per hour"
REFUSED_OF_ADDRESS = "60 per 5 minutes"
"""Accounts that could not be made: whoever asks for many names would learn who lives here."""


def limit(app: Flask) -> None:
    """Count failed logins for each address and name, and new accounts for each address."""
    limiter: Limiter = app.extensions["linli.limiter"]
    by_name = limiter.limit(TRIES_OF_NAME, key_func=_name, deduct_when=_failed)
    by_address = limiter.limit(TRIES_OF_ADDRESS, key_func=get_remote_address, deduct_when=_failed)
    app.view_functions["account.log_in"] = by_address(by_name(log_in))
    # Whoever finds an open session is not to find out its password.
    own = limiter.limit(TRIES_OF_NAME, key_func=_self, deduct_when=_failed, scope="own-password")
    app.view_functions["account.password"] = own(password)
    app.view_functions["account.delete"] = own(delete)
    made = limiter.limit(
        NEW_OF_ADDRESS, key_func=get_remote_address, deduct_when=lambda it: it.status_code == 302
    )
    refused = limiter.limit(
        REFUSED_OF_ADDRESS, key_func=get_remote_address, scope="refused-account",
        deduct_when=lambda it: it.status_code == 422,
    )  # fmt: skip
    app.view_functions["account.create"] = refused(made(create))


def gate() -> None:
    """Before every request: what is a resident's own is for residents."""
    if request.endpoint in RESIDENTS and resident() is None:
        abort(401)


def ask() -> ResponseReturnValue:
    """The login page instead of what was asked for, for who has no resident's session."""
    if wants_json():
        return {"error": gettext("Log in first; what you sent is kept on this phone.")}, 401
    flash(gettext("Log in first, or make an account: it takes a name and a password."), "warn")
    target = request.full_path.rstrip("?") if request.method == "GET" else None
    return redirect(url_for("account.enter", next=target))


@blueprint.get("/account/enter")
def enter() -> ResponseReturnValue:
    """The form to log in."""
    if resident() is not None:
        return redirect(_local())
    return _page("account/enter.html")


@blueprint.post("/account/enter")
def log_in() -> ResponseReturnValue:
    """Log in; says no in the same words and time whether the name or the password is wrong."""
    here, form = console(), request.form
    who = neighbours.verify(here.engine, form.get("name", ""), form.get("password", ""))
    if who is None:
        here.meters.logins.labels("refused").inc()
        current_app.logger.warning("a resident's login refused from %s", request.remote_addr)
        flash(gettext("Name and password do not belong together."), "error")
        return _page("account/enter.html"), 401
    here.meters.logins.labels("ok").inc()
    return _as(who, redirect(_local()))


@blueprint.get("/account/new")
def new() -> ResponseReturnValue:
    """The form for an account."""
    return _page("account/new.html", errors={})


@blueprint.post("/account/new")
def create() -> ResponseReturnValue:
    """Make an account, and be logged in."""
    here, form, errors = console(), request.form, {}
    name, password = form.get("name", ""), form.get("password", "")
    if form.get("website"):
        return redirect(url_for("residents.board"))  # a program filled in what nobody sees
    who = None
    try:
        who = neighbours.create(
            here.engine, vault(), name, password, form.get("contact", ""), here.now()
        )
    except NameRefused:
        errors["name"] = gettext("A name has 2 to 40 characters.")
    except NameTaken:
        errors["name"] = gettext("Somebody has that name already: choose another.")
    except users.UserError:
        errors["password"] = _short()
    if errors:
        return _page("account/new.html", errors=errors), 422
    flash(gettext("Welcome. Your account is there."), "ok")
    return _as(who, redirect(_local()))


@blueprint.post("/account/leave")
def leave() -> ResponseReturnValue:
    """End this session."""
    flash(gettext("You are logged out."), "ok")
    return neighbours.log_out(_answer(redirect(url_for("residents.board"))))


@blueprint.get("/account")
def mine() -> ResponseReturnValue:
    """One's reports, walks and account."""
    return _mine(200)


@blueprint.post("/account/password")
def password() -> ResponseReturnValue:
    """Another password; other sessions end."""
    here, form, me = console(), request.form, _me()
    if not neighbours.is_password(here.engine, me.id, form.get("old", "")):
        flash(gettext("The old password is wrong."), "error")
        return _mine(401)
    try:
        who = neighbours.set_password(here.engine, me.id, form.get("new", ""), now=here.now())
    except users.UserError:
        flash(_short(), "error")
        return _mine(422)
    flash(gettext("The password is changed; everywhere else you are logged out."), "ok")
    return _as(who, redirect(url_for("account.mine")))


@blueprint.post("/account/contact")
def contact() -> ResponseReturnValue:
    """How one can be reached; empty deletes it."""
    neighbours.set_contact(console().engine, vault(), _me().id, request.form.get("contact", ""))
    flash(gettext("Kept."), "ok")
    return redirect(url_for("account.mine"))


@blueprint.post("/account/delete")
def delete() -> ResponseReturnValue:
    """The account and all that is personal goes at once. Reports stay, without a contact and
    without a tie to anybody."""
    here, me = console(), _me()
    if not neighbours.is_password(here.engine, me.id, request.form.get("password", "")):
        flash(gettext("The password is wrong; nothing was deleted."), "error")
        return _mine(401)
    end(me.id, actor=neighbours.SELF)
    flash(gettext("Your account and what was personal in it are deleted."), "ok")
    return neighbours.log_out(_answer(redirect(url_for("residents.board"))))


def next_walk() -> Any:
    """What the reader is reminded of on each page of residents."""
    me = resident()
    return soon(console(), me.id) if me is not None else None


def end(number: int, *, actor: str) -> None:
    """Delete an account, and the contacts in its reports."""
    here = console()
    for token in tokens(here, vault(), number):
        contacts.forget_one(here.engine, token, now=here.now())
    forget(here.engine, number, actor=actor, now=here.now())


def too_many() -> ResponseReturnValue:
    """For who tries passwords, or makes accounts, too often."""
    console().meters.logins.labels("limited").inc()
    text = gettext("Too many tries. Please wait a few minutes, then try again.")
    return render_template("residents/excuse.html", text=text), 429


def _mine(status: int) -> ResponseReturnValue:
    here, me = console(), _me()
    page = render_template(
        "account/mine.html", me=me, reports=reports(here, vault(), me.id),
        walks=walks(here, me.id), contact=neighbours.contact_of(here.engine, vault(), me.id),
        least=users.MIN_PASSWORD, STATES=STATES, kind_name=kind_name, place_name=place_name,
        now=here.now(),
    )  # fmt: skip
    return page, status


def _page(name: str, **more: Any) -> str:
    target = request.values.get("next", "")
    return render_template(name, next=target, kept=request.form, least=users.MIN_PASSWORD, **more)


def _me() -> Neighbour:
    me = resident()
    assert me is not None  # noqa: S101 - the gate lets nobody else in
    return me


def _as(who: Neighbour | None, response: ResponseReturnValue) -> ResponseReturnValue:
    answer = _answer(response)
    return neighbours.log_in(answer, who) if who is not None else answer


def _answer(response: ResponseReturnValue) -> Any:
    return current_app.make_response(response)


def _local() -> str:
    return local(request.values.get("next", ""), url_for("account.mine"))


def _short() -> str:
    return str(gettext("A password has at least %(n)d characters.", n=users.MIN_PASSWORD))


def _name() -> str:
    return neighbours.key_of(request.form.get("name", ""))


def _self() -> str:
    me = resident()
    return str(me.id) if me is not None else get_remote_address()


def _failed(response: Answer) -> bool:
    return response.status_code == 401
