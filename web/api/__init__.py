"""/api/v1: what the pages show and an operator does, for scripts, with the document that
describes it."""

from web.api import (
    alerts,
    audit,
    cases,
    casework,
    devices,
    document,
    expected,
    figures,
    handover,
    live,
    patrolling,
    patrols,
    places,
    rules,
    trends,
    views,
)
from web.api.part import blueprint

__all__ = [
    "alerts", "audit", "blueprint", "cases", "casework", "devices", "document", "expected",
    "figures", "handover", "live", "patrolling", "patrols", "places", "rules", "trends", "views",
]  # fmt: skip
