"""Line protocol, read back by a parser that shares nothing with the writer."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.series.lines import NS_PER_MS, alert_line, lines, read_record, record_line, signal_line
from hub.series.points import AlertPoint, Entry, SignalPoint
from tests.hub.series.samples import ONE_OF_EACH, T0, entry, relabelled, stored
from wire.records import AnyRecord

_text = st.text(st.characters(codec="utf-8"), max_size=40)
_Value = str | int | float | bool


def _cut(text: str, at: str, *, quotes: bool, most: int = -1) -> list[str]:
    """Split where ``at`` stands neither escaped nor, if ``quotes`` mean something, in quotes."""
    parts, quoted, escaped = [""], False, False
    for c in text:
        if c == at and not quoted and not escaped and len(parts) != most:
            parts.append("")
            continue
        if c == '"' and quotes and not escaped:
            quoted = not quoted
        escaped = c == "\\" and not escaped
        parts[-1] += c
    return parts


def _value(text: str) -> _Value:
    if text.startswith('"'):
        assert text.endswith('"')
        return re.sub(r'\\([\\"])', r"\1", text[1:-1])
    if text in ("true", "false"):
        return text == "true"
    return int(text[:-1]) if text.endswith("i") else float(text)


def _parse(line: str) -> tuple[str, dict[str, str], dict[str, _Value], int]:
    head, rest = _cut(line, " ", quotes=False, most=2)
    fields, time = _cut(rest, " ", quotes=True)
    measurement, *tags = _cut(head, ",", quotes=False)
    pairs = [_cut(tag, "=", quotes=False) for tag in tags]
    values = [_cut(field, "=", quotes=True) for field in _cut(fields, ",", quotes=True)]
    return (
        measurement,
        {name: re.sub(r"\\([, =])", r"\1", text) for name, text in pairs},
        {name: _value(text) for name, text in values},
        int(time),
    )


@given(st.sampled_from(ONE_OF_EACH[:6]), _text.filter(bool), _text)
def test_a_record_is_one_line_whatever_its_label_and_comes_back(
    sample: AnyRecord, label: str, epoch: str
) -> None:
    taken = stored(relabelled(sample, label), 5, epoch=epoch or "e")
    line = record_line(taken)
    assert "\n" not in line.replace("\n", "", label.count("\n") + epoch.count("\n"))
    measurement, tags, fields, time = _parse(line)
    assert read_record(measurement, {**tags, **fields, "time": time}) == taken


@given(_text, _text, _text, st.floats(allow_nan=False, allow_infinity=False))
def test_tags_of_a_signal_never_break_its_line(
    site: str, place: str, name: str, value: float
) -> None:
    measurement, tags, fields, time = _parse(signal_line(SignalPoint(site, place, name, T0, value)))
    assert (measurement, fields, time) == ("signal", {"value": value}, T0 * NS_PER_MS)
    assert set(tags) == {
        tag for tag, text in (("site", site), ("place", place), ("name", name)) if text
    }
    assert all(text.isprintable() and not text.endswith("\\") for text in tags.values())


def test_measurements_tags_and_fields_are_the_agreed_ones() -> None:
    enter = record_line(stored(ONE_OF_EACH[1], 5))
    assert _parse(enter) == (
        "record",
        {
            "site": "garden",
            "node": "gate-1",
            "source": "cam",
            "type": "zone.enter",
            "label": "人",
        },
        {
            "zone": "yard",
            "track": 7,
            "confidence": 1.0,
            "box": "[0.1,0.25,0.3333333333333333,1.0]",
            "seq": 2,
            "epoch": "e1",
            "rx_us": T0 * 1000 + 5,
            "at": T0,
        },
        T0 * NS_PER_MS + 2,
    )
    health = _parse(record_line(stored(ONE_OF_EACH[10], 0)))
    assert health[0] == "health"
    assert set(health[1]) == {"site", "node", "source"}
    alert = AlertPoint("garden", "court", "night", "high", T0, "firing", "a1")
    assert _parse(alert_line(alert)) == (
        "alert",
        {"site": "garden", "place": "court", "rule": "night", "severity": "high"},
        {"state": "firing", "id": "a1"},
        T0 * NS_PER_MS + 1,
    )


def test_fields_that_a_record_does_not_have_are_not_written() -> None:
    fields = _parse(record_line(stored(ONE_OF_EACH[7], 0)))[2]
    assert set(fields) == {"open", "seq", "epoch", "rx_us", "at"}


def test_a_field_has_one_type_in_all_records_of_a_measurement() -> None:
    seen: dict[tuple[str, str], type] = {}
    for record in ONE_OF_EACH:
        measurement, _, fields, _ = _parse(record_line(stored(record, 0)))
        for name, value in fields.items():
            assert seen.setdefault((measurement, name), type(value)) is type(value), name


def test_a_whole_number_in_a_float_field_stays_a_float() -> None:
    assert "value=3.0 " in signal_line(SignalPoint("garden", "court", "risk", T0, 3))


def test_states_of_an_alert_in_one_millisecond_are_points_of_their_own() -> None:
    states = ("pending", "firing", "resolved", "dropped")
    made = [alert_line(AlertPoint("g", "p", "r", "high", T0, state, "a")) for state in states]
    assert len({_parse(line)[3] for line in made}) == len(states)


def test_an_entry_is_a_line_for_each_point() -> None:
    made = list(lines(entry(3)))
    assert [line.partition(",")[0] for line in made] == ["record"] * 3 + ["signal"] * 3 + ["alert"]
    assert list(lines(Entry(()))) == []


def test_a_row_that_is_not_ours_is_an_error() -> None:
    with pytest.raises(KeyError):
        read_record("record", {"time": 5, "value": 1})
