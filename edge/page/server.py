"""A page that this device serves to one person: loopback only, a token of its own.

The token comes once, in the address that the terminal shows, and becomes a cookie. The Host of
every request must be a loopback name, so that no page of the web reaches this one by a name
that it made point here.
"""

import hmac
import http.cookies
import logging
import secrets
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler
from importlib.resources import files
from string import Template
from typing import Final, NamedTuple
from urllib.parse import parse_qs, urlsplit

from health.serving import TEXT, Answer, Serving, send, text

log = logging.getLogger(__name__)

HOST: Final = "127.0.0.1"
LOOPBACK: Final = {"127.0.0.1", "localhost", "::1"}
MAX_BODY: Final = 256 * 1024
POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; form-action 'none'; frame-ancestors 'none'; base-uri 'none'"
)
HTML: Final = "text/html; charset=utf-8"
SCRIPT: Final = "text/javascript; charset=utf-8"
STYLE: Final = "text/css; charset=utf-8"
JSON: Final = "application/json"
HEADERS: Final = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class Asset(NamedTuple):
    """A file that goes with a room."""

    package: str
    name: str
    kind: str

    def read(self) -> bytes:
        """What is in it."""
        return (files(self.package) / "page" / self.name).read_bytes()


SHARED: Final = {
    "/icon.svg": Asset("edge.page", "icon.svg", "image/svg+xml"),
    "/shapes.js": Asset("edge.page", "shapes.js", SCRIPT),
    "/page.css": Asset("edge.page", "page.css", STYLE),
}
"""What every page of the agent may use."""


class LocalPage(Serving):
    """Serves one page and what it asks for."""

    def __init__(self, name: str, *, port: int = 0) -> None:
        """Listen on loopback; port 0 takes a free one. Raises OSError where it cannot.

        ``name``: the `linli edge` command that shows the address; its room ``edge.<name>`` holds
        ``<name>.html`` (the body), ``.js`` and ``.css``.
        """
        self._name = name
        own = {f"/{name}.js": SCRIPT, f"/{name}.css": STYLE}
        self._assets = {
            **SHARED,
            **{path: Asset(f"edge.{name}", path[1:], kind) for path, kind in own.items()},
        }
        self._token = secrets.token_urlsafe(24)
        outer = self

        class Handler(BaseHTTPRequestHandler):
            timeout = 30.0

            def do_GET(self) -> None:
                outer._get(self)

            def do_POST(self) -> None:
                outer._post(self)

            def log_message(self, *_: object) -> None:  # a path may hold the token
                log.debug("%s %s", self.address_string(), self.path.partition("?")[0])

        super().__init__((HOST, port), Handler, name)

    @property
    def _cookie(self) -> str:
        """Cookies are shared by all ports of a host."""
        return f"linli-{self._name}-{self.port}"

    @property
    def address(self) -> str:
        """What to open; it holds the token."""
        return f"http://{HOST}:{self.port}/?token={self._token}"

    def answer(self, path: str) -> Answer:
        """To somebody who has the token and asks for more than the page's own files."""
        return text(404, f"there is no such page: {path[:60]}")

    def take(self, path: str, body: bytes) -> Answer:
        """What somebody who has the token sends, as JSON from this page."""
        return text(404, f"nothing is taken at {path[:60]}: {len(body)} bytes")

    def _get(self, request: BaseHTTPRequestHandler) -> None:
        target = urlsplit(request.path)
        token = parse_qs(target.query).get("token", [""])[0]
        if not _is_loopback(request):
            _send(request, text(403, "this page answers on loopback alone"))
        elif target.path == "/" and token and hmac.compare_digest(token, self._token):
            cookie = f"{self._cookie}={token}; HttpOnly; SameSite=Strict; Path=/"
            _send(request, (303, TEXT, b""), {"Location": "/", "Set-Cookie": cookie})
        elif not self._knows(request):
            _send(request, self._stranger())
        elif target.path == "/":
            _send(request, (200, HTML, self._page()))
        elif (asset := self._assets.get(target.path)) is not None:
            _send(request, (200, asset.kind, asset.read()))
        else:
            _send(request, self.answer(target.path))

    def _post(self, request: BaseHTTPRequestHandler) -> None:
        origin = urlsplit(request.headers.get("Origin", ""))
        if (
            not _is_loopback(request)
            or not self._knows(request)
            or origin.netloc != request.headers.get("Host")
            or request.headers.get_content_type() != JSON
        ):
            _send(request, self._stranger())
            return
        length = request.headers.get("Content-Length", "")
        if not length.isdecimal() or int(length) > MAX_BODY:
            request.close_connection = True
            _send(request, text(413, "too much at once"))
            return
        _send(request, self.take(request.path, request.rfile.read(int(length))))

    def _page(self) -> bytes:
        frame = Template(Asset("edge.page", "frame.html", HTML).read().decode())
        body = Asset(f"edge.{self._name}", f"{self._name}.html", HTML).read().decode()
        return frame.substitute(name=self._name, body=body).encode()

    def _stranger(self) -> Answer:
        return text(403, f"open the address that `linli edge {self._name}` shows")

    def _knows(self, request: BaseHTTPRequestHandler) -> bool:
        try:
            jar = http.cookies.SimpleCookie(request.headers.get("Cookie", ""))
        except http.cookies.CookieError:
            return False
        given = jar[self._cookie].value if self._cookie in jar else ""
        return hmac.compare_digest(given.encode(), self._token.encode())


def _is_loopback(request: BaseHTTPRequestHandler) -> bool:
    try:
        host = urlsplit(f"//{request.headers.get('Host', '')}").hostname
    except ValueError:
        return False
    return host in LOOPBACK


def _send(
    request: BaseHTTPRequestHandler, answer: Answer, headers: Mapping[str, str] | None = None
) -> None:
    send(request, answer, {**HEADERS, **(headers or {})})
