"""Door sensors and access readers that call a URL, as Shelly's do.

Such devices can call an address and little else, so the token may stand in it; those that can
send a header use ``Authorization: Bearer``::

    GET  /doors/<id>/open?token=…            also /closed, and ?state=open&battery=90
    POST /doors/<id>   {"open": true, "battery": 90, "tamper": false}
    GET  /readers/<id>/granted?token=…       also /denied
"""

import hmac
import logging
from collections.abc import Mapping, Sequence
from http.server import BaseHTTPRequestHandler
from typing import Final
from urllib.parse import parse_qsl, unquote, urlsplit

import msgspec
from msgspec import UNSET

from configs.agent import AccessReader, DoorSensor, Webhooks
from edge.doors.contact import Reading
from edge.doors.desk import DoorDesk
from edge.metrics import EdgeMetrics
from health.serving import Serving, send, text

log = logging.getLogger(__name__)

MAX_BODY: Final = 4096
LEAST_TOKEN: Final = 16
OPEN: Final = {
    "open": True,
    "opened": True,
    "on": True,
    "closed": False,
    "close": False,
    "off": False,
}
GRANTED: Final = {"granted": True, "denied": False}
TRUTH: Final = {"true": True, "1": True, "false": False, "0": False}


class BadCall(ValueError):
    """A call that says nothing of a door; the text says what would."""


class WebhookDoors:
    """Listens for every webhook sensor and reader of a node."""

    def __init__(
        self,
        settings: Webhooks,
        sensors: Sequence[DoorSensor],
        readers: Sequence[AccessReader],
        *,
        desk: DoorDesk,
        metrics: EdgeMetrics,
    ) -> None:
        self._settings = settings
        self._doors = {each.id for each in sensors}
        self._readers = {each.id for each in readers}
        self._desk, self._metrics = desk, metrics
        self._server: Serving | None = None
        self._token = b""
        self.port = 0
        """Once started."""

    def start(self) -> None:
        """Listen; without a token or a port every sensor is told to be unusable."""
        try:
            self._token = self._settings.token().encode()
            if len(self._token) < LEAST_TOKEN:
                raise ValueError(f"the webhooks' token has less than {LEAST_TOKEN} characters")
            self._listen()
        except (OSError, ValueError) as error:
            for source in sorted(self._doors | self._readers):
                self._desk.fail(source, f"webhooks: {error}")

    def stop(self) -> None:
        """Stop listening."""
        if self._server is not None:
            self._server.close()
            self._server = None

    def _listen(self) -> None:
        outer = self

        class Handler(BaseHTTPRequestHandler):
            timeout = 10.0

            def do_GET(self) -> None:
                outer._answer(self, b"")

            def do_POST(self) -> None:
                length = self.headers.get("Content-Length", "0")
                if not length.isdecimal() or int(length) > MAX_BODY:
                    send(self, text(413, "too long"))
                    return
                outer._answer(self, self.rfile.read(int(length)))

            do_PUT = do_POST  # noqa: N815 - http.server's name

            def log_message(self, *_: object) -> None:
                """Nothing: the path holds the token."""

        where = (self._settings.host, self._settings.port)
        self._server = Serving(where, Handler, "webhooks")
        self.port = self._server.port
        log.info("webhooks at http://%s:%d", self._settings.host, self.port)

    def _answer(self, request: BaseHTTPRequestHandler, body: bytes) -> None:
        target = urlsplit(request.path)
        query = dict(parse_qsl(target.query))
        given = query.pop("token", "") or request.headers.get("Authorization", "")[7:]
        if not hmac.compare_digest(given.encode("utf-8", "replace"), self._token):
            self._refuse(request, "", 403, "the token is missing or wrong")
            return
        parts = [unquote(part) for part in target.path.strip("/").split("/")]
        source = parts[1] if len(parts) > 1 else ""
        try:
            if parts[0] == "doors" and source in self._doors:
                self._desk.hear(source, read_call(parts[2:], query, body))
            elif parts[0] == "readers" and source in self._readers:
                self._desk.access(source, granted=read_access(parts[2:], query))
            else:
                self._refuse(request, "", 404, "no such door or reader on this node")
                return
        except BadCall as error:
            self._refuse(request, source, 400, str(error))
            return
        send(request, text(200, "ok"))

    def _refuse(self, request: BaseHTTPRequestHandler, source: str, status: int, why: str) -> None:
        log.warning("webhook from %s refused: %s", request.client_address[0], why)
        self._metrics.door_messages_bad.labels(source or "unknown").inc()
        send(request, text(status, why))


def read_call(words: Sequence[str], query: Mapping[str, str], body: bytes) -> Reading:
    """What a call on a door says; raises `BadCall`. Words of the path, query and body add up."""
    said: dict[str, object] = {}
    if body:
        try:
            said.update(msgspec.json.decode(body, type=dict[str, object]))
        except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
            raise BadCall(f"the body is no JSON object: {error}") from None
    said.update(query)
    state = words[0] if words else said.get("state", said.get("open"))
    battery = _number(said.get("battery"))
    reading = Reading(
        open=_state(state) if state is not None else UNSET,
        battery=round(battery) if battery is not None and 0 <= battery <= 100 else UNSET,
        tamper=_truth(said["tamper"]) if "tamper" in said else UNSET,
        available=True,
    )
    if reading == Reading(available=True):
        raise BadCall("say open or closed, as in /doors/<id>/open, or battery or tamper")
    return reading


def read_access(words: Sequence[str], query: Mapping[str, str]) -> bool:
    """Whether a call on a reader lets somebody in; raises `BadCall`."""
    word = (words[0] if words else query.get("result", "")).lower()
    if word not in GRANTED:
        raise BadCall("say granted or denied, as in /readers/<id>/granted")
    return GRANTED[word]


def _state(value: object) -> bool:
    word = str(value).lower()
    if word in TRUTH:
        return TRUTH[word]
    if word not in OPEN:
        raise BadCall(f"{word[:40]!r} is neither open nor closed")
    return OPEN[word]


def _truth(value: object) -> bool:
    word = str(value).lower()
    if word not in TRUTH:
        raise BadCall(f"{word[:40]!r} is neither true nor false")
    return TRUTH[word]


def _number(value: object) -> float | None:
    try:
        return float(str(value))
    except ValueError:
        return None
