"""Real servers: mail, HTTP that is slow, down or errs, and an MQTT broker."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from configs.notify import Route
from configs.values import Duration
from hub.notify.item import Message
from hub.notify.senders import SendLater, SendRefused, open_sender
from hub.notify.tables import DeliveryKind
from tests.hub.notify.mail import Mailbox, serving_mail
from tests.hub.notify.world import T0, World, item, machine, rule, site
from tests.servers import free_port, mosquitto
from wire import mqtt
from wire.mqtt import Broker

# apprise imports imghdr, which Python deprecates.
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")

MESSAGE = Message(id="m", items=(item(),))
NOWHERE = Broker(port=1)


@pytest.fixture
def mailbox() -> Iterator[tuple[Mailbox, int]]:
    with serving_mail() as found:
        yield found


def test_a_mail_arrives(mailbox: tuple[Mailbox, int], monkeypatch: pytest.MonkeyPatch) -> None:
    box, port = mailbox
    address = f"mailto://127.0.0.1:{port}?from=linli@court.example&to=li@court.example"
    monkeypatch.setenv("ROOM_URL", address)
    route = Route(id="room", kind="apprise", url_env="ROOM_URL", language="zh")
    open_sender(route, NOWHERE).send(MESSAGE)
    (mail,) = box.read()
    assert mail.subject == "[高] 人群 · 庭院"
    assert "li@court.example" in mail.to
    assert "处置建议：请派人。" in mail.body


def test_a_mail_server_that_says_no_is_tried_again_and_the_address_stays_secret(
    mailbox: tuple[Mailbox, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    box, port = mailbox
    box.answer = "451 try later"
    address = f"mailto://127.0.0.1:{port}?from=linli@court.example&to=li@court.example"
    monkeypatch.setenv("ROOM_URL", address)
    route = Route(id="room", kind="apprise", url_env="ROOM_URL")
    with pytest.raises(SendLater) as caught:
        open_sender(route, NOWHERE).send(MESSAGE)
    assert address not in str(caught.value)


def test_an_address_that_is_missing_or_unknown_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    route = Route(id="room", kind="apprise", url_env="ROOM_URL")
    with pytest.raises(SendLater, match="the variable ROOM_URL holds nothing"):
        open_sender(route, NOWHERE).send(MESSAGE)
    monkeypatch.setenv("ROOM_URL", "nosuchservice://x")
    with pytest.raises(SendRefused, match="apprise does not know such an address"):
        open_sender(route, NOWHERE).send(MESSAGE)


class Hook:
    """A webhook: answers ``status``; holds its answer back until ``go`` is set."""

    def __init__(self) -> None:
        self.got: list[tuple[dict[str, str], bytes]] = []
        self.status = 204
        self.go = threading.Event()
        self.go.set()


@contextmanager
def serving(hook: Hook, port: int | None = None) -> Iterator[int]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            hook.got.append((dict(self.headers), body))
            hook.go.wait(60)
            self.send_response(hook.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    class Server(ThreadingHTTPServer):
        def handle_error(self, request: Any, client_address: Any) -> None:
            """A client that has gone away is part of these tests."""

    server = Server(("127.0.0.1", port or free_port()), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        hook.go.set()
        server.shutdown()
        server.server_close()
        thread.join()


def webhook(port: int, **parts: Any) -> Route:
    return Route(id="machine", kind="webhook", url=f"http://127.0.0.1:{port}/hook", **parts)


def test_a_webhook_gets_a_cloud_event_with_an_id_that_stays(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TOKEN", "sesame")
    hook = Hook()
    with serving(hook) as port:
        sender = open_sender(webhook(port, token_env="TOKEN"), NOWHERE)
        sender.send(MESSAGE)
        sender.send(MESSAGE)
    (headers, body), (_, again) = hook.got
    event = json.loads(body)
    assert headers["Content-Type"].startswith("application/cloudevents+json")
    assert headers["Authorization"] == "Bearer sesame"
    assert {key: event[key] for key in ("specversion", "source", "type", "subject", "time")} == {
        "specversion": "1.0",
        "source": "/linli/s",
        "type": "org.linli.alert.firing",
        "subject": "yard/busy",
        "time": "2023-11-14T22:13:20.000Z",
    }
    assert event["data"]["title"] == {"en": "Crowd", "zh": "人群"}
    assert event["id"] == json.loads(again)["id"]


@pytest.mark.parametrize("status", [408, 429, 500, 503])
def test_busy_and_broken_are_tried_again(status: int) -> None:
    hook = Hook()
    hook.status = status
    with serving(hook) as port, pytest.raises(SendLater, match=f"answered {status}"):
        open_sender(webhook(port), NOWHERE).send(MESSAGE)


@pytest.mark.parametrize("status", [302, 400, 401, 404, 410])
def test_a_no_is_final(status: int) -> None:
    hook = Hook()
    hook.status = status
    with serving(hook) as port, pytest.raises(SendRefused, match=f"answered {status}"):
        open_sender(webhook(port), NOWHERE).send(MESSAGE)


def test_one_that_is_slow_or_down_is_tried_again() -> None:
    hook = Hook()
    hook.go.clear()
    with serving(hook) as port:
        slow = open_sender(webhook(port, timeout=Duration(100)), NOWHERE)
        with pytest.raises(SendLater, match="does not answer: ReadTimeoutError"):
            slow.send(MESSAGE)
    with pytest.raises(SendLater, match="does not answer"):
        slow.send(MESSAGE)


def test_what_a_webhook_missed_while_it_was_down_it_gets_when_it_is_back(tmp_path: Path) -> None:
    port, hook = free_port(), Hook()
    route = machine()
    world = World(tmp_path, site(route, rules=(rule("busy", "machine"),)))
    sender = open_sender(webhook(port), NOWHERE)
    world.senders["machine"].answer = sender.send
    alert = world.fire("busy")
    world.turn(0)
    world.resolve(alert, 1)
    world.turn(2)
    hook.status = 503
    with serving(hook, port):
        world.turn(6)
        hook.status = 200
        world.run(20)
    types = [json.loads(body)["type"].rpartition(".")[2] for _, body in hook.got]
    assert types == ["firing", "firing", "resolved"]


def test_the_state_of_an_alert_is_retained_at_the_broker(tmp_path: Path) -> None:
    route = Route(id="bus", kind="mqtt")
    with mosquitto(tmp_path) as server:
        broker = Broker(port=server.port)
        sender = open_sender(route, broker)
        sender.send(MESSAGE)
        assert _retained(broker)["active"] is True
        ended = item(kind=DeliveryKind.RESOLVED, resolved_ts=T0 + 1)
        sender.send(Message(id="m", items=(ended,)))
        assert _retained(broker)["active"] is False
        server.kill()
        with pytest.raises(SendLater, match="no broker answers"):
            sender.send(MESSAGE)


def _retained(broker: Broker) -> dict[str, Any]:
    """The retained message of the one alert's topic."""
    client = mqtt.client(broker, "", clean_session=True)
    came = threading.Event()
    got: list[bytes] = []

    def on_message(_client: Any, _data: Any, message: Any) -> None:
        if message.retain:
            got.append(message.payload)
            came.set()

    def on_connect(client: Any, *_rest: Any) -> None:
        client.subscribe("linli/alerts/s/yard/busy", qos=1)

    client.on_connect = on_connect
    client.on_message = on_message
    client.connect(broker.host, broker.port)
    client.loop_start()
    try:
        assert came.wait(60)
    finally:
        client.disconnect()
        client.loop_stop()
    found: dict[str, Any] = json.loads(got[0])
    return found
