"""From the publish of a record to the alert that it raises, under a steady load.

Beside the load, a door without access granted opens at one probe place after the other; the
alert counts as there when its row can be read from the state store by another process.
"""

import contextlib
import random
import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from launch.report import percentile
from launch.supervisor import peak_bytes
from tests.bench import rig
from tests.bench.community import PROBE_NODE, PROBE_RULE, PROBES, SITE, probe_name
from tests.bench.hub import MB, flood
from tests.bench.orders import Done, Go, Helper, Ready, Send
from tests.bench.progress import Steps
from tests.bench.table import Figure
from tests.bench.traffic import PER_MESSAGE
from wire import codec, mqtt
from wire.records import Batch, DoorState
from wire.topics import Channel, Topic

BAR_P99_MS: Final = 150
LOAD_RECORDS: Final = 1000
"""Records a second."""
GAP_S: Final = (0.05, 0.1)
"""Between two probes, at random, so that they keep step with nothing."""
LEAD_S: Final = 2.0
"""How long the load runs before the first probe."""
OPEN_PROBES: Final = PROBES // 2
"""A probe's door is shut again after so many more."""
POLL_S: Final = 0.001
PATIENCE_S: Final = 30.0

Opening = tuple[str, int]
"""A probe place, and the event time (ms) at which its door opened."""


@dataclass(frozen=True)
class Seen:
    """An alert as the store shows it."""

    decided_ms: int
    """When the hub decided it, on the same machine's clock."""
    visible_ns: int


class Watcher:
    """Looks for firing probe alerts every millisecond, in a thread."""

    def __init__(self, data: Path) -> None:
        self.seen: dict[Opening, Seen] = {}
        self._path = f"file:{data / 'state.db'}?mode=ro"
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="watcher", daemon=True)

    def __enter__(self) -> "Watcher":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join()

    def _watch(self) -> None:
        with contextlib.closing(sqlite3.connect(self._path, uri=True, timeout=10)) as db:
            version = None
            while not self._stopping.wait(POLL_S):
                before, version = version, db.execute("PRAGMA data_version").fetchone()
                if version != before:
                    self._look(db)

    def _look(self, db: sqlite3.Connection) -> None:
        rows = db.execute(
            "SELECT place, pending_ts, fired_rx FROM alert "
            "WHERE site = ? AND state = 'firing' AND rule = ?",
            (SITE, PROBE_RULE),
        ).fetchall()
        now_ns = time.time_ns()
        for place, ts, fired_rx in rows:
            self.seen.setdefault((place, ts), Seen(fired_rx, now_ns))


class Prober:
    """Opens and shuts the doors of the probe places."""

    def __init__(self, port: int) -> None:
        broker = mqtt.Broker(port=port)
        self._seq = 0
        self._client = mqtt.client(broker, "bench-prober", clean_session=True)
        self._client.connect(broker.host, broker.port)
        self._client.loop_start()

    def move(self, door: str, *, opened: bool) -> tuple[Opening, int]:
        """Say that a door moved; its event time, and when it was published (ns)."""
        self._seq += 1
        now_ns = time.time_ns()
        ts = now_ns // 1_000_000
        record = DoorState(seq=self._seq, ts=ts, source=door, open=opened)
        payload = codec.encode(Batch(epoch="bench-epoch", sent=ts, records=(record,)))
        self._client.publish(str(Topic(SITE, PROBE_NODE, Channel.RECORDS)), payload, 1)
        return (door, ts), now_ns

    def close(self) -> None:
        """Say goodbye to the broker."""
        self._client.disconnect()
        self._client.loop_stop()


def measure(folder: Path, *, probes: int, steps: Steps) -> Iterator[Figure]:
    """Run a hub under load and probe it; raises `rig.Stuck` where an alert never comes."""
    seconds = LEAD_S + probes * sum(GAP_S) / 2 + 1
    messages = round(seconds * LOAD_RECORDS / PER_MESSAGE)
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(rig.broker(folder))
        running = stack.enter_context(rig.hub(folder / "hub", broker_port=server.port))
        publisher = stack.enter_context(Helper("publisher", str(server.port)))
        prober = stack.enter_context(contextlib.closing(Prober(server.port)))
        steps.next("latency: warming up")
        flood(running, publisher, 200)
        publisher.ask(Send(SITE, messages, LOAD_RECORDS / PER_MESSAGE), Ready)
        steps.next(f"latency: {probes} probes under {LOAD_RECORDS:,} records/s")
        cpu_s = running.cpu_s()
        publisher.tell(Go())
        time.sleep(LEAD_S)
        watcher = stack.enter_context(Watcher(folder / "hub"))
        published = _probe(prober, probes)
        _await(watcher, published)
        sent = publisher.hear(Done)
        cpu_s = running.cpu_s() - cpu_s
        peak = peak_bytes(running.process.pid)
    load_s = (sent.ended_ns - sent.begun_ns) / 1e9
    yield Figure("latency", "probes", len(published), "")
    yield Figure("latency", "load beside them", messages * PER_MESSAGE / load_s, "records/s")
    yield from _figures(published, watcher.seen)
    yield Figure("latency", "CPU of the hub", 100 * cpu_s / load_s, "% of a core")
    yield Figure("latency", "peak memory of the hub", peak / MB, "MB")


def _probe(prober: Prober, probes: int) -> dict[Opening, int]:
    rng = random.Random(7)
    published: dict[Opening, int] = {}
    for number in range(probes):
        opening, at_ns = prober.move(probe_name(number % PROBES), opened=True)
        published[opening] = at_ns
        if number >= OPEN_PROBES:
            prober.move(probe_name((number - OPEN_PROBES) % PROBES), opened=False)
        time.sleep(rng.uniform(*GAP_S))
    return published


def _await(watcher: Watcher, published: dict[Opening, int]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while missing := published.keys() - watcher.seen.keys():
        if time.monotonic() > deadline:
            raise rig.Stuck(f"{len(missing)} of {len(published)} probes raised no alert")
        time.sleep(rig.POLL_S)


def _figures(published: dict[Opening, int], seen: dict[Opening, Seen]) -> Iterator[Figure]:
    visible = sorted((seen[key].visible_ns - at_ns) / 1e6 for key, at_ns in published.items())
    decided = sorted(seen[key].decided_ms - at_ns / 1e6 for key, at_ns in published.items())
    name = "publish to alert readable"
    yield Figure("latency", f"{name}, p50", _part(visible, 0.5), "ms", better="lower")
    yield Figure("latency", f"{name}, p99", _part(visible, 0.99), "ms", BAR_P99_MS, "lower")
    yield Figure("latency", f"{name}, worst", visible[-1], "ms", better="lower")
    yield Figure("latency", "publish to decided, p50", _part(decided, 0.5), "ms", better="lower")
    yield Figure("latency", "publish to decided, p99", _part(decided, 0.99), "ms", better="lower")


def _part(ordered: Sequence[float], part: float) -> float:
    value = percentile(ordered, part)
    assert value is not None
    return value
