"""Places as they are and were: signals, cameras, pictures, doors; nodes, and what is broken."""

from typing import Annotated

from flask import abort, url_for
from msgspec import Meta, Struct

from configs.plan import drawing
from configs.signals import SIGNALS, family_of, missing
from configs.site import Place, SiteFile
from web import pictures
from web.api.part import reads
from web.api.shapes import (
    Id,
    Key,
    Limit,
    PlaceKey,
    When,
    Words,
    address_of,
    moment_of,
)
from web.console import Console, console
from web.now.snapshot import CardView, DoorView, Snapshot, faults_of, sources_of, take
from web.now.snapshot import newest_picture as newest
from web.now.spots import spots
from web.now.troubles import Trouble
from web.now.troubles import troubles as read_troubles
from web.places import LOOKBACK_MS, limits_of
from web.rules.force import watching

HOURS_6 = 6 * 3_600_000
SPAN_MS = 31 * 86_400_000
"""A signal is read over so much at once."""
POINTS = 10_000


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


class SpotOut(Struct, frozen=True):
    """A camera or sensor on the drawing."""

    node: str
    source: str
    name: Words
    at: tuple[float, float]
    """In the drawing's units."""
    camera: bool
    place: str
    """A place that it tells of; "" for none."""
    last_ts: int
    """When it was last heard of; 0 for never."""
    stale: bool
    cut_off: bool
    open: bool
    fault: str


class SiteOut(Struct, frozen=True):
    """A site of the console."""

    site: str
    name: Words
    zone: str
    """Its time zone."""
    plan: str | None
    """The address of its drawing, which the same token reads; null for none."""
    spots: list[SpotOut]


class Sites(Struct, frozen=True):
    """All sites."""

    sites: list[SiteOut]


class Places(Struct, frozen=True):
    """All places."""

    places: list[PlaceOut]


class DoorOut(Struct, frozen=True):
    """A door of a place."""

    name: Words
    open: bool | None
    """null where it is not known."""
    since: int
    tamper: bool
    battery: int | None
    """Per cent."""


class PlaceStory(Struct, frozen=True):
    """A place with its doors, and the rules that watch it."""

    place: PlaceOut
    doors: list[DoorOut]
    rules: list[str]


class CameraOut(Struct, frozen=True):
    """A camera of the configuration."""

    site: str
    node: str
    source: str
    name: Words
    places: list[str]
    online: bool
    """Its node is."""
    last_ts: int
    """When it was last heard of; 0 for never."""
    faults: list[str]
    picture: str | None
    """The address of its newest one."""
    picture_ts: int


class Cameras(Struct, frozen=True):
    """All cameras."""

    cameras: list[CameraOut]


class PictureOut(Struct, frozen=True):
    """A picture that was kept; whoever reads it is written down."""

    ts: int
    node: str
    picture: str | None


class Pictures(Struct, frozen=True):
    """A page of pictures, newest first."""

    pictures: list[PictureOut]
    next: int | None
    """Give it as ``before`` for the page after this one; null on the last."""


class SignalOut(Struct, frozen=True):
    """A signal over time: each value holds until the next."""

    site: str
    place: str
    signal: str
    start: int
    end: int
    held: float | None
    """What it was as the range began; null where that is not known."""
    limit: float | None
    """The first limit that a rule holds against it there."""
    points: list[tuple[int, float]]
    """(ms, value), by time."""
    next: int | None
    """Give it as ``since`` for what comes after these; null at the end."""


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


class TroubleOut(Struct, frozen=True):
    """One thing that is broken."""

    site: str
    node: str
    source: str
    """"" for the node itself."""
    name: Words
    kind: str
    since: int
    """When it was last heard of; 0 for never."""
    detail: str
    visit: bool
    """Somebody has to go there."""


class Troubles(Struct, frozen=True):
    """What is broken, with what needs a visit first."""

    troubles: list[TroubleOut]


class CameraQuery(Struct, frozen=True):
    """Which cameras."""

    place: PlaceKey = ""


class SignalQuery(Struct, frozen=True):
    """Which signal, and of when: left out, the last six hours; 31 days at most."""

    signal: Annotated[Id, Meta(description="Such as occupancy.person.")]
    since: When = ""
    until: When = ""
    limit: Annotated[int, Meta(ge=1, le=POINTS, description="Points at most.")] = 1000


class PictureQuery(Struct, frozen=True):
    """Which pictures."""

    before: Annotated[Key | None, Meta(description="Taken before this moment.")] = None
    limit: Limit = 100


@reads("/sites", Sites)
def sites() -> Sites:
    """All sites, with their drawings and where on these everything is."""
    here, now = console(), _now(console())
    return Sites([_site(now, file) for file in here.sites])


@reads("/places", Places)
def places() -> Places:
    """All places as they are now."""
    here, now = console(), _now(console())
    return Places([
        _out(now.card(file.site.id, place)) for file in here.sites for place in file.places
    ])  # fmt: skip


@reads("/places/<id:site>/<id:place>", PlaceStory)
def place(site: str, place: str) -> PlaceStory:
    """One place, with its doors and the rules that watch it."""
    here = console()
    file, found = _known(here, site, place)
    card = _now(here).card(site, found)
    rules = [rule.id for rule, *_ in watching(file, found)]
    return PlaceStory(_out(card), [_door(one) for one in card.doors], rules)


@reads("/places/<id:site>/<id:place>/signals", SignalOut, SignalQuery, series=True)
def signals(asked: SignalQuery, site: str, place: str) -> SignalOut:
    """One signal of a place over time."""
    here, name = console(), asked.signal
    file, found = _known(here, site, place)
    if family_of(name) not in SIGNALS or missing(name, found):
        abort(404)
    end = moment_of(asked.until, here, site, last=True) or here.now()
    start = moment_of(asked.since, here, site) or end - HOURS_6
    if not 0 < end - start <= SPAN_MS:
        abort(400, "since lies before until, by 31 days at most")
    points = here.told(lambda series: series.signal(site, place, name, start - LOOKBACK_MS, end))
    if points is None:
        abort(503)
    inside = [(ts, value) for ts, value in points if ts >= start]
    before = points[: len(points) - len(inside)]
    return SignalOut(
        site, place, name, start, end, before[-1][1] if before else None,
        limits_of(watching(file, found)).get(name), inside[: asked.limit],
        inside[asked.limit][0] if len(inside) > asked.limit else None,
    )  # fmt: skip


@reads("/places/<id:site>/<id:place>/pictures", Pictures, PictureQuery)
def pictures_of(asked: PictureQuery, site: str, place: str) -> Pictures:
    """The newest pictures of a place's cameras."""
    here = console()
    sources = sources_of(_known(here, site, place)[1])
    with here.reader.connect() as connection:
        found = pictures.newest(connection, site, sources, asked.limit + 1, before=asked.before)
    page, rest = found[: asked.limit], found[asked.limit :]
    if rest:  # a page ends between two moments: two cameras may share one
        page = [one for one in page if one.ts > rest[0].ts] or page
    shown = [PictureOut(one.ts, one.node, address_of(one)) for one in page]
    return Pictures(shown, page[-1].ts if rest else None)


@reads("/cameras", Cameras, CameraQuery)
def cameras(asked: CameraQuery) -> Cameras:
    """Cameras as they are now; of one place, or all."""
    here, now = console(), _now(console())
    site, _slash, name = asked.place.partition("/")
    if asked.place and here.place(site, name) is None:
        abort(404)
    seen: dict[tuple[str, str, str], list[str]] = {}
    for file in here.sites:
        for place in file.places:
            if not asked.place or (file.site.id, place.id) == (site, name):
                for feed in sources_of(place, doors=False):
                    seen.setdefault((file.site.id, *feed), []).append(place.id)
    return Cameras([camera_of(here, now, camera, seen[camera]) for camera in sorted(seen)])


@reads("/nodes", Nodes)
def nodes() -> Nodes:
    """All nodes as they are now."""
    here, now = console(), _now(console())
    found = [now.node(file.site.id, node.id) for file in here.sites for node in file.nodes]
    return Nodes([
        NodeOut(one.site, one.node, one.online, one.last_rx, one.late, one.duplicate, one.lost,
                one.clock_ms, one.agent)
        for one in found
    ])  # fmt: skip


@reads("/troubles", Troubles)
def troubles() -> Troubles:
    """What is broken: nodes, cameras and sensors that somebody should look at."""
    return Troubles([trouble_of(one) for one in read_troubles(_now(console()))])


def _site(now: Snapshot, file: SiteFile) -> SiteOut:
    one = file.site
    plan = url_for("now.plan", site=one.id) if drawing(one.plan) is not None else None
    return SiteOut(
        one.id, Words.of(one.name), one.timezone, plan,
        [
            SpotOut(spot.node, spot.source, Words.of(spot.name), spot.at, spot.camera, spot.place,
                    spot.ts, spot.stale, spot.cut_off, spot.open, spot.fault)
            for spot in spots(now, file)
        ],
    )  # fmt: skip


def _now(here: Console) -> Snapshot:
    with here.reader.connect() as connection:
        return take(connection, here)


def _known(here: Console, site: str, place: str) -> tuple[SiteFile, Place]:
    file, found = here.site(site), here.place(site, place)
    if file is None or found is None:
        abort(404)
    return file, found


def _out(card: CardView) -> PlaceOut:
    return PlaceOut(card.site, card.place, Words.of(card.name), card.ts, card.stale,
                    card.severity, dict(card.signals), bool(card.offline))  # fmt: skip


def _door(one: DoorView) -> DoorOut:
    return DoorOut(Words.of(one.name), one.open if one.known else None, one.since, one.tamper,
                   one.battery)  # fmt: skip


def camera_of(
    here: Console, now: Snapshot, camera: tuple[str, str, str], places: list[str]
) -> CameraOut:
    """As it is answered."""
    row, (site, node, source) = now.sources.get(camera), camera
    picture = newest(site, [row]) if row is not None else None
    return CameraOut(
        site, node, source, Words.of(here.source_name(*camera)), places,
        now.node(site, node).online, row["last_ts"] if row is not None else 0,
        faults_of(row) if row is not None else [], address_of(picture),
        picture.ts if picture is not None else 0,
    )  # fmt: skip


def trouble_of(one: Trouble) -> TroubleOut:
    """As it is answered."""
    return TroubleOut(one.site, one.node, one.source, Words.of(one.name), one.kind, one.since,
                      one.detail, one.visit)  # fmt: skip
