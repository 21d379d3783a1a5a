"""Turns changes into what a live page shows of them: drawn once for each kind of reader."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from flask import Flask, get_template_attribute
from flask_babel import force_locale
from msgspec import Struct
from sqlalchemy import Connection, Row, Select, select

from hub.state.tables import Alert, AlertState
from web.console import Console
from web.now.snapshot import AlertView, Snapshot, alerts, sources_of, take
from web.now.spots import spots
from web.now.troubles import troubles
from web.roles import Sites


class View(Struct, frozen=True):
    """Readers for whom the same is drawn."""

    language: str
    sites: Sites
    """Of which they hear."""
    may_act: Sites


class Heard(Struct, frozen=True):
    """A row of the change table."""

    id: int
    kind: str
    site: str
    key: str
    at: int


class Piece(Struct, frozen=True):
    """An element of the page, to be put in the place of the one with the same id."""

    id: str
    html: str


class AlertPiece(Struct, frozen=True):
    """A row of the alerts; ``alert`` names it, ``active`` says whether it belongs on top."""

    id: str
    html: str
    alert: str
    active: bool
    waits_since: int
    """When the hub raised it, ms, while nobody has acknowledged it; else 0. By it a page without
    a list knows what is new."""


class SpotPiece(Struct, frozen=True):
    """How a camera or sensor on the plan is now."""

    id: str
    state: str
    says: str
    ts: int


class News(Struct, frozen=True):
    """What travels to the browser."""

    now: int
    firing: int
    alerts: list[AlertPiece]
    swap: list[Piece]
    spots: list[SpotPiece]


@dataclass(frozen=True, slots=True)
class _Moment:
    """What is drawn of: read once for all who hear of the same sites."""

    changes: Sequence[Heard]
    now: Snapshot
    touched: Sequence[AlertView]
    """Alerts that changed."""


class Draughtsman:
    """Draws changes with the same templates as the pages."""

    def __init__(self, app: Flask, console: Console) -> None:
        self._app = app
        self._console = console

    def draw(self, changes: Sequence[Heard], views: Collection[View]) -> dict[View, str]:
        """JSON of `News` for each kind of reader; raises what the state store raises."""
        moments = {view.sites: self._read(changes, view.sites) for view in views}
        return {view: self._draw(moments[view.sites], view) for view in views}

    def _read(self, changes: Sequence[Heard], sites: Sites) -> "_Moment":
        here = self._console.only(sites)
        changes = [one for one in changes if one.site in sites or one.kind == "notice"]
        with here.reader.connect() as connection:
            now = take(connection, here)
            return _Moment(changes, now, _alerts_touched(connection, here, changes))

    def _draw(self, moment: "_Moment", view: View) -> str:
        changes, now, touched = moment.changes, moment.now, moment.touched
        places, nodes = _touched(now.console, changes)
        places |= {(alert.site, alert.place) for alert in touched}
        with self._app.test_request_context(), force_locale(view.language):
            news = News(
                now=self._console.now(),
                firing=now.firing,
                alerts=[*(_alert_piece(one, view) for one in touched), *_gone(changes, touched)],
                swap=[
                    *_cards(now, places),
                    *_nodes(now, nodes),
                    *_broken(now, changes),
                    *_notices(now, changes),
                ],
                spots=_spots(now, changes),
            )
        return msgspec.json.encode(news).decode()


def _touched(
    console: Console, changes: Sequence[Heard]
) -> tuple[set[tuple[str, str]], set[tuple[str, str]]]:
    """Which places and which nodes look different now."""
    places = {(change.site, change.key) for change in changes if change.kind == "place"}
    nodes = {(change.site, change.key) for change in changes if change.kind == "node"}
    sources = {
        (change.site, *change.key.split("/", 1)) for change in changes if change.kind == "source"
    }
    for file in console.sites:
        for place in file.places:
            feeds = {(file.site.id, *feed) for feed in sources_of(place)}
            if feeds & sources or {feed[:2] for feed in feeds} & nodes:
                places.add((file.site.id, place.id))
    return places, nodes | {(site, node) for site, node, *_ in sources}


def _alerts_touched(
    connection: Connection, console: Console, changes: Sequence[Heard]
) -> list[AlertView]:
    """Alerts that changed, and firing ones whose picture may have arrived."""
    ids = {change.key for change in changes if change.kind == "alert"}
    for change in changes:
        if change.kind == "source":
            ids.update(connection.scalars(_waiting_for(change)))
    return alerts(connection, console, Alert.id.in_(ids)) if ids else []


def _waiting_for(change: Heard) -> Select[Any]:
    """Firing alerts whose picture may have come with this source's news."""
    node = change.key.partition("/")[0]
    return select(Alert.id).where(
        Alert.state == AlertState.FIRING,
        Alert.site == change.site,
        Alert.evidence.startswith(f"{node}/", autoescape=True),
    )


def _alert_piece(alert: AlertView, view: View) -> AlertPiece:
    html = get_template_attribute("parts.html", "alert_row")(alert, view.may_act, "")
    waits = alert.firing and alert.acknowledged_at is None
    since = alert.fired_rx or 0 if waits else 0
    return AlertPiece(f"alert.{alert.id}", str(html), alert.id, alert.firing, since)


def _gone(changes: Sequence[Heard], found: Sequence[AlertView]) -> list[AlertPiece]:
    """Alerts that the hub dropped before they fired: their rows are to go."""
    left = {change.key for change in changes if change.kind == "alert"} - {one.id for one in found}
    return [AlertPiece(f"alert.{one}", "", one, False, 0) for one in sorted(left)]


def _cards(now: Snapshot, places: set[tuple[str, str]]) -> list[Piece]:
    draw = get_template_attribute("parts.html", "place_card")
    found = [(site, now.console.place(site, place)) for site, place in sorted(places)]
    return [
        Piece(f"place.{site}.{place.id}", str(draw(now.card(site, place))))
        for site, place in found
        if place is not None
    ]


def _nodes(now: Snapshot, nodes: set[tuple[str, str]]) -> list[Piece]:
    draw = get_template_attribute("parts.html", "node_row")
    return [
        Piece(f"node.{site}.{node}", str(draw(now.node(site, node))))
        for site, node in sorted(nodes)
    ]


def _spots(now: Snapshot, changes: Sequence[Heard]) -> list[SpotPiece]:
    nodes = {(one.site, one.key) for one in changes if one.kind == "node"}
    sources = {(one.site, one.key) for one in changes if one.kind == "source"}
    if not nodes | sources:
        return []
    says = get_template_attribute("parts.html", "spot_says")
    found = [
        one
        for file in now.console.sites
        for one in spots(now, file)
        if (one.site, one.node) in nodes or (one.site, f"{one.node}/{one.source}") in sources
    ]
    return [SpotPiece(one.id, one.state, str(says(one)), one.ts) for one in found]


def _broken(now: Snapshot, changes: Sequence[Heard]) -> list[Piece]:
    if not any(change.kind in ("node", "source") for change in changes):
        return []
    draw = get_template_attribute("parts.html", "broken")
    return [Piece("broken", str(draw(troubles(now))))]


def _notices(now: Snapshot, changes: Sequence[Heard]) -> list[Piece]:
    if not any(change.kind == "notice" for change in changes):
        return []
    draw = get_template_attribute("parts.html", "notices")
    return [Piece("notices", str(draw(now.notices, now.silent)))]


def heard(row: Row[tuple[object, ...]]) -> Heard:
    """A change as it travels between threads."""
    return Heard(row.id, row.kind, row.site, row.key, row.at)
