"""Values that YAML spells as text: durations, localised words, times of day, dates.

Each has ``parse``, which takes what YAML gave and raises ValueError with a text that
tells the reader what was expected, and ``schema``, the JSON Schema of what it takes.
"""

import re
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, ClassVar, Literal, Self

_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d|w)")
_UNIT_MS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}


class Duration(int):
    """A length of time in milliseconds; in YAML ``500ms``, ``3s``, ``1m30s``, ``12h``, ``7d``."""

    expects: ClassVar[str] = "a duration such as 500ms, 3s, 1m30s, 12h or 7d"

    @classmethod
    def parse(cls, raw: Any) -> Self:
        if isinstance(raw, str):
            parts = _PART.findall(raw)
            if parts and "".join(number + unit for number, unit in parts) == raw:
                return cls(round(sum(float(number) * _UNIT_MS[unit] for number, unit in parts)))
        raise ValueError(f"expected {cls.expects}, got {raw!r}")

    @classmethod
    def schema(cls) -> dict[str, Any]:
        return {"type": "string", "pattern": rf"^(?:{_PART.pattern})+$"}

    @property
    def seconds(self) -> float:
        return self / 1000


@dataclass(frozen=True, slots=True)
class Text:
    """Words for people, in the languages the console speaks; in YAML a string or {en:, zh:}."""

    en: str
    zh: str

    expects: ClassVar[str] = "a text, or {en: …, zh: …}"

    @classmethod
    def parse(cls, raw: Any) -> Self:
        if isinstance(raw, str):
            return cls(raw, raw)
        if (
            isinstance(raw, dict)
            and raw
            and set(raw) <= {"en", "zh"}
            and all(isinstance(words, str) for words in raw.values())
        ):
            either = next(iter(raw.values()))
            return cls(raw.get("en", either), raw.get("zh", either))
        raise ValueError(f"expected {cls.expects}, got {raw!r}")

    @classmethod
    def schema(cls) -> dict[str, Any]:
        words = {"type": "string"}
        languages = {
            "type": "object",
            "properties": {"en": words, "zh": words},
            "minProperties": 1,
            "additionalProperties": False,
        }
        return {"oneOf": [words, languages]}

    def in_(self, language: str) -> str:
        """The words in ``language`` ("en", "zh", "zh_Hans_CN" …)."""
        return self.zh if language.startswith("zh") else self.en


@dataclass(frozen=True, slots=True)
class TimeSpan:
    """A span of the day, ``06:00-22:30``; one that ends before it begins runs past midnight."""

    start_min: int
    """Minutes since midnight."""
    end_min: int

    expects: ClassVar[str] = 'a span of the day such as "06:00-22:30"'

    @classmethod
    def parse(cls, raw: Any) -> Self:
        if isinstance(raw, str):
            match = re.fullmatch(r"(\d\d):(\d\d)-(\d\d):(\d\d)", raw.replace(" ", ""))
            if match:
                h1, m1, h2, m2 = (int(group) for group in match.groups())
                start, end = h1 * 60 + m1, h2 * 60 + m2
                if m1 < 60 and m2 < 60 and start <= 1440 and end <= 1440 and start != end:
                    return cls(start, end)
        raise ValueError(f"expected {cls.expects}, got {raw!r}")

    @classmethod
    def schema(cls) -> dict[str, Any]:
        return {"type": "string", "pattern": r"^ *\d\d:\d\d *- *\d\d:\d\d *$"}

    def holds(self, minute: int) -> bool:
        """Whether ``minute`` of the day lies in the span (the end is outside)."""
        if self.start_min < self.end_min:
            return self.start_min <= minute < self.end_min
        return minute >= self.start_min or minute < self.end_min


_YEARLY = re.compile(r"(\d\d)-(\d\d)(?:\.\.(\d\d)-(\d\d))?")
_ONCE = re.compile(r"(\d{4}-\d\d-\d\d)(?:\.\.(\d{4}-\d\d-\d\d))?")
_LEAP_YEAR = 2024


@dataclass(frozen=True, slots=True)
class DateSpan:
    """Days from the first to the last, both inside; in YAML ``2026-01-15..2026-02-20``, or
    every year ``12-20..01-10``, which may run past the new year. One day stands alone:
    ``2026-05-01``, ``05-01``."""

    first: tuple[int, int, int]
    """(year, month, day); the year is 0 where it is every year's."""
    last: tuple[int, int, int]

    expects: ClassVar[str] = (
        'days such as "2026-01-15..2026-02-20" or "2026-05-01", '
        'or "12-20..01-10" or "05-01" every year'
    )

    @classmethod
    def parse(cls, raw: Any) -> Self:
        if isinstance(raw, date) and not isinstance(raw, datetime):
            raw = raw.isoformat()  # YAML makes a date of one that stands without quotes
        text = raw.replace(" ", "") if isinstance(raw, str) else ""
        try:
            if match := _ONCE.fullmatch(text):
                first, last = (date.fromisoformat(part or match[1]) for part in match.groups())
                if first > last:
                    raise ValueError(f"ends before it begins: {raw!r}")
                return cls((first.year, first.month, first.day), (last.year, last.month, last.day))
            if match := _YEARLY.fullmatch(text):
                m1, d1 = int(match[1]), int(match[2])
                m2, d2 = int(match[3] or m1), int(match[4] or d1)
                date(_LEAP_YEAR, m1, d1)
                date(_LEAP_YEAR, m2, d2)
                return cls((0, m1, d1), (0, m2, d2))
        except ValueError as error:
            raise ValueError(f"expected {cls.expects}, got {raw!r}: {error}") from None
        raise ValueError(f"expected {cls.expects}, got {raw!r}")

    @classmethod
    def schema(cls) -> dict[str, Any]:
        return {"type": "string", "pattern": rf"^(?:{_ONCE.pattern}|{_YEARLY.pattern})$"}

    def holds(self, day: date) -> bool:
        """Whether ``day`` is one of them."""
        if self.first[0]:
            return self.first <= (day.year, day.month, day.day) <= self.last
        here = (0, day.month, day.day)
        if self.first <= self.last:
            return self.first <= here <= self.last
        return here >= self.first or here <= self.last


@dataclass(frozen=True, slots=True)
class Holidays:
    """What public holidays mean to a rule; in YAML a mode, or {mode:, country:, region:}."""

    mode: Literal["only", "never", "also"]
    country: str = ""
    """ISO 3166-1 code, such as CN; left out: the site's."""
    region: str = ""
    """ISO 3166-2 part, such as BY in DE."""

    expects: ClassVar[str] = (
        "only, never or also (on holidays even where days: leaves them out), "
        "or {mode: never, country: CN}"
    )

    @classmethod
    def parse(cls, raw: Any) -> Self:
        parts = {"mode": raw} if isinstance(raw, str) else raw
        if (
            isinstance(parts, dict)
            and set(parts) <= {"mode", "country", "region"}
            and parts.get("mode") in ("only", "never", "also")
            and all(isinstance(part, str) for part in parts.values())
        ):
            return cls(parts["mode"], parts.get("country", ""), parts.get("region", ""))
        raise ValueError(f"expected {cls.expects}, got {raw!r}")

    @classmethod
    def schema(cls) -> dict[str, Any]:
        mode = {"enum": ["only", "never", "also"]}
        whole = {
            "type": "object",
            "properties": {
                "mode": mode,
                "country": {"type": "string"},
                "region": {"type": "string"},
            },
            "required": ["mode"],
            "additionalProperties": False,
        }
        return {"oneOf": [mode, whole]}
