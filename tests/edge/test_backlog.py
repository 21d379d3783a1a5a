"""After a long outage what happens now goes first, and the rest follows in order and gently."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from edge.backlog import LIVE_MS, RIDE_MS, Backlog
from edge.link import Link
from edge.metrics import EdgeMetrics
from edge.outbox import Outbox
from tests.edge.fakes import Clock, Listener, until
from tests.servers import Server
from wire.mqtt import Broker
from wire.records import About, DoorState, NodeHealth

NOW = Clock()()
DAY_MS = 86_400_000
WAITING = 6_000
PER_S = 1000


def door(ts: int) -> DoorState:
    return DoorState(seq=0, ts=ts, source="door", open=True)


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[Outbox]:
    box = Outbox(tmp_path / "outbox.sqlite", max_records=100_000)
    yield box
    box.close()


def fill(outbox: Outbox, count: int = WAITING) -> None:
    """A day's records, the last made an hour ago."""
    step = (DAY_MS - 3_600_000) // count
    outbox.append([door(NOW - DAY_MS + step * each) for each in range(count)])


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def link(broker: Server, outbox: Outbox, clock: Clock) -> Iterator[Link]:
    def ride() -> None:
        outbox.append([NodeHealth(seq=0, ts=clock(), source="agent")])

    made = Link(
        Broker(port=broker.port),
        "garden",
        "gate-1",
        outbox=outbox,
        metrics=EdgeMetrics(CollectorRegistry()),
        now=clock,
        about=lambda: About(agent="test"),
        on_draining=ride,
        drain_per_s=PER_S,
        backoff_s=(0.05, 0.2),
    )
    yield made
    made.stop(0.1)


def test_a_day_drains_in_order_behind_what_happens_now(
    listener: Listener, outbox: Outbox, clock: Clock, link: Link
) -> None:
    fill(outbox)
    outbox.append([door(NOW)])
    link.start()
    listener.wait_for(lambda: WAITING + 1 in listener.seqs())
    assert len(listener.seqs()) <= PER_S * RIDE_MS / 1000 + 1, "not all at once"
    passed_ms = 0
    while outbox.depth:
        clock.ms += 100
        passed_ms += 100
        (live,) = outbox.append([door(clock())])
        listener.wait_for(lambda live=live: live in listener.seqs())  # type: ignore[misc]
        old = [seq for seq in listener.seqs() if seq <= WAITING]
        assert len(old) <= PER_S * (passed_ms + RIDE_MS) / 1000
        if len(old) == WAITING:
            until(lambda: outbox.depth == 0)
    assert old == list(range(1, WAITING + 1)), "each once, in order"
    assert passed_ms >= 5_000
    for batch in listener.batches():
        newest = max(record.ts for record in batch.records)
        assert batch.sent - newest <= 2_000, "the hub goes on hearing the node live"


def test_where_nothing_happens_something_is_provided_to_ride_behind(
    listener: Listener, outbox: Outbox, clock: Clock, link: Link
) -> None:
    fill(outbox, 800)
    link.start()
    listener.wait_for(lambda: any(seq <= 800 for seq in listener.seqs()))
    clock.ms += RIDE_MS
    until(lambda: outbox.depth == 0)
    listener.wait_for(lambda: set(range(1, 801)) <= set(listener.seqs()))
    assert all(isinstance(batch.records[-1], NodeHealth) for batch in listener.batches())


def test_a_broken_connection_begins_again_with_the_oldest(
    broker: Server, listener: Listener, outbox: Outbox, clock: Clock, link: Link
) -> None:
    fill(outbox, 2_000)
    link.start()
    listener.wait_for(lambda: 1 in listener.seqs())
    broker.kill()
    until(lambda: bool(link.problem))
    broker.start()

    def drained() -> bool:
        clock.ms += 100
        return outbox.depth == 0

    until(drained)
    listener.wait_for(lambda: set(range(1, 2_001)) <= set(listener.seqs()))


@settings(max_examples=25, deadline=None)
@given(
    gaps=st.lists(st.integers(0, 20), max_size=30),
    before=st.integers(0, 22),
    deleted=st.integers(0, 30),
)
def test_the_boundary_is_where_the_old_records_end(
    gaps: list[int], before: int, deleted: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    box = Outbox(tmp_path_factory.mktemp("box") / "outbox.sqlite", max_records=100_000)
    times = sorted(gaps)
    seqs = box.append([door(ts) for ts in times])
    box.delete(1, deleted)
    left = [seq for seq, ts in zip(seqs, times, strict=True) if seq > deleted and ts < before]
    assert box.last_before(before) == max(left, default=0)
    box.close()


def test_a_short_outage_is_no_backlog(outbox: Outbox, clock: Clock) -> None:
    outbox.append([door(NOW - LIVE_MS), door(NOW)])
    assert not Backlog(outbox, PER_S, clock).waits
    outbox.append([door(NOW)])
    clock.ms += 1
    assert Backlog(outbox, PER_S, clock).waits
    assert not Backlog(outbox, 0, clock).waits
