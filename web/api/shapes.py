"""What the API answers with. Times are milliseconds since the Unix epoch, UTC."""

from typing import Any

from msgspec import Struct


class Words(Struct, frozen=True):
    """Words for people."""

    en: str
    zh: str


class Value(Struct, frozen=True):
    """What a signal was when the alert fired, and the rule's condition."""

    signal: str
    value: float | None
    text: str


class AlertOut(Struct, frozen=True):
    """An alert."""

    id: str
    site: str
    place: str
    rule: str
    severity: str
    state: str
    title: Words
    pending_ts: int
    fired_ts: int | None
    resolved_ts: int | None
    resolved_by: str
    acknowledged_at: int | None
    acknowledged_by: str
    owner: str
    verdict: str
    late: bool
    values: list[Value]
    picture: str | None
    """The address of its picture, which the same token reads; null for none."""


class Alerts(Struct, frozen=True):
    """A page of alerts, newest first."""

    alerts: list[AlertOut]
    next: str | None
    """Give it as ``before`` for the page after this one; null on the last."""


class PlaceOut(Struct, frozen=True):
    """A place as it is now."""

    site: str
    place: str
    name: Words
    ts: int
    """The newest that is known of it; 0 for nothing yet."""
    stale: bool
    severity: str
    """Of its worst active alert; "" for none."""
    signals: dict[str, float]
    cut_off: bool


class Places(Struct, frozen=True):
    """All places."""

    places: list[PlaceOut]


class NodeOut(Struct, frozen=True):
    """An edge agent."""

    site: str
    node: str
    online: bool
    last_rx: int
    late: int
    duplicate: int
    lost: int
    clock_ms: int
    agent: str


class Nodes(Struct, frozen=True):
    """All nodes."""

    nodes: list[NodeOut]


class Limit(Struct, frozen=True):
    """A signal, and the rule's condition on it."""

    signal: str
    text: str


class ThereOut(Struct, frozen=True):
    """What overrides change of a rule at a place: path in the rule, such as when[0].above."""

    place: str
    values: dict[str, Any]


class RuleOut(Struct, frozen=True):
    """A rule in force."""

    site: str
    rule: str
    title: Words
    severity: str
    places: list[str]
    conditions: list[Limit]
    overrides: list[ThereOut]
    yaml: str


class Rules(Struct, frozen=True):
    """All rules."""

    rules: list[RuleOut]


class SilenceOut(Struct, frozen=True):
    """What is muted; "" is any rule, place or source (<node>/<source>)."""

    id: int
    site: str
    kind: str
    rule: str
    place: str
    source: str
    author: str
    reason: str
    starts_at: int
    ends_at: int


class Silences(Struct, frozen=True):
    """Silences and maintenance windows that last or are to come."""

    silences: list[SilenceOut]


class Problem(Struct, frozen=True):
    """Why there is no answer."""

    error: str
