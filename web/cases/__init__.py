"""Cases in the console: the list, one case with its verbs, and what goes out of it."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import segno
from flask import (
    Blueprint,
    Response,
    abort,
    flash,
    redirect,
    render_template,
    request,
    send_from_directory,
    url_for,
)
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from flask_login import current_user
from markupsafe import Markup
from sqlalchemy import case as when
from sqlalchemy import select
from sqlalchemy.sql.elements import ColumnElement

from configs.rules import Severity
from configs.site import SiteFile
from hub import audit
from hub.cases import blocks, contacts, desk, receive
from hub.cases.desk import WALK, Outcome, Step, Verdict
from hub.cases.erase import erase
from hub.cases.photos import show_photo
from hub.cases.receive import NewReport, Received, ReportRefused
from hub.cases.split import split
from hub.cases.tables import ENDED, Case, CaseAlert, CaseOutcome, CaseState
from hub.state.tables import Alert
from web.alerts.pages import as_line
from web.cases.queries import (
    CaseView,
    cases,
    count_appeals,
    linked,
    near,
    photos,
    relatives,
    story,
    tellings,
)
from web.cases.words import BLOCKS, EVENTS, OUTCOMES, STATES, STEPS, kind_name, place_name, told
from web.console import console
from web.faces import faces
from web.language import SEVERITIES
from web.language import STEPS as TELLINGS
from web.now.snapshot import alerts
from web.roles import acting
from web.vault import vault
from web.when import whole

blueprint = Blueprint("cases", __name__, template_folder="templates")
PAGE = 100
LATE: Callable[[int], ColumnElement[bool]] = lambda now: (  # noqa: E731 - one of a table's entries
    Case.state.not_in(ENDED)
    & (Case.held == "")
    & ((Case.due_at < now) | (Case.answered_at.is_(None) & (Case.answer_due_at < now)))
)
VIEWS: dict[str, Callable[[int], ColumnElement[bool]]] = {
    "": lambda _now: Case.state.not_in(ENDED) & (Case.held == ""),
    "overdue": LATE,
    "held": lambda _now: (Case.held != "") & Case.state.not_in(ENDED),
    "fading": lambda _now: Case.id.in_([one.case for one in fading_now()]),
    "ended": lambda _now: Case.state.in_(ENDED),
    "all": lambda _now: Case.id.is_not(None),
}
COLUMNS = (
    "code", "site", "place", "spot", "kind", "severity", "state", "outcome", "owner", "channel",
    "text", "created_at", "looked_at", "answer_due_at", "answered_at", "due_at", "closed_at",
    "reopened", "solved", "rating", "rated_at",
)  # fmt: skip
"""Of the CSV: nothing of who reported it."""


@blueprint.get("/cases")
def listing() -> ResponseReturnValue:
    """Open ones first; filters by view, kind, place, owner and words."""
    here, asked = console(), request.args
    with here.reader.connect() as connection:
        found = cases(connection, *asked_for(request.args), limit=PAGE, order=_order())
        held = len(cases(connection, _mine(), VIEWS["held"](0), limit=PAGE))
        appeals = count_appeals(connection, [file.site.id for file in here.sites], here.now())
        late = len(cases(connection, _mine(), LATE(here.now()), limit=PAGE))
    fading = len(fading_now())
    kinds = {kind.id: kind.name for file in here.sites for kind in file.residents.kinds}
    places = {f"{f.site.id}/{p.id}": p.name for f in here.sites for p in f.places}
    return render_template(
        "cases/listing.html", cases=found, asked=asked, kinds=kinds, places=places, held=held,
        late=late, fading=fading, appeals=appeals, may_block=bool(acting()),
        more=len(found) == PAGE, faces_why=_why_faces(), **_words(),
    )  # fmt: skip


@blueprint.get("/cases.csv")
def export() -> Response:
    """The list as a CSV that spreadsheets read, times by the site's clock."""
    here = console()
    with here.reader.connect() as connection:
        found = cases(connection, *asked_for(request.args), limit=100_000, order=_order())
    lines = [as_line([_cell(case, name) for name in COLUMNS]) for case in found]
    text = "".join([as_line(COLUMNS), *lines])
    name = "attachment; filename=cases.csv"
    return Response("\ufeff" + text, mimetype="text/csv", headers={"Content-Disposition": name})


@blueprint.get("/cases/<id:case_id>")
def detail(case_id: str) -> ResponseReturnValue:
    """One case: what was said, where it stands, what the sensors saw, and what to do. That
    somebody who may act on it opened it is written down, once for each case."""
    _look(case_id)
    return _page(case_id, None)


def _look(case_id: str) -> None:
    here = console()
    with here.reader.connect() as connection:
        site = connection.scalar(select(Case.site).where(Case.id == case_id, desk.UNSEEN))
    if site is not None and site in acting() and request.method == "GET":
        desk.look(here.engine, case_id, actor=current_user.name, now=here.now())


def _page(case_id: str, shown: list[str] | None) -> ResponseReturnValue:
    here = console()
    with here.reader.connect() as connection:
        found = cases(connection, Case.id == case_id)
        if not found:
            abort(404)
        case = found[0]
        known = linked(connection, case_id)
        around = alerts(connection, here, near(case) | Alert.id.in_(known), limit=20)
        events = story(connection, case_id, public=False)
        pictures = photos(connection, case_id)
        messages = tellings(connection, case_id)
        kin = relatives(connection, case)
        fading = next((one for one in fading_now() if one.case == case_id), None)
    file = here.site(case.site)
    return render_template(
        "cases/detail.html", fading=fading, case=case, events=events, alerts=around, linked=known,
        photos=pictures, messages=messages, kin=kin,
        steps=sorted(
            (s for s in Step if case.state in WALK[s][0]), key=lambda s: s is Step.SEND_BACK
        ),
        templates=file.residents.templates if file else (), file=file, me=current_user.name,
        may_act=case.site in acting(), contacts=shown,
        faces_why=_why_faces() if any(not one.blurred for one in pictures) else "", **_words(),
    )  # fmt: skip


@blueprint.post("/cases/<id:case_id>/<verb>")
def act(case_id: str, verb: str) -> ResponseReturnValue:
    """One of `VERBS`."""
    if verb not in VERBS:
        abort(404)
    outcome = VERBS[verb](case_id)
    if outcome.verdict is Verdict.NO_SUCH_CASE and verb != "merge":
        abort(404)
    flash(_told(outcome), "ok" if outcome.done else "warn")
    return redirect(url_for("cases.detail", case_id=case_id))


@blueprint.post("/cases/<id:case_id>/contact")
def contact(case_id: str) -> ResponseReturnValue:
    """How the reporters can be reached; that it was looked at is written down."""
    here = console()
    seen = contacts.show(here.engine, vault(), case_id, actor=current_user.name, now=here.now())
    return _page(case_id, seen)


@blueprint.get("/cases/<id:case_id>/<id:ref>.jpg")
def photo(case_id: str, ref: str) -> Response:
    """A photo of a report; who looked is written down."""
    here = console()
    with here.reader.connect() as connection:
        site = connection.scalar(select(Case.site).where(Case.id == case_id))
        known = (case_id, ref) in [(p["case"], p["ref"]) for p in photos(connection, case_id)]
    folder = here.data.resolve() / "cases" / "pictures"
    if site is None or not known or not (folder / site / case_id / f"{ref}.jpg").is_file():
        abort(404)
    with here.engine.begin() as connection:
        target = f"{case_id}/{ref}"
        audit.enter(connection, current_user.name, "case.photo.view", target, "", here.now())
    return send_from_directory(folder, f"{site}/{case_id}/{ref}.jpg", mimetype="image/jpeg")


@blueprint.post("/alerts/<id:alert_id>/case")
def open_from_alert(alert_id: str) -> ResponseReturnValue:
    """A case about what an alert saw."""
    form = request.form
    try:
        got = from_alert(alert_id, form.get("kind", ""), form.get("text", ""))
    except ReportRefused as error:
        flash(str(error), "warn")
        return redirect(url_for("alerts.detail", alert_id=alert_id))
    return redirect(url_for("cases.detail", case_id=got.case))


def from_alert(alert_id: str, kind: str, text: str) -> Received:
    """Open the case about what an alert saw, or find it; "" is a hazard with the alert's title.
    Raises `ReportRefused`."""
    here = console()
    with here.reader.connect() as connection:
        query = select(Alert.site, Alert.place, Alert.severity, Alert.details)
        alert = connection.execute(query.where(Alert.id == alert_id)).first()
    file = here.site(alert.site) if alert is not None else None
    if alert is None or file is None:
        abort(404)
    kinds = file.residents.kinds
    hazard = next((one.id for one in kinds if one.id == "hazard"), kinds[0].id)
    title = alert.details.get("title", {}).get(file.site.language, "")
    told = NewReport(
        kind=kind or hazard, text=text or title or alert_id, place=alert.place,
        severity=Severity(alert.severity), channel="console", actor=current_user.name,
        alert=alert_id, request_key=f"alert-{alert_id:0>16}",
    )  # fmt: skip
    return receive.receive(here.engine, file, told, vault=vault(), data=here.data, now=here.now())


@blueprint.get("/cases/codes")
def codes() -> ResponseReturnValue:
    """QR codes to print and hang up: each leads to the form with its place chosen."""

    def drawn(file: SiteFile, place: str) -> Markup:
        link = url_for("residents.form", place=f"{file.site.id}/{place}", _external=True)
        svg = segno.make(link, error="m").svg_inline(scale=4, border=2, svgclass="qr", lineclass="")
        return Markup(svg)  # noqa: S704 - segno draws it, nothing of the link is text in it

    return render_template("cases/codes.html", drawn=drawn)


def _why_faces() -> str:
    """What to do, where no faces are blurred."""
    return "" if faces().hider() else faces().why


def of_alert(alert_id: str) -> list[CaseView]:
    """The cases that an alert is about, for its page."""
    with console().reader.connect() as connection:
        ids = select(CaseAlert.case).where(CaseAlert.alert == alert_id)
        return cases(connection, Case.id.in_(ids))


def _walk(case_id: str) -> Outcome:
    form, here = request.form, console()
    if form.get("step") not in list(Step):
        return Outcome(Verdict.NOTHING_SAID)
    return desk.walk(
        here.engine, case_id, Step(form["step"]), actor=current_user.name, now=here.now(),
        note=form.get("note", ""), owner=form.get("owner", ""),
    )  # fmt: skip


def _close(case_id: str) -> Outcome:
    form, here = request.form, console()
    if form.get("outcome") not in (CaseOutcome.UNSOLVED, CaseOutcome.INVALID):
        return Outcome(Verdict.NOTHING_SAID)
    return desk.close_unsolved(
        here.engine, case_id, CaseOutcome(form["outcome"]), actor=current_user.name,
        now=here.now(), note=form.get("note", ""),
    )  # fmt: skip


def _say(case_id: str) -> Outcome:
    form, here = request.form, console()
    verb = desk.answer if form.get("to") == "reporter" else desk.note
    return verb(
        here.engine, case_id, actor=current_user.name, text=form.get("text", ""), now=here.now()
    )


def _grade(case_id: str) -> Outcome:
    form, here = request.form, console()
    with here.reader.connect() as connection:
        found = cases(connection, Case.id == case_id)
    file = here.site(found[0].site) if found else None
    if file is None:
        return Outcome(Verdict.NO_SUCH_CASE)
    if form.get("severity") not in SEVERITIES:
        return Outcome(Verdict.NOTHING_SAID)
    severity = Severity(form["severity"])
    return desk.grade(here.engine, file, case_id, severity, actor=current_user.name, now=here.now())


def _block(case_id: str) -> Outcome:
    form, here = request.form, console()
    return blocks.block(
        here.engine, case_id, form.get("what", ""), reason=form.get("reason", ""),
        days=form.get("days", 0, type=whole), actor=current_user.name, now=here.now(),
    )  # fmt: skip


def _split(case_id: str) -> Outcome:
    form, here = request.form, console()
    with here.reader.connect() as connection:
        found = cases(connection, Case.id == case_id)
    file = here.site(found[0].site) if found else None
    if file is None:
        return Outcome(Verdict.NO_SUCH_CASE)
    part = NewReport(
        kind=form.get("kind", ""), text=form.get("text", ""),
        place=form.get("place", ""), spot=form.get("spot", "") or found[0].spot,
        severity=Severity(found[0].severity),
    )  # fmt: skip
    return split(here.engine, file, case_id, part, actor=current_user.name, now=here.now())


def _forget(case_id: str) -> Outcome:
    here = console()
    count = contacts.forget(here.engine, case_id, actor=current_user.name, now=here.now())
    return Outcome(Verdict.DONE if count else Verdict.SAME)


VERBS: dict[str, Callable[[str], Outcome]] = {
    "walk": _walk,
    "close": _close,
    "say": _say,
    "grade": _grade,
    "forget": _forget,
    "erase": lambda case_id: erase(
        console().engine, console().data, case_id, actor=current_user.name, now=console().now()
    ),
    "merge": lambda case_id: desk.merge(
        console().engine, case_id, request.form.get("code", ""), actor=current_user.name,
        now=console().now(),
    ),
    "split": _split,
    "block": _block,
    "assign": lambda case_id: desk.assign(
        console().engine, case_id, owner=request.form.get("owner", ""), actor=current_user.name,
        now=console().now(),
    ),
    "photo": lambda case_id: show_photo(
        console().engine, case_id, request.form.get("ref", ""),
        shown=request.form.get("shown") == "yes", actor=current_user.name, now=console().now(),
    ),
    "release": lambda case_id: desk.release(
        console().engine, case_id, actor=current_user.name, now=console().now()
    ),
    "link": lambda case_id: desk.link(
        console().engine, case_id, request.form.get("alert", ""), actor=current_user.name,
        now=console().now(),
    ),
}  # fmt: skip


def _told(outcome: Outcome) -> str:
    words = {
        Verdict.DONE: gettext("Done."),
        Verdict.NOT_NOW: gettext(
            "Somebody was faster, or it is not its turn: see where it stands."
        ),
        Verdict.NOTHING_SAID: gettext("Something is missing: choose, and write a few words."),
        Verdict.NO_OWNER: gettext("Name somebody who deals with it."),
        Verdict.SAME: gettext("It was so already."),
        Verdict.NO_SENDER: gettext("It is not known (any more) whence it came."),
        Verdict.NO_SUCH_ALERT: gettext("There is no such alert at this site."),
        Verdict.NO_SUCH_CASE: gettext("There is no other open case with that code."),
    }
    return str(words[outcome.verdict])


def asked_for(asked: Mapping[str, str]) -> list[ColumnElement[bool]]:
    """The filters of the list, as conditions on `Case`: view, kind, place, owner, words."""
    where = [_mine(), VIEWS.get(asked.get("view", ""), VIEWS[""])(console().now())]
    if asked.get("kind"):
        where.append(Case.kind == asked["kind"])
    site, slash, place = asked.get("place", "").partition("/")
    if slash:
        where += [Case.site == site, Case.place == place]
    if asked.get("owner"):
        where.append(Case.owner == asked["owner"])
    if words := asked.get("words", "").strip():
        where.append(Case.text.contains(words, autoescape=True) | (Case.code == words.upper()))
    return where


def fading_now() -> list[contacts.Fading]:
    """Open cases of the reader's sites whose contacts are about to be deleted."""
    here = console()
    with here.reader.connect() as connection:
        return contacts.fading(connection, here.sites, here.now())


def _mine() -> ColumnElement[bool]:
    """Of the reader's sites."""
    return Case.site.in_([file.site.id for file in console().sites])


def _order() -> Any:
    """What is due next stands first, with the time that the list shows."""
    ended = request.args.get("view") in ("ended", "all")
    due = when((Case.answered_at.is_(None), Case.answer_due_at), else_=Case.due_at)
    return Case.created_at.desc() if ended else due


def _cell(case: CaseView, name: str) -> object:
    value = getattr(case, name)
    if name.endswith("_at") and value is not None:
        zone = console().zone(case.site)
        return datetime.fromtimestamp(value / 1000, zone).isoformat(timespec="seconds")
    return value


def _words() -> dict[str, Any]:
    return {"STATES": STATES, "OUTCOMES": OUTCOMES, "EVENTS": EVENTS, "STEPS": STEPS,
            "kind_name": kind_name, "place_name": place_name, "told": told, "BLOCKS": BLOCKS,
            "STEPS_TOLD": TELLINGS, "now": console().now(),
            "walk": [state.value for state in CaseState]}  # fmt: skip
