"""The page's server: loopback only, a token of its own, nothing from elsewhere.

The token comes once, in the address that the terminal shows, and becomes a cookie. The Host of
every request must be a loopback name, so that no page of the web reaches this one by a name
that it made point here.
"""

import hmac
import http.cookies
import json
import logging
import secrets
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from pathlib import Path
from typing import Final, Self
from urllib.parse import parse_qs, unquote, urlsplit

import msgspec

from configs import ConfigError, load_edge
from edge.draw import shapes
from edge.draw.pictures import NoPicture, Pictures

log = logging.getLogger(__name__)

HOST: Final = "127.0.0.1"
LOOPBACK: Final = {"127.0.0.1", "localhost", "::1"}
MAX_BODY: Final = 256 * 1024
POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; form-action 'none'; frame-ancestors 'none'; base-uri 'none'"
)
PAGE: Final = {
    "/": ("draw.html", "text/html; charset=utf-8"),
    "/draw.js": ("draw.js", "text/javascript; charset=utf-8"),
    "/icon.svg": ("icon.svg", "image/svg+xml"),
    "/draw.css": ("draw.css", "text/css; charset=utf-8"),
}
TEXT: Final = "text/plain; charset=utf-8"
JSON: Final = "application/json"
Answer = tuple[int, str, bytes]


class DrawServer:
    """Serves one edge.yaml on a thread of its own until closed."""

    def __init__(self, path: Path, pictures: Pictures, *, port: int = 0) -> None:
        """Listen on loopback; port 0 takes a free one. Raises OSError where it cannot."""
        self._path = path
        self._pictures = pictures
        self._token = secrets.token_urlsafe(24)
        self._saving = threading.Lock()
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
        self._cookie = f"linli-draw-{self.port}"
        """Cookies are shared by all ports of a host."""
        self._thread = threading.Thread(target=self._server.serve_forever, name="draw", daemon=True)
        self._thread.start()

    @property
    def address(self) -> str:
        """What to open; it holds the token."""
        return f"http://{HOST}:{self.port}/?token={self._token}"

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5.0)
        self._pictures.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _get(self, request: BaseHTTPRequestHandler) -> None:
        target = urlsplit(request.path)
        token = parse_qs(target.query).get("token", [""])[0]
        if not _is_loopback(request):
            _send(request, _text(403, "this page answers on loopback alone"))
        elif target.path == "/" and token and hmac.compare_digest(token, self._token):
            cookie = f"{self._cookie}={token}; HttpOnly; SameSite=Strict; Path=/"
            _send(request, (303, TEXT, b""), {"Location": "/", "Set-Cookie": cookie})
        elif not self._knows(request):
            _send(request, _text(403, "open the address that `linli edge draw` shows"))
        elif target.path in PAGE:
            name, kind = PAGE[target.path]
            _send(request, (200, kind, (files("edge.draw") / "page" / name).read_bytes()))
        elif target.path == "/cameras.json":
            _send(request, self._cameras())
        elif target.path.startswith("/picture/"):
            _send(request, self._picture(unquote(target.path.removeprefix("/picture/"))))
        else:
            _send(request, _text(404, "there is no such page"))

    def _post(self, request: BaseHTTPRequestHandler) -> None:
        origin = urlsplit(request.headers.get("Origin", ""))
        if (
            not _is_loopback(request)
            or not self._knows(request)
            or origin.netloc != request.headers.get("Host")
            or request.headers.get_content_type() != JSON
        ):
            _send(request, _text(403, "open the address that `linli edge draw` shows"))
            return
        length = request.headers.get("Content-Length", "")
        if not length.isdigit() or int(length) > MAX_BODY:
            request.close_connection = True
            _send(request, _text(413, "too much at once"))
            return
        body = request.rfile.read(int(length))
        _send(request, self._save(body) if request.path == "/save" else _text(404, "only /save"))

    def _knows(self, request: BaseHTTPRequestHandler) -> bool:
        try:
            jar = http.cookies.SimpleCookie(request.headers.get("Cookie", ""))
        except http.cookies.CookieError:
            return False
        given = jar[self._cookie].value if self._cookie in jar else ""
        return hmac.compare_digest(given.encode(), self._token.encode())

    def _cameras(self) -> Answer:
        try:
            version = shapes.version(self._path)
            edge = load_edge(self._path)
        except (ConfigError, OSError) as error:
            return _text(422, str(error))
        said = {
            "file": self._path.name,
            "version": version,
            "labels": edge.model.labels,
            "cameras": [shapes.shown(camera) for camera in edge.cameras],
        }
        return 200, JSON, json.dumps(said).encode()

    def _picture(self, camera_id: str) -> Answer:
        try:
            cameras = {camera.id: camera for camera in load_edge(self._path).cameras}
            if camera_id not in cameras:
                return _text(404, f"no camera {camera_id!r}")
            return 200, "image/jpeg", self._pictures.jpeg(cameras[camera_id])
        except (ConfigError, NoPicture, ValueError) as error:
            return _text(503, str(error))

    def _save(self, body: bytes) -> Answer:
        try:
            drawing = msgspec.json.decode(body, type=shapes.Drawing)
            with self._saving:
                shapes.save(self._path, drawing)
        except (msgspec.MsgspecError, UnicodeError) as error:
            return _text(400, f"not a drawing: {error}")
        except shapes.Conflict as error:
            return _text(409, str(error))
        except ConfigError as error:
            return _text(422, str(error))
        except OSError as error:
            return _text(500, f"{self._path} cannot be written: {error.strerror}")
        log.info("saved what was drawn on %s in %s", drawing.camera, self._path)
        return self._cameras()


def _is_loopback(request: BaseHTTPRequestHandler) -> bool:
    try:
        host = urlsplit(f"//{request.headers.get('Host', '')}").hostname
    except ValueError:
        return False
    return host in LOOPBACK


def _text(status: int, words: str) -> Answer:
    return status, TEXT, f"{words}\n".encode()


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
