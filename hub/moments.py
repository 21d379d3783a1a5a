"""Moments as commands take them."""

import contextlib
from datetime import datetime
from zoneinfo import ZoneInfo

import click

from configs.values import Duration


def moment(text: str, timezone: str, now: int) -> int:
    """Milliseconds since the epoch of ``2025-06-01``, ``2025-06-01T08:00`` (by the site's clock),
    ``7d``: so long before ``now`` (ms), or ``now``. Raises UsageError."""
    if text == "now":
        return now
    with contextlib.suppress(ValueError):
        return now - int(Duration.parse(text))
    try:
        local = datetime.fromisoformat(text)
    except ValueError:
        raise click.UsageError(
            f"{text!r} is no time; write 2025-06-01, 2025-06-01T08:00, 7d for so long ago, or now"
        ) from None
    if local.tzinfo is None:
        local = local.replace(tzinfo=ZoneInfo(timezone))
    return round(local.timestamp() * 1000)
