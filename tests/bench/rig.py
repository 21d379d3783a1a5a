"""What a benchmark of the hub runs: Mosquitto, a hub process, and an eye on what it has stored."""

import contextlib
import sqlite3
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from launch.supervisor import Child, Supervisor, answers, free_port, python
from tests.bench.community import SITE, write_hub
from tests.servers import Server, mosquitto

BROKER_CONF = "max_inflight_messages 1000\nmax_queued_messages 0"
"""Mosquitto as a site would set it: it holds what a slow hub has not taken, and drops nothing."""
POLL_S = 0.02
PATIENCE_S = 120.0
"""How long nothing may move before a benchmark gives up."""


class Stuck(Exception):
    """What was sent did not arrive."""


class HubEye:
    """Looks into a hub's state store from outside, without ever holding it up."""

    def __init__(self, data: Path) -> None:
        self.db = sqlite3.connect(f"file:{data / 'state.db'}?mode=ro", uri=True, timeout=10)

    def admitted(self) -> int:
        """Records that are committed."""
        row = self.db.execute(
            "SELECT coalesce(sum(admitted), 0) FROM node_state WHERE site = ?", (SITE,)
        ).fetchone()
        return int(row[0])

    def waiting(self) -> int:
        """Journal rows that the series store does not have yet."""
        row = self.db.execute(
            "SELECT coalesce(max(n), 0) - "
            "coalesce((SELECT n FROM checkpoint WHERE name = 'series'), 0) FROM journal"
        ).fetchone()
        return int(row[0])

    def close(self) -> None:
        """Let go of the file."""
        self.db.close()


@dataclass
class Running:
    """A hub at work."""

    process: psutil.Process
    eye: HubEye

    def cpu_s(self) -> float:
        """CPU seconds that it has used, user and system."""
        times = self.process.cpu_times()
        return float(times.user + times.system)


def broker(folder: Path) -> Server:
    """A started Mosquitto."""
    return mosquitto(folder, conf_extra=BROKER_CONF)


@contextlib.contextmanager
def hub(
    folder: Path, *, broker_port: int, series: dict[str, Any] | None = None
) -> Iterator[Running]:
    """A hub process, from when it is ready; its folder is empty before."""
    port = free_port()
    config = write_hub(folder, broker_port=broker_port, http_port=port, series=series)
    argv = python("-m", "linli", "hub", "run", "-c", str(config))
    ready = answers(f"http://127.0.0.1:{port}/readyz")
    with Supervisor() as supervisor:
        child = Child("hub", argv, folder / "hub.log", ready, keep=False)
        supervisor.start(child)
        assert child.process is not None
        with contextlib.closing(HubEye(folder)) as eye:
            yield Running(psutil.Process(child.process.pid), eye)


def wait_for(reached: Callable[[], int], goal: int) -> int:
    """Poll until ``reached()`` is ``goal``; returns when that was, ns. Raises `Stuck`."""
    best, moved_at = -1, time.monotonic()
    while (now := reached()) < goal:
        if now > best:
            best, moved_at = now, time.monotonic()
        if time.monotonic() - moved_at > PATIENCE_S:
            raise Stuck(f"only {now:,} of {goal:,} came; nothing moved for {PATIENCE_S:.0f} s")
        time.sleep(POLL_S)
    return time.time_ns()
