"""What every part of the console shares, and how a view finds it."""

import logging
from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar
from zoneinfo import ZoneInfo

from flask import current_app, g
from sqlalchemy import Engine

from configs.servers import WebSettings
from configs.site import Place, SiteFile, SourceOf
from configs.values import Text
from hub.series.points import SeriesError, SeriesStore
from hub.state.store import reading
from web.vitals import Meters

log = logging.getLogger("linli.web")
T = TypeVar("T")


class WebError(Exception):
    """The console cannot start; the text says why and what to do."""


@dataclass(slots=True)
class Console:
    """Stores, sites and clock of one console."""

    settings: WebSettings
    sites: Sequence[SiteFile]
    engine: Engine
    series: SeriesStore
    """Records and signals; read it with `told`."""
    now: Callable[[], int]
    """Milliseconds since the epoch."""
    config: Path | None = None
    """The file that it was started with, which names the sites' files; None: there is none, and
    nothing of it can be edited."""
    meters: Meters = field(default_factory=Meters)
    whole: bool = True
    """It has all sites, not only those of one reader."""
    _places: dict[tuple[str, str], Place] = field(init=False)
    _sites: dict[str, SiteFile] = field(init=False)
    _zones: dict[str, ZoneInfo] = field(init=False)
    _sources: dict[tuple[str, str, str], SourceOf] = field(init=False)

    def __post_init__(self) -> None:
        self.adopt(self.sites)

    def adopt(self, sites: Sequence[SiteFile]) -> None:
        """Show another configuration from the next page on."""
        self._places = {(file.site.id, place.id): place for file in sites for place in file.places}
        self._zones = {file.site.id: ZoneInfo(file.site.timezone) for file in sites}
        self._sources = {
            (file.site.id, node.id, source.id): source
            for file in sites
            for node in file.nodes
            for source in node.sources
        }
        self._sites = {file.site.id: file for file in sites}
        self.sites = sites

    def only(self, sites: Container[str]) -> "Console":
        """The same, as if it had none but these sites."""
        mine = [file for file in self.sites if file.site.id in sites]
        return self if len(mine) == len(self.sites) else replace(self, sites=mine, whole=False)

    @property
    def data(self) -> Path:
        """The hub's data folder."""
        return Path(self.settings.data)

    @property
    def reader(self) -> Engine:
        """The state store, for transactions that only read."""
        return reading(self.engine)

    def site(self, site: str) -> SiteFile | None:
        return self._sites.get(site)

    def place(self, site: str, place: str) -> Place | None:
        return self._places.get((site, place))

    def told(self, read: Callable[[SeriesStore], T]) -> T | None:
        """What the series store says; None where it cannot say it now, which is counted and
        for the page to tell."""
        try:
            return read(self.series)
        except SeriesError as error:
            self.meters.failures.labels("series").inc()
            log.warning("a page goes without records and signals: %s", error)
            return None

    def source(self, site: str, node: str, source: str) -> SourceOf | None:
        """What the configuration says of a camera or sensor."""
        return self._sources.get((site, node, source))

    def node_name(self, site: str, node: str) -> Text:
        """What people call it; its id where the configuration has no name."""
        file = self._sites.get(site)
        named = (one.name for one in (file.nodes if file is not None else ()) if one.id == node)
        return next((name for name in named if name.en), Text(node, node))

    def source_name(self, site: str, node: str, source: str) -> Text:
        """What people call it; its id where the configuration has no name."""
        found = self._sources.get((site, node, source))
        return found.name if found is not None and found.name.en else Text(source, source)

    def rule_name(self, site: str, rule: str) -> Text:
        """What people call a rule; its id where it is no longer in force."""
        file = self._sites.get(site)
        known = (one.title for one in (file.rules if file is not None else ()) if one.id == rule)
        return next(known, Text(rule, rule))

    def zone(self, site: str) -> ZoneInfo:
        """The site's time zone; UTC for a site that is no longer configured."""
        return self._zones.get(site) or ZoneInfo("UTC")


def console() -> Console:
    """The console that the current request or rendering belongs to, with the sites where the
    reader may do what is asked (`web.roles.gate`)."""
    found: Console = current_app.extensions["linli"]
    narrowed: Console | None = g.get("console")
    return narrowed or found
