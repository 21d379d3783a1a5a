"""A second factor: one-time codes from a phone, switched on by each user or asked for by role."""

import pyotp
import segno
from flask import (
    Blueprint,
    current_app,
    flash,
    redirect,
    render_template,
    request,
    url_for,
)
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from flask_login import current_user, login_user
from markupsafe import Markup

from web import login, users
from web.console import console
from web.totp import codes
from web.vault import vault

blueprint = Blueprint("totp", __name__, template_folder="templates")


@blueprint.get("/login/code")
def ask() -> ResponseReturnValue:
    """The second half of a login."""
    if login.half_way() is None:
        return redirect(url_for("login.show"))
    return login.ask_code(request.args.get("next", ""), [], 200)


@blueprint.post("/login/code")
def check() -> ResponseReturnValue:
    """Take the code; in the same words whether it is wrong, old or taken already."""
    here, account = console(), login.half_way()
    if account is None:
        flash(gettext("That took too long. Log in again."), "warn")
        return login.again_from_start()
    given = request.form.get("code", "")
    rest = codes.check(here.engine, vault(), account.id, given, now=here.now())
    if rest is None:
        here.meters.logins.labels("refused").inc()
        current_app.logger.warning("code refused for %r from %s", account.name, request.remote_addr)
        flash(gettext("That code is not right, or was used already. Wait for the next one."),
              "error")  # fmt: skip
        return login.ask_code(request.form.get("next", ""), login.kept_fields(), 401)
    answer = login.complete(account)
    if not "".join(given.split()).isdigit():
        flash(gettext("Recovery codes left: %(n)d.", n=rest), "warn")
    return answer


@blueprint.get("/me/code")
def page() -> ResponseReturnValue:
    """Set it up, or what there is to it."""
    return _page(200)


@blueprint.post("/me/code")
def confirm() -> ResponseReturnValue:
    """Switch it on, once a code shows that the phone has the secret."""
    here, secret = console(), _draft()
    if refused := _refused():
        return refused
    step = codes.fits(secret, request.form.get("code", ""), here.now())
    if step is None or current_user.totp:
        flash(gettext("That code does not fit. Is the phone's clock right?"), "error")
        return _page(401)
    me = current_user.name
    made = codes.switch_on(
        here.engine, vault(), current_user.id, secret, step, actor=me, now=here.now()
    )
    _go_on()
    return _shown_once(made)


@blueprint.post("/me/code/recovery")
def renew() -> ResponseReturnValue:
    """New recovery codes."""
    here = console()
    if refused := _refused():
        return refused
    if not current_user.totp:
        return redirect(url_for("totp.page"))
    me = current_user.name
    return _shown_once(codes.renew(here.engine, current_user.id, actor=me, now=here.now()))


@blueprint.post("/me/code/off")
def off() -> ResponseReturnValue:
    """Back to the password alone, where the role may do that."""
    here = console()
    if refused := _refused():
        return refused
    if current_user.role in here.settings.totp_required:
        flash(gettext("Your role needs it; only an administrator can reset it."), "warn")
        return redirect(url_for("totp.page"))
    codes.switch_off(here.engine, current_user.id, actor=current_user.name, now=here.now())
    _go_on()
    flash(gettext("Your password alone is enough again; your other sessions have ended."), "ok")
    return redirect(url_for("people.me"))


def _refused() -> ResponseReturnValue | None:
    """Whoever finds an open session is not to change how it is entered."""
    here = console()
    given = request.form.get("password", "")
    if users.verify(here.engine, current_user.name, given) is not None:
        return None
    here.meters.logins.labels("refused").inc()
    flash(gettext("The password is not right."), "error")
    return _page(401)


def _go_on() -> None:
    """This session goes on under the new key; the others have ended."""
    account = users.by_id(console().engine, current_user.id)
    if account is not None:
        login_user(account)


def _draft() -> str:
    """The secret that is being set up: it travels in the form, sealed, and not in the session,
    which an answer to another tab of the same browser may put back to what it was."""
    owner, _colon, secret = vault().open(request.form.get("draft", "").encode()).partition(":")
    return secret if owner == str(current_user.id) else ""


def _page(status: int) -> ResponseReturnValue:
    here = console()
    secret, drawn = "", Markup("")
    if not current_user.totp:
        secret = _draft() or pyotp.random_base32()
        issuer = f"Linli {here.sites[0].site.name.en}" if here.sites else "Linli"
        uri = pyotp.TOTP(secret).provisioning_uri(name=current_user.name, issuer_name=issuer)
        svg = segno.make(uri, error="m").svg_inline(
            scale=4, border=4, svgclass="qr", lineclass="", light="#fff", dark="#000"
        )
        drawn = Markup(svg)  # noqa: S704 - segno draws it, nothing of the address is text in it
    left = codes.left(here.engine, current_user.id)
    needed = current_user.role in here.settings.totp_required
    return render_template(
        "totp/page.html",
        secret=secret,
        drawn=drawn,
        left=left,
        needed=needed,
        draft=vault().seal(f"{current_user.id}:{secret}").decode(),
    ), status


def _shown_once(made: list[str]) -> str:
    return render_template("totp/recovery.html", codes=made)
