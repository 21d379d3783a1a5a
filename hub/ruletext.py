"""A rule written out as its YAML, for alerts that remember why they came."""

import enum
from typing import Any

import msgspec
import yaml
from msgspec import Struct

from configs.rules import Rule
from configs.values import DateSpan, Duration, Holidays, Text, TimeSpan

_UNITS = (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1))


def rule_text(rule: Rule) -> str:
    """The rule as YAML says it, without what it leaves at its default."""
    return yaml.safe_dump(_plain(rule), allow_unicode=True, sort_keys=False, width=100)


def _plain(value: Any) -> Any:
    match value:
        case Struct():
            fields = msgspec.structs.fields(value)
            return {
                part.encode_name: _plain(getattr(value, part.name))
                for part in fields
                if part.required or getattr(value, part.name) != part.default
            }
        case Text():
            return value.en if value.en == value.zh else {"en": value.en, "zh": value.zh}
        case Duration():
            return duration_text(value)
        case TimeSpan(start_min=start, end_min=end):
            return f"{start // 60:02}:{start % 60:02}-{end // 60:02}:{end % 60:02}"
        case DateSpan(first=first, last=last):
            return _day(first) if first == last else f"{_day(first)}..{_day(last)}"
        case Holidays(mode=mode, country=country, region=region):
            more = {"country": country, "region": region}
            found = {name: word for name, word in more.items() if word}
            return {"mode": mode, **found} if found else mode
        case enum.Enum():
            return str(value)
        case tuple() | list():
            return [_plain(item) for item in value]
    return value


def duration_text(ms: int) -> str:
    """A length of time as YAML spells it: 1m30s."""
    parts = []
    for unit, size in _UNITS:
        count, ms = divmod(ms, size)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"


def _day(day: tuple[int, int, int]) -> str:
    year, month, number = day
    return f"{year:04}-{month:02}-{number:02}" if year else f"{month:02}-{number:02}"
