"""Processes end last in, first out; a broker among them before all others."""

import sys
from pathlib import Path

from launch.supervisor import Child, Supervisor

MORTAL = """
import pathlib, signal, sys
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
pathlib.Path(sys.argv[3]).touch()
signal.sigwait([signal.SIGTERM])
with open(sys.argv[2], "a") as book:
    book.write(sys.argv[1] + "\\n")
"""
"""Blocked, the signal waits however early it comes."""


def _child(folder: Path, name: str, *, ends_first: bool = False) -> Child:
    ready = folder / f"{name}.ready"
    argv = [sys.executable, "-c", MORTAL, name, str(folder / "book"), str(ready)]
    return Child(name, argv, folder / f"{name}.log", ready.exists, ends_first=ends_first)


def test_a_broker_ends_first_so_that_edges_keep_what_nobody_would_fetch(tmp_path: Path) -> None:
    with Supervisor() as supervisor:
        supervisor.start(_child(tmp_path, "broker", ends_first=True))
        for name in ("hub", "web", "edge"):
            supervisor.start(_child(tmp_path, name))
    assert (tmp_path / "book").read_text().split() == ["broker", "edge", "web", "hub"]
