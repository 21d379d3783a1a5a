"""A small HTTP server on a thread of its own: what pages, webhooks and health have in common."""

import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final, Self

TEXT: Final = "text/plain; charset=utf-8"
Answer = tuple[int, str, bytes]
"""Status, content type, body."""


class Serving:
    """Serves from the moment it exists until it is closed."""

    def __init__(
        self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler], name: str
    ) -> None:
        """Listen; port 0 takes a free one. Raises OSError where it cannot."""
        self._server = ThreadingHTTPServer(address, handler)
        self._server.daemon_threads = True
        self.host = address[0]
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, name=name, daemon=True)
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


def text(status: int, words: str) -> Answer:
    """Plain words."""
    return status, TEXT, f"{words}\n".encode()


def send(
    request: BaseHTTPRequestHandler, answer: Answer, headers: Mapping[str, str] | None = None
) -> None:
    """Answer a request; HEAD gets no body. Whoever has gone meanwhile is no error."""
    status, kind, body = answer
    request.send_response(status)
    known = {"Content-Type": kind, "Content-Length": str(len(body))}
    for name, value in {**known, **(headers or {})}.items():
        request.send_header(name, value)
    try:
        request.end_headers()
        if request.command != "HEAD":
            request.wfile.write(body)
    except ConnectionError:
        request.close_connection = True
