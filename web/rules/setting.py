"""A rule's values in the reader's words: severity and active hours; numbers as YAML says them."""

from typing import Any

from flask_babel import gettext

from configs import edit, schedule
from configs.rules import Active
from configs.values import Duration
from web.language import HOLIDAYS, HOURS, SEVERITIES, WEEK, word


def setting(value: Any, path: str) -> str:
    """A value as a rule has it, or as an override says it, of this path in the rule."""
    if path == "severity":
        return word(str(value), SEVERITIES)
    if path == "active":
        try:
            return hours(value if isinstance(value, Active) else schedule.read(value))
        except ValueError:
            return str(value)
    return edit.spell(value) if isinstance(value, float | Duration) else str(value)


def hours(active: Active) -> str:
    """When a rule watches: times, days, holidays, dates; what is not said is left out."""
    parts = []
    if active.within is not None:
        parts.append(gettext("within %(span)s", span=schedule.spell_span(active.within)))
    if active.outside is not None:
        parts.append(gettext("outside %(span)s", span=schedule.spell_span(active.outside)))
    if active.days:
        parts.append(" ".join(str(WEEK[day]) for day in active.days))
    if active.holidays is not None:
        how = word(active.holidays.mode, HOLIDAYS)
        parts.append(gettext("public holidays: %(how)s", how=how))
    parts += [schedule.spell_dates(one) for one in active.dates]
    return " · ".join(parts) or str(HOURS[""])
