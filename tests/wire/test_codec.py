"""The decoder decodes or raises its one error; a batch's good records survive its bad ones."""

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wire import codec
from wire.errors import DecodeError
from wire.records import (
    MAX_BATCH_BYTES,
    MAX_EVIDENCE_BYTES,
    RECORD_TYPES,
    About,
    AnyRecord,
    Batch,
    Direction,
    DoorAccess,
    DoorState,
    Evidence,
    Fault,
    LineCross,
    ModelAbout,
    NodeHealth,
    SceneFault,
    SourceAbout,
    State,
    ZoneCount,
    ZoneDwell,
    ZoneEnter,
    ZoneExit,
    ZoneStationary,
)
from wire.topics import Channel, Topic, parse, subscription

RECORDS = "linli/v1/garden/gate-1/records"
ids = st.from_regex(r"[a-z0-9-]{1,12}", fullmatch=True)
naturals = st.integers(0, 2**53)
fractions = st.floats(0, 1)
labels = st.text(min_size=1, max_size=40)
boxes = st.tuples(fractions, fractions, fractions, fractions)


def _build(kind: Any, **parts: Any) -> st.SearchStrategy[AnyRecord]:
    return st.builds(kind, seq=naturals, ts=naturals, source=ids, **parts)


records: st.SearchStrategy[AnyRecord] = st.one_of(
    _build(ZoneCount, zone=ids, label=labels, count=naturals, confidence=fractions),
    _build(ZoneEnter, zone=ids, label=labels, track=naturals, confidence=fractions, box=boxes),
    _build(ZoneExit, zone=ids, label=labels, track=naturals, dwell_ms=naturals),
    _build(ZoneDwell, zone=ids, label=labels, track=naturals, dwell_ms=naturals),
    _build(ZoneStationary, zone=ids, label=labels, track=naturals, still_ms=naturals),
    _build(
        LineCross,
        line=ids,
        label=labels,
        track=naturals,
        direction=st.sampled_from(Direction),
        confidence=fractions,
        box=boxes,
        evidence=ids,
    ),
    _build(SceneFault, fault=st.sampled_from(Fault), active=st.booleans()),
    _build(DoorState, open=st.booleans(), battery=st.integers(0, 100), tamper=st.booleans()),
    _build(DoorAccess, granted=st.booleans()),
    _build(NodeHealth, ok=st.booleans(), detail=st.text(max_size=200), fps=st.floats(0, 100)),
)


def _decode(payload: bytes, topic: str = RECORDS) -> Any:
    return codec.decode(topic, payload)[1]


@given(st.text(), st.binary())
def test_no_bytes_on_any_topic_do_more_than_decode_or_raise(topic: str, payload: bytes) -> None:
    for where in (topic, *(f"linli/v1/garden/gate-1/{channel}" for channel in Channel)):
        with contextlib.suppress(DecodeError):
            codec.decode(where, payload)


json_keys = st.text() | st.sampled_from(["seq", "type"])
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(json_keys, inner),
    max_leaves=20,
)


@given(
    st.fixed_dictionaries(
        {"epoch": st.text() | ids, "sent": json_values, "records": st.lists(json_values)}
    )
)
def test_no_json_does_more_than_decode_or_raise(value: Any) -> None:
    try:
        batch = _decode(json.dumps(value).encode("utf-8", "surrogatepass"))
    except DecodeError:
        return
    assert len(batch.records) + len(batch.unknown) + len(batch.bad) == len(value["records"])


@given(st.lists(records, max_size=30), ids, naturals)
def test_a_batch_comes_back_as_it_went(batch: list[AnyRecord], epoch: str, sent: int) -> None:
    message = Batch(epoch=epoch, sent=sent, records=tuple(batch))
    assert codec.decode(RECORDS, codec.encode(message)) == (parse(RECORDS), message)
    spliced = codec.splice(epoch, sent, [codec.encode_record(record) for record in batch])
    assert _decode(spliced) == message


def test_every_record_type_is_in_the_tests_above() -> None:
    assert len(RECORD_TYPES) == 10


@pytest.mark.parametrize(
    ("channel", "message"),
    [
        ("state", State(online=True, ts=5, epoch="e1")),
        (
            "about",
            About(
                agent="0.1.0",
                sources=(SourceAbout(id="cam", kind="camera", zones=("yard",)),),
                model=ModelAbout(name="starter", sha256="0" * 64),
            ),
        ),
        ("evidence/abc-1", Evidence("abc-1", b"\xff\xd8\xff\xe0picture")),
    ],
)
def test_other_messages_come_back_as_they_went(channel: str, message: Any) -> None:
    assert _decode(codec.encode(message), f"linli/v1/garden/gate-1/{channel}") == message


def test_a_bad_record_does_not_take_its_neighbours_along() -> None:
    good = '{"type":"door.state","seq":1,"ts":2,"source":"d","open":true}'
    bad = '{"type":"door.state","seq":3,"ts":2,"source":"d","open":"maybe"}'
    batch = _decode(f'{{"epoch":"e","sent":1,"records":[{good},{bad},7]}}'.encode())
    assert [record.seq for record in batch.records] == [1]
    assert [item.seq for item in batch.bad] == [3, None]
    assert "Expected `bool`" in batch.bad[0].reason


def test_a_type_from_a_later_version_is_set_apart_with_its_seq() -> None:
    later = '{"type":"door.hologram","seq":9,"ts":2,"source":"d","shiny":1}'
    batch = _decode(f'{{"epoch":"e","sent":1,"records":[{later}]}}'.encode())
    assert [(item.seq, item.type) for item in batch.unknown] == [(9, "door.hologram")]
    assert batch.records == batch.bad == ()


def test_nesting_without_end_is_an_error_and_no_crash() -> None:
    deep = b"[" * 100_000
    with pytest.raises(DecodeError):
        _decode(b'{"epoch":"e","sent":1,"records":[],"x":' + deep)


@pytest.mark.parametrize(
    ("topic", "size", "says"),
    [
        (RECORDS, MAX_BATCH_BYTES + 1, f"over {MAX_BATCH_BYTES}"),
        ("linli/v1/g/n/evidence/r", 5_000_000, f"over {MAX_EVIDENCE_BYTES}"),
    ],
)
def test_a_payload_over_the_limit_is_refused_unread(topic: str, size: int, says: str) -> None:
    with pytest.raises(DecodeError, match=says):
        codec.decode(topic, b" " * size)


@pytest.mark.parametrize(
    ("topic", "says"),
    [
        ("zigbee2mqtt/door", "not a linli/v1 topic"),
        ("linli/v1/Garden/gate-1/records", "must match"),
        ("linli/v1/garden/gate-1/record", "unknown channel 'record'"),
        ("linli/v1/garden/gate-1/records/more", "unexpected parts"),
        ("linli/v1/garden/gate-1/evidence", "needs one ref"),
        ("linli/v1/garden/gate-1/evidence/..", "needs one ref"),
    ],
)
def test_a_topic_that_is_not_ours_says_why(topic: str, says: str) -> None:
    with pytest.raises(DecodeError, match=says):
        parse(topic)


@given(ids, ids, ids)
def test_a_topic_comes_back_as_it_was_spelled(site: str, node: str, ref: str) -> None:
    topic = Topic(site, node, Channel.EVIDENCE, ref)
    assert parse(str(topic)) == topic


def test_a_hub_subscribes_to_all_channels_of_a_site() -> None:
    assert subscription("garden") == "linli/v1/garden/+/#"
