"""The application factory: one straight line from settings to a Flask app."""

import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path

from flask import Flask, Response, abort, current_app, g, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from flask_limiter import RateLimitExceeded
from flask_login import LoginManager, current_user
from flask_wtf.csrf import CSRFError, CSRFProtect
from werkzeug.exceptions import HTTPException

from configs.servers import WebSettings
from configs.site import SiteFile
from hub.series.open import open_series
from hub.series.points import SeriesRefused
from hub.state import store
from web import (
    account,
    alerts,
    analysis,
    api,
    audit,
    blocks,
    cameras,
    cases,
    devices,
    figures,
    first,
    handover,
    headers,
    language,
    live,
    login,
    me,
    neighbours,
    now,
    open311,
    patrols,
    people,
    pictures,
    places,
    residents,
    roles,
    rules,
    shrink,
    tokens,
    totp,
    trends,
    tuning,
    users,
    vitals,
    walks,
)
from web.cases.words import OUTCOMES, STATES
from web.console import Console, WebError, console
from web.news import Draughtsman
from web.now.snapshot import active, newest_change
from web.places import why
from web.secret import session_secret
from web.tail import ChangeTail
from web.tuning.shelf import Shelf
from web.tuning.trials import Trials

PARTS = (
    vitals, login, me, now, alerts, places, why, cameras, devices, rules, handover, audit, people,
    trends, analysis, api, live, pictures, tuning, first, totp,
)  # fmt: skip
PUBLIC = ("residents", "account", "walks")
"""Parts that residents see, in their own dress."""
SHIFT = timedelta(hours=12)
"""A session that is not used this long ends."""
RESERVED_THREADS = 8
"""Threads that live events leave to the pages."""
MAX_FORM_BYTES = 64 * 1024
NUL = "\0"


def wall_clock_ms() -> int:
    """Milliseconds since the epoch."""
    return time.time_ns() // 1_000_000


def create_app(
    settings: WebSettings,
    sites: Sequence[SiteFile],
    *,
    now_ms: Callable[[], int] = wall_clock_ms,
    config: Path | None = None,
) -> Flask:
    """The console over one state store. Raises `WebError` or `StateError` with what to do.

    ``config`` is the file that names the sites' files, so that rules can be edited there.

    The state store's schema is brought to this version if it is older.
    """
    app = Flask("web", root_path=str(Path(__file__).parent))
    engine = store.connect(store.address(settings.state_url, Path(settings.data)))
    Path(settings.data).mkdir(parents=True, exist_ok=True)
    store.migrate(engine)
    try:
        series = open_series(settings.series, Path(settings.data))
    except SeriesRefused as error:
        raise WebError(str(error)) from error
    here = Console(settings, sites, engine, series, now_ms, config)
    app.extensions["linli"] = here
    _configure(app, settings)
    _install_accounts(app, here)
    language.install(app)
    headers.install(app)
    shrink.install(app)
    _install_parts(app)
    _install_live(app, here)
    _install_errors(app)
    app.context_processor(_for_every_page)
    app.before_request(_start_clock)
    app.after_request(_count)
    return app


def live_limit(threads: int) -> int:
    """How many pages may be live when there are this many threads."""
    return max(1, threads - RESERVED_THREADS)


def close(app: Flask) -> None:
    """End live connections and let go of the store."""
    tail: ChangeTail = app.extensions["linli.tail"]
    tail.close()
    trials: Trials = app.extensions["linli.trials"]
    trials.close()
    found: Console = app.extensions["linli"]
    found.engine.dispose()
    found.series.close()


def _configure(app: Flask, settings: WebSettings) -> None:
    app.config.update(
        SECRET_KEY=session_secret(settings.secret_file, Path(settings.data)),
        SESSION_COOKIE_NAME="linli",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=settings.secure_cookies,
        PERMANENT_SESSION_LIFETIME=SHIFT,
        MAX_CONTENT_LENGTH=MAX_FORM_BYTES,
        # A page stays open for a whole shift: its forms are good for as long as the session.
        WTF_CSRF_TIME_LIMIT=None,
    )
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True


def _install_accounts(app: Flask, here: Console) -> None:
    manager = LoginManager(app)
    manager.user_loader(lambda session_id: users.find(here.engine, session_id))
    manager.request_loader(lambda asked: tokens.bearer(here.engine, asked))
    # The gate comes first, so that a form without a login is answered by the login page.
    app.before_request(roles.gate)
    app.before_request(account.gate)
    app.before_request(residents.widen)
    app.before_request(_refuse_nul)
    CSRFProtect(app).exempt(api.blueprint)  # which looks for itself: scripts have no form


def _install_parts(app: Flask) -> None:
    app.url_map.converters["id"] = pictures.IdConverter
    for part in PARTS:
        app.register_blueprint(part.blueprint)
    login.limit(app)
    app.extensions["linli.viewings"] = pictures.Viewings()
    app.extensions["linli.trials"] = Trials(
        Shelf(Path(app.extensions["linli"].settings.data) / "trials")
    )
    _install_residents(app)


def _install_residents(app: Flask) -> None:
    for part in (residents, cases, blocks, figures, open311, account, walks, patrols):
        app.register_blueprint(part.blueprint)
    residents.limit(app)
    account.limit(app)
    residents.install_faces(app, app.extensions["linli"].settings.faces)
    open311.install(app)
    app.jinja_env.globals |= {
        "cases_of_alert": cases.of_alert, "CASE_STATES": STATES,
        "CASE_OUTCOMES": OUTCOMES,
    }  # fmt: skip


def _install_live(app: Flask, here: Console) -> None:
    drawer = Draughtsman(app, here)
    limit = live_limit(here.settings.threads)
    app.extensions["linli.tail"] = ChangeTail(
        here.engine, drawer.draw, here.meters, here.now, limit=limit
    )


def _install_errors(app: Flask) -> None:
    app.register_error_handler(CSRFError, _stale_form)
    app.register_error_handler(RateLimitExceeded, _too_many)
    app.register_error_handler(HTTPException, _excuse)


def _refuse_nul() -> None:
    """No text of people has a NUL, and PostgreSQL takes none."""
    # What scripts send is no form, whatever they call it: `web.api.part` reads it.
    given = request.args if tokens.is_api(request) else request.values
    if NUL in request.path or any(NUL in text for text in given.values()):
        abort(400)


def _too_many(_error: RateLimitExceeded) -> ResponseReturnValue:
    if request.blueprint == "open311":
        return open311.too_many()
    if request.blueprint == "account":
        return account.too_many()
    return residents.too_many() if request.blueprint == "residents" else login.too_many()


def _stale_form(error: CSRFError) -> ResponseReturnValue:
    if tokens.is_api(request):
        return {"error": error.description}, 400
    if request.blueprint in PUBLIC and not roles.wants_json():
        return residents.stale_form()
    reason = gettext(
        "This form was opened before you last logged in, so nothing was changed yet. "
        "What you typed is below."
    )
    return login.stale_form(reason)


def _excuse(error: HTTPException) -> ResponseReturnValue:
    """An error as a page, in words."""
    words = {
        401: gettext("Log in first."),
        403: gettext("Your account may not do this. Ask an administrator for the role it needs."),
        404: gettext("There is nothing here. It may have been removed, or never was."),
        405: gettext("This address does not answer to that."),
        413: gettext("That is too much text for one form."),
        500: gettext("Something failed on our side. It is in the log; please try again."),
    }
    code = error.code or 500
    if request.path.startswith(open311.V2):
        return open311.excuse(code, error.name)
    text = words.get(code, error.description or "")
    if code == 401 and request.blueprint in PUBLIC:
        return account.ask()
    if roles.wants_json() or request.endpoint in tokens.PICTURES or tokens.is_api(request):
        return {"error": text}, code
    if code == 401:
        return login.ask()
    if request.blueprint in PUBLIC:
        return residents.excuse(code, text)
    return render_template("error.html", code=code, text=text), code


def _for_every_page() -> dict[str, object]:
    return {
        "server_now": console().now(),
        "sites_known": console().sites,
        "pages_known": _pages,
        "newest": _newest,
        "active_alerts": _active,
        "neighbour": neighbours.resident,
        "next_walk": account.next_walk,
    }


def _newest() -> int:
    """From which change on an open page hears, where its view has not said so."""
    with console().reader.connect() as connection:
        return newest_change(connection)


def _active() -> int:
    """Alerts that fire at the reader's sites: the bar of every page says how many."""
    whole: Console = current_app.extensions["linli"]
    seen = whole.only(current_user.where(roles.Role.VIEWER))
    with whole.reader.connect() as connection:
        return active(connection, seen)


def _pages() -> list[tuple[str, str]]:
    """The pages that the reader may open, in the order of the bar."""
    role, limited = current_user.role, bool(current_user.sites)
    return [
        (endpoint, str(words))
        for endpoint, words in language.PAGES.items()
        if (least := roles.LEAST[endpoint]) is not None
        and role.includes(least)
        and not (limited and endpoint in roles.EVERYWHERE)
    ]


def _start_clock() -> None:
    g.started = time.perf_counter()


def _count(response: Response) -> Response:
    endpoint = request.endpoint or "none"
    meters = console().meters
    meters.requests.labels(endpoint, str(response.status_code)).inc()
    if "started" in g:
        meters.request_seconds.labels(endpoint).observe(time.perf_counter() - g.started)
    return response
