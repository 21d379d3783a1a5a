"""Names on a plan: each where it has room, so that none runs into another."""

from collections.abc import Iterable, Mapping
from unicodedata import east_asian_width

from msgspec import Struct

from configs.plan import Drawing
from configs.site import Place

WIDEST = (13.0, 5.5)
"""How wide a name may be, in heights of the text, and how wide where that has no room. Higher:
names that say more, at fewer places."""
LETTER = 0.66
"""Width of a bold letter; a Chinese character is as wide as it is high."""
LINE = 1.2
"""How far two lines are apart at least."""


class Name(Struct, frozen=True):
    """What stands below a place, around ``x``."""

    text: str
    x: float


def names(drawing: Drawing, places: Iterable[Place], said: Mapping[str, str]) -> dict[str, Name]:
    """What stands below each place of the plan: its name, its beginning, or nothing where its
    neighbours leave no room; ``said`` has the names in the reader's language, by the place's id."""
    size, taken, found = drawing.unit, list[tuple[float, float, float]](), dict[str, Name]()
    right_edge = drawing.left + drawing.width
    for place in places:
        if place.at is None:
            continue
        y = place.at[1]
        found[place.id] = Name("", place.at[0])
        for text in dict.fromkeys(short(said[place.id], most) for most in WIDEST):
            half = _width(text) * size / 2
            x = min(max(place.at[0], drawing.left + half), right_edge - half)
            if not any(
                abs(y - line) < LINE * size and x - half < right and left < x + half
                for left, right, line in taken
            ):
                taken.append((x - half, x + half, y))
                found[place.id] = Name(text, x)
                break
    return found


def short(text: str, most: float) -> str:
    """The text, or as much of it as is no wider than ``most`` heights of the text."""
    if _width(text) <= most:
        return text
    kept = text
    while _width(kept) > most - 1:
        kept = kept[:-1]
    return f"{kept.rstrip()}…"


def _width(text: str) -> float:
    return sum(1 if east_asian_width(one) in "WF" else LETTER for one in text)
