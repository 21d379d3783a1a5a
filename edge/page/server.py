"""A page that this device serves to one person: loopback only, a token of its own.

The token comes once, in the address that the terminal shows, and becomes a cookie. The Host of
every request must be a loopback name, so that no page of the web reaches this one by a name
that it made point here.
"""

import hmac
import http.cookies
import logging
import secrets
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from typing import Final, NamedTuple, Self
from urllib.parse import parse_qs, urlsplit

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
TEXT: Final = "text/plain; charset=utf-8"
JSON: Final = "application/json"
Answer = tuple[int, str, bytes]


class Asset(NamedTuple):
    """A file that goes with a room."""

    package: str
    name: str
    kind: str

    def read(self) -> bytes:
        """What is in it."""
        return (files(self.package) / "page" / self.name).read_bytes()


SHARED: Final = {
    "/icon.svg": Asset("edge.draw", "icon.svg", "image/svg+xml"),
    "/shapes.js": Asset("edge.draw", "shapes.js", SCRIPT),
    "/draw.css": Asset("edge.draw", "draw.css", STYLE),
}
"""What every page of the agent may use."""


class LocalPage:
    """Serves on a thread of its own until closed."""

    def __init__(self, name: str, assets: Mapping[str, Asset], *, port: int = 0) -> None:
        """Listen on loopback; port 0 takes a free one. Raises OSError where it cannot.

        ``name``: the `linli edge` command that shows the address.
        """
        self._name = name
        self._assets = {**SHARED, **assets}
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

        self._server = ThreadingHTTPServer((HOST, port), Handler)
        self._server.daemon_threads = True
        self.port: int = self._server.server_address[1]
        self._cookie = f"linli-{name}-{self.port}"
        """Cookies are shared by all ports of a host."""
        self._thread = threading.Thread(target=self._server.serve_forever, name=name, daemon=True)
        self._thread.start()

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

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5.0)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

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
        if not length.isdigit() or int(length) > MAX_BODY:
            request.close_connection = True
            _send(request, text(413, "too much at once"))
            return
        _send(request, self.take(request.path, request.rfile.read(int(length))))

    def _stranger(self) -> Answer:
        return text(403, f"open the address that `linli edge {self._name}` shows")

    def _knows(self, request: BaseHTTPRequestHandler) -> bool:
        try:
            jar = http.cookies.SimpleCookie(request.headers.get("Cookie", ""))
        except http.cookies.CookieError:
            return False
        given = jar[self._cookie].value if self._cookie in jar else ""
        return hmac.compare_digest(given.encode(), self._token.encode())


def text(status: int, words: str) -> Answer:
    """Plain words."""
    return status, TEXT, f"{words}\n".encode()


def _is_loopback(request: BaseHTTPRequestHandler) -> bool:
    try:
        host = urlsplit(f"//{request.headers.get('Host', '')}").hostname
    except ValueError:
        return False
    return host in LOOPBACK


def _send(
    request: BaseHTTPRequestHandler, answer: Answer, headers: dict[str, str] | None = None
) -> None:
    status, kind, body = answer
    request.send_response(status)
    for name, value in {
        "Content-Type": kind,
        "Content-Length": str(len(body)),
        "Content-Security-Policy": POLICY,
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Cache-Control": "no-store",
        **(headers or {}),
    }.items():
        request.send_header(name, value)
    try:
        request.end_headers()
        request.wfile.write(body)
    except ConnectionError:
        request.close_connection = True  # the page has gone on to something else
