"""Open pages, as a process: ``python -m tests.bench.listeners PORT COOKIE COUNT``.

Each is a connection to ``/live`` that reads what comes and throws it away, as fast as it comes.
Says `Ready` once all are answered, and counts until its input closes.
"""

import selectors
import socket
import sys
import threading
from typing import Final

from tests.bench.orders import Ready, say

HOST: Final = "127.0.0.1"
CHUNK: Final = 1 << 18
ANSWER_S: Final = 60.0


def connect(port: int, cookie: str) -> socket.socket:
    """A connection that is live; raises RuntimeError where the console refuses it."""
    line = socket.create_connection((HOST, port), timeout=ANSWER_S)
    asked = (
        f"GET /live HTTP/1.1\r\nHost: {HOST}:{port}\r\nCookie: {cookie}\r\n"
        "Accept: text/event-stream\r\nAccept-Encoding: gzip\r\n\r\n"
    )
    line.sendall(asked.encode())
    answer = line.recv(CHUNK)
    if b" 200 " not in answer[:20]:
        raise RuntimeError(f"a page is not let in: {answer[:120]!r}")
    line.setblocking(False)
    return line


def main() -> None:
    """Hold the connections open until standard input closes."""
    port, cookie, count = int(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    stopping = threading.Event()
    waiter = selectors.DefaultSelector()
    for _ in range(count):
        waiter.register(connect(port, cookie), selectors.EVENT_READ)
    say(Ready())

    def wait_for_the_end() -> None:
        sys.stdin.read()
        stopping.set()

    threading.Thread(target=wait_for_the_end, daemon=True).start()
    while not stopping.is_set():
        for key, _events in waiter.select(0.5):
            if isinstance(key.fileobj, socket.socket) and not key.fileobj.recv(CHUNK):
                waiter.unregister(key.fileobj)


if __name__ == "__main__":
    main()
