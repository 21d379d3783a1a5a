"""Serves the console with waitress until told to stop."""

import socket
import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

from flask import Flask
from waitress import create_server
from waitress.server import BaseWSGIServer
from waitress.wasyncore import loop

from configs.servers import WebSettings
from configs.site import SiteFile
from hub.reload import ConfigWatcher
from web.app import close, create_app
from web.console import Console, WebError
from web.residents import UPLOAD_BYTES

FORWARDED = {"x-forwarded-for", "x-forwarded-proto"}
"""What a trusted proxy tells: who asks, and whether over HTTPS."""
LOOP_S = 0.25
"""How soon it notices that it should stop."""
STOP_S = 1.0
"""How long requests that are being answered may take to end."""
WAITING_CONNECTIONS = 1000
MAX_BODY_BYTES = UPLOAD_BYTES * 5 // 4
"""What is sent waits on disk until it is whole: more than this is cut off. What is a little larger
than it may be gets a page that says so."""


def serve(
    settings: WebSettings,
    sites: Sequence[SiteFile],
    *,
    stop: threading.Event,
    on_listening: Callable[[str], None],
    watch: Callable[[Console], ConfigWatcher] | None = None,
    config: Path | None = None,
) -> None:
    """Run until ``stop`` is set; ``on_listening`` is given the address, such as
    ``http://127.0.0.1:8080``; ``watch`` makes what takes up a changed configuration, which
    ``config`` names. Raises `WebError` or `StateError` where it cannot start."""
    with ExitStack() as teardown:
        app = create_app(settings, sites, config=config)
        teardown.callback(close, app)
        if watch is not None:
            watcher = watch(app.extensions["linli"])
            watcher.start()
            teardown.callback(watcher.stop)
        listener = teardown.enter_context(_listen(settings.host, settings.port))
        on_listening(_address(listener))
        _serve(app, listener, settings, stop)


def _serve(
    app: Flask, listener: socket.socket, settings: WebSettings, stop: threading.Event
) -> None:
    threads = settings.threads
    sockets: dict[int, object] = {}
    server: BaseWSGIServer = create_server(
        app,
        map=sockets,
        sockets=[listener],
        threads=threads,
        connection_limit=threads + WAITING_CONNECTIONS,
        asyncore_use_poll=True,
        channel_request_lookahead=1,  # so that a closed page is noticed while it is served
        outbuf_high_watermark=256 * 1024,  # a page that does not read stops its own thread
        max_request_body_size=MAX_BODY_BYTES,
        ident=None,
        trusted_proxy=settings.trusted_proxy or None,
        trusted_proxy_headers=FORWARDED if settings.trusted_proxy else set(),
        # Left in where no proxy is trusted: nobody believes them, and /metrics refuses what
        # came through a proxy.
        clear_untrusted_proxy_headers=bool(settings.trusted_proxy),
    )
    while not stop.is_set():
        loop(timeout=LOOP_S, use_poll=True, map=sockets, count=1)
    # Live pages hear "bye" and their threads come free; the loop still sends what is left.
    close(app)
    ending = threading.Thread(target=_end, args=(server,), name="web-end")
    ending.start()
    while ending.is_alive():
        loop(timeout=0.05, use_poll=True, map=sockets, count=1)
    ending.join()
    for channel in list(sockets.values()):
        channel.close()  # type: ignore[attr-defined]


def _end(server: BaseWSGIServer) -> None:
    server.task_dispatcher.shutdown(timeout=STOP_S)


def _listen(host: str, port: int) -> socket.socket:
    try:
        family, *_rest, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        return socket.create_server(address[:2], family=family, backlog=1024)
    except OSError as error:
        raise WebError(
            f"cannot listen on {host}:{port}: {error.strerror or error}; "
            "choose another web.port, or stop what holds it"
        ) from error


def _address(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
