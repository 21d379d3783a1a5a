"""Cameras, doors and other sensors as they stand on the plan."""

from collections.abc import Iterator

from msgspec import Struct

from configs.site import Place, SiteFile, SourceOf
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
    """A key of `web.language.FAULTS`, the node's own words, "tamper" or "unavailable"."""

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
    return [spot(now, file, node, one) for node, one in standing(file)]


def standing(file: SiteFile) -> Iterator[tuple[str, SourceOf]]:
    """(node, source) for each that has a place on the plan."""
    for node in file.nodes:
        yield from ((node.id, source) for source in node.sources if source.at is not None)


def spot(now: Snapshot, file: SiteFile, node: str, source: SourceOf) -> SpotView:
    """One of them as it is."""
    site = file.site.id
    row, of = now.sources.get((site, node, source.id)), now.nodes.get((site, node))
    cut_off = of is not None and not of["online"]
    places = [place for place in file.places if (node, source.id) in sources_of(place)]
    camera = _is_camera(places, node, source.id, row["kind"] if row is not None else "")
    values = row["values"] if row is not None else {}
    ts = row["last_ts"] if row is not None else 0
    return SpotView(
        site=site,
        node=node,
        source=source.id,
        name=now.console.source_name(site, node, source.id),
        at=source.at or (0, 0),
        camera=camera,
        place=places[0].id if places else "",
        ts=ts,
        unseen=row is None,
        cut_off=cut_off,
        stale=camera and row is not None and now.console.now() - ts > STALE_MS,
        open=values.get("open") is True,
        fault=next(iter(_faults(now, (site, node, source.id))), "") if not cut_off else "",
    )


def _is_camera(places: list[Place], node: str, source: str, kind: str) -> bool:
    if not places:
        return kind == "camera"
    return any((node, source) in sources_of(place, doors=False) for place in places)


def _faults(now: Snapshot, key: tuple[str, str, str]) -> Iterator[str]:
    row = now.sources.get(key)
    if row is None:
        return
    yield from faults_of(row)
    if row["values"].get("tamper"):
        yield "tamper"
    if row["values"].get("available") is False:
        yield "unavailable"
