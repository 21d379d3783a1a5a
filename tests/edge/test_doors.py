"""Doors: contact true is closed, bouncing is not news, nonsense is counted."""

import itertools
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion
from prometheus_client import CollectorRegistry

from configs.agent import DoorSensor, StreetSettings
from edge.doors import Contact, Reading, SimulatedDoor, Zigbee2MqttDoors
from edge.doors.contact import REPEAT_MS
from edge.doors.zigbee2mqtt import UnreadableReading, read_availability, read_contact
from edge.metrics import EdgeMetrics
from edge.outbox import Outbox
from edge.recorder import Recorder
from edge.sources.simulated import SimulatedSource
from tests.edge.fakes import until
from tests.servers import Server
from wire.codec import decode_record
from wire.mqtt import Broker
from wire.records import AnyRecord, DoorState

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
            Reading(open=False, battery=100, linkquality=144, tamper=False),
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


def test_retained_state_slashes_and_malformed_messages_over_a_real_broker(
    broker: Server, outbox: Outbox, caplog: pytest.LogCaptureFixture
) -> None:
    gateway = Client(CallbackAPIVersion.VERSION2)
    gateway.connect("127.0.0.1", broker.port)
    gateway.loop_start()
    gateway.publish(WEST.topic, b'{"contact":true,"battery":90}', 1, retain=True)
    gateway.publish(f"{WEST.topic}/availability", b'{"state":"online"}', 1, retain=True)
    registry = CollectorRegistry()
    metrics = EdgeMetrics(registry)
    now = [1_000_000]
    doors = Zigbee2MqttDoors(
        [WEST],
        Broker(port=broker.port),
        "doors-test",
        recorder=Recorder(outbox, metrics),
        metrics=metrics,
        now=lambda: now[0],
    )
    doors.start()
    try:
        until(lambda: outbox.depth == 2)
        with caplog.at_level(logging.WARNING):
            gateway.publish(WEST.topic, b"garbage", 1)
            until(
                lambda: (
                    registry.get_sample_value(
                        "linli_edge_door_messages_bad_total", {"door": "west"}
                    )
                    == 1
                )
            )
        assert "door west: unreadable message on zigbee2mqtt/hall/west gate" in caplog.text
        gateway.publish(WEST.topic, b'{"contact":false}', 1)
        until(lambda: doors._contacts[WEST.topic].due() == 1_000_300)
        now[0] += 300
        gateway.publish(WEST.topic, b'{"linkquality":20}', 1)
        until(lambda: outbox.depth == 3)
    finally:
        doors.stop()
        gateway.disconnect()
        gateway.loop_stop()
    states = [record for record in recorded(outbox) if isinstance(record, DoorState)]
    assert [state.open for state in states] == [False, False, True]
    assert (states[-1].source, states[-1].available, states[-1].battery) == ("west", True, 90)
    assert states[-1].tamper is UNSET


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
