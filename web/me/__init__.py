"""What a user sets for themselves: sound of new alerts, letter keys, dark or light."""

from flask import Blueprint, abort, redirect, request
from flask.typing import ResponseReturnValue
from flask_login import current_user

from web import users
from web.console import console
from web.login import local

blueprint = Blueprint("me", __name__)
THEMES = ("dark", "light", "")


@blueprint.post("/me/sound")
def sound() -> ResponseReturnValue:
    """Let new alerts be heard, or not."""
    on = request.form.get("sound") == "on"
    users.set_setting(console().engine, current_user.id, "sound", on)
    return redirect(local(request.form.get("next", "")))


@blueprint.post("/me/keys")
def keys() -> ResponseReturnValue:
    """Let letters typed outside a field do something, or not."""
    on = request.form.get("keys") == "on"
    users.set_setting(console().engine, current_user.id, "keys", on)
    return redirect(local(request.form.get("next", "")))


@blueprint.post("/me/theme")
def theme() -> ResponseReturnValue:
    """Dark, light, or as the browser has it."""
    chosen = request.form.get("theme", "")
    if chosen not in THEMES:
        abort(400)
    users.set_setting(console().engine, current_user.id, "theme", chosen)
    return redirect(local(request.form.get("next", "")))
