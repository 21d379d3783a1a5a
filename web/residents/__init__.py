"""Residents' pages: report, follow, say how it went, and the public board. No login.

Everything works without JavaScript; with it a draft survives a lost connection and is sent
once. A link is all that a reporter has, and all that they need.
"""

import secrets
from collections.abc import Sequence
from typing import Any

from flask import (
    Blueprint,
    Flask,
    Response,
    abort,
    current_app,
    flash,
    g,
    jsonify,
    redirect,
    render_template,
    request,
    send_file,
    send_from_directory,
    session,
    url_for,
)
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address
from sqlalchemy import select

from configs.plan import drawing
from configs.site import Place, SiteFile
from hub.cases import blocks, contacts, desk, receive
from hub.cases.receive import NewReport, ReportRefused
from hub.cases.tables import ENDED, Case, CaseOutcome, CaseState
from hub.patrols.walks import to_come
from web import neighbours
from web.cases.queries import cases, changes, shown_photos, story
from web.cases.words import EVENTS, OUTCOMES, STATES, kind_name, place_name
from web.console import console
from web.faces import Faces, Hider, faces
from web.figures import recent
from web.language import language
from web.residents import blocked, today
from web.residents.photos import MAX_PHOTOS, redraw, small
from web.roles import wants_json
from web.vault import vault
from web.when import whole

blueprint = Blueprint("residents", __name__, template_folder="templates")
PER_ADDRESS = "200 per hour"
"""A whole community may share one address."""
PER_DEVICE = "20 per hour"
SIMILAR_PER_ADDRESS = "240 per minute"
"""Looking for what is alike takes longest of all that anybody may ask; a form asks each time that
its writer pauses."""
UPLOAD_BYTES = 50 * 1024 * 1024
RECENT_MS = 30 * 86_400_000
BOARD = 60
WALKS = 5
WALK = tuple(state.value for state in CaseState)


def limit(app: Flask) -> None:
    """Count reports for each address and each device."""
    limiter: Limiter = app.extensions["linli.limiter"]
    for view in (send, me_too, add, rate, appeal):
        name = f"residents.{view.__name__}"
        counted = limiter.limit(PER_ADDRESS, key_func=get_remote_address, scope="reports")
        app.view_functions[name] = counted(limiter.limit(PER_DEVICE, key_func=_device)(view))
    asked = limiter.limit(SIMILAR_PER_ADDRESS, key_func=get_remote_address)
    app.view_functions["residents.similar"] = asked(similar)


def install_faces(app: Flask, path: str) -> None:
    """Hide faces in photos with the model in ``path``, or where none is named with the catalog's,
    once it is there. Raises `WebError`."""
    app.extensions["linli.faces"] = Faces(path)


def widen() -> None:
    """Before a form is read: this one may carry photos."""
    if request.endpoint in ("residents.send", "residents.me_too"):  # one form for both
        request.max_content_length = UPLOAD_BYTES


@blueprint.before_request
def _know_again() -> None:
    """A page with a form gives its browser a name: else all who report for the first time from
    one address would count as one device."""
    if request.method == "GET" and request.endpoint != "residents.feed":
        session.setdefault("device", secrets.token_hex(8))


def _device() -> str:
    """Of whom a cookie tells; a browser that keeps none is counted by its address."""
    return str(session.get("device") or get_remote_address())


def too_many() -> ResponseReturnValue:
    """For who reports more than anybody needs to."""
    text = gettext("That were many reports. Please wait an hour, or call the control room.")
    if wants_json():
        return jsonify(error=text), 429
    return render_template("residents/excuse.html", text=text), 429


def stale_form() -> ResponseReturnValue:
    """For a form whose token is of no session here: the same again, with what was typed."""
    flash(gettext("This page was open for too long. Please send it once more."), "warn")
    if request.endpoint == "residents.send":
        return _form(request.form.to_dict(), {}, 400)
    return redirect(url_for("residents.board"))


def excuse(code: int, text: str) -> ResponseReturnValue:
    """An error as a page of the residents'."""
    if code == 413:
        text = gettext("The photos are too large together: send fewer.")
    return render_template("residents/excuse.html", text=text), code


@blueprint.get("/report")
def form() -> ResponseReturnValue:
    """The form; ``?place=`` is what a QR code at a place says."""
    files = _open_sites()
    found = blocked.standing(vault(), files)
    if len({row["site"] for row in found}) == len(files):
        return blocked.told(found[0], files)
    where = request.args.get("place", "")
    return _form({"where": _where_of(where)}, {}, 200)


@blueprint.post("/report")
def send() -> ResponseReturnValue:
    """Take a report in; the same request_key is one report."""
    here, sent, hider = console(), request.form, _hider()
    file, place = _site_place(sent.get("where", ""))
    if found := blocked.standing(vault(), [file]):
        return blocked.told(found[0], [file])
    key = sent.get("request_key", "")  # strangers choose it: it must not meet a key of ours
    try:
        told = NewReport(
            kind=sent.get("kind", ""), text=sent.get("text", ""), place=place.id if place else "",
            spot=sent.get("spot", ""), contact=sent.get("contact", ""),
            request_key=f"form-{key}" if key else "",
            photos=redraw(request.files.getlist("photos"), hider), blurred=hider is not None,
            held="trap" if sent.get("website") else "",
            mail=bool(sent.get("mail") and file.residents.mail), language=language(),
            sender=blocked.sender(vault()),
        )  # fmt: skip
        got = receive.receive(
            here.engine, file, told, vault=vault(), data=here.data, now=here.now(),
            then=neighbours.keeps(vault(), here.now()),
        )  # fmt: skip
    except ReportRefused as error:
        errors = {error.field: _refusal(error)}
        if wants_json():
            return jsonify(errors=errors), 422
        return _form(sent.to_dict(), errors, 422)
    link = url_for("residents.follow", token=got.token)
    if wants_json():
        return jsonify(link=link, code=got.code)
    return redirect(link)


@blueprint.get("/report/offline")
def offline() -> ResponseReturnValue:
    """The form that the phone shows while there is no connection: of nobody, since it is stored
    there."""
    g.neighbour = None
    return _form({}, {}, 200, stored=True)


@blueprint.get("/report/worker.js")
def worker() -> Response:
    """Keeps that form on the phone, for the address of the form alone."""
    script = send_from_directory(
        current_app.static_folder or "", "worker.js", mimetype="text/javascript"
    )
    script.headers["Service-Worker-Allowed"] = url_for("residents.form")
    return script


@blueprint.post("/report/appeal")
def appeal() -> ResponseReturnValue:
    """Who is blocked says why that is wrong."""
    here = console()
    sites = [file.site.id for file in _open_sites()]
    text = request.form.get("text", "")
    blocks.appeal(here.engine, sites, blocked.sender(vault()), text=text, now=here.now())
    return redirect(url_for("residents.form"))


@blueprint.get("/report/plan/<id:site>")
def plan(site: str) -> Response:
    """The drawing of a site, to choose a place on."""
    file = next((one for one in _open_sites() if one.site.id == site), None)
    found = drawing(file.site.plan) if file is not None else None
    if found is None:
        abort(404)
    return send_file(found.path.resolve(), mimetype=found.mimetype, max_age=300)


@blueprint.get("/report/similar")
def similar() -> ResponseReturnValue:
    """Open reports that may be about the same, as a piece of the form."""
    here, asked = console(), request.args
    file, place = _site_place(asked.get("where", ""))
    found = receive.similar(
        here.engine, file.site.id, place=place.id if place else "", kind=asked.get("kind", ""),
        text=asked.get("text", ""), now=here.now(),
    )  # fmt: skip
    with here.reader.connect() as connection:
        views = cases(connection, Case.id.in_([one.id for one in found])) if found else []
    return render_template("residents/similar.html", cases=views, **_words())


@blueprint.post("/report/<id:case_id>/me-too")
def me_too(case_id: str) -> ResponseReturnValue:
    """One more who sees the same."""
    here = console()
    files = _files_of([case_id])
    if found := blocked.standing(vault(), files):
        return blocked.told(found[0], files)
    got = receive.me_too(
        here.engine, case_id, contact=request.form.get("contact", ""), vault=vault(),
        request_key=request.form.get("request_key", ""), now=here.now(),
        mail=bool(request.form.get("mail")) and _writes(), language=language(),
        then=neighbours.keeps(vault(), here.now()),
    )  # fmt: skip
    if got is None:
        flash(gettext("That one is closed already. If you still see it, please report it."), "warn")
        return redirect(url_for("residents.form"))
    return redirect(url_for("residents.follow", token=got.token))


@blueprint.get("/r/<id:token>")
def follow(token: str) -> ResponseReturnValue:
    """Where a report stands, what was answered, and the say at the end."""
    here = console()
    mine = receive.rateable(here.engine, token)
    with here.reader.connect() as connection:
        views = {case.id: case for case in cases(connection, Case.id.in_(_cases_of(token)))}
        told: list[dict[str, Any]] = [
            {"case": views[one], "events": story(connection, one, public=True),
             "rates": one in mine}
            for one in _cases_of(token)
        ]  # fmt: skip
        pictures = shown_photos(connection, list(views.values()))
        file = here.site(told[0]["case"].site)
        until = contacts.kept_until(connection, file.residents, token) if file else None
    answer = render_template(
        "residents/follow.html", told=told, token=token, walk=WALK, photos=pictures,
        kept_until=until, **_words(),
    )  # fmt: skip
    response = current_app.make_response(answer)
    response.headers["Referrer-Policy"] = "no-referrer"
    return response


@blueprint.post("/r/<id:token>/rate")
def rate(token: str) -> ResponseReturnValue:
    """Solved or not, 1 to 5, and words."""
    here, said = console(), request.form
    with here.reader.connect() as connection:
        case = cases(connection, Case.id == _case_of(token))[0]
    file, stars = here.site(case.site), said.get("rating", type=whole)
    if said.get("solved") not in ("yes", "no") or file is None:
        flash(gettext("Say whether it is solved."), "warn")
        return redirect(url_for("residents.follow", token=token))
    outcome = desk.rate(
        here.engine, file, token, solved=said["solved"] == "yes", rating=stars,
        text=said.get("text", ""), now=here.now(), part=case.id,
    )  # fmt: skip
    if outcome.done:
        flash(gettext("Thank you. Your word counts."), "ok")
    else:
        flash(gettext("That cannot be rated now."), "warn")
    return redirect(url_for("residents.follow", token=token))


@blueprint.post("/r/<id:token>/add")
def add(token: str) -> ResponseReturnValue:
    """Tell more about it."""
    here = console()
    files = _files_of(_cases_of(token))
    if found := blocked.standing(vault(), files):
        return blocked.told(found[0], files)
    outcome = desk.ask_back(
        here.engine, _case_of(token), text=request.form.get("text", ""), now=here.now()
    )
    text = gettext("Added.") if outcome.done else gettext("Write a few words first.")
    flash(text, "ok" if outcome.done else "warn")
    return redirect(url_for("residents.follow", token=token))


@blueprint.post("/r/<id:token>/forget")
def forget(token: str) -> ResponseReturnValue:
    """Delete how the reporters of this case can be reached."""
    here = console()
    contacts.forget_one(here.engine, token, now=here.now())
    flash(gettext("Your contact is deleted. This link goes on."), "ok")
    return redirect(url_for("residents.follow", token=token))


@blueprint.get("/board")
def board() -> ResponseReturnValue:
    """What is open and what was solved; nothing personal."""
    here = console()
    sites: list[dict[str, Any]] = []
    pictures: dict[str, list[str]] = {}
    with here.reader.connect() as connection:
        for file in _open_sites():
            mine = (Case.site == file.site.id) & (Case.held == "")
            open_ = cases(connection, mine, Case.state.not_in(ENDED), limit=BOARD)
            solved = cases(
                connection, mine, Case.outcome == CaseOutcome.SOLVED,
                Case.closed_at > here.now() - RECENT_MS, limit=BOARD, order=Case.closed_at.desc(),
            )  # fmt: skip
            level, day = today.level(connection, file.site.id), today.so_far(connection, file)
            pictures |= shown_photos(connection, [*open_, *solved])
            sites.append(
                {"file": file, "open": open_, "solved": solved, "level": level, "today": day,
                 "watched": today.watched(file), "figures": recent(file),
                 "walks": to_come(connection, file.site.id, here.now(), limit=WALKS)}
            )  # fmt: skip
    return render_template(
        "residents/board.html", sites=sites, request_key=secrets.token_hex(16), photos=pictures,
        **_words(),
    )  # fmt: skip


@blueprint.get("/board/<id:case_id>/<id:ref>.jpg")
def photo(case_id: str, ref: str) -> Response:
    """A photo that staff agreed to show; its faces are hidden. ``?small=1``: as pages show it."""
    here = console()
    with here.reader.connect() as connection:
        found = cases(connection, Case.id == case_id)
        if not found or ref not in shown_photos(connection, found).get(case_id, ()):
            abort(404)
    folder = here.data.resolve() / "cases" / "pictures"
    name = f"{found[0].site}/{case_id}/{ref}.jpg"
    if "small" not in request.args:
        return send_from_directory(folder, name, mimetype="image/jpeg")
    try:
        response = Response(small(folder / name), mimetype="image/jpeg")
    except OSError:
        abort(404)
    response.cache_control.no_cache = True  # it is asked for again: staff may take it off
    response.add_etag()
    response.make_conditional(request)
    return response


@blueprint.get("/board.atom")
def feed() -> Response:
    """The board as an Atom feed (RFC 4287)."""
    here, sites = console(), [file.site.id for file in _open_sites()]
    seen = (Case.held == "") & Case.site.in_(sites) & (Case.state != CaseState.RECEIVED)
    with here.reader.connect() as connection:
        found = cases(connection, seen, limit=BOARD)
        changed = changes(connection, found)
    text = render_template("residents/feed.xml", cases=found, changed=changed, **_words())
    return Response(text, mimetype="application/atom+xml")


def _hider() -> Hider | None:
    """What hides faces here, where a model is installed."""
    return faces().hider()


def _writes() -> bool:
    """Whether any site has a mail server to write to reporters with."""
    return any(file.residents.mail for file in _open_sites())


def _words() -> dict[str, Any]:
    return {"STATES": STATES, "OUTCOMES": OUTCOMES, "EVENTS": EVENTS, "kind_name": kind_name,
            "place_name": place_name, "now": console().now()}  # fmt: skip


def _open_sites() -> list[SiteFile]:
    found = [file for file in console().sites if file.residents.open]
    if not found:
        abort(404)
    return found


def _form(
    kept: dict[str, str], errors: dict[str, str], status: int, *, stored: bool = False
) -> ResponseReturnValue:
    sites = _open_sites()
    kept = {"request_key": secrets.token_hex(16)} | kept
    kinds = {kind.id: kind for file in sites for kind in file.residents.kinds}
    plans = {file.site.id: drawing(file.site.plan) for file in sites}
    page = render_template(
        "residents/report.html", sites=sites, plans=plans, kinds=kinds.values(), kept=kept,
        errors=errors, stored=stored,
        max_photos=MAX_PHOTOS, writes=_writes(), hides=_hider() is not None,
    )  # fmt: skip
    return page, status


def _site_place(where: str) -> tuple[SiteFile, Place | None]:
    """The site and the place that a form names as ``<site>/<place>``."""
    sites = _open_sites()
    site_id, _slash, place_id = where.partition("/")
    file = next((one for one in sites if one.site.id == site_id), sites[0])
    return file, next((place for place in file.places if place.id == place_id), None)


def _where_of(asked: str) -> str:
    """What the form's choice of place says for ``?place=<site>/<place>`` or ``<place>``."""
    for file in _open_sites():
        for place in file.places:
            name = f"{file.site.id}/{place.id}"
            if asked in (name, place.id):
                return name
    return ""


def _files_of(found: Sequence[str]) -> list[SiteFile]:
    """The open sites of cases."""
    with console().reader.connect() as connection:
        sites = set(connection.scalars(select(Case.site).where(Case.id.in_(found))))
    return [file for file in _open_sites() if file.site.id in sites]


def _cases_of(token: str) -> list[str]:
    """The cases that a link shows, the oldest first."""
    found = receive.followed(console().engine, token)
    if not found:
        abort(404)
    return found


def _case_of(token: str) -> str:
    """The one of them that a form is about."""
    found = _cases_of(token)
    asked = request.form.get("case") or found[0]
    if asked not in found:
        abort(404)
    return asked


def _refusal(error: ReportRefused) -> str:
    words = {
        "kind": gettext("Choose what it is."),
        "place": gettext("Choose a place, or write where it is."),
        "text": gettext("Write a few words, or add a photo."),
        "contact": gettext("Write an e-mail address, or let us not write to you."),
        "photos": gettext("A photo cannot be used: up to 4 pictures (JPEG, PNG, WebP) of 12 MB."),
    }
    return str(words.get(error.field) or gettext("The form is damaged; load the page again."))
