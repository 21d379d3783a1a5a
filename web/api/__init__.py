"""/api/v1: what the pages show and an operator does, for scripts, with the document that
describes it."""

from web.api import (
    alerts,
    audit,
    cases,
    devices,
    document,
    expected,
    handover,
    patrols,
    places,
    rules,
    trends,
)
from web.api.part import blueprint

__all__ = [
    "alerts", "audit", "blueprint", "cases", "devices", "document", "expected", "handover",
    "patrols", "places", "rules", "trends",
]  # fmt: skip
