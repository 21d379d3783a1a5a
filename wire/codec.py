"""Bytes to messages and back. Whatever the bytes are, `decode` returns or raises `DecodeError`."""

from collections.abc import Iterable
from typing import Any, Final, TypeVar

import msgspec
from msgspec import Raw, Struct

from wire.errors import DecodeError
from wire.records import (
    MAX_BATCH_BYTES,
    MAX_CONTROL_BYTES,
    MAX_EVIDENCE_BYTES,
    MAX_RECORDS,
    RECORD_TYPES,
    About,
    AnyRecord,
    BadRecord,
    Batch,
    Do,
    Done,
    Evidence,
    Id,
    Message,
    Natural,
    State,
    UnknownRecord,
)
from wire.topics import Channel, Topic, parse

_FAILURES: Final = (msgspec.MsgspecError, RecursionError, UnicodeError, OverflowError, ValueError)
_JPEG: Final = b"\xff\xd8\xff"
_LIMITS: Final = {
    Channel.RECORDS: MAX_BATCH_BYTES,
    Channel.EVIDENCE: MAX_EVIDENCE_BYTES,
}


class _Wire(Struct, frozen=True, gc=False):
    epoch: Id
    sent: Natural
    records: tuple[AnyRecord, ...]


class _Loose(Struct, frozen=True):
    epoch: Id
    sent: Natural
    records: tuple[Raw, ...]


class _Head(Struct, frozen=True):
    seq: Natural
    type: str


class _SeqOnly(Struct, frozen=True):
    seq: Natural


_encoder = msgspec.json.Encoder()
_strict = msgspec.json.Decoder(_Wire)
_loose = msgspec.json.Decoder(_Loose)
_head = msgspec.json.Decoder(_Head)
_seq_only = msgspec.json.Decoder(_SeqOnly)
_record: msgspec.json.Decoder[AnyRecord] = msgspec.json.Decoder(AnyRecord)
_records: msgspec.json.Decoder[list[AnyRecord]] = msgspec.json.Decoder(list[AnyRecord])
_state = msgspec.json.Decoder(State)
_about = msgspec.json.Decoder(About)
_do = msgspec.json.Decoder(Do)
_done = msgspec.json.Decoder(Done)

T = TypeVar("T")


def encode(message: Message) -> bytes:
    """The payload of a message. A batch over the wire's limits raises ValueError."""
    if isinstance(message, Evidence):
        if len(message.jpeg) > MAX_EVIDENCE_BYTES:
            raise ValueError(f"evidence of {len(message.jpeg)} bytes is over {MAX_EVIDENCE_BYTES}")
        return message.jpeg
    if isinstance(message, Batch):
        if len(message.records) > MAX_RECORDS:
            raise ValueError(f"{len(message.records)} records in a batch, over {MAX_RECORDS}")
        payload = _encoder.encode(_Wire(message.epoch, message.sent, message.records))
        if len(payload) > MAX_BATCH_BYTES:
            raise ValueError(f"a batch of {len(payload)} bytes is over {MAX_BATCH_BYTES}")
        return payload
    return _encoder.encode(message)


def encode_record(record: AnyRecord) -> bytes:
    """One record alone, as an outbox keeps it."""
    return _encoder.encode(record)


def decode_record(raw: bytes) -> AnyRecord:
    """One record alone; raises `DecodeError`."""
    return _decode(_record, raw, "record")


def decode_records(raws: Iterable[bytes]) -> list[AnyRecord]:
    """Records that were encoded alone, in one go; raises `DecodeError` where one is bad."""
    return _decode(_records, b"[%s]" % b",".join(raws), "records")


def splice(epoch: str, sent: int, raw_records: list[bytes]) -> bytes:
    """A batch's payload from records that are encoded already (an outbox's rows)."""
    return b'{"epoch":"%s","sent":%d,"records":[%s]}' % (
        epoch.encode(),
        sent,
        b",".join(raw_records),
    )


def decode(topic: str, payload: bytes) -> tuple[Topic, Message]:
    """What a topic and its payload say; raises `DecodeError` for anything else.

    A batch in which some records are unreadable or of an unknown type still
    decodes: those are set apart in ``bad`` and ``unknown``.
    """
    where = parse(topic)
    limit = _LIMITS.get(where.channel, MAX_CONTROL_BYTES)
    if len(payload) > limit:
        raise DecodeError(f"{where.channel} of {len(payload)} bytes is over {limit}")
    match where.channel:
        case Channel.RECORDS:
            return where, _decode_batch(payload)
        case Channel.EVIDENCE:
            if not payload.startswith(_JPEG):
                raise DecodeError("evidence is not a JPEG")
            return where, Evidence(where.ref, payload)
        case Channel.STATE:
            return where, _decode(_state, payload, "state")
        case Channel.ABOUT:
            return where, _decode(_about, payload, "about")
        case Channel.DO:
            return where, _decode(_do, payload, "do")
        case Channel.DONE:
            return where, _decode(_done, payload, "done")


def _decode(decoder: "msgspec.json.Decoder[T]", payload: bytes, what: str) -> T:
    try:
        return decoder.decode(payload)
    except _FAILURES as error:
        raise DecodeError(f"{what}: {error}") from None


def _decode_batch(payload: bytes) -> Batch:
    try:
        wire = _strict.decode(payload)
    except _FAILURES:
        return _decode_leniently(payload)
    _check_length(wire.records)
    return Batch(epoch=wire.epoch, sent=wire.sent, records=wire.records)


def _check_length(records: tuple[Any, ...]) -> None:
    if len(records) > MAX_RECORDS:
        raise DecodeError(f"{len(records)} records in a batch, over {MAX_RECORDS}")


def _decode_leniently(payload: bytes) -> Batch:
    """Record by record, so that one bad record does not take its neighbours along."""
    loose = _decode(_loose, payload, "records")
    _check_length(loose.records)
    good: list[AnyRecord] = []
    unknown: list[UnknownRecord] = []
    bad: list[BadRecord] = []
    for raw in loose.records:
        try:
            good.append(_record.decode(raw))
        except _FAILURES as error:
            stranger = _as_unknown(raw)
            if stranger is not None:
                unknown.append(stranger)
            else:
                bad.append(BadRecord(_seq_of(raw), str(error), bytes(raw)))
    return Batch(
        epoch=loose.epoch,
        sent=loose.sent,
        records=tuple(good),
        unknown=tuple(unknown),
        bad=tuple(bad),
    )


def _as_unknown(raw: Raw) -> UnknownRecord | None:
    try:
        head = _head.decode(raw)
    except _FAILURES:
        return None
    return None if head.type in RECORD_TYPES else UnknownRecord(head.seq, head.type[:80])


def _seq_of(raw: Raw) -> int | None:
    try:
        return _seq_only.decode(raw).seq
    except _FAILURES:
        return None
