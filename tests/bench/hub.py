"""How many records a second one hub process makes durable, beside what the broker and a bare
subscriber can do with the same messages."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from launch.supervisor import peak_bytes
from tests.bench import rig
from tests.bench.community import SITE
from tests.bench.orders import Done, Expect, Go, Helper, Ready, Send
from tests.bench.progress import Steps
from tests.bench.subscriber import BARE
from tests.bench.table import Figure, median_of
from tests.bench.traffic import PER_MESSAGE

BAR_RECORDS = 20_000
BAR_MEMORY_MB = 150
MB = 1024 * 1024


@dataclass(frozen=True)
class Round:
    """One flood of messages, through the hub."""

    committed: float
    """Records a second, from the first publish to the last commit."""
    carried: float
    """The same to when the series store has them too."""
    cpu_ms: float
    """CPU time of the hub for 1,000 records."""


def measure(folder: Path, *, rounds: int, messages: int, steps: Steps) -> Iterator[Figure]:
    """Flood a hub with an embedded series store, and a bare subscriber in turns with it."""
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(rig.broker(folder))
        running = stack.enter_context(rig.hub(folder / "hub", broker_port=server.port))
        publisher = stack.enter_context(Helper("publisher", str(server.port)))
        subscriber = stack.enter_context(Helper("subscriber", str(server.port)))
        steps.next("hub: warming up")
        flood(running, publisher, messages // 4)
        bare_rates, bare_cpu, hub_rounds = [], [], []
        for number in range(rounds):
            steps.next(f"bare subscriber: round {number + 1} of {rounds}")
            rate, cpu_ms = _bare(publisher, subscriber, messages)
            bare_rates.append(rate)
            bare_cpu.append(cpu_ms)
            steps.next(f"hub: round {number + 1} of {rounds}")
            hub_rounds.append(flood(running, publisher, messages))
        peak = peak_bytes(running.process.pid)
    yield from _figures("hub", hub_rounds)
    bare = median_of("hub", "bare paho subscriber", bare_rates, "records/s")
    yield bare
    committed = [each.committed for each in hub_rounds]
    ratio = median_of("", "", committed, "").value / bare.value
    yield Figure("hub", "hub over bare", ratio, "")
    yield median_of("hub", "its CPU for 1,000 records", bare_cpu, "ms")
    yield Figure("hub", "peak memory", peak / MB, "MB", BAR_MEMORY_MB, better="lower")


def measure_influx(
    folder: Path, series: dict[str, Any], *, messages: int, steps: Steps
) -> Iterator[Figure]:
    """The same hub with its series in InfluxDB."""
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(rig.broker(folder))
        running = stack.enter_context(
            rig.hub(folder / "hub", broker_port=server.port, series=series)
        )
        publisher = stack.enter_context(Helper("publisher", str(server.port)))
        steps.next("hub with InfluxDB: warming up")
        flood(running, publisher, messages // 4)
        steps.next("hub with InfluxDB")
        result = flood(running, publisher, messages)
    yield from _figures("hub, InfluxDB", [result], bar=False)


def _figures(part: str, rounds: list[Round], *, bar: bool = True) -> Iterator[Figure]:
    committed = [each.committed for each in rounds]
    yield median_of(part, "records committed", committed, "records/s", BAR_RECORDS if bar else None)
    carried = [each.carried for each in rounds]
    yield median_of(part, "… and in the series store", carried, "records/s")
    yield median_of(part, "its CPU for 1,000 records", [each.cpu_ms for each in rounds], "ms")


def flood(running: rig.Running, publisher: Helper, messages: int) -> Round:
    """Send as fast as the broker takes it, and wait until the hub has it."""
    eye = running.eye
    goal = eye.admitted() + messages * PER_MESSAGE
    publisher.ask(Send(SITE, messages), Ready)
    cpu_s = running.cpu_s()
    publisher.tell(Go())
    committed_ns = rig.wait_for(eye.admitted, goal)
    carried_ns = rig.wait_for(lambda: -eye.waiting(), 0)
    sent = publisher.hear(Done)
    records = messages * PER_MESSAGE
    return Round(
        committed=records * 1e9 / (committed_ns - sent.begun_ns),
        carried=records * 1e9 / (carried_ns - sent.begun_ns),
        cpu_ms=(running.cpu_s() - cpu_s) * 1e6 / records,
    )


def _bare(publisher: Helper, subscriber: Helper, messages: int) -> tuple[float, float]:
    """Records a second, and the subscriber's CPU milliseconds for 1,000 records."""
    process = psutil.Process(subscriber.process.pid)
    publisher.ask(Send(BARE, messages), Ready)
    subscriber.ask(Expect(messages), Ready)
    before = process.cpu_times()
    sent = publisher.ask(Go(), Done)
    ended_ns = subscriber.hear(Done).ended_ns
    after = process.cpu_times()
    records = messages * PER_MESSAGE
    cpu_s = after.user + after.system - before.user - before.system
    return records * 1e9 / (ended_ns - sent.begun_ns), cpu_s * 1e6 / records
