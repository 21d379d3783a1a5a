"""Open311 GeoReport v2 (https://wiki.open311.org/GeoReport_v2/): reports of other programs.

Anybody may read what the public board shows; who sends reports has a key. A service is a
kind of report, a jurisdiction a site, an address_id a place.
"""

import hmac
import logging
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from flask import Blueprint, Flask, Response, current_app, json, request, url_for
from flask_babel import force_locale
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address
from sqlalchemy import Connection, select

from configs.residents import Kind
from configs.site import SiteFile
from hub.cases import receive
from hub.cases.receive import NewReport, ReportRefused
from hub.cases.tables import ENDED, Case
from web.cases.queries import CaseView, cases, changes, shown_photos
from web.cases.words import OUTCOMES, STATES, kind_name, place_name
from web.console import console
from web.language import iso
from web.open311.discovery import Changes, discovery
from web.open311.xml import document
from web.vault import vault

log = logging.getLogger(__name__)
V2 = "/open311/v2"
blueprint = Blueprint("open311", __name__, url_prefix=V2)
PER_KEY = "600 per hour"
REFUSED_OF_ADDRESS = "60 per 5 minutes"
"""With a wrong key, or none: keys are not tried, and no counts kept of all that are made up."""
SPAN = timedelta(days=90)
"""The standard's longest range of dates, and the default."""
FIRST, LAST = datetime(1970, 1, 1, tzinfo=UTC) + SPAN, datetime(9999, 1, 1, tzinfo=UTC)
"""Of dates that can be asked for."""
MOST = 1000
KEY_CHARS = 16
CONTACT = ("first_name", "last_name", "phone", "email")
FORMAT = "<any(json,xml):form>"


class Refused(Exception):
    """What the client did wrong: HTTP status and words."""

    def __init__(self, code: int, description: str) -> None:
        super().__init__(description)
        self.code = code


def install(app: Flask) -> None:
    """Forms of programs carry a key and no CSRF token."""
    app.extensions["csrf"].exempt(blueprint)
    app.extensions["linli.open311"] = Changes()
    limiter: Limiter = app.extensions["linli.limiter"]
    refused = limiter.limit(
        REFUSED_OF_ADDRESS, key_func=get_remote_address, scope="open311-keys",
        deduct_when=lambda it: it.status_code == 403,
    )  # fmt: skip
    by_key = limiter.limit(PER_KEY, key_func=_key)
    app.view_functions["open311.create"] = refused(by_key(create))


@blueprint.errorhandler(Refused)
def _refuse(error: Refused) -> Response:
    form = "xml" if request.path.endswith(".xml") else "json"
    return _answer(form, "errors", [_failure(error.code, str(error))], error.code)


def excuse(code: int, description: str) -> Response:
    """An error that befell a request before any of these views saw it."""
    return _refuse(Refused(code, description))


def too_many() -> Response:
    """For a key that sends more than 600 an hour, and for whom tries keys."""
    most = f"{PER_KEY} with a key, {REFUSED_OF_ADDRESS} without a good one"
    return _refuse(Refused(429, f"more than {most}"))


@blueprint.get(f"/discovery.{FORMAT}")
def discover(form: str) -> Response:
    """Where this interface is, what it speaks and how to get a key."""
    here = console()
    found = discovery(
        _open_sites(), url=request.url_root.rstrip("/") + V2,
        board=url_for("residents.board", _external=True),
        changed=current_app.extensions["linli.open311"].at(_open_sites(), here.now()),
    )  # fmt: skip
    return _answer(form, "discovery", found)


@blueprint.get(f"/services.{FORMAT}")
def services(form: str) -> Response:
    """What can be reported."""
    site = _site()
    found = [_service(kind, site.site.language) for kind in site.residents.kinds]
    return _answer(form, "services", found)


@blueprint.get(f"/services/<code>.{FORMAT}")
def service(code: str, form: str) -> Response:
    """More fields of a kind: there are none."""
    _kind(_site(), code)
    return _answer(form, "service_definition", {"service_code": code, "attributes": []})


@blueprint.get(f"/requests.{FORMAT}")
def listing(form: str) -> Response:
    """What the board shows, newest first."""
    site, asked = _site(), request.args
    where: list[Any] = []
    if ids := asked.get("service_request_id"):
        where = [Case.code.in_(_listed(ids.upper()))]
    else:
        first, last = _range(asked.get("start_date", ""), asked.get("end_date", ""))
        where = [Case.created_at.between(first, last)]
        if codes := asked.get("service_code"):
            where.append(Case.kind.in_(_listed(codes)))
        if status := asked.get("status"):
            where.append(_status(status))
    with console().reader.connect() as connection:
        found = _public(connection, site, *where)
    return _answer(form, "service_requests", found)


@blueprint.get(f"/requests/<code>.{FORMAT}")
def one(code: str, form: str) -> Response:
    """One of them."""
    with console().reader.connect() as connection:
        found = _public(connection, _site(), Case.code == code.upper())
    if not found:
        raise Refused(404, f"service_request_id {code!r} was not found")
    return _answer(form, "service_requests", found)


@blueprint.get(f"/tokens/<token>.{FORMAT}")
def token(token: str, form: str) -> Response:
    """The request that a reporter's link belongs to."""
    here, site, found = console(), _site(), receive.followed(console().engine, token)
    mine = Case.id.in_(found[:1]) & (Case.site == site.site.id)
    with here.reader.connect() as connection:
        code = connection.scalar(select(Case.code).where(mine))
    if code is None:
        raise Refused(404, f"token {token!r} was not found")
    row = {"service_request_id": code, "token": token}
    return _answer(form, "service_requests", [row])


@blueprint.post(f"/requests.{FORMAT}")
def create(form: str) -> Response:
    """Take a report in."""
    here, site, sent = console(), _site(), request.form
    _authorise(site)
    if not sent.get("service_code"):
        raise Refused(400, "service_code was not provided")
    kind = _kind(site, sent["service_code"])
    place, spot = _location(site)
    told = NewReport(
        kind=kind.id, text=_description(kind.name.in_(site.site.language)), place=place,
        spot=spot, channel="open311",
        contact=" ".join(sent[name] for name in CONTACT if sent.get(name)),
    )  # fmt: skip
    try:
        got = receive.receive(
            here.engine, site, told, vault=vault(), data=here.data, now=here.now()
        )
    except ReportRefused as error:
        raise Refused(400, f"the report {error}") from None
    row = {
        "service_request_id": got.code,
        "service_notice": url_for("residents.follow", token=got.token, _external=True),
        "account_id": None,
    }
    return _answer(form, "service_requests", [row], 201)


def _open_sites() -> list[SiteFile]:
    found = [file for file in console().sites if file.residents.open]
    if not found:
        raise Refused(404, "no site here takes reports")
    return found


def _site() -> SiteFile:
    sites = _open_sites()
    asked = request.values.get("jurisdiction_id", "")
    if not asked and len(sites) > 1:
        names = ", ".join(file.site.id for file in sites)
        raise Refused(400, f"jurisdiction_id was not provided: name one of {names}")
    found = [file for file in sites if asked in ("", file.site.id)]
    if not found:
        raise Refused(404, f"jurisdiction_id {asked!r} was not found")
    return found[0]


def _kind(site: SiteFile, code: str) -> Kind:
    kind = site.residents.kind(code)
    if kind is None:
        raise Refused(404, f"service_code {code!r} was not found")
    return kind


def _key() -> str:
    return request.form.get("api_key", "")[:100]


def _authorise(site: SiteFile) -> None:
    given = _key().encode()
    if not given:
        raise Refused(403, "api_key was not provided")
    if not any(hmac.compare_digest(given, key.encode()) for key in _keys(site)):
        raise Refused(403, "api_key is not valid")


def _keys(site: SiteFile) -> list[str]:
    path = site.residents.api_keys_file
    if not path:
        return []
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except OSError as error:
        log.warning("nobody may report over Open311: cannot read %s: %s", path, error.strerror)
        return []
    keys = [line.partition(":")[2].strip() for line in lines if not line.startswith("#")]
    return [key for key in keys if len(key) >= KEY_CHARS]


def _location(site: SiteFile) -> tuple[str, str]:
    sent = request.form
    place = sent.get("address_id", "")
    if place and not any(place == one.id for one in site.places):
        raise Refused(400, f"address_id {place!r} is no place of {site.site.id}")
    spot, position = sent.get("address_string", ""), _position()
    if position:
        spot = f"{spot} ({position})" if spot else position
    if not place and not spot:
        raise Refused(400, "no location: give lat and long, address_string or address_id")
    return place, spot


def _position() -> str:
    lat, long = (request.form.get(name, "") for name in ("lat", "long"))
    if not lat and not long:
        return ""
    try:
        at = (float(lat), float(long))
    except ValueError:
        raise Refused(400, "lat and long are no numbers, or one of them is missing") from None
    if not (abs(at[0]) <= 90 and abs(at[1]) <= 180):  # which no NaN is
        raise Refused(400, "lat and long are no position on Earth")
    return f"{at[0]:.6f}, {at[1]:.6f}"


def _description(service_name: str) -> str:
    """What is told; the standard lets a client tell nothing but what it is and where."""
    text = request.form.get("description", "").strip() or service_name
    media = request.form.get("media_url", "")
    # The picture stays where it is: a server that fetches what strangers name can be abused.
    link = f"\n{media}" if media.startswith(("https://", "http://")) else ""
    return f"{text[: receive.TEXT_CHARS - len(link)]}{link}"


def _range(start: str, end: str) -> tuple[int, int]:
    """Milliseconds. Raises `Refused` for what is no date, or longer than 90 days."""
    now = datetime.fromtimestamp(console().now() / 1000, UTC)
    if start and not end:
        first = _date("start_date", start)
        last = min(now, first + SPAN)
    else:
        last = _date("end_date", end) if end else now
        first = _date("start_date", start) if start else last - SPAN
    if last - first > SPAN:
        raise Refused(400, "start_date and end_date may not span more than 90 days")
    return round(first.timestamp() * 1000), round(last.timestamp() * 1000)


def _date(name: str, text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
        found = (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
        return max(min(found, LAST), FIRST)
    except (ValueError, OverflowError):
        raise Refused(400, f"{name} {text!r} is no W3C date such as 2026-01-31T08:00:00Z") from None


def _listed(asked: str) -> list[str]:
    return [one.strip() for one in asked.split(",")]


def _status(asked: str) -> Any:
    wanted = set(_listed(asked))
    if not wanted <= {"open", "closed"}:
        raise Refused(400, f"status {asked!r} is neither open nor closed")
    ended = Case.state.in_(ENDED)
    return (ended & ("closed" in wanted)) | (~ended & ("open" in wanted))


def _public(connection: Connection, site: SiteFile, *where: Any) -> list[dict[str, Any]]:
    """In the site's language: programs say nothing of the language of who reads it."""
    mine = (Case.site == site.site.id) & (Case.held == "")
    found = cases(connection, mine, *where, limit=MOST)
    changed = changes(connection, found)
    shown = shown_photos(connection, found)
    with force_locale(site.site.language):
        return [_request(site, case, changed[case.id], shown.get(case.id, [])) for case in found]


def _request(site: SiteFile, case: CaseView, changed: int, photos: list[str]) -> dict[str, Any]:
    speaks = site.site.language
    state = str(STATES[case.state])
    place = place_name(case.site, case.place).in_(speaks)
    return {
        "service_request_id": case.code,
        "status": "open" if case.open else "closed",
        "status_notes": f"{state}: {OUTCOMES[case.outcome]}" if case.outcome else state,
        "service_name": kind_name(case.site, case.kind).in_(speaks),
        "service_code": case.kind,
        "description": case.public_text or None,
        "agency_responsible": None,
        "service_notice": None,
        "requested_datetime": iso(case.created_at),
        "updated_datetime": iso(changed),
        "expected_datetime": iso(case.due_at),
        "address": ", ".join(filter(None, (place, site.site.name.in_(speaks)))),
        "address_id": case.place or None,
        "zipcode": None,
        "lat": None,
        "long": None,
        "media_url": (
            url_for("residents.photo", case_id=case.id, ref=photos[0], _external=True)
            if photos
            else None
        ),
    }


def _service(kind: Kind, speaks: str) -> dict[str, Any]:
    return {
        "service_code": kind.id,
        "service_name": kind.name.in_(speaks),
        "description": kind.name.in_(speaks),
        "metadata": False,
        "type": "realtime",
        "keywords": "hazard" if kind.hazard else None,
        "group": "hazard" if kind.hazard else "other",
    }


def _failure(code: int, description: str) -> dict[str, Any]:
    return {"code": code, "description": description}


def _answer(form: str, root: str, value: Any, status: int = 200) -> Response:
    """As the standard wants its headers: UTF-8 is said in both."""
    if form == "json":
        return Response(json.dumps(value), status, content_type="application/json; charset=utf-8")
    return Response(document(root, value), status, content_type="text/xml; charset=utf-8")
