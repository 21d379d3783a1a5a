"""The link: everything arrives, in order, whatever happens to the broker."""

import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion
from prometheus_client import CollectorRegistry

from edge import link as link_module
from edge.link import Link
from edge.metrics import EdgeMetrics
from edge.outbox import Outbox
from tests.edge.fakes import Clock, Listener, until
from tests.servers import Server, mosquitto
from wire import codec
from wire.mqtt import Broker
from wire.records import About, Do, Done, DoorState, NodeHealth, State

DOOR = DoorState(seq=0, ts=Clock()(), source="door", open=True)
Make = Callable[..., Link]


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[Outbox]:
    box = Outbox(tmp_path / "outbox.sqlite", max_records=100_000)
    yield box
    box.close()


@pytest.fixture
def make(outbox: Outbox) -> Iterator[Make]:
    """Makes links to a port; they are stopped when the test ends."""
    made: list[Link] = []

    def link(port: int, **more: object) -> Link:
        settings = Broker(host="127.0.0.1", port=port)
        new = Link(
            settings,
            "garden",
            "gate-1",
            outbox=outbox,
            metrics=EdgeMetrics(CollectorRegistry()),
            now=Clock(),
            about=lambda: About(agent="test"),
            backoff_s=(0.05, 0.2),
            **more,  # type: ignore[arg-type]
        )
        made.append(new)
        new.start()
        return new

    yield link
    for each in made:
        each.stop(0.1)


def test_says_hello_what_it_is_and_goodbye(
    broker: Server, listener: Listener, make: Make, outbox: Outbox
) -> None:
    link = make(broker.port)
    listener.wait_for(lambda: len(listener.heard) >= 2)
    link.stop()
    listener.wait_for(lambda: len(listener.heard) >= 3)
    said = [message for _, message in listener.heard]
    ts = Clock()()
    assert said == [
        State(True, ts, outbox.epoch),
        About(agent="test"),
        State(False, ts, outbox.epoch),
    ]
    late = Listener(broker.port)
    late.wait_for(lambda: State(False, ts, outbox.epoch) in [said for _, said in late.heard])
    late.close()


def test_records_arrive_once_and_in_order_and_leave_the_outbox(
    broker: Server, listener: Listener, make: Make, outbox: Outbox
) -> None:
    outbox.append([DOOR] * 1700)
    make(broker.port)
    for _ in range(20):
        outbox.append([DOOR])
    listener.wait_for(lambda: len(listener.seqs()) >= 1720)
    assert listener.seqs() == list(range(1, 1721))
    assert max(len(batch.records) for batch in listener.batches()) == 500
    assert {batch.epoch for batch in listener.batches()} == {outbox.epoch}
    until(lambda: outbox.depth == 0)


def test_a_broker_that_is_killed_while_records_are_made_misses_none(
    broker: Server, listener: Listener, make: Make, outbox: Outbox
) -> None:
    make(broker.port)
    writing = threading.Event()
    last = 0

    def write() -> None:
        nonlocal last
        while not writing.wait(0.002):
            (last,) = outbox.append([DOOR])

    writer = threading.Thread(target=write)
    writer.start()
    at_risk: set[int] = set()
    for _ in range(2):
        seen = len(listener.seqs())
        listener.wait_for(lambda seen=seen: len(listener.seqs()) > seen + 50)  # type: ignore[misc]
        heard = set(listener.seqs())
        broker.kill()
        until(lambda before=outbox.depth: outbox.depth > before + 20)  # type: ignore[misc]
        rows = outbox.peek(after=0, limit_records=100_000, limit_bytes=10**9).rows
        kept = {row.seq for row in rows}
        at_risk |= set(range(1, max(kept))) - kept - heard
        broker.start()
    writing.set()
    writer.join()
    until(lambda: outbox.depth == 0)
    # A broker that dies may take along what it had acknowledged and not passed on; what it
    # never acknowledged comes again.
    listener.wait_for(lambda: last in listener.seqs())
    lost = set(range(1, last + 1)) - set(listener.seqs())
    assert lost <= at_risk


def test_collects_while_there_is_no_broker_and_delivers_when_it_comes(
    broker: Server,
    listener: Listener,
    make: Make,
    outbox: Outbox,
    caplog: pytest.LogCaptureFixture,
) -> None:
    broker.kill()  # it knows who listens: nobody can miss what is published once it is back
    with caplog.at_level(logging.WARNING):
        link = make(broker.port)
        until(lambda: "no broker answers" in link.problem)
    assert "records wait in the outbox" in caplog.text
    outbox.append([DOOR] * 10)
    broker.start()
    listener.wait_for(lambda: listener.seqs() == list(range(1, 11)))
    assert link.problem == ""


def test_an_idle_link_passes_a_record_on_at_once_and_not_at_its_next_look(
    broker: Server, listener: Listener, make: Make, outbox: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    for waits in ("DRAIN_S", "RETRY_S"):
        monkeypatch.setattr(link_module, waits, 3_600.0)
    make(broker.port)
    for number in range(1, 31):
        outbox.append([DOOR])
        listener.wait_for(lambda number=number: len(listener.seqs()) >= number)  # type: ignore[misc]


def test_a_refused_login_is_a_clear_error_and_is_tried_again(
    tmp_path: Path, make: Make, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(link_module, "REFUSED_S", 0.05)
    with mosquitto(tmp_path, conf_extra="allow_anonymous false") as strict:
        link = make(strict.port)
        until(lambda: "refused the login" in link.problem)
        until(lambda: sum("refused" in record.message for record in caplog.records) >= 2)
    assert {record.levelname for record in caplog.records if "refused" in record.message} == {
        "ERROR"
    }
    assert "check mqtt.username and its password" in caplog.text


def test_the_picture_follows_its_record(
    broker: Server, listener: Listener, make: Make, outbox: Outbox
) -> None:
    for number in range(5):
        (seq,) = outbox.append([DOOR])
        outbox.add_picture(seq, f"ref-{number}", b"\xff\xd8\xff" + bytes([number]))
    make(broker.port)
    listener.wait_for(lambda: len(listener.pictures()) == 5)
    order = [str(topic.channel) for topic, _ in listener.heard]
    assert order.index("records") < order.index("evidence")
    assert [picture.ref for picture in listener.pictures()] == [f"ref-{n}" for n in range(5)]
    until(lambda: outbox.pictures_waiting == 0)


def test_after_each_connection_and_its_backlog_it_says_that_it_has_caught_up(
    broker: Server, listener: Listener, make: Make, outbox: Outbox
) -> None:
    health = NodeHealth(seq=0, ts=Clock()(), source="agent")
    outbox.append([DOOR] * 5)
    make(broker.port, on_caught_up=lambda: outbox.append([health]))
    listener.wait_for(lambda: len(listener.seqs()) == 6)
    assert isinstance(listener.records()[-1], NodeHealth)
    assert listener.records()[-1].ts == listener.batches()[-1].sent
    broker.kill()
    broker.start()
    listener.wait_for(lambda: 7 in listener.seqs())
    assert isinstance(listener.records()[-1], NodeHealth)


def test_a_link_that_dies_without_goodbye_leaves_its_last_will(
    broker: Server, listener: Listener, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    clients: list[Client] = []
    connect = Client.connect

    def spy(self: Client, *args: object, **more: object) -> object:
        clients.append(self)
        return connect(self, *args, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(Client, "connect", spy)
    make(broker.port)
    listener.wait_for(lambda: len(listener.heard) >= 2)
    sock = clients[0].socket()
    assert isinstance(sock, socket.socket)
    sock.shutdown(socket.SHUT_RDWR)
    listener.wait_for(lambda: State(False) in [message for _, message in listener.heard])


def test_commands_are_answered_politely(broker: Server, listener: Listener, make: Make) -> None:
    make(broker.port)
    listener.wait_for(lambda: len(listener.heard) >= 2)
    sender = Client(CallbackAPIVersion.VERSION2)
    sender.connect("127.0.0.1", broker.port)
    sender.loop_start()
    topic = "linli/v1/garden/gate-1/do"

    def done() -> list[Done]:
        return [message for _, message in list(listener.heard) if isinstance(message, Done)]

    try:
        # The subscription may come a moment after the hello.
        for number in range(200):
            sender.publish(topic, codec.encode(Do(f"a-{number}", "ping")), 1)
            if done():
                break
            time.sleep(0.05)
        listener.wait_for(lambda: bool(done()))
        sender.publish(topic, codec.encode(Do("b", "dance")), 1)
        listener.wait_for(lambda: done()[-1].id == "b")
    finally:
        sender.disconnect()
        sender.loop_stop()
    assert done()[0].ok
    assert done()[0].detail == "pong"
    assert not done()[-1].ok
    assert "does not know the verb 'dance'" in done()[-1].detail
