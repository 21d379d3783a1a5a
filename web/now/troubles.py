"""What is broken: everything about nodes, cameras and sensors that somebody should look at."""

from collections.abc import Iterator

from msgspec import Struct
from sqlalchemy import RowMapping

from configs.values import Text
from hub.troubles import Sign, of_node, of_source
from web.now.snapshot import Snapshot
from wire.records import AGENT


class Trouble(Struct, frozen=True):
    """One thing that is broken."""

    site: str
    node: str
    source: str
    """"" for the node itself."""
    name: Text
    kind: str
    """A key of `web.language.TROUBLES`."""
    since: int
    """When it was last heard of, ms; 0 for never."""
    detail: str = ""
    """A number, or the fault's name."""
    visit: bool = True
    """Whether somebody has to go there."""


def troubles(now: Snapshot) -> list[Trouble]:
    """All of them, by site and node; what has a visit to make first."""
    found = [*_of_nodes(now), *_of_sources(now)]
    return sorted(found, key=lambda one: (not one.visit, one.site, one.node, one.source))


def _of_nodes(now: Snapshot) -> Iterator[Trouble]:
    for file in now.console.sites:
        for node in file.nodes:
            site = file.site.id
            row = now.nodes.get((site, node.id))
            signs = _signs(row, now.sources.get((site, node.id, AGENT)))
            since = 0 if row is None else row["last_rx" if row["online"] else "online_at"]
            name = now.console.node_name(site, node.id)
            yield from (_trouble((site, node.id, ""), name, sign, since) for sign in signs)


def _signs(row: RowMapping | None, agent: RowMapping | None) -> Iterator[Sign]:
    if row is None:
        return iter([Sign("unseen")])
    return of_node(
        online=row["online"], clock_ms=row["clock_ms"], lost=row["lost"],
        agent=agent["values"] if agent is not None else {},
    )  # fmt: skip


def _of_sources(now: Snapshot) -> Iterator[Trouble]:
    known = {(file.site.id, node.id) for file in now.console.sites for node in file.nodes}
    for feed, row in now.sources.items():
        state = now.nodes.get(feed[:2])
        if feed[:2] not in known or feed[2] == AGENT or state is None or not state["online"]:
            continue  # a node that is cut off is told of once, as itself
        name = now.console.source_name(*feed)
        for sign in of_source(ok=row["ok"], detail=row["detail"], values=row["values"]):
            yield _trouble(feed, name, sign, row["last_ts"])


def _trouble(feed: tuple[str, str, str], name: Text, sign: Sign, since: int) -> Trouble:
    return Trouble(*feed, name, sign.kind, since, sign.what or sign.detail, sign.visit)
