"""A rule's active hours as a form asks for them."""

import re
from typing import Final

from msgspec import Struct
from werkzeug.datastructures import MultiDict

from configs.rules import Active, Weekday
from configs.schedule import spell_dates, spell_span
from configs.values import DateSpan, Holidays, TimeSpan

FIELD = "a."
"""Begins the names of its fields."""
DAYS: tuple[Weekday, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
MODES = ("", "within", "outside")
DATES_CHARS: Final = 1000
"""So long may the dates be."""
_BETWEEN: Final = re.compile(r"[\s,;，、；]+")


class Schedule(Struct, frozen=True):
    """What stands in the fields, whether it makes sense or not."""

    mode: str = ""
    """"" is all day, within or outside the times below."""
    start: str = ""
    end: str = ""
    days: tuple[str, ...] = DAYS
    holidays: str = ""
    dates: str = ""
    """Days or spans of days as YAML says them, with commas or blanks between them."""

    @classmethod
    def of(cls, active: Active) -> "Schedule":
        span = active.within or active.outside
        times = spell_span(span).partition("-") if span is not None else ("", "", "")
        return cls(
            mode="within" if active.within else "outside" if active.outside else "",
            start=times[0],
            end=times[2].replace("24:00", "00:00"),
            days=active.days or DAYS,
            holidays=active.holidays.mode if active.holidays is not None else "",
            dates=", ".join(spell_dates(one) for one in active.dates),
        )

    @classmethod
    def typed(cls, form: MultiDict[str, str]) -> "Schedule | None":
        """None where the form has no such fields."""
        if f"{FIELD}mode" not in form:
            return None
        texts = {name: form.get(FIELD + name, "")[:20] for name in ("mode", "start", "end")}
        days = tuple(day for day in DAYS if day in form.getlist(f"{FIELD}day"))
        return cls(
            **texts, days=days, holidays=form.get(f"{FIELD}holidays", "")[:20],
            dates=form.get(f"{FIELD}dates", "")[:DATES_CHARS],
        )  # fmt: skip

    def active(self, before: Active) -> Active:
        """The hours that are meant; what is not asked for stays as it was. Raises ValueError."""
        if self == self.of(before):
            return before
        if self.mode not in MODES or not self.days:
            raise ValueError("no day, or no such mode")
        span = TimeSpan.parse(f"{self.start}-{self.end}") if self.mode else None
        holidays = before.holidays
        if self.holidays != (holidays.mode if holidays is not None else ""):
            holidays = Holidays.parse(self.holidays) if self.holidays else None
        return Active(
            within=span if self.mode == "within" else None,
            outside=span if self.mode == "outside" else None,
            days=tuple(day for day in DAYS if day in self.days) if len(self.days) < 7 else (),
            holidays=holidays,
            dates=tuple(DateSpan.parse(one) for one in _BETWEEN.split(self.dates) if one),
        )
