"""A rule's numbers, severity and hours: edited, tried on what was recorded, and only then written
into the YAML."""

from collections.abc import Sequence
from typing import Any

from flask import (
    Blueprint,
    current_app,
    flash,
    jsonify,
    redirect,
    render_template,
    request,
    url_for,
)
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from flask_login import current_user
from werkzeug.datastructures import MultiDict

from configs import edit
from configs.edit import Value
from configs.overrides import resolve_rule
from configs.rules import Active, Rule
from configs.schedule import parse
from configs.servers import HubSettings, WebSettings
from configs.site import Place, SiteFile
from configs.values import Duration, Text
from hub.backtest.compare import Change
from hub.backtest.workers import Stretch
from web.console import console
from web.language import value
from web.roles import wants_json
from web.tuning import edits, schedule
from web.tuning.drawn import SHOWN, changed, holes, lanes, longest, summary
from web.tuning.edits import Form, Where
from web.tuning.schedule import Schedule
from web.tuning.trials import State, Trial, Trials
from web.when import whole

blueprint = Blueprint("tuning", __name__, template_folder="templates")
DAYS = (1, 7, 28)
DAY_MS = 86_400_000
GAPS = 5
"""Times in which the hub did not run that are listed: the longest."""
TYPED_CHARS = 1500
"""So long may a value be as YAML says it: hours with their dates."""
FIELD = "n."
"""Begins the names of the form's values."""


@blueprint.get("/rules/<id:site>/<id:rule>")
def page(site: str, rule: str) -> ResponseReturnValue:
    """Its numbers; ``?at=`` those that it has at a place, or at several at once."""
    file, found = edits.asked(site, rule)
    at = ",".join(request.args.getlist("at"))
    return _form(file, found, at, _filled(request.args), 200)


@blueprint.post("/rules/<id:site>/<id:rule>/trials")
def start(site: str, rule: str) -> ResponseReturnValue:
    """Check what was typed, and begin to try it; or how it would be without an override."""
    file, found = edits.asked(site, rule)
    place, filled = request.form.get("at", ""), _filled(request.form)
    there, at = edits.there(file, found, place)
    back = at is not None and "back" in request.form
    if back and at is not None:
        values = edits.back_values(file, found, at)
    else:
        values = edits.typed(edit.settings(there), filled)
    if not values and not filled.wrong:
        flash(gettext("Nothing is different: there is nothing to try."), "warn")
    if not values or filled.wrong:
        return _form(file, found, place, filled, 422)
    planned = edits.plan(site, rule, values, place, filled, back=back)
    if planned is None:
        return _form(file, found, place, filled, 422)
    today, then = edits.of_site(planned, site)
    begun = edits.version(today, rule)
    if request.form.get("version") != begun:
        flash(edits.overtaken(site, rule), "warn")
        edits.adopt([old for old, _new in planned.sites])
        return _form(today, _rule(today, rule), place, filled, 409)
    now = console().now()
    one = Trial(
        site, rule, place, values, begun, current_user.name,
        Stretch(now - filled.days * DAY_MS, now), back, at=now,
    )  # fmt: skip
    if not _trials().start(one, _hub(console().settings), today, then):
        flash(gettext("Others are trying rules just now. Wait until one of them is through."),
              "warn")  # fmt: skip
        return _form(file, found, place, filled, 503)
    return redirect(url_for("tuning.trial", site=site, rule=rule, trial=one.id), 303)


@blueprint.get("/rules/<id:site>/<id:rule>/trials/<id:trial>")
def trial(site: str, rule: str, trial: str) -> ResponseReturnValue:
    """How far it is, or what came of it."""
    file, found = edits.asked(site, rule)
    one = _trials().find(trial, site, rule)
    if one is None:
        return _gone(site, rule)
    if wants_json():
        return jsonify(running=one.running, read=one.read, records=one.records)
    target, told = edits.target(site, rule, one.place), one.found
    return render_template(
        "tuning/trial.html", site=file.site, rule=found, one=one, numbers=_tried(file, found, one),
        places={place.id: place.name for place in file.places},
        where=_name(file, found, one.place), Change=Change, State=State,
        lanes=lanes(told, file) if told is not None else (),
        summary=summary(told, rule) if told is not None else None,
        changed=changed(told) if told is not None else (), shown=SHOWN,
        ticks=_ticks(one.stretch),
        gaps=longest(told, GAPS) if told is not None else (),
        holes=holes(told) if told is not None else (),
        target=target, writable=edits.writable(target), back=_back(one),
    )  # fmt: skip


@blueprint.post("/rules/<id:site>/<id:rule>/trials/<id:trial>/end")
def end(site: str, rule: str, trial: str) -> ResponseReturnValue:
    """Stop it."""
    edits.asked(site, rule)
    one = _trials().find(trial, site, rule)
    if one is None:
        return _gone(site, rule)
    _trials().end(one)
    flash(gettext("The trial was ended; nothing was changed."), "ok")
    return redirect(_back(one))


@blueprint.post("/rules/<id:site>/<id:rule>/trials/<id:trial>/save")
def save(site: str, rule: str, trial: str) -> ResponseReturnValue:
    """Write what was tried into the file, unless somebody was faster."""
    edits.asked(site, rule)
    one, filled = _trials().find(trial, site, rule), Form()
    if one is None:
        return _gone(site, rule)
    if one.state in (State.RUNNING, State.ENDED):
        flash(gettext("Try it first: what it would do is not known yet."), "warn")
        return redirect(_back(one))
    planned = edits.plan(site, rule, one.values, one.place, filled, back=one.back)
    if planned is None:
        flash("\n".join(filled.problems), "error")
        return redirect(_back(one))
    days = f"{one.stretch.days:g} days"
    tried = f"tried over {days}" if one.state is State.DONE else f"not tried: {one.state}"
    if refusal := edits.write(planned, site, rule, one.version, tried):
        flash(refusal, "warn")
        edits.adopt([old for old, _new in planned.sites])
        return redirect(_back(one))
    edits.adopt([new for _old, new in planned.sites])
    flash(gettext("Saved. The hub takes it up within seconds and says so in the history below."),
          "ok")  # fmt: skip
    return redirect(f"{url_for('rules.page')}#{site}.{rule}")


def _form(file: SiteFile, rule: Rule, place: str, filled: Form, status: int) -> ResponseReturnValue:
    there, at = edits.there(file, rule, place)
    target = edits.target(file.site.id, rule.id, place)
    watched = [one for one in file.places if one.answers_to(rule.places)]
    mine = edit.alone(file, rule.id, at.id) if at is not None else ()
    kept = at.places if at is not None and at.several and mine else () if at else watched
    numbers = edit.numbers(there)
    page = render_template(
        "tuning/page.html", site=file.site, rule=rule, at=at, filled=filled,
        numbers=[(one, edit.spell(one.value)) for one in numbers], means=_means(numbers),
        watched=watched,
        severity=there.severity, active=there.active or Active(), schedule=_schedule(there, filled),
        week=schedule.DAYS, modes=schedule.MODES,
        own=[(path, value) for one in mine for path, value in one.set_.items()],
        other={one.id for one in watched if _at(file, rule, one) != rule},
        kept={one.id for one in kept if _at(file, rule, one) != there}, groups=_groups(file, rule),
        version=edits.version(file, rule.id), days=DAYS,
        target=target, writable=edits.writable(target), State=State,
        trials=[
            (one, _tried(file, rule, one), _name(file, rule, one.place))
            for one in _trials().of(file.site.id, rule.id)
        ],
    )  # fmt: skip
    return page, status


def _at(file: SiteFile, rule: Rule, place: Place) -> Rule:
    return resolve_rule(rule, place, file.overrides)


def _groups(file: SiteFile, rule: Rule) -> list[Where]:
    """Several places that an override of the rule means at once."""
    said = dict.fromkeys(",".join(one.places) for one in file.overrides if one.rule == rule.id)
    found = [edits.where(file, rule, at) for at in said]
    return [one for one in found if one is not None and one.several]


def _name(file: SiteFile, rule: Rule, at: str) -> Text:
    """What people call where a trial held; as it was asked where that is no longer there."""
    found = edits.where(file, rule, at) if at else None
    return found.name if found is not None else Text(at, at)


def _means(numbers: Sequence[edit.Number]) -> dict[str, str]:
    """Of limits what they are in units, where that says more: of ``300`` "5 min". What a window
    makes of values may have another unit, and is left as it is."""
    over = {one.path.rpartition(".")[0] for one in numbers if one.word == "over"}
    said = {
        one.path: value(one.value, one.signal)
        for one in numbers
        if one.signal and isinstance(one.value, int | float)
        and not isinstance(one.value, Duration)
        and one.path.rpartition(".")[0] not in over
    }  # fmt: skip
    return {
        one.path: said[one.path]
        for one in numbers
        if one.path in said and said[one.path] != edit.spell(one.value)
    }


def _filled(form: MultiDict[str, str]) -> Form:
    days = form.get("days", DAYS[1], type=whole)
    given = {key.removeprefix(FIELD): text[:TYPED_CHARS] for key, text in form.items()
             if key.startswith(FIELD)}  # fmt: skip
    return Form(
        typed=given, days=days if days in DAYS else DAYS[1], schedule=Schedule.typed(form)
    )  # fmt: skip


def _schedule(rule: Rule, filled: Form) -> Schedule:
    """What stands in the fields: as they were sent, as an address has it, or as it is."""
    if filled.schedule is not None:
        return filled.schedule
    try:
        return Schedule.of(parse(filled.typed.get("active", "")))
    except ValueError:
        return Schedule.of(rule.active or Active())


def _tried(file: SiteFile, rule: Rule, one: Trial) -> list[tuple[edit.Number, Value, Value]]:
    """(number, as it was when the trial began or is now, as tried)."""
    at = edits.where(file, rule, one.place) if one.place else None
    there = edits.as_it_is(file, rule, at) if at is not None else rule
    known = {number.path: number for number in edit.settings(there)}
    return [
        (known[path], known[path].value, value)
        for path, value in one.values.items()
        if path in known
    ]


def _back(one: Trial) -> str:
    """The form with what was tried typed in it."""
    kept: dict[str, Any] = {}
    if not one.back:
        kept = {f"{FIELD}{path}": edit.spell(value) for path, value in one.values.items()}
    kept["days"] = round(one.stretch.days)
    return url_for("tuning.page", site=one.site, rule=one.rule, at=one.place or None, **kept)


def _ticks(stretch: Stretch) -> list[int]:
    """Moments (ms) at equal distances, under the drawing."""
    return [stretch.start + (stretch.end - stretch.start) * quarter // 4 for quarter in range(5)]


def _gone(site: str, rule: str) -> ResponseReturnValue:
    flash(gettext("That trial is not kept any more. Try it again."), "warn")
    return redirect(url_for("tuning.page", site=site, rule=rule))


def _trials() -> Trials:
    found: Trials = current_app.extensions["linli.trials"]
    return found


def _rule(file: SiteFile, rule: str) -> Rule:
    return next(one for one in file.rules if one.id == rule)


def _hub(web: WebSettings) -> HubSettings:
    """Where the hub keeps what a trial reads."""
    return HubSettings(data=web.data, state_url=web.state_url, series=web.series)
