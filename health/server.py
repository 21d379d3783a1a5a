"""/healthz, /readyz and /metrics over plain HTTP."""

import logging
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

log = logging.getLogger(__name__)

TEXT = "text/plain; charset=utf-8"
REQUEST_TIMEOUT_S = 10.0
Answer = tuple[int, str, bytes]
"""Status, content type, body."""


class HealthServer:
    """Serves on a thread of its own until closed.

    ``GET /healthz`` answers 200 while the process lives; ``/readyz`` 200, or 503 with the
    reason that ``ready`` gives; ``/metrics`` the registry in Prometheus' text format.
    """

    def __init__(
        self,
        host: str,
        port: int,
        registry: CollectorRegistry,
        ready: Callable[[], str | None],
        more: Callable[[str, str], Answer | None] = lambda _path, _authorization: None,
    ) -> None:
        """Listen; port 0 takes a free one. Raises OSError where it cannot.

        ``more`` answers other paths, given the Authorization that came with them, or None.
        """
        self._registry = registry
        self._ready = ready
        self._more = more
        outer = self

        class Handler(BaseHTTPRequestHandler):
            timeout = REQUEST_TIMEOUT_S

            def do_GET(self) -> None:
                outer._answer(self)

            do_HEAD = do_GET  # noqa: N815 - http.server's name

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                log.debug("%s %s", self.address_string(), format % args)

        self._server = ThreadingHTTPServer((host, port), Handler)
        self._server.daemon_threads = True
        self.host = host
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(
            target=self._server.serve_forever, name="health", daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        """Stop serving and release the port."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5.0)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _answer(self, request: BaseHTTPRequestHandler) -> None:
        path = request.path.partition("?")[0]
        status, kind, body = self._page(path, request.headers.get("Authorization", ""))
        request.send_response(status)
        request.send_header("Content-Type", kind)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        if request.command != "HEAD":
            request.wfile.write(body)

    def _page(self, path: str, authorization: str) -> Answer:
        if path == "/healthz":
            return 200, TEXT, b"ok\n"
        if path == "/readyz":
            reason = self._reason()
            return (200, TEXT, b"ok\n") if reason is None else (503, TEXT, f"{reason}\n".encode())
        if path == "/metrics":
            return 200, CONTENT_TYPE_LATEST, generate_latest(self._registry)
        if (answer := self._more(path, authorization)) is not None:
            return answer
        return 404, TEXT, b"try /healthz, /readyz or /metrics\n"

    def _reason(self) -> str | None:
        try:
            return self._ready()
        except Exception as error:
            log.warning("the readiness check failed", exc_info=error)
            return f"the check itself failed: {error}"
