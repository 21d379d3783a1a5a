"""Who may log in, and one's own password."""

import secrets

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from flask_login import current_user, login_user

from web import account, neighbours, users
from web.console import console
from web.roles import Role

blueprint = Blueprint("people", __name__, template_folder="templates")


@blueprint.get("/users")
def page() -> ResponseReturnValue:
    """Everybody, and what an administrator does about them."""
    return render_template(
        "people/page.html", people=users.listed(console().engine), roles=Role,
        site_roles=[role for role in Role if role is not Role.ADMIN],
    )  # fmt: skip


@blueprint.post("/users")
def create() -> ResponseReturnValue:
    """Make an account with a password that is shown once."""
    form, here = request.form, console()
    name, role, at = form.get("name", "").strip(), form.get("role", ""), form.get("at", "")
    fits = role in list(Role) and not (at and (role == Role.ADMIN or here.site(at) is None))
    if not name or not fits:
        flash(gettext("Give a name and a role."), "warn")
        return redirect(url_for("people.page"))
    password = secrets.token_urlsafe(12)
    try:
        users.create(
            here.engine, name, Role(role), password, actor=current_user.name, now=here.now(),
            sites={at: Role(role)} if at else {},
        )  # fmt: skip
    except users.UserError:
        flash(gettext("There is a user of that name already."), "warn")
    else:
        _show_once(name, password)
    return redirect(url_for("people.page"))


@blueprint.post("/users/change")
def change() -> ResponseReturnValue:
    """One thing about one user: role, everywhere or at sites, new password, second factor,
    disable, enable, or end of all sessions."""
    name, verb = request.form.get("name", ""), request.form.get("do", "")
    if name == current_user.name and verb != "logout":
        flash(gettext("Another administrator has to do that to your own account."), "warn")
        return redirect(url_for("people.page"))
    try:
        _do(name, verb)
    except users.UserError:
        flash(gettext("That cannot be: there is no such user, or no administrator would be left."),
              "warn")  # fmt: skip
    return redirect(url_for("people.page"))


@blueprint.post("/users/resident")
def resident() -> ResponseReturnValue:
    """What a resident asks for who cannot get in: a new password, or an end of the account. Their
    names are not listed: whoever asks says theirs."""
    here, name, verb = console(), request.form.get("name", ""), request.form.get("do", "")
    actor, number = current_user.name, neighbours.named(here.engine, name)
    if number is None or verb not in ("password", "delete"):
        flash(gettext("No resident's account has that name."), "warn")
    elif verb == "password":
        password = secrets.token_urlsafe(12)
        neighbours.set_password(here.engine, number, password, now=here.now(), actor=actor)
        _show_once(name, password)
    else:
        account.end(number, actor=actor)
        flash(gettext("The account and what was personal in it are deleted."), "ok")
    return redirect(url_for("people.page"))


def _do(name: str, verb: str) -> None:
    here, actor = console(), current_user.name
    engine, now = here.engine, here.now()
    done = gettext("Done; sessions of %(name)s have ended.", name=name)
    match verb:
        case "disable" | "enable":
            users.set_disabled(engine, name, verb == "disable", actor=actor, now=now)
        case "totp":
            users.reset_totp(engine, name, actor=actor, now=now)
        case "logout":
            users.end_sessions(engine, name, actor=actor, now=now)
        case "password":
            password = secrets.token_urlsafe(12)
            users.set_password(engine, name, password, actor=actor, now=now)
            _show_once(name, password)
            return
        case "role" if request.form.get("role") in list(Role):
            users.set_role(engine, name, Role(request.form["role"]), actor=actor, now=now)
        case "sites" if sites := _at_sites():
            users.set_role(engine, name, Role.VIEWER, actor=actor, now=now, sites=sites)
        case _:
            done = gettext("Nothing was changed.")
    flash(done, "ok")


def _at_sites() -> dict[str, Role]:
    """The roles at single sites that the form gives; what is no site or role there is left out."""
    asked = {file.site.id: request.form.get(f"at.{file.site.id}", "") for file in console().sites}
    known = [role for role in Role if role is not Role.ADMIN]
    return {site: Role(role) for site, role in asked.items() if role in known}


def _show_once(name: str, password: str) -> None:
    words = gettext("The password of %(name)s, shown this once: %(password)s", name=name,
                    password=password)  # fmt: skip
    flash(words, "ok")


@blueprint.get("/me")
def me() -> ResponseReturnValue:
    """One's own account."""
    return render_template("people/me.html", least=users.MIN_PASSWORD)


@blueprint.post("/me/password")
def password() -> ResponseReturnValue:
    """A new password of one's own; ends the other sessions."""
    here, form = console(), request.form
    name = current_user.name
    if users.verify(here.engine, name, form.get("old", "")) is None:
        here.meters.logins.labels("refused").inc()
        flash(gettext("The old password is not right."), "error")
        return render_template("people/me.html", least=users.MIN_PASSWORD), 401
    if form.get("new", "") != form.get("again", ""):
        flash(gettext("The two new passwords differ."), "warn")
        return redirect(url_for("people.me"))
    try:
        users.set_password(here.engine, name, form.get("new", ""), actor=name, now=here.now())
    except users.UserError:
        flash(gettext("A password has at least %(n)d characters.", n=users.MIN_PASSWORD), "warn")
        return redirect(url_for("people.me"))
    account = users.verify(here.engine, name, form.get("new", ""))
    if account is not None:
        login_user(account)  # this session goes on under the new key; the others have ended
    flash(gettext("You have a new password; your other sessions have ended."), "ok")
    return redirect(url_for("people.me"))
