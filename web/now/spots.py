"""Cameras, doors and other sensors as they stand on the plan."""

from collections.abc import Iterator

from msgspec import Struct
from sqlalchemy import RowMapping

from configs.site import SiteFile, SourceOf
from configs.values import Text
from web.now.snapshot import STALE_MS, Snapshot, faults_of, sources_of


class SpotView(Struct, frozen=True):
    """A camera or sensor on the plan, ready to be drawn."""

    site: str
    node: str
    source: str
    name: Text
    at: tuple[float, float]
    camera: bool
    place: str
    """A place that it tells of; "" for none."""
    ts: int
    """When it was last heard of, ms; 0: never."""
    unseen: bool
    cut_off: bool
    """Its node is."""
    stale: bool
    """A camera that said nothing for long; sensors may be silent for a day."""
    open: bool
    fault: str
    """A key of `configs.words.FAULTS`, the node's own words, "tamper" or "unavailable"."""

    @property
    def id(self) -> str:
        """Of the element."""
        return f"spot.{self.site}.{self.node}.{self.source}"

    @property
    def state(self) -> str:
        """Classes of the element."""
        words = {
            "unheard": self.unseen,
            "cut-off": self.cut_off,
            "stale": self.stale,
            "faulty": bool(self.fault),
            "open": self.open,
        }
        return " ".join(word for word, holds in words.items() if holds)


def spots(now: Snapshot, file: SiteFile) -> list[SpotView]:
    """All that stand on the plan of a site."""
    homes = _homes(file)
    return [
        _spot(now, file.site.id, node.id, source, homes.get((node.id, source.id)))
        for node in file.nodes
        for source in node.sources
        if source.at is not None
    ]


class _Home(Struct, frozen=True):
    """What a source is to the first place that has it."""

    place: str
    camera: bool


def _homes(file: SiteFile) -> dict[tuple[str, str], _Home]:
    found: dict[tuple[str, str], _Home] = {}
    for place in file.places:
        cameras = sources_of(place, doors=False)
        for key in sources_of(place):
            found.setdefault(key, _Home(place.id, key in cameras))
    return found


def _spot(now: Snapshot, site: str, node: str, source: SourceOf, home: _Home | None) -> SpotView:
    row, of = now.sources.get((site, node, source.id)), now.nodes.get((site, node))
    cut_off = of is not None and not of["online"]
    camera = home.camera if home is not None else row is not None and row["kind"] == "camera"
    ts = row["last_ts"] if row is not None else 0
    return SpotView(
        site=site,
        node=node,
        source=source.id,
        name=now.console.source_name(site, node, source.id),
        at=source.at or (0, 0),
        camera=camera,
        place=home.place if home is not None else "",
        ts=ts,
        unseen=row is None,
        cut_off=cut_off,
        stale=camera and row is not None and now.console.now() - ts > STALE_MS,
        open=row is not None and row["values"].get("open") is True,
        fault=next(_faults(row), "") if row is not None and not cut_off else "",
    )


def _faults(row: RowMapping) -> Iterator[str]:
    yield from faults_of(row)
    if row["values"].get("tamper"):
        yield "tamper"
    if row["values"].get("available") is False:
        yield "unavailable"
