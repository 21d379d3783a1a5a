"""The records of v1 and the other payloads, as frozen structs.

``ts`` is milliseconds since the Unix epoch, UTC, on the edge's clock.
``seq`` grows by one for each record of a node's outbox, and ``epoch`` names that
outbox; so (node, epoch, seq) names a record for ever. Boxes are (left, top, width,
height) as fractions of the picture. Type names follow the ONVIF rule engine where
it has one.
"""

import enum
from typing import Annotated, ClassVar, Final, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from wire.topics import ID_PATTERN

MAX_INT = 2**53  # what every JSON reader can hold exactly
MAX_RECORDS = 500
MAX_BATCH_BYTES = 256 * 1024
MAX_EVIDENCE_BYTES = 512 * 1024
MAX_CONTROL_BYTES = 256 * 1024

Id = Annotated[str, Meta(pattern=ID_PATTERN)]
Natural = Annotated[int, Meta(ge=0, le=MAX_INT)]
Fraction = Annotated[float, Meta(ge=0.0, le=1.0)]
Label = Annotated[str, Meta(min_length=1, max_length=40)]
Line = Annotated[str, Meta(max_length=200)]
Box = tuple[Fraction, Fraction, Fraction, Fraction]


class Direction(enum.StrEnum):
    """The side of a directed line that a crossing ends on, as seen along the line."""

    LEFT = "left"
    RIGHT = "right"


class Fault(enum.StrEnum):
    """What is wrong with a camera's picture."""

    DARK = "dark"
    BLURRED = "blurred"
    COVERED = "covered"
    MOVED = "moved"
    FROZEN = "frozen"
    LOST = "lost"


class Record(Struct, frozen=True, kw_only=True, tag_field="type", omit_defaults=True, gc=False):
    """Something a source saw or sensed, at a time.

    ``gc=False``: it holds nothing that could hold it, so Python need not look whether it does.
    """

    type: ClassVar[str]
    seq: Natural
    ts: Natural
    source: Id
    evidence: Id | UnsetType = UNSET
    """The ref of the picture that shows it; the picture follows the record."""


class ZoneCount(Record, frozen=True, kw_only=True, tag="zone.count"):
    """How many of a label stand in a zone; on change, and repeated while it lasts."""

    type: ClassVar[str] = "zone.count"
    zone: Id
    label: Label
    count: Natural
    confidence: Fraction = 0.0
    """Of the surest one counted; 0 when the zone is empty."""


class ZoneEnter(Record, frozen=True, kw_only=True, tag="zone.enter"):
    """A track came into a zone (the bottom centre of its box did)."""

    type: ClassVar[str] = "zone.enter"
    zone: Id
    label: Label
    track: Natural
    confidence: Fraction
    box: Box


class ZoneExit(Record, frozen=True, kw_only=True, tag="zone.exit"):
    """A track left a zone, or was lost in it."""

    type: ClassVar[str] = "zone.exit"
    zone: Id
    label: Label
    track: Natural
    dwell_ms: Natural


class ZoneDwell(Record, frozen=True, kw_only=True, tag="zone.dwell"):
    """A track has stayed in a zone; repeated while it does."""

    type: ClassVar[str] = "zone.dwell"
    zone: Id
    label: Label
    track: Natural
    dwell_ms: Natural


class ZoneStationary(Record, frozen=True, kw_only=True, tag="zone.stationary"):
    """A track has stood still in a zone; repeated while it does, then once with 0."""

    type: ClassVar[str] = "zone.stationary"
    zone: Id
    label: Label
    track: Natural
    still_ms: Natural


class LineCross(Record, frozen=True, kw_only=True, tag="line.cross"):
    """A track crossed a directed line; ``direction`` is the side it ended on."""

    type: ClassVar[str] = "line.cross"
    line: Id
    label: Label
    track: Natural
    direction: Direction
    confidence: Fraction
    box: Box


class SceneFault(Record, frozen=True, kw_only=True, tag="scene.fault"):
    """A camera's picture became faulty (``active``) or recovered."""

    type: ClassVar[str] = "scene.fault"
    fault: Fault
    active: bool


class DoorState(Record, frozen=True, kw_only=True, tag="door.state"):
    """A door's contact; fields that a sensor does not report are left out."""

    type: ClassVar[str] = "door.state"
    open: bool
    battery: Annotated[int, Meta(ge=0, le=100)] | UnsetType = UNSET
    """Per cent."""
    tamper: bool | UnsetType = UNSET
    linkquality: Annotated[int, Meta(ge=0, le=255)] | UnsetType = UNSET
    available: bool | UnsetType = UNSET


class DoorAccess(Record, frozen=True, kw_only=True, tag="door.access"):
    """An access reader let somebody in or refused; it does not say whom."""

    type: ClassVar[str] = "door.access"
    granted: bool


class NodeHealth(Record, frozen=True, kw_only=True, tag="node.health"):
    """How a node does (``source`` is "agent"), or one of its sources."""

    type: ClassVar[str] = "node.health"
    ok: bool = True
    detail: Line = ""
    uptime_s: Natural | UnsetType = UNSET
    fps: Annotated[float, Meta(ge=0)] | UnsetType = UNSET
    infer_ms: Annotated[float, Meta(ge=0)] | UnsetType = UNSET
    frames: Natural | UnsetType = UNSET
    gated: Natural | UnsetType = UNSET
    """Of ``frames``, those that the motion gate spared the detector: nothing moved in them."""
    skipped: Natural | UnsetType = UNSET
    reconnects: Natural | UnsetType = UNSET
    outbox: Natural | UnsetType = UNSET
    """Records waiting for the broker."""
    outbox_age_s: Natural | UnsetType = UNSET
    """How long the oldest of them has waited."""
    dropped: Natural | UnsetType = UNSET
    """Records the full outbox had to drop, since the epoch began."""
    rss_bytes: Natural | UnsetType = UNSET
    celsius: float | UnsetType = UNSET


AnyRecord = (
    ZoneCount
    | ZoneEnter
    | ZoneExit
    | ZoneDwell
    | ZoneStationary
    | LineCross
    | SceneFault
    | DoorState
    | DoorAccess
    | NodeHealth
)
RECORD_TYPES: dict[str, type[AnyRecord]] = {
    kind.type: kind
    for kind in (
        ZoneCount,
        ZoneEnter,
        ZoneExit,
        ZoneDwell,
        ZoneStationary,
        LineCross,
        SceneFault,
        DoorState,
        DoorAccess,
        NodeHealth,
    )
}
AGENT: Literal["agent"] = "agent"
"""The source of a node's records about itself."""


class State(Struct, frozen=True, omit_defaults=True):
    """Whether a node is online; retained, and the last will."""

    online: bool
    ts: Natural = 0
    epoch: Annotated[str, Meta(max_length=63)] = ""


class SourceAbout(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One camera or sensor of a node, as the node's configuration has it."""

    id: Id
    kind: Label
    """"camera", "door" …"""
    zones: tuple[Id, ...] = ()
    lines: tuple[Id, ...] = ()
    zone_labels: dict[Id, tuple[Label, ...]] = {}
    """Zone → what it looks for, as far as the model knows it; so for lines."""
    line_labels: dict[Id, tuple[Label, ...]] = {}
    size_wh: tuple[Natural, Natural] | UnsetType = UNSET
    blurred: bool = True
    unblurred_reason: Line = ""


class ModelAbout(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The model a node runs; ``sha256`` is of the file it loaded."""

    name: Line
    sha256: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
    provider: Line = ""


class About(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a node is; retained."""

    agent: Line
    """Version of the agent."""
    sources: Annotated[tuple[SourceAbout, ...], Meta(max_length=200)] = ()
    model: ModelAbout | None = None


class Batch(Struct, frozen=True, kw_only=True, gc=False):
    """What travels on ``records``: at most 500 records of one epoch, sent together.

    ``unknown`` and ``bad`` are what a decoder could not read; both are empty in a
    batch that is to be encoded.
    """

    epoch: Id
    sent: Natural
    """Milliseconds since the epoch on the edge's clock, when it was published."""
    records: tuple[AnyRecord, ...]
    unknown: tuple["UnknownRecord", ...] = ()
    bad: tuple["BadRecord", ...] = ()


class UnknownRecord(Struct, frozen=True):
    """A record of a type that this version does not know: counted, then ignored."""

    seq: Natural
    type: str


class BadRecord(Struct, frozen=True):
    """A record that does not decode. ``seq`` is None where even that is unreadable."""

    seq: int | None
    reason: str
    raw: bytes


LIVE: Final = "live-"
"""Begins the ref of a picture that only shows what is seen, because a `snapshot` asked for it."""


class Evidence(Struct, frozen=True):
    """One JPEG and the ref that its record carries."""

    ref: Id
    jpeg: bytes


class Do(Struct, frozen=True, omit_defaults=True):
    """A command to a node; ``id`` comes back in its answer."""

    id: Id
    verb: Label
    source: Annotated[str, Meta(max_length=63)] = ""
    at: Natural = 0
    """Of which moment, ms since the Unix epoch; 0: of now."""


TIME_ASKED = "time-"
"""An answer whose id begins so asks the hub for its time, which comes as a command of the verb
``time`` with the rest of the id."""


class Done(Struct, frozen=True, omit_defaults=True):
    """A node's answer to a command."""

    id: Id
    ok: bool
    detail: Annotated[str, Meta(max_length=2000)] = ""


Message = State | About | Batch | Evidence | Do | Done
