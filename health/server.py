"""/healthz, /readyz and /metrics over plain HTTP."""

import logging
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from health.serving import Answer, Serving, send, text

log = logging.getLogger(__name__)

REQUEST_TIMEOUT_S = 10.0


class HealthServer(Serving):
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

        super().__init__((host, port), Handler, "health")

    def _answer(self, request: BaseHTTPRequestHandler) -> None:
        path = request.path.partition("?")[0]
        send(request, self._page(path, request.headers.get("Authorization", "")))

    def _page(self, path: str, authorization: str) -> Answer:
        if path == "/healthz":
            return text(200, "ok")
        if path == "/readyz":
            reason = self._reason()
            return text(200, "ok") if reason is None else text(503, reason)
        if path == "/metrics":
            return 200, CONTENT_TYPE_LATEST, generate_latest(self._registry)
        if (answer := self._more(path, authorization)) is not None:
            return answer
        return text(404, "try /healthz, /readyz or /metrics")

    def _reason(self) -> str | None:
        try:
            return self._ready()
        except Exception as error:
            log.warning("the readiness check failed", exc_info=error)
            return f"the check itself failed: {error}"
