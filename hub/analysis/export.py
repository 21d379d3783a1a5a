"""The digest for machines: the same findings as JSON, times in ms since the Unix epoch."""

import math
from typing import Any, Final

import msgspec

from configs.site import Place, SiteFile
from hub.analysis.digest import Digest
from hub.analysis.flows import Flow
from hub.analysis.hours import Hour
from hub.analysis.incidents import Row

FORMAT: Final = 1
"""Grows when what stands in it changes its meaning."""


def document(found: Digest) -> bytes:
    """Everything that the digest's page says, and the numbers behind its drawings."""
    whole = {
        "format": FORMAT,
        "site": found.site.site.id,
        "timezone": found.site.site.timezone,
        "start": found.start,
        "end": found.end,
        "anomalies": [
            {"place": flow.place.id, "what": flow.what, **_plain(one)}
            for flow in found.flows
            for one in flow.anomalies
        ],
        "hazards": {**_plain(found.piles), "enough": found.piles.enough},
        "repeats": {**_plain(found.repeats), "enough": found.repeats.enough},
        "followed": _plain(found.followed),
        "coming": {
            "events": found.ahead.events,
            "days": found.ahead.days,
            "hours": _plain(found.ahead.hours),
            "places": [_row(row) for row in found.ahead.rows],
        },
        "risk": _plain(found.risks),
        "measures": [{**_plain(one), "enough": one.enough} for one in found.effects],
        "flows": [_flow(flow) for flow in found.flows],
    }
    return msgspec.json.format(msgspec.json.encode(whole), indent=1) + b"\n"


def _row(row: Row) -> dict[str, Any]:
    """What is expected at a place, hour after hour."""
    hours = [
        {"mean": one.mean, "chance": one.chance, "80": one.range(0.8), "95": one.range(0.95)}
        for one in row.hours
    ]
    return {"place": row.place.id, "hours": hours}


def _flow(flow: Flow) -> dict[str, Any]:
    seen = []
    for one in flow.seen:
        low, high = one.range if one.usual else (None, None)
        mean = one.usual.mean if one.usual else None
        hour = {"hour": one.hour.start, "counted": one.counted}
        seen.append({**hour, "usual": mean, "low": low, "high": high})
    return {
        "place": flow.place.id, "what": flow.what, "learned_hours": flow.learned,
        "over_usual": flow.change, "seen": seen, "ahead": _plain(flow.ahead),
    }  # fmt: skip


def _plain(value: Any) -> Any:
    """Named tuples as objects; sites, places and hours as what names them."""
    if isinstance(value, SiteFile):
        return value.site.id
    if isinstance(value, Place):
        return value.id
    if isinstance(value, Hour):
        return value.start
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        return {name: _plain(part) for name, part in value._asdict().items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
