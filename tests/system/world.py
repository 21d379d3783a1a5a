"""A whole chain of real processes: outboxes and links of edges, a broker, a hub, its stores."""

import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import yaml
from msgspec.structs import replace
from paho.mqtt.publish import single
from prometheus_client import CollectorRegistry
from sqlalchemy import case, func, select

from edge.link import Link
from edge.metrics import EdgeMetrics
from edge.outbox import Outbox
from hub.state import store
from hub.state.tables import Alert, AlertState, Checkpoint, Journal, NodeState
from launch.supervisor import answers
from tests.servers import HOST, Server, free_port
from wire.codec import encode
from wire.mqtt import Broker
from wire.records import About, AnyRecord, Batch
from wire.topics import Channel, Topic

START_S = 120.0


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def wait_for(what: str, holds: Callable[[], bool], timeout_s: float = 120.0) -> None:
    """Return once it holds; fail the test where it does not in time."""
    deadline = time.monotonic() + timeout_s
    while not holds():
        assert time.monotonic() < deadline, f"waited {timeout_s:g} s in vain: {what}"
        time.sleep(0.05)


class HubProcess:
    """``linli hub run`` with a site, on a broker."""

    def __init__(self, folder: Path, site: dict[str, Any], broker: Server, **hub: Any) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.data = folder / "data"
        self._config = folder / "hub.yaml"
        self._log = folder / "hub.log"
        self._port = free_port()
        self.health = f"http://{HOST}:{self._port}"
        (folder / "site.yaml").write_text(yaml.safe_dump(site, allow_unicode=True))
        settings = {
            "mqtt": {"host": HOST, "port": broker.port},
            "data": "data",
            "http_port": self._port,
            # All edges, brokers and stores of a test sync one disk and hold each other up, at
            # times for longer than a hub waits by default for what may still be on its way.
            "settle": "1s",
            **hub,
        }
        self._config.write_text(yaml.safe_dump({"hub": settings, "sites": ["site.yaml"]}))
        self._state_url = str(hub.get("state_url", ""))
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it; it need not be ready when this returns."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "linli", "hub", "run", "-c", str(self._config)],
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def wait_ready(self) -> None:
        """Until it is connected to its broker."""
        wait_for("the hub is ready", answers(f"{self.health}/readyz"), START_S)

    def kill(self) -> None:
        """SIGKILL."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def stop(self) -> int:
        """SIGTERM; returns the exit code."""
        assert self._process is not None
        self._process.terminate()
        return self._process.wait(START_S)

    def log(self) -> str:
        """All it has said."""
        return self._log.read_text(encoding="utf-8")

    def _ask(self, statement: Any) -> Sequence[Any]:
        database = store.connect(store.address(self._state_url, self.data))
        try:
            with store.reading(database).begin() as connection:
                return connection.execute(statement).all()
        finally:
            database.dispose()

    def admitted(self) -> int:
        """Records taken, each once."""
        return int(self._ask(select(func.sum(NodeState.admitted)))[0][0] or 0)

    def nodes(self) -> dict[str, Any]:
        """The nodes by name."""
        return {row.node: row for row in self._ask(select(NodeState.__table__))}

    def drained(self) -> bool:
        """Whether the series store has all of the journal."""
        newest = self._ask(select(func.max(Journal.n)))[0][0] or 0
        written = self._ask(select(Checkpoint.n).where(Checkpoint.name == "series"))
        return bool(written) and written[0][0] >= newest

    def alerts(self) -> list[tuple[Any, ...]]:
        """rule, place and event times, in order; not when ``rush`` ended: flow looks a minute
        back, and whether that is over when a test looks is luck."""
        ended = case((Alert.rule != "rush", Alert.resolved_ts))
        columns = (Alert.pending_ts, Alert.rule, Alert.place, Alert.fired_ts)
        fired = select(*columns, ended).where(Alert.state != AlertState.PENDING)
        return [tuple(row) for row in self._ask(fired.order_by(*columns[:3]))]

    def quiet(self, *, but: str) -> bool:
        """Whether no alert is pending or firing, those of the rule ``but`` apart."""
        active = (Alert.state != AlertState.RESOLVED) & (Alert.rule != but)
        return bool(self._ask(select(func.count()).where(active))[0][0] == 0)


class Edge:
    """A node's outbox and link, as the agent wires them."""

    def __init__(self, folder: Path, broker: Server, node: str, *, stack: ExitStack) -> None:
        metrics = EdgeMetrics(CollectorRegistry())
        self.outbox = Outbox(folder / f"{node}.db", max_records=100_000)
        stack.callback(self.outbox.close)
        self.link = Link(
            Broker(host=HOST, port=broker.port),
            "town",
            node,
            outbox=self.outbox,
            metrics=metrics,
            now=now_ms,
            about=lambda: About(agent="test"),
            backoff_s=(0.2, 1.0),
        )
        self.link.start()
        stack.callback(self.link.stop, 1.0)
        self.sent: list[int] = []
        self._node = node

    def append(self, records: Sequence[AnyRecord]) -> None:
        """Records on their way."""
        self.sent += self.outbox.append(records)
        self._last = replace(records[-1], seq=self.sent[-1])

    def send_again(self, broker: Server) -> None:
        """The last record, as a link does that does not know whether it arrived."""
        topic = str(Topic("town", self._node, Channel.RECORDS))
        batch = Batch(epoch=self.outbox.epoch, sent=now_ms(), records=(self._last,))
        single(topic, encode(batch), 1, hostname=HOST, port=broker.port)

    def idle(self) -> bool:
        """Whether the broker has acknowledged everything."""
        return self.outbox.depth == 0


def influx_seqs(query: Callable[[str, str], str]) -> Counter[tuple[str, int]]:
    """How often InfluxDB holds each (node, seq)."""
    found: Counter[tuple[str, int]] = Counter()
    for measurement in ("record", "health"):
        statement = f'SELECT "seq" FROM "{measurement}" GROUP BY "node"'  # noqa: S608 - two constants
        answer = json.loads(query(statement, "linli"))
        for series in answer["results"][0].get("series", ()):
            for _, seq in series["values"]:
                found[series["tags"]["node"], seq] += 1
    return found
