"""The device itself: disk, memory, temperature, and whether its clock is kept right."""

import os
import sqlite3
import statistics
import subprocess
import tempfile
import time
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

import psutil

from edge.doctor.finding import Finding, failed, good, warning
from edge.heat import hottest_celsius

GB = 1024**3
LITTLE_DISK = 2 * GB
NO_DISK = 200 * 1024**2
LITTLE_MEMORY = 300 * 1024**2
NO_MEMORY = 100 * 1024**2
HOT_C, TOO_HOT_C = 75.0, 85.0
SLOW_SYNC_MS = 100.0
"""A record is synced to disk before it is sent: slower than this, every alert is late."""


def disk(data: Path) -> list[Finding]:
    """Room and speed where the outbox lives."""
    part = f"disk {data}"
    try:
        there = next(folder for folder in (data, *data.parents) if folder.exists())
        sync_ms = _sync_ms(there)
    except OSError as error:
        return [
            failed(
                part,
                f"the data folder cannot be written: {error.strerror or error}",
                "give it to the agent's user (chown), or name another in data:",
            )
        ]
    free = psutil.disk_usage(str(there)).free
    figures = {"free_bytes": float(free), "sync_ms": round(sync_ms, 1)}
    says = f"{free / GB:.1f} GB free, a write is safe after {sync_ms:.0f} ms"
    if free < NO_DISK:
        return [failed(part, says, "make room: an outage would lose records", **figures)]
    if free < LITTLE_DISK:
        return [warning(part, says, "make room for a day without the network", **figures)]
    if sync_ms > SLOW_SYNC_MS:
        remedy = "replace the card (it may be worn out), or put data: on an SSD"
        return [warning(part, says, remedy, **figures)]
    return [good(part, says, **figures)]


def _sync_ms(folder: Path) -> float:
    times: list[float] = []
    with tempfile.NamedTemporaryFile(dir=folder, prefix=".doctor-") as file:
        for _ in range(5):
            begun = time.perf_counter()
            file.write(b"x" * 4096)
            file.flush()
            os.fsync(file.fileno())
            times.append((time.perf_counter() - begun) * 1000)
    return statistics.median(times)


def outbox(path: Path) -> list[Finding]:
    """What waits for the broker, read without disturbing an agent that runs."""
    if not path.exists():
        return [good("outbox", "empty: the agent has not run here yet")]
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=0.2)) as db:
            (waiting,) = db.execute("SELECT count(*) FROM records").fetchone()
    except sqlite3.OperationalError:
        return [good("outbox", "in use: an agent runs with this data folder")]
    except sqlite3.DatabaseError as error:
        return [
            warning(
                "outbox",
                f"the file is damaged ({error})",
                "nothing to do: the agent sets it aside at its next start and begins a new one; "
                "check the disk",
            )
        ]
    return [good("outbox", f"{waiting} records wait for the broker", records=waiting)]


def memory(available: int | None = None) -> list[Finding]:
    """Memory that is to be had."""
    free = psutil.virtual_memory().available if available is None else available
    says = f"{free / 1024**2:.0f} MB available"
    remedy = "end what else runs here, watch fewer cameras, or take a smaller model"
    if free < NO_MEMORY:
        return [failed("memory", says, remedy, available_bytes=free)]
    if free < LITTLE_MEMORY:
        return [warning("memory", says, remedy, available_bytes=free)]
    return [good("memory", says, available_bytes=free)]


def temperature(readings: Mapping[str, float] | None = None) -> list[Finding]:
    """The hottest sensor of the device, °C."""
    known = hottest_celsius() if readings is None else max(readings.values(), default=None)
    if known is None:
        return [good("temperature", "this device has no sensor for it")]
    says = f"{known:.0f} °C"
    if known >= TOO_HOT_C:
        remedy = "it slows itself down or will fail: shade, a heat sink, a fan"
        return [failed("temperature", says, remedy, celsius=known)]
    if known >= HOT_C:
        remedy = "give it air and shade; summer is hotter than today"
        return [warning("temperature", says, remedy, celsius=known)]
    return [good("temperature", says, celsius=known)]


def clock_kept(answer: str | None = None) -> list[Finding]:
    """Whether the system keeps its clock right by the network."""
    said = _timedatectl() if answer is None else answer
    if said == "yes":
        return [good("clock", "kept right by the network (NTP)")]
    if said == "no":
        return [
            warning(
                "clock",
                "not kept right by the network",
                "`timedatectl set-ntp true`; without Internet, run chrony on the hub and point "
                "this device at it",
            )
        ]
    return []


def _timedatectl() -> str:
    command = ["timedatectl", "show", "--property=NTPSynchronized", "--value"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=5, check=False)
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()
