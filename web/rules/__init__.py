"""Rules in force and how they changed, and what is quiet: silences and maintenance windows."""

from collections import defaultdict
from urllib.parse import urlencode

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from flask_login import current_user
from msgspec import Struct
from sqlalchemy import Connection, func, select

from configs.site import SiteFile
from hub import silences
from hub.state.tables import Alert
from web.console import console
from web.now.snapshot import sources_of
from web.roles import Role, acting
from web.rules.force import in_force
from web.rules.history import history
from web.rules.scope import scope
from web.rules.setting import setting
from web.when import as_ms, moment, whole

blueprint = Blueprint("rules", __name__, template_folder="templates")
blueprint.add_app_template_filter(setting)
WEEK_MS = 7 * 86_400_000
OVER = 10
"""Silences that are over and still shown."""


class Fired(Struct):
    """What a rule raised in the last seven days."""

    alerts: int = 0
    false: int = 0
    judged: int = 0


@blueprint.get("/rules")
def page() -> ResponseReturnValue:
    """Rules, silences and the configuration's history, which ``?before=`` goes on with."""
    here, now = console(), console().now()
    with here.reader.connect() as connection:
        quiet = silences.listed(connection, now, over=True)
        fired = _fired(connection, now - WEEK_MS)
        changes, older = history(connection, here, request.args.get("before", type=whole))
    mine = [one for one in quiet if here.site(one.site) is not None]
    return render_template(
        "rules/page.html",
        sites=[(file.site, in_force(file)) for file in here.sites],
        fired=fired,
        quiet=[one for one in mine if one.ends_at > now],
        over=[one for one in reversed(mine) if one.ends_at <= now][:OVER],
        older=older,
        history=changes,
        scopes=[one for f in here.sites if f.site.id in acting() for one in _scopes(f)],
        scope=scope,
        may_act=acting(),
        may_edit=current_user.where(Role.MAINTAINER) if here.config is not None else (),
        asked=request.args,
    )


@blueprint.post("/rules/silences")
def silence() -> ResponseReturnValue:
    """Make a silence or a maintenance window."""
    here, form, now = console(), request.form, console().now()
    site, _slash, what = form.get("scope", "").partition("/")
    kind, _colon, name = what.partition(":")
    starts, ends = moment(form.get("starts", "")), moment(form.get("ends", ""))
    known = {value for file in here.sites for value, *_words in _scopes(file)}
    if form.get("scope") not in known or ends is None:
        flash(gettext("Say what is to be quiet, and until when."), "warn")
        return _again()
    try:
        silences.create(
            here.engine, site=site, author=current_user.name, reason=form.get("reason", ""),
            rule=name if kind == "rule" else "",
            place=name if kind == "place" else "", source=name if kind == "source" else "",
            kind=silences.Kind.MAINTENANCE if form.get("kind") else silences.Kind.SILENCE,
            starts_at=max(now, as_ms(starts, here, site)) if starts is not None else None,
            ends_at=as_ms(ends, here, site), now=now,
        )  # fmt: skip
    except silences.SilenceError as error:
        flash(_refusal(error), "warn")
        return _again()
    flash(gettext("Notifications are muted; alerts still come."), "ok")
    return redirect(url_for("rules.page") + "#quiet")


@blueprint.post("/rules/silences/<int(max=2147483647):number>/end")
def end(number: int) -> ResponseReturnValue:
    """End one before its time."""
    here = console()
    ended = silences.end(here.engine, number, actor=current_user.name, now=here.now())
    done = ended is silences.Ended.DONE
    text = gettext("Notifications are on again.") if done else gettext("It was over already.")
    flash(text, "ok" if done else "warn")
    return redirect(url_for("rules.page") + "#quiet")


def _again() -> ResponseReturnValue:
    names = ("scope", "starts", "ends", "reason", "kind")
    kept = {name: request.form.get(name, "") for name in names}
    return redirect(f"{url_for('rules.page')}?{urlencode(kept)}#quiet")


def _refusal(error: silences.SilenceError) -> str:
    words = {
        silences.Refusal.REASON: gettext("Say why: whoever misses an alert will want to know."),
        silences.Refusal.ENDS: gettext("It would be over before it begins."),
        silences.Refusal.LONG: gettext("It may last 90 days at most."),
    }
    return str(words[error.refusal])


def _scopes(file: SiteFile) -> list[tuple[str, str, object]]:
    """What can be made quiet: (value of the form, kind, name)."""
    site = file.site.id
    sources = sorted({f"{node}/{source}" for p in file.places for node, source in sources_of(p)})
    return [
        (f"{site}/", "site", file.site.name),
        *((f"{site}/place:{place.id}", "place", place.name) for place in file.places),
        *((f"{site}/rule:{rule.id}", "rule", rule.title) for rule in file.rules),
        *((f"{site}/source:{source}", "source", source) for source in sources),
    ]


def _fired(connection: Connection, since: int) -> dict[tuple[str, str], Fired]:
    rows = connection.execute(
        select(Alert.site, Alert.rule, Alert.verdict, func.count())
        .where(Alert.fired_ts >= since)
        .group_by(Alert.site, Alert.rule, Alert.verdict)
    )
    found: dict[tuple[str, str], Fired] = defaultdict(Fired)
    for site, rule, verdict, count in rows:
        one = found[site, rule]
        one.alerts += count
        one.judged += count if verdict in ("true", "false") else 0
        one.false += count if verdict == "false" else 0
    return found
