"""Starts processes in order, keeps them running, and stops them last in, first out; but a broker
of theirs before all others."""

import ctypes
import logging
import os
import random
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

log = logging.getLogger(__name__)

READY_S = 60.0
STOP_S = 15.0
RESTART_S = (1.0, 2.0, 5.0, 15.0, 30.0)
"""Pauses before a process that died is started again; the last one repeats."""
TAIL_LINES = 15
PORTS = range(24_000, 32_000)
"""Where free ports are looked for: below those that systems give away by themselves, so that none
is taken by a connection before the process it is for listens there."""


class LaunchError(Exception):
    """A process did not come up; the text has the end of its log."""


@dataclass
class Child:
    """A process under supervision."""

    name: str
    argv: Sequence[str]
    log_file: Path
    ready: Callable[[], bool]
    keep: bool = True
    """Start it again when it ends; False: its end is news to whoever waits."""
    ends_first: bool = False
    """Stop it before the others: a broker that keeps its queue in memory must not take what
    nobody is there to fetch any more; edges keep what it does not take."""
    process: "subprocess.Popen[bytes] | None" = None
    deaths: int = 0
    start_again_at: float = 0.0
    peak_bytes: int = 0

    def running(self) -> bool:
        """Whether it lives."""
        return self.process is not None and self.process.poll() is None


@dataclass
class Supervisor:
    """Owns the processes; as a context manager it leaves none behind."""

    children: list[Child] = field(default_factory=list)

    def start(self, child: Child) -> None:
        """Start a process and wait until it is ready; raises `LaunchError`."""
        self.children.append(child)
        self._spawn(child)
        deadline = time.monotonic() + READY_S
        while not child.ready():
            if not child.running():
                raise LaunchError(f"{child.name} ended at once:\n{tail(child.log_file)}")
            if time.monotonic() > deadline:
                raise LaunchError(
                    f"{child.name} was not ready after {READY_S:g} s:\n{tail(child.log_file)}"
                )
            time.sleep(0.05)

    def watch(self) -> list[Child]:
        """Start again what died and should run; returns what ended and should not."""
        ended = []
        for child in self.children:
            self._measure(child)
            if child.running():
                continue
            if not child.keep:
                ended.append(child)
            elif child.process is not None:
                self._bury(child)
            elif time.monotonic() >= child.start_again_at:
                self._spawn(child)
        return ended

    def _bury(self, child: Child) -> None:
        pause = RESTART_S[min(child.deaths, len(RESTART_S) - 1)]
        child.deaths += 1
        child.process = None
        child.start_again_at = time.monotonic() + pause
        log.error(
            "%s died; starting it again in %g s. Its last words:\n%s",
            child.name, pause, tail(child.log_file),
        )  # fmt: skip

    def _spawn(self, child: Child) -> None:
        child.log_file.parent.mkdir(parents=True, exist_ok=True)
        with child.log_file.open("ab") as output:
            child.process = subprocess.Popen(
                child.argv,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                # Ctrl-C is for the supervisor alone, which then stops the others in order.
                start_new_session=True,
                preexec_fn=_die_with_parent if sys.platform == "linux" else None,
            )

    def _measure(self, child: Child) -> None:
        if child.process is not None:
            child.peak_bytes = max(child.peak_bytes, peak_bytes(child.process.pid))

    def stop(self, child: Child) -> None:
        """End a process: politely, then not."""
        if not child.running() or child.process is None:
            return
        self._measure(child)
        child.process.send_signal(signal.SIGTERM)
        try:
            child.process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            log.warning("%s did not end in %g s; killed", child.name, STOP_S)
            child.process.kill()
            child.process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        last_first = self.children[::-1]
        for child in sorted(last_first, key=lambda child: not child.ends_first):
            self.stop(child)


def _die_with_parent() -> None:
    """So that nothing is left behind even when the supervisor is killed outright."""
    pr_set_pdeathsig = 1
    ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGTERM)


def peak_bytes(pid: int) -> int:
    """The most memory a process has held so far; 0 where the system does not tell."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
    except OSError:
        return 0
    for line in lines:
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return 0


def tail(log_file: Path) -> str:
    """The last lines of a log."""
    try:
        lines = log_file.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return "(no log)"
    return "\n".join(f"    {line}" for line in lines[-TAIL_LINES:]) or "    (it said nothing)"


def answers(url: str) -> Callable[[], bool]:
    """Whether a GET of ``url`` gives 200."""

    def ask() -> bool:
        try:
            with urllib.request.urlopen(url, timeout=2) as reply:  # noqa: S310 - our own address
                return bool(reply.status == 200)
        except (OSError, urllib.error.URLError):
            return False

    return ask


def listens(port: int) -> Callable[[], bool]:
    """Whether something on loopback accepts connections at ``port``."""

    def ask() -> bool:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=0.5):
                return True
        except OSError:
            return False

    return ask


def free_port(wanted: int = 0) -> int:
    """``wanted``, if nothing on loopback has it, or any free port."""
    while not (wanted and _is_free(wanted)):
        wanted = random.choice(PORTS)  # noqa: S311 - no secret
    return wanted


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def python(*args: str) -> list[str]:
    """A command line of this very Python."""
    return [sys.executable, *args]


def folder(path: Path) -> Path:
    """``path`` as a folder that exists and that only its owner reads; raises `LaunchError`."""
    try:
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise LaunchError(f"cannot make the folder {path}: {error.strerror}") from None
    if not os.access(path, os.W_OK):
        raise LaunchError(f"cannot write in {path}; choose another with --data")
    return path
