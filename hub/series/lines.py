"""Entries to InfluxDB's line protocol, and the rows of an answer back to records.

Measurements: ``signal`` (tags site, place, name; field value), ``record`` (tags site, node,
source, type, label; fields for the rest), ``health`` (tags site, node, source) and ``alert``
(tags site, place, rule, severity; fields state, id). A field's type follows from the record's
class and never from the value, so that two points never disagree about it.

Built here and not with ``influxdb_client.Point``, which takes seven times as long.
"""

import functools
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import msgspec
from msgspec import UNSET

from hub.series.points import AlertPoint, Entry, SignalPoint, Stored
from wire.records import RECORD_TYPES, AnyRecord, NodeHealth

NS_PER_MS: Final = 1_000_000
RECORD: Final = "record"
HEALTH: Final = "health"
EXACT: Final = "label_exact"
"""The field with a label that a tag cannot carry as it is."""
_IN_TAGS: Final = frozenset(("source", "label"))
_ESCAPES: Final = str.maketrans({",": "\\,", "=": "\\=", " ": "\\ "})
_ALERT_ORDER: Final = {"pending": 0, "firing": 1, "resolved": 2}
_CACHED_HEADS: Final = 16_384


def lines(entry: Entry) -> Iterator[str]:
    """The lines of an entry, timestamps in nanoseconds."""
    for stored in entry.records:
        yield record_line(stored)
    for signal in entry.signals:
        yield signal_line(signal)
    for alert in entry.alerts:
        yield alert_line(alert)


def record_line(stored: Stored) -> str:
    """One record. Its nanoseconds hold ``seq``, so that no two records share a point."""
    record = stored.record
    label = getattr(record, "label", "")
    text = [_record_head(stored.site, stored.node, record.source, record.type, label)]
    for name, write in _FIELDS[record.type]:
        value = getattr(record, name)
        if value is not UNSET:
            text.append(f"{name}={write(value)},")
    text.append(
        f"seq={record.seq}i,epoch={quote(stored.epoch)},rx_us={stored.rx_us}i,at={stored.at}i "
        f"{record.ts * NS_PER_MS + record.seq % NS_PER_MS}"
    )
    return "".join(text)


@functools.lru_cache(_CACHED_HEADS)
def _record_head(site: str, node: str, source: str, kind: str, label: str) -> str:
    if kind == NodeHealth.type:
        return _series(HEALTH, site=site, node=node, source=source) + " "
    series = _series(RECORD, site=site, node=node, source=source, type=kind, label=label)
    exact = "" if clean(label) == label else f"{EXACT}={quote(label)},"
    return f"{series} {exact}"


def _series(measurement: str, **tags: str) -> str:
    # Sorted, because then the server need not sort them.
    return measurement + "".join(
        f",{name}={tag(tags[name])}" for name in sorted(tags) if tags[name]
    )


def signal_line(point: SignalPoint) -> str:
    """One value of a signal."""
    head = _signal_head(point.site, point.place, point.name)
    return f"{head}{float(point.value)!r} {point.ts * NS_PER_MS}"


@functools.lru_cache(_CACHED_HEADS)
def _signal_head(site: str, place: str, name: str) -> str:
    return _series("signal", site=site, place=place, name=name) + " value="


def alert_line(point: AlertPoint) -> str:
    """One state of an alert. Its nanoseconds hold the state: an alert may be pending and fire
    in the same millisecond."""
    series = _series(
        "alert", site=point.site, place=point.place, rule=point.rule, severity=point.severity
    )
    ns = point.ts * NS_PER_MS + _ALERT_ORDER.get(point.state, len(_ALERT_ORDER))
    return f"{series} state={quote(point.state)},id={quote(point.id)} {ns}"


def clean(text: str) -> str:
    """``text`` as a tag can carry it: the line protocol has no way to write a line break in a
    tag, or a backslash at its end, and newer servers refuse what cannot be printed."""
    if text.isprintable() and "\\" not in text:
        return text
    return "".join(c if c.isprintable() and c != "\\" else "_" for c in text)


def tag(text: str) -> str:
    """A tag's value, escaped."""
    return clean(text).translate(_ESCAPES)


def quote(text: str) -> str:
    """A text field's value, escaped."""
    if "\\" in text or '"' in text:
        text = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"'


def _write_int(value: int) -> str:
    return f"{value}i"


def _write_float(value: float) -> str:
    return repr(float(value))  # a whole number must not become an integer field


def _write_bool(value: bool) -> str:
    return "true" if value else "false"


def _write_json(value: object) -> str:
    return quote(msgspec.json.encode(value).decode())


_WRITERS: Final[dict[type[msgspec.inspect.Type], Callable[[Any], str]]] = {
    msgspec.inspect.IntType: _write_int,
    msgspec.inspect.FloatType: _write_float,
    msgspec.inspect.BoolType: _write_bool,
    msgspec.inspect.StrType: quote,
    msgspec.inspect.EnumType: quote,
    msgspec.inspect.TupleType: _write_json,
}


def _fields_of(kind: type[AnyRecord]) -> tuple[tuple[str, Callable[[Any], str]], ...]:
    info = msgspec.inspect.type_info(kind)
    assert isinstance(info, msgspec.inspect.StructType)  # noqa: S101 - a record class is one
    return tuple(
        (field.name, _WRITERS[type(field.type)])
        for field in info.fields
        if field.name not in _IN_TAGS and field.name not in ("seq", "ts")
    )


_FIELDS: Final = {name: _fields_of(kind) for name, kind in RECORD_TYPES.items()}
_JSON_FIELDS: Final = {
    name: tuple(field for field, write in fields if write is _write_json)
    for name, fields in _FIELDS.items()
}


def read_record(measurement: str, row: Mapping[str, Any]) -> Stored:
    """The record in a row of an answer, columns by name, time in nanoseconds.

    Raises ``msgspec.ValidationError`` or ``KeyError`` where the row is not one of ours.
    """
    values = {name: value for name, value in row.items() if value is not None and value != ""}
    kind = NodeHealth.type if measurement == HEALTH else values["type"]
    for name in _JSON_FIELDS[kind]:
        values[name] = msgspec.json.decode(values[name])
    values["type"] = kind
    values["ts"] = values["time"] // NS_PER_MS
    values["label"] = values.get(EXACT, values.get("label", ""))
    record = msgspec.convert(values, AnyRecord)
    return Stored(
        site=values["site"],
        node=values["node"],
        epoch=values["epoch"],
        rx_us=values["rx_us"],
        at=values["at"],
        record=record,
    )
