"""Wired contacts on mock pins, and sensors that call a URL."""

import http.client
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import gpiozero
import pytest
from gpiozero.pins.mock import MockFactory
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from configs import ConfigError, load_edge
from configs.agent import AccessReader, DoorSensor, EdgeFile, Webhooks
from edge.doors import Doors, Reading
from edge.doors.webhook import BadCall, WebhookDoors, read_call
from edge.metrics import EdgeMetrics
from edge.outbox import Outbox
from edge.recorder import Recorder
from tests.edge.fakes import Clock, until
from tests.servers import free_port
from wire.codec import decode_record
from wire.records import DoorAccess, DoorState, NodeHealth

TOKEN = "0123456789abcdef"
Make = Callable[..., Doors]


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[Outbox]:
    box = Outbox(tmp_path / "doors.sqlite", max_records=10_000)
    yield box
    box.close()


@pytest.fixture
def clock() -> Clock:
    return Clock(1_000_000)


@pytest.fixture
def make(outbox: Outbox, clock: Clock) -> Iterator[Make]:
    made: list[Doors] = []

    def doors(**settings: Any) -> Doors:
        metrics = EdgeMetrics(CollectorRegistry())
        new = Doors(
            EdgeFile(site="s", node="n", **settings),
            recorder=Recorder(outbox, metrics),
            metrics=metrics,
            now=clock,
        )
        made.append(new)
        new.start()
        return new

    yield doors
    for each in made:
        each.stop()


@pytest.fixture
def pins() -> Iterator[MockFactory]:
    before, factory = gpiozero.Device.pin_factory, MockFactory()
    gpiozero.Device.pin_factory = factory
    yield factory
    factory.reset()
    gpiozero.Device.pin_factory = before


def heard(outbox: Outbox) -> list[DoorState | DoorAccess]:
    rows = outbox.peek(after=0, limit_records=500, limit_bytes=10**6).rows
    records = [decode_record(row.raw) for row in rows]
    return [record for record in records if isinstance(record, DoorState | DoorAccess)]


def health(doors: Doors, source: str) -> NodeHealth:
    return next(each for each in doors.health() if each.source == source)


def test_a_wired_contact_is_read_at_the_start_and_debounced(
    pins: MockFactory, make: Make, outbox: Outbox, clock: Clock
) -> None:
    make(doors=(DoorSensor(id="west", kind="gpio", pin=17),))  # the pull-up holds it high: open
    until(lambda: outbox.depth == 1)
    for _ in range(3):  # a latch that bounces
        pins.pin(17).drive_low()
        pins.pin(17).drive_high()
    pins.pin(17).drive_low()
    clock.ms += 300
    until(lambda: outbox.depth == 2)
    assert [(each.source, each.open) for each in heard(outbox) if isinstance(each, DoorState)] == [
        ("west", True),
        ("west", False),
    ]


def test_an_inverted_contact_and_a_strike(pins: MockFactory, make: Make, outbox: Outbox) -> None:
    make(
        doors=(DoorSensor(id="west", kind="gpio", pin=17, inverted=True),),
        readers=(AccessReader(id="strike", kind="gpio", pin=4, pull_up=False, door="west"),),
    )
    until(lambda: outbox.depth == 1)
    pins.pin(4).drive_high()
    pins.pin(4).drive_low()
    until(lambda: outbox.depth == 2)
    state, access = heard(outbox)
    assert isinstance(state, DoorState)
    assert isinstance(access, DoorAccess)
    assert (state.open, access.source, access.granted) == (False, "west", True)


def test_a_pin_that_cannot_be_had_is_told_and_the_other_works(
    pins: MockFactory, make: Make, outbox: Outbox
) -> None:
    held = gpiozero.DigitalInputDevice(17, pull_up=True)
    doors = make(
        doors=(
            DoorSensor(id="west", kind="gpio", pin=17),
            DoorSensor(id="east", kind="gpio", pin=18),
        )
    )
    until(lambda: outbox.depth == 1)
    assert not health(doors, "west").ok
    assert "pin 17 cannot be used" in health(doors, "west").detail
    assert health(doors, "east").ok
    held.close()
    assert pins is gpiozero.Device.pin_factory


@pytest.fixture
def called(make: Make, tmp_path: Path) -> tuple[Doors, int]:
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    port = free_port()
    doors = make(
        doors=(DoorSensor(id="west", kind="webhook"),),
        readers=(AccessReader(id="reader", kind="webhook"),),
        webhooks=Webhooks(host="127.0.0.1", port=port, token_file=str(tmp_path / "token")),
    )
    return doors, port


def call(port: int, method: str, path: str, body: str = "", token: str = TOKEN) -> tuple[int, str]:
    link = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        link.request(method, path, body or None, {"Authorization": f"Bearer {token}"})
        answer = link.getresponse()
        return answer.status, answer.read().decode().strip()
    finally:
        link.close()


def test_a_shelly_calls_with_its_state_and_a_reader_with_its_answer(
    called: tuple[Doors, int], outbox: Outbox, clock: Clock
) -> None:
    doors, port = called
    assert call(port, "GET", f"/doors/west/closed?token={TOKEN}&battery=12", token="")[0] == 200
    until(lambda: outbox.depth == 1)
    assert call(port, "POST", "/doors/west", json.dumps({"open": True, "tamper": False}))[0] == 200
    until(lambda: outbox.depth == 2)
    clock.ms += 300
    assert call(port, "GET", "/doors/west?state=open&lux=20")[0] == 200
    until(lambda: outbox.depth == 3)
    assert call(port, "GET", "/readers/reader/granted")[0] == 200
    until(lambda: outbox.depth == 4)
    *_, state, access = heard(outbox)
    assert isinstance(state, DoorState)
    assert (state.open, state.battery, state.tamper) == (True, 12, False)
    assert isinstance(access, DoorAccess)
    assert access.granted
    assert health(doors, "west").detail == "battery low (12 %)"


@pytest.mark.parametrize(
    ("method", "path", "body", "token", "status", "words"),
    [
        ("GET", "/doors/west/open", "", "wrong", 403, "token is missing or wrong"),
        ("GET", "/doors/west/open", "", "", 403, "token is missing or wrong"),
        ("GET", "/doors/east/open", "", TOKEN, 404, "no such door"),
        ("GET", "/", "", TOKEN, 404, "no such door"),
        ("GET", "/doors/west", "", TOKEN, 400, "say open or closed"),
        ("GET", "/doors/west/ajar", "", TOKEN, 400, "'ajar' is neither open nor closed"),
        ("POST", "/doors/west", "{", TOKEN, 400, "no JSON object"),
        ("POST", "/doors/west", "x" * 5000, TOKEN, 413, "too long"),
        ("GET", "/readers/reader/maybe", "", TOKEN, 400, "say granted or denied"),
    ],
)
def test_calls_that_say_nothing_are_refused_and_leave_nothing(
    called: tuple[Doors, int],
    outbox: Outbox,
    method: str,
    path: str,
    body: str,
    token: str,
    status: int,
    words: str,
) -> None:
    found, said = call(called[1], method, path, body, token)
    assert (found, words in said) == (status, True), said
    assert outbox.depth == 0


def test_webhooks_without_a_good_token_do_not_listen_and_say_so(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LINLI_WEBHOOK_TOKEN", raising=False)
    sensor = DoorSensor(id="west", kind="webhook")
    (tmp_path / "token").write_text("short")
    for webhooks, words in (
        (Webhooks(port=free_port()), "set token_file, or the variable LINLI_WEBHOOK_TOKEN"),
        (Webhooks(port=free_port(), token_file=str(tmp_path / "token")), "less than 16"),
        (Webhooks(port=free_port(), token_file="/nowhere"), "/nowhere"),
    ):
        doors = make(doors=(sensor,), webhooks=webhooks)
        assert words in health(doors, "west").detail
        assert not any(isinstance(each, WebhookDoors) and each.port for each in doors._ears)


@settings(deadline=None)
@given(
    st.lists(st.text(max_size=10), max_size=2),
    st.dictionaries(st.sampled_from(["state", "open", "battery", "tamper"]), st.text(max_size=8)),
    st.binary(max_size=60),
)
def test_whatever_is_called_is_read_or_refused(
    words: list[str], query: dict[str, str], body: bytes
) -> None:
    try:
        assert isinstance(read_call(words, query, body), Reading)
    except BadCall as error:
        assert str(error)  # noqa: PT017 - both outcomes are right


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("doors: [{id: d, kind: gpio}]", "pin is missing"),
        ("doors: [{id: d, kind: webhook, pin: 4}]", "is of no use to webhook"),
        ("doors: [{id: d, kind: gpio, pin: 4}, {id: e, kind: gpio, pin: 4}]", "4 is taken by 'd'"),
        ("readers: [{id: r, kind: mqtt}]", "topic is missing"),
        (
            "doors: [{id: west, kind: gpio, pin: 4}]\nreaders: [{id: r, kind: webhook, door: wst}]",
            "'wst' is no door here (did you mean 'west'?)",
        ),
        (
            "doors: [{id: west, kind: gpio, pin: 4}]\nreaders: [{id: west, kind: webhook}]",
            "west",
        ),
    ],
)
def test_what_is_wrong_with_sensors_is_found_by_the_check(
    tmp_path: Path, text: str, words: str
) -> None:
    path = tmp_path / "edge.yaml"
    path.write_text(f"site: s\nnode: n\n{text}\n")
    with pytest.raises(ConfigError) as caught:
        load_edge(path)
    assert words in str(caught.value)
