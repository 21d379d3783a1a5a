"""Doors: contact true is closed, bouncing is not news, nonsense is counted."""

import itertools
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion
from prometheus_client import CollectorRegistry

from configs.agent import AccessReader, DoorSensor, EdgeFile, StreetSettings
from edge.doors import Contact, Doors, Reading, SimulatedDoor
from edge.doors.contact import REPEAT_MS
from edge.doors.mqtt_sensors import (
    UnreadableReading,
    read_access,
    read_availability,
    read_contact,
)
from edge.metrics import EdgeMetrics
from edge.outbox import Outbox
from edge.recorder import Recorder
from edge.sources.simulated import SimulatedSource
from tests.edge.fakes import DEADLINE_S, Clock, until
from tests.servers import Server
from wire.codec import decode_record
from wire.mqtt import Broker
from wire.records import AnyRecord, DoorAccess, DoorState

HOUR = 3_600_000
OPEN, CLOSED = Reading(open=True), Reading(open=False)
WEST = DoorSensor(id="west", kind="zigbee2mqtt", topic="zigbee2mqtt/hall/west gate")


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[Outbox]:
    box = Outbox(tmp_path / "doors.sqlite", max_records=10_000)
    yield box
    box.close()


def recorded(outbox: Outbox) -> list[AnyRecord]:
    rows = outbox.peek(after=0, limit_records=1000, limit_bytes=10**7).rows
    return [decode_record(row.raw) for row in rows]


def test_the_first_reading_is_believed_and_a_change_when_it_has_lasted() -> None:
    door = Contact("door", 300)
    assert [(r.ts, r.open) for r in door.read(CLOSED, 0)] == [(0, False)]
    assert list(door.read(OPEN, 1000)) == []
    assert list(door.tick(1299)) == []
    assert door.due() == 1300
    assert [(r.ts, r.open) for r in door.tick(1300)] == [(1300, True)]
    assert list(door.tick(1400)) == []


def test_a_bounce_is_not_news() -> None:
    door = Contact("door", 300)
    door.read(CLOSED, 0)
    for ts in range(1000, 1900, 100):
        assert list(door.read(OPEN if ts % 200 else CLOSED, ts)) == []
    assert list(door.tick(5000)) == []


def test_a_later_message_settles_what_no_tick_did() -> None:
    door = Contact("door", 300)
    door.read(CLOSED, 0)
    door.read(OPEN, 1000)
    (opened,) = door.read(CLOSED, 5000)
    assert opened.open
    (closed,) = door.tick(5300)
    assert not closed.open


def test_what_is_known_is_repeated_every_minute() -> None:
    door = Contact("door", 300)
    door.read(OPEN, 0)
    told = [record.ts for ts in range(0, 200_000, 1000) for record in door.tick(ts)]
    assert told == [REPEAT_MS, 2 * REPEAT_MS, 3 * REPEAT_MS]


def test_tamper_and_availability_are_told_at_once_and_kept() -> None:
    door = Contact("door", 300)
    assert list(door.read(Reading(available=True), 0)) == [], "open or closed is not known yet"
    door.read(Reading(open=False, battery=80), 100)
    (tampered,) = door.read(Reading(tamper=True), 200)
    (gone,) = door.read(Reading(available=False), 300)
    assert (tampered.tamper, tampered.battery, tampered.available) == (True, 80, True)
    assert (gone.open, gone.tamper, gone.available) == (False, True, False)


@given(st.lists(st.tuples(st.integers(1, 2000), st.booleans()), min_size=1, max_size=40))
def test_every_told_change_had_lasted(steps: list[tuple[int, bool]]) -> None:
    door, ts = Contact("door", 300), 0
    readings: list[tuple[int, bool]] = []
    told: list[DoorState] = []
    for gap, is_open in steps:
        ts += gap
        readings.append((ts, is_open))
        told += door.read(Reading(open=is_open), ts)
    told += door.tick(ts + 300)
    assert told[-1].open == readings[-1][1]
    for before, after in itertools.pairwise(told):
        assert before.open is not after.open or after.ts - before.ts >= REPEAT_MS
        if before.open is not after.open:
            window = [o for at, o in readings if after.ts - 300 < at < after.ts]
            assert all(is_open is after.open for is_open in window)


@pytest.mark.parametrize(
    ("payload", "reading"),
    [
        (
            (
                b'{"contact":true,"battery":100,"voltage":3005,"linkquality":144,"tamper":false,'
                b'"battery_low":false,"last_seen":"2025-01-01T00:00:00Z"}'
            ),
            Reading(open=False, battery=100, battery_low=False, linkquality=144, tamper=False),
        ),
        (b'{"contact":false}', Reading(open=True)),
        (b'{"battery":12.6}', Reading(battery=13)),
        (b'{"contact":null,"linkquality":null}', Reading()),
        (b'{"contact":true,"linkquality":999,"battery":-4}', Reading(open=False)),
    ],
)
def test_contact_true_means_closed_and_any_other_field_may_be_missing(
    payload: bytes, reading: Reading
) -> None:
    assert read_contact(payload) == reading


@pytest.mark.parametrize("payload", [b"", b"{", b"[]", b"\xff\xfe", b'{"contact":"yes"}', b"1"])
def test_payloads_that_are_no_sensors_are_refused(payload: bytes) -> None:
    with pytest.raises(UnreadableReading):
        read_contact(payload)


def test_both_forms_of_availability_are_read() -> None:
    assert read_availability(b"online") == Reading(available=True)
    assert read_availability(b'{"state":"offline"}') == Reading(available=False)
    for wrong in (b"", b"maybe", b"{}", b"{", b"\xff", b'{"state":5}'):
        with pytest.raises(UnreadableReading):
            read_availability(wrong)


@given(st.binary(max_size=60))
def test_whatever_a_sensor_sends_is_read_or_refused(payload: bytes) -> None:
    for read in (read_contact, read_availability):
        try:
            assert isinstance(read(payload), Reading)
        except UnreadableReading as error:
            assert str(error)  # noqa: PT017 - both outcomes are right


class World:
    """A node's doors on a real broker, with a clock that the test moves."""

    def __init__(self, outbox: Outbox, port: int, **settings: Any) -> None:
        self.registry = CollectorRegistry()
        metrics = EdgeMetrics(self.registry)
        self.outbox = outbox
        self.clock = Clock(1_000_000)
        self.doors = Doors(
            EdgeFile(site="s", node="n", mqtt=Broker(port=port), **settings),
            recorder=Recorder(outbox, metrics),
            metrics=metrics,
            now=self.clock,
        )
        self.gateway = Client(CallbackAPIVersion.VERSION2)
        self.gateway.connect("127.0.0.1", port)
        self.gateway.loop_start()

    def say(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        self.gateway.publish(topic, payload, 1, retain=retain).wait_for_publish(DEADLINE_S)

    def states(self) -> list[DoorState]:
        return [record for record in recorded(self.outbox) if isinstance(record, DoorState)]

    def detail(self, source: str) -> str:
        return next(each.detail for each in self.doors.health() if each.source == source)

    def close(self) -> None:
        self.doors.stop()
        self.gateway.disconnect()
        self.gateway.loop_stop()


@pytest.fixture
def world(broker: Server, outbox: Outbox) -> Iterator[Callable[..., World]]:
    made: list[World] = []

    def make(**settings: Any) -> World:
        made.append(World(outbox, broker.port, **settings))
        return made[-1]

    yield make
    for each in made:
        each.close()


def test_retained_state_slashes_and_malformed_messages_over_a_real_broker(
    world: Callable[..., World], outbox: Outbox, caplog: pytest.LogCaptureFixture
) -> None:
    w = world(doors=(WEST,))
    w.say(WEST.topic, b'{"contact":true,"battery":90}', retain=True)
    w.say(f"{WEST.topic}/availability", b'{"state":"online"}', retain=True)
    w.doors.start()
    until(lambda: outbox.depth == 2)
    with caplog.at_level(logging.WARNING):
        w.say(WEST.topic, b"garbage")
        bad = ("linli_edge_door_messages_bad_total", {"door": "west"})
        until(lambda: w.registry.get_sample_value(*bad) == 1)
    assert "door west: unreadable message on zigbee2mqtt/hall/west gate" in caplog.text
    w.say(WEST.topic, b'{"contact":false,"linkquality":20,"battery_low":true}')
    until(lambda: "weak radio link" in w.detail("west"))
    w.clock.ms += 300
    w.say(WEST.topic, b'{"linkquality":21}')
    until(lambda: outbox.depth == 3)
    states = w.states()
    assert [state.open for state in states] == [False, False, True]
    assert (states[-1].source, states[-1].available, states[-1].battery) == ("west", True, 90)
    assert states[-1].tamper is UNSET
    assert w.detail("west") == "battery low (90 %); weak radio link (21 of 255)"


def test_while_zigbee2mqtt_is_away_its_doors_are_not_available(
    world: Callable[..., World], outbox: Outbox
) -> None:
    east = DoorSensor(id="east", kind="zigbee2mqtt", topic="zigbee2mqtt/east")
    w = world(doors=(WEST, east))
    w.doors.start()
    for topic in (WEST.topic, east.topic):
        w.say(topic, b'{"contact":true}', retain=True)
    until(lambda: outbox.depth == 2)
    w.say(f"{east.topic}/availability", b"offline")
    until(lambda: outbox.depth == 3)
    w.say("zigbee2mqtt/bridge/state", b'{"state":"offline"}')
    until(lambda: outbox.depth == 4)
    w.say("zigbee2mqtt/bridge/state", b"online")
    until(lambda: outbox.depth == 5)
    told = [(state.source, state.available) for state in w.states()[2:]]
    assert told == [("east", False), ("west", False), ("west", True)]
    assert w.detail("east") == "not available"


def test_a_sensor_that_has_gone_silent_is_said_so_until_it_speaks_again() -> None:
    door = Contact("door", 300, silent_after_ms=HOUR)
    door.read(Reading(open=False, linkquality=80), 0)
    assert not [each for each in door.tick(HOUR - 1) if each.available is not UNSET]
    (silent,) = door.tick(HOUR)
    assert silent.available is False
    assert door.health(HOUR).detail == "silent for 60 min"
    health = door.health(2 * HOUR)
    assert (health.ok, health.detail) == (False, "silent for 2 h")
    door.read(Reading(available=False), 2 * HOUR)
    assert door.health(2 * HOUR).detail == "silent for 2 h", "that others miss it is no news"
    back = door.read(Reading(linkquality=80), 3 * HOUR)
    assert back[-1].available is True
    assert door.health(3 * HOUR).ok


def test_tampering_is_told_in_health_and_a_new_sensor_is_awaited() -> None:
    door = Contact("door", 300)
    assert door.health(0).detail == "not heard yet"
    door.read(Reading(open=False, tamper=True), 0)
    assert (door.health(0).ok, door.health(0).detail) == (False, "tampered with")


@pytest.mark.parametrize(
    ("payload", "field", "granted"),
    [
        (b"granted", "", True),
        (b"DENIED", "", False),
        (b'{"event":"OK","card":"1234"}', "event", True),
        (b'{"event":true}', "event", True),
        (b'{"event":0}', "event", False),
    ],
)
def test_a_readers_message_says_who_was_let_in_and_never_whom(
    payload: bytes, field: str, *, granted: bool
) -> None:
    assert read_access(payload, AccessReader(id="r", kind="mqtt", field=field)) is granted
    for wrong in (b"", b"\xff", b"{}" if field else b"  "):
        with pytest.raises(UnreadableReading):
            read_access(wrong, AccessReader(id="r", kind="mqtt", field=field))


def test_access_over_mqtt_is_the_doors_and_a_retained_one_is_no_news(
    world: Callable[..., World], outbox: Outbox
) -> None:
    reader = AccessReader(id="reader", kind="mqtt", topic="acs/west", door="west")
    w = world(doors=(WEST,), readers=(reader,))
    w.say("acs/west", b"granted", retain=True)
    w.say(WEST.topic, b'{"contact":true}', retain=True)
    w.doors.start()
    until(lambda: outbox.depth == 1)
    w.say("acs/west", b"denied")
    until(lambda: outbox.depth == 2)
    access = recorded(outbox)[-1]
    assert isinstance(access, DoorAccess)
    assert (access.source, access.granted) == ("west", False)


def test_the_simulated_door_follows_the_truth_of_its_street(outbox: Outbox) -> None:
    sensor = DoorSensor(id="lobby", kind="simulated", camera="cam")
    door = SimulatedDoor(sensor, Recorder(outbox, EdgeMetrics(CollectorRegistry())))
    settings = StreetSettings(seed=2, people=12, size_wh=(160, 120))
    source = SimulatedSource(settings, lambda: 5_000_000, fps=10, fast=True)
    truth: dict[int, bool] = {}
    for _ in range(600):
        frame = source.read()
        assert frame is not None
        door.look(source, frame)
        truth[frame.ts] = source.street.door_open(frame.ts - 5_000_000)
    states = [record for record in recorded(outbox) if isinstance(record, DoorState)]
    changes = [b for a, b in itertools.pairwise(states) if a.open != b.open]
    assert len(changes) >= 4, "the street's door moves several times a minute"
    for change in changes:
        lasted = range(change.ts - sensor.debounce, change.ts + 1, 100)
        assert {truth[ts] for ts in lasted} == {change.open}
