"""Values that YAML spells as text: durations, localised words, times of day.

Each has ``parse``, which takes what YAML gave and raises ValueError with a text that
tells the reader what was expected.
"""

import re
from dataclasses import dataclass
from typing import Any, ClassVar, Self

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

    def holds(self, minute: int) -> bool:
        """Whether ``minute`` of the day lies in the span (the end is outside)."""
        if self.start_min < self.end_min:
            return self.start_min <= minute < self.end_min
        return minute >= self.start_min or minute < self.end_min
