"""A rule's active hours as one line of YAML, and back."""

from pathlib import Path
from typing import Any

import yaml

from configs.convert import Converter
from configs.document import Document
from configs.rules import Active
from configs.values import DateSpan, Holidays, TimeSpan


def spell(active: Active) -> str:
    """As a flow mapping; ``{}`` is always."""
    parts = []
    for name, span in (("within", active.within), ("outside", active.outside)):
        if span is not None:
            parts.append(f'{name}: "{spell_span(span)}"')
    if active.days:
        parts.append(f"days: [{', '.join(active.days)}]")
    if active.holidays is not None:
        parts.append(f"holidays: {_holidays(active.holidays)}")
    if active.dates:
        dates = ", ".join(f'"{spell_dates(one)}"' for one in active.dates)
        parts.append(f"dates: [{dates}]")
    return f"{{{', '.join(parts)}}}"


def parse(text: str) -> Active:
    """What `spell` wrote, or somebody in YAML; raises ValueError."""
    try:
        return read(yaml.safe_load(text))
    except yaml.YAMLError as error:
        raise ValueError(f"{text!r} is no YAML") from error


def read(raw: Any) -> Active:
    """Of what YAML makes of it, as an override holds it; raises ValueError."""
    document = Document(Path("active"))
    found = Converter(document).convert(raw, Active, ("active",))
    if document.problems or not isinstance(found, Active):
        raise ValueError("; ".join(problem.message for problem in document.problems))
    return found


def spell_span(span: TimeSpan) -> str:
    return f"{_time(span.start_min)}-{_time(span.end_min)}"


def _time(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"


def _holidays(found: Holidays) -> str:
    more = [("country", found.country), ("region", found.region)]
    parts = [f'{name}: "{word}"' for name, word in more if word]  # NO is false in YAML
    return f"{{mode: {', '.join([found.mode, *parts])}}}" if parts else found.mode


def spell_dates(span: DateSpan) -> str:
    first, last = _day(span.first), _day(span.last)
    return first if first == last else f"{first}..{last}"


def _day(day: tuple[int, int, int]) -> str:
    year, month, number = day
    return f"{year:04}-{month:02}-{number:02}" if year else f"{month:02}-{number:02}"
