"""Logging in and out, and the choice of language."""

import hashlib
import time
from collections.abc import Callable
from typing import cast
from urllib.parse import urlsplit

from flask import (
    Blueprint,
    Flask,
    Response,
    current_app,
    flash,
    redirect,
    render_template,
    request,
    session,
    url_for,
)
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address
from flask_login import current_user, login_user, logout_user

from hub import audit
from web import users
from web.console import console
from web.language import LANGUAGES

blueprint = Blueprint("login", __name__, template_folder="templates")
PER_ADDRESS = "30 per 5 minutes"
PER_CODE = "5 per 15 minutes"
"""Failed codes of somebody whose password is known: 480 a day, of a million."""
HALF = "half"
"""In the session: who has given their password and owes the code."""
HALF_MS = 5 * 60_000
PER_NAME = "8 per 5 minutes"
"""Failed tries; a password is guessed 2,300 times a day at most."""
Kept = list[tuple[str, str]]
"""The fields of a form that was not sent; a field may stand in it more than once."""
NEVER_KEPT = ("csrf_token", "password", "old", "new", "again", "code", "draft")
"""Fields that are of this session alone, or secret."""
WITH_SECRETS = {
    "people.password": "people.me", "totp.confirm": "totp.page", "totp.renew": "totp.page",
    "totp.off": "totp.page", "totp.check": "login.show",
}  # fmt: skip
"""Forms that are not kept, because they hold secrets: where they are filled in again."""
SENT: Kept = [("resent", "1")]
"""Stands for a form in which nothing is typed, but which was sent."""


def limit(app: Flask) -> None:
    """Count failed logins for each address and for each name."""
    limiter = Limiter(get_remote_address, app=app, storage_uri="memory://")
    app.extensions["linli.limiter"] = limiter
    by_address = limiter.limit(PER_ADDRESS, key_func=get_remote_address, deduct_when=_failed)
    by_name = limiter.limit(PER_NAME, key_func=_name, deduct_when=_failed)
    app.view_functions["login.enter"] = by_address(by_name(enter))
    # Whoever finds an open session is not to find out its password.
    own = limiter.limit(PER_NAME, key_func=lambda: current_user.get_id(), deduct_when=_failed)
    for name in ("people.password", "totp.confirm", "totp.renew", "totp.off"):
        view = cast("Callable[[], ResponseReturnValue]", app.view_functions[name])
        app.view_functions[name] = own(view)
    codes = limiter.limit(PER_CODE, key_func=_half_name, deduct_when=_failed)
    view = cast("Callable[[], ResponseReturnValue]", app.view_functions["totp.check"])
    app.view_functions["totp.check"] = by_address(codes(view))


def _name() -> str:
    # As it is looked for: what spells one name in other characters has no tries of its own.
    return users.tidy(request.form.get("name", "")).casefold()


def _half_name() -> str:
    return f"code of {(session.get(HALF) or [0])[0]}"


def _failed(response: Response) -> bool:
    return response.status_code == 401


def ask() -> ResponseReturnValue:
    """The login page instead of what was asked for; keeps what a form had typed in it."""
    if request.endpoint == "login.leave":
        return redirect(url_for("login.show"))  # it has ended already
    if request.method == "POST":
        if page := _filled_in_again():
            flash(gettext("You were logged out while this form was open. Log in and fill it in "
                          "again: passwords are not kept."), "warn")  # fmt: skip
            return _page(next_=page, kept=[], status=401)
        flash(gettext("You were logged out while this form was open. Log in to send it."), "warn")
        return _page(next_=request.path, kept=_typed() or SENT, status=401)
    target = request.full_path.rstrip("?")
    return redirect(url_for("login.show", next=target if target != "/" else None))


@blueprint.get("/login")
def show() -> ResponseReturnValue:
    """The form."""
    if current_user.is_authenticated:
        return redirect(local(request.args.get("next", "")))
    return _page(next_=request.args.get("next", ""), kept=[], status=200)


@blueprint.post("/login")
def enter() -> ResponseReturnValue:
    """Log in; says no in the same words and time whether the name or the password is wrong."""
    here, name = console(), request.form.get("name", "")
    account = users.verify(here.engine, name, request.form.get("password", ""))
    if account is None:
        here.meters.logins.labels("refused").inc()
        current_app.logger.warning("login refused for %r from %s", name[:80], request.remote_addr)
        flash(gettext("Name and password do not belong together."), "error")
        return _page(next_=request.form.get("next", ""), kept=kept_fields(), status=401)
    if account.totp:
        session.pop(HALF, None)
        session[HALF] = [account.id, _digest(account), here.now()]
        return ask_code(request.form.get("next", ""), kept_fields(), 200)
    return complete(account)


def complete(account: users.Account) -> ResponseReturnValue:
    """Begin the session of somebody who has shown all that is asked for."""
    here = console()
    here.meters.logins.labels("ok").inc()
    with here.engine.begin() as connection:
        audit.enter(connection, account.name, "login", account.name, "", here.now())
    language = session.get("language", "")
    session.clear()  # nothing of before goes on, so that nobody can plant a session
    session.permanent = True
    login_user(account)
    if language and language != account.language:
        users.set_language(here.engine, account.id, language)
    if kept := kept_fields():
        return again(local(request.form.get("next", "")), kept, "", 200)
    return redirect(local(request.form.get("next", "")))


def half_way() -> users.Account | None:
    """Who has given their password and owes the code; None where that is nobody, or too long
    ago, or the password was changed since."""
    here = console()
    number, digest, since = session.get(HALF) or (0, "", 0)
    if here.now() - since > HALF_MS:
        return None
    account = users.by_id(here.engine, number)
    return account if account is not None and _digest(account) == digest else None


def ask_code(next_: str, kept: Kept, status: int) -> ResponseReturnValue:
    """The second half of a login; keeps what a form had typed in it."""
    return render_template("login/code.html", next=next_, kept=kept), status


def again_from_start() -> ResponseReturnValue:
    """The login page, with what a form had typed in it."""
    return _page(next_=request.form.get("next", ""), kept=kept_fields(), status=400)


def _digest(account: users.Account) -> str:
    """Says which password it was, without the key that a session is known by."""
    return hashlib.sha256(account.session_key.encode()).hexdigest()


@blueprint.post("/logout")
def leave() -> ResponseReturnValue:
    """End this session."""
    here = console()
    with here.engine.begin() as connection:
        audit.enter(connection, current_user.name, "logout", current_user.name, "", here.now())
    language = session.get("language", "")
    users.leave(here.engine, current_user)
    logout_user()
    session.clear()
    session["language"] = language or "en"
    flash(gettext("You are logged out."), "ok")
    return redirect(url_for("login.show"))


@blueprint.post("/language")
def language() -> ResponseReturnValue:
    """Switch the language, here and for the next login."""
    chosen = request.form.get("language", "")
    if chosen in LANGUAGES:
        session["language"] = chosen
        if current_user.is_authenticated:
            users.set_language(console().engine, current_user.id, chosen)
    return redirect(local(request.form.get("next", "")))


def again(target: str, kept: Kept, reason: str, status: int) -> ResponseReturnValue:
    """A form that was not sent, with what was typed in it and a button that sends it."""
    return render_template("login/again.html", target=target, kept=kept, reason=reason), status


def stale_form(reason: str) -> ResponseReturnValue:
    """What a form gets whose token is not of this session."""
    if request.endpoint in ("login.enter", "login.leave", "login.language"):
        flash(gettext("This page was open for too long. Please try again."), "warn")
        return _page(next_=request.form.get("next", ""), kept=kept_fields(), status=400)
    if page := _filled_in_again():
        flash(gettext("This page was open for too long. Please try again."), "warn")
        return redirect(page)
    return again(request.path, _typed(), reason, 400)


def _filled_in_again() -> str:
    """The page of a form that holds secrets; "" for one that may be kept."""
    if request.endpoint == "first.create":
        return request.path
    page = WITH_SECRETS.get(request.endpoint or "")
    return url_for(page) if page is not None else ""


def local(target: str, default: str = "") -> str:
    """``target`` if it is an address of this console, else ``default`` or the first page."""
    parts = urlsplit(target)
    plain = target.startswith("/") and not target.startswith(("//", "/\\"))
    clean = plain and not parts.scheme and not parts.netloc and "\\" not in target
    return target if clean and target.isprintable() else default or url_for("now.page")


def too_many() -> ResponseReturnValue:
    """The login page when the limit is reached."""
    console().meters.logins.labels("limited").inc()
    limiter: Limiter = current_app.extensions["linli.limiter"]
    broken = limiter.current_limit
    # The limiter counts by the machine's clock, so its end is read by the same.
    wait_s = max(1, round(broken.reset_at - time.time())) if broken is not None else 300
    flash(gettext("Too many failed logins. Wait %(s)d s, then try again.", s=wait_s), "error")
    response = current_app.make_response(
        _page(next_=request.form.get("next", ""), kept=kept_fields(), status=429)
    )
    response.headers["Retry-After"] = str(wait_s)
    return response


def _page(*, next_: str, kept: Kept, status: int) -> ResponseReturnValue:
    return render_template("login/login.html", next=next_, kept=kept), status


def _typed() -> Kept:
    return [(key, text) for key, text in request.form.items(multi=True) if key not in NEVER_KEPT]


def kept_fields() -> Kept:
    """What a form had typed in it before the login."""
    return [
        (key.removeprefix("kept."), text)
        for key, text in request.form.items(multi=True)
        if key.startswith("kept.")
    ]
