"""What the benchmark and its helper processes say to each other: a line of JSON each."""

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

import msgspec
from msgspec import Struct

ROOT = Path(__file__).parents[2]
GOODBYE_S = 5.0

T = TypeVar("T")


class Send(Struct):
    """To the publisher: make so many messages of a site ready; it answers `Ready`, waits for
    `Go`, sends, and answers `Done`."""

    site: str
    messages: int
    per_second: float = 0.0
    """Messages; 0 for as fast as the broker takes them."""


class Expect(Struct):
    """To the subscriber: count so many messages from now on; it answers `Ready`, then `Done`."""

    messages: int


class Ready(Struct):
    """The order was understood."""


class Go(Struct):
    """Begin."""


class Done(Struct):
    """When it began and when it was through, nanoseconds since the Unix epoch."""

    begun_ns: int
    ended_ns: int


def say(message: Struct) -> None:
    """Answer, on standard output."""
    sys.stdout.write(msgspec.json.encode(message).decode() + "\n")
    sys.stdout.flush()


def listen(kind: type[T]) -> Iterator[T]:
    """What is asked, from standard input, until it closes."""
    for line in iter(sys.stdin.readline, ""):
        yield msgspec.json.decode(line, type=kind)


class Helper:
    """A helper process: a module of `tests.bench` that listens on its standard input."""

    def __init__(self, module: str, *args: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", f"tests.bench.{module}", *args],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            start_new_session=True,  # Ctrl-C is for the benchmark alone
        )

    def tell(self, message: Struct) -> None:
        """Ask for something."""
        assert self.process.stdin is not None
        self.process.stdin.write(msgspec.json.encode(message).decode() + "\n")
        self.process.stdin.flush()

    def hear(self, kind: type[T]) -> T:
        """Wait for an answer."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.process.args!r} ended without an answer")
        return msgspec.json.decode(line, type=kind)

    def ask(self, message: Struct, kind: type[T]) -> T:
        """`tell`, then `hear`."""
        self.tell(message)
        return self.hear(kind)

    def __enter__(self) -> "Helper":
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(BrokenPipeError):
            assert self.process.stdin is not None
            self.process.stdin.close()  # it reads the end of its input and ends
        try:
            self.process.wait(GOODBYE_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()
