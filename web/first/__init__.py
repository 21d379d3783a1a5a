"""/first: where the link that `linli up` prints makes the first administrator."""

from flask import Blueprint, flash, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from flask_login import login_user

from web import users
from web.console import console
from web.faces import faces
from web.first import links

blueprint = Blueprint("first", __name__, template_folder="templates")


@blueprint.get("/first/<token>")
def show(token: str) -> ResponseReturnValue:
    """The form, or why there is none."""
    here = console()
    good = links.good(here.engine, token, now=here.now())
    return _page(token, good=good), 200 if good else 404


@blueprint.post("/first/<token>")
def create(token: str) -> ResponseReturnValue:
    """Make the administrator and log them in."""
    here, form = console(), request.form
    name, password = form.get("name", "").strip(), form.get("password", "")
    if not name or password != form.get("again", ""):
        words = gettext("The two passwords differ.") if name else gettext("Give a name.")
        flash(words, "warn")
        return _page(token, good=links.good(here.engine, token, now=here.now())), 422
    try:
        made = links.redeem(here.engine, token, name, password, now=here.now())
    except users.UserError:
        flash(
            gettext("A password has %(n)d characters or more, and the name must not be taken.",
                    n=users.MIN_PASSWORD),
            "warn",
        )  # fmt: skip
        return _page(token, good=True), 422
    if not made:
        return _page(token, good=False), 404
    account = users.verify(here.engine, name, password)
    session.clear()
    session.permanent = True
    login_user(account)
    flash(gettext("Welcome. Make accounts for the others under Users."), "ok")
    if any(file.residents.open for file in here.sites) and faces().hider() is None:
        words = gettext("Photos of reports stay with the staff here, because no faces are blurred.")
        flash(f"{words} ({faces().why})", "warn")
    return redirect(url_for("now.page"))


def _page(token: str, *, good: bool) -> str:
    return render_template("first/page.html", token=token, good=good, least=users.MIN_PASSWORD)
