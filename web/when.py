"""Moments and numbers as forms and addresses spell them; moments by the site's calendar, without
a zone."""

from datetime import datetime, time, timedelta

from web.console import Console

YEARS = range(1971, 2200)
MOST = 2**53
"""Numbers from here on are none of the stores'."""


def moment(text: str) -> datetime | None:
    """``2026-03-01`` or ``2026-03-01T22:15``; None for what is neither."""
    try:
        found = datetime.fromisoformat(text).replace(tzinfo=None)
    except ValueError:
        return None
    return found if found.year in YEARS else None


def whole(text: str) -> int:
    """A number that the stores can hold. Raises ValueError for what is none."""
    found = int(text)
    if abs(found) >= MOST:
        raise ValueError(f"no number of ours has more than {len(str(MOST))} digits")
    return found


def ended(found: datetime) -> datetime:
    """When a span is over that is said to go until then: a day without a time counts whole."""
    return found + timedelta(days=1) if found == datetime.combine(found, time.min) else found


def spelled(ms: int, console: Console, site: str) -> str:
    """A moment by the site's clock to the minute, as `moment` reads it."""
    return datetime.fromtimestamp(ms / 1000, console.zone(site)).strftime("%Y-%m-%dT%H:%M")


def as_ms(found: datetime, console: Console, site: str) -> int:
    """Milliseconds since the epoch of a moment by the site's clock."""
    return round(found.replace(tzinfo=console.zone(site)).timestamp() * 1000)
