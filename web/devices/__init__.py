"""Every node and sensor: how it does, what it runs, and what needs a visit."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue
from msgspec import Struct
from sqlalchemy import RowMapping

from configs.site import SiteFile
from configs.values import Text
from web.console import console
from web.now.snapshot import NodeView, Snapshot, sources_of, take
from web.now.troubles import Trouble, troubles
from wire.records import AGENT

blueprint = Blueprint("devices", __name__, template_folder="templates")


class SourceView(Struct, frozen=True):
    """A camera or sensor."""

    source: str
    name: Text
    kind: str
    places: tuple[Text, ...]
    """Names of the places that it tells of."""
    last_ts: int
    values: dict[str, Any]
    zones: int
    blurred: bool
    why_not: str
    """Why its pictures are not blurred."""


class DeviceView(Struct, frozen=True):
    """A node with all that hangs on it."""

    node: NodeView
    model: str
    sha256: str
    provider: str
    drift: bool
    """It runs another model than most nodes of its site, or there is none that most run."""
    usual: str
    """The sha256 of the model that most nodes of its site run; empty where there is none."""
    older: bool
    """It runs an older agent than another node of its site."""
    health: dict[str, Any]
    sources: tuple[SourceView, ...]
    troubles: tuple[Trouble, ...]


@blueprint.get("/devices")
def page() -> ResponseReturnValue:
    """All devices of all sites."""
    here = console()
    with here.reader.connect() as connection:
        now = take(connection, here)
    broken = troubles(now)
    sites = [(file.site, devices_of(now, file, broken)) for file in here.sites]
    return render_template("devices/page.html", sites=sites, broken=broken)


def devices_of(now: Snapshot, file: SiteFile, broken: list[Trouble]) -> list[DeviceView]:
    """The nodes of a site, each with its part of what is broken."""
    site = file.site.id
    abouts = {node.id: _about(now.nodes.get((site, node.id))) for node in file.nodes}
    models = [about["model"]["sha256"] for about in abouts.values() if about.get("model")]
    usual = usual_model(models)
    agents = sorted((_version(about) for about in abouts.values() if about), reverse=True)
    return [
        _device(now, file, node.id, abouts[node.id], usual, agents[:1], broken)
        for node in file.nodes
    ]


def usual_model(sums: Sequence[str]) -> str:
    """Of the nodes' models the sha256 that more run than any other; empty where there is none."""
    ranked = Counter(sums).most_common(2)
    tied = len(ranked) == 2 and ranked[0][1] == ranked[1][1]
    return ranked[0][0] if ranked and not tied else ""


def _device(
    now: Snapshot, file: SiteFile, node: str, about: dict[str, Any], usual: str,
    newest: list[tuple[int, ...]], broken: list[Trouble],
) -> DeviceView:  # fmt: skip
    site = file.site.id
    model = about.get("model") or {}
    told = {one["id"]: one for one in about.get("sources", ()) if "id" in one}
    heard = {key[2]: row for key, row in now.sources.items() if key[:2] == (site, node)}
    agent = heard.pop(AGENT, None)
    feeds = [(place.name, feed) for place in file.places for feed in sources_of(place)]
    names = sorted({*told, *heard} | {source for _place, (of, source) in feeds if of == node})
    return DeviceView(
        node=now.node(site, node),
        model=str(model.get("name", "")),
        sha256=str(model.get("sha256", "")),
        provider=str(model.get("provider", "")),
        drift=bool(model) and model.get("sha256") != usual,
        usual=usual,
        older=bool(about) and bool(newest) and _version(about) < newest[0],
        health=dict(agent["values"]) if agent is not None else {},
        sources=tuple(
            _source(
                name, now.console.source_name(site, node, name), told.get(name, {}),
                heard.get(name), tuple(place for place, feed in feeds if feed == (node, name)),
            )
            for name in names
        ),
        troubles=tuple(one for one in broken if (one.site, one.node) == (site, node)),
    )  # fmt: skip


def _source(
    source: str, name: Text, told: dict[str, Any], heard: RowMapping | None,
    places: tuple[Text, ...],
) -> SourceView:  # fmt: skip
    return SourceView(
        source=source,
        name=name,
        kind=str(heard["kind"] if heard is not None else told.get("kind", "")),
        places=places,
        last_ts=heard["last_ts"] if heard is not None else 0,
        values=dict(heard["values"]) if heard is not None else {},
        zones=len(told.get("zones", ())) + len(told.get("lines", ())),
        blurred=bool(told.get("blurred", True)),
        why_not=str(told.get("unblurred_reason", "")),
    )


def _about(row: RowMapping | None) -> dict[str, Any]:
    return dict(row["about"]) if row is not None else {}


def _version(about: dict[str, Any]) -> tuple[int, ...]:
    """Of the agent, for comparing; what is no number counts as 0."""
    parts = str(about.get("agent", "")).split(".")
    return tuple(int(part) if part.isdecimal() else 0 for part in parts)
