"""The state of all sites at one instant, as the live page and its news need it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from msgspec import Struct
from sqlalchemy import Connection, RowMapping, case, func, select
from sqlalchemy.sql.elements import ColumnElement

from configs.rules import Severity
from configs.site import Place, Site
from configs.values import Text
from hub import silences, uptime
from hub.silences import Quiet
from hub.state.tables import (
    Alert,
    AlertState,
    Change,
    NodeState,
    Notice,
    Picture,
    PlaceState,
    SourceState,
)
from web.console import Console

RANKS = {severity.value: severity.rank for severity in Severity}
BY_ITSELF = ("", "rule", "configuration")
"""What ``resolved_by`` says when nobody did it."""
STALE_MS = 60_000
"""A card whose newest word is older is marked. Lower: quiet cameras look broken."""


class PictureView(Struct, frozen=True):
    """A picture that may be shown, or one that is still on its way."""

    site: str
    node: str
    ref: str
    ts: int
    arrived: bool


class Measure(Struct, frozen=True):
    """What a signal was when the alert fired."""

    signal: str
    value: float | None
    text: str
    """The threshold in words."""


class AlertView(Struct, frozen=True):
    """An alert, ready to be drawn."""

    id: str
    site: str
    place: str
    place_name: Text
    rule: str
    title: Text
    advice: Text
    severity: str
    state: str
    pending_ts: int
    fired_ts: int | None
    fired_rx: int | None
    resolved_ts: int | None
    resolved_by: str
    acknowledged_at: int | None
    acknowledged_by: str
    owner: str
    verdict: str
    verdict_by: str
    verdict_at: int | None
    inhibited_by: str
    late: bool
    measures: tuple[Measure, ...]
    picture: PictureView | None
    details: dict[str, Any]
    mute: Quiet | None
    """What mutes it now; of one that has ended, what did when it fired."""

    @property
    def since(self) -> int:
        """When it fired; for one that has not, when it began to be pending."""
        return self.fired_ts if self.fired_ts is not None else self.pending_ts

    @property
    def firing(self) -> bool:
        return self.state == AlertState.FIRING

    @property
    def ended_by_itself(self) -> bool:
        return self.resolved_by in BY_ITSELF

    @property
    def order(self) -> str:
        """Sorts as text: worst first, those that nobody has taken before the others."""
        taken = int(self.acknowledged_at is not None)
        return f"{taken}.{9 - RANKS.get(self.severity, 0)}.{10**15 - self.since}"


class DoorView(Struct, frozen=True):
    """A door of a place."""

    name: Text
    known: bool
    open: bool
    since: int
    controlled: bool
    tamper: bool
    battery: int | None


class CardView(Struct, frozen=True):
    """A place, ready to be drawn."""

    site: str
    place: str
    name: Text
    ts: int
    """The newest that is known of it; 0: nothing yet."""
    stale: bool
    severity: str
    """Of the worst alert that fires there; "" for none."""
    watched: bool
    """Cameras see it."""
    counted: bool
    """It has counting lines."""
    signals: Mapping[str, float]
    others: tuple[tuple[str, float], ...]
    """Labels beside people that are there now, with their number."""
    doors: tuple[DoorView, ...]
    picture: PictureView | None
    faults: tuple[tuple[Text, str], ...]
    """(name of the camera, fault)"""
    offline: tuple[Text, ...]
    """Names of its nodes that are cut off."""

    @property
    def much(self) -> str:
        """For the plan: a sign of alarm, else how many people are there."""
        if self.severity:
            return "!"
        people = self.signals.get("occupancy.person", 0)
        return f"{people:g}" if people else ""


class NodeView(Struct, frozen=True):
    """An edge agent, ready to be drawn."""

    site: str
    node: str
    name: Text
    known: bool
    online: bool
    since: int
    last_rx: int
    late: int
    duplicate: int
    lost: int
    clock_ms: int
    agent: str


@dataclass(slots=True)
class Snapshot:
    """One read transaction's worth of state."""

    console: Console
    mark: int
    """The newest change that it holds."""
    places: dict[tuple[str, str], RowMapping]
    sources: dict[tuple[str, str, str], RowMapping]
    nodes: dict[tuple[str, str], RowMapping]
    firing: int
    """Alerts that fire."""
    worst: Mapping[tuple[str, str], str]
    """(site, place) → severity of the worst alert that fires there."""
    notices: list[RowMapping]
    """What is to be mended, oldest first."""
    silent: list[tuple[Site, int]]
    """Sites of which nothing is heard because their hub does not run, and until when it did."""

    def card(self, site: str, place: Place) -> CardView:
        """A place as it is."""
        doors = tuple(self._door(site, door.node, door.source, door.controlled)
                      for door in place.doors)  # fmt: skip
        feeds = sources_of(place)
        rows = [self.sources[key] for feed in feeds if (key := (site, *feed)) in self.sources]
        state = self.places.get((site, place.id))
        signals = {
            name: found["value"] for name, found in (state["signals"] if state else {}).items()
        }
        ts = max([state["ts"] if state else 0, *(row["last_ts"] for row in rows)])
        return CardView(
            site=site,
            place=place.id,
            name=place.name,
            ts=ts,
            stale=self.console.now() - ts > STALE_MS,
            severity=self.worst.get((site, place.id), ""),
            watched=bool(place.views or place.lines),
            counted=bool(place.lines),
            signals=signals,
            others=_others(signals),
            doors=doors,
            picture=newest_picture(site, rows),
            faults=tuple(
                (self.console.source_name(site, row["node"], row["source"]), fault)
                for row in rows
                for fault in faults_of(row)
            ),
            offline=tuple(
                self.console.node_name(site, node)
                for node in sorted({node for node, _ in feeds})
                if (row := self.nodes.get((site, node))) is not None and not row["online"]
            ),
        )

    def node(self, site: str, node: str) -> NodeView:
        """A node as it is."""
        row, name = self.nodes.get((site, node)), self.console.node_name(site, node)
        if row is None:
            return NodeView(site, node, name, *(False, False), *(0,) * 6, "")
        return NodeView(
            site=site,
            node=node,
            name=name,
            known=True,
            online=row["online"],
            since=row["online_at"],
            last_rx=row["last_rx"],
            late=row["late"],
            duplicate=row["duplicate"],
            lost=row["lost"],
            clock_ms=row["clock_ms"],
            agent=str(row["about"].get("agent", "")),
        )

    def _door(self, site: str, node: str, source: str, controlled: bool) -> DoorView:
        row = self.sources.get((site, node, source))
        values = row["values"] if row is not None else {}
        return DoorView(
            name=self.console.source_name(site, node, source),
            known=isinstance(values.get("open"), bool),
            open=bool(values.get("open")),
            since=int(values.get("since_ts") or 0),
            controlled=controlled,
            tamper=bool(values.get("tamper")),
            battery=values.get("battery"),
        )


def newest_change(connection: Connection) -> int:
    """For a page's ``data-after``: from there `/live` goes on. Asked for before anything that
    the page shows, so that it misses nothing; what it hears twice does no harm."""
    return connection.scalar(select(func.max(Change.id))) or 0


def active(connection: Connection, console: Console) -> int:
    """How many alerts fire."""
    return sum(count for *_, count in _firing(connection, console))


def take(connection: Connection, console: Console) -> Snapshot:
    """Read everything but the alerts; the caller's transaction makes it one instant."""
    mark = newest_change(connection)
    firing = _firing(connection, console)
    silent = uptime.silent(connection, console.now())
    return Snapshot(
        console=console,
        mark=mark,
        places={(r["site"], r["place"]): r for r in _rows(connection, PlaceState)},
        sources={(r["site"], r["node"], r["source"]): r for r in _rows(connection, SourceState)},
        nodes={(r["site"], r["node"]): r for r in _rows(connection, NodeState)},
        firing=sum(count for *_, count in firing),
        worst={
            (site, place): severity
            for site, place, severity, _ in sorted(firing, key=lambda row: RANKS.get(row[2], 0))
        },
        # What is wrong with the files of one site is not for readers of another.
        notices=sorted(_rows(connection, Notice), key=lambda row: row["at"])
        if console.whole
        else [],
        silent=[
            (file.site, silent[file.site.id]) for file in console.sites if file.site.id in silent
        ],
    )


def firing_alerts(
    connection: Connection, console: Console, limit: int | None = None
) -> list[AlertView]:
    """What fires, in the order of the page (`AlertView.order`); the first of them."""
    rank = case(RANKS, value=Alert.severity, else_=0)
    since = func.coalesce(Alert.fired_ts, Alert.pending_ts)
    order = (Alert.acknowledged_at.is_not(None), rank.desc(), since.desc())
    return _alerts(connection, console, (Alert.state == AlertState.FIRING,), order, limit)


def alerts(
    connection: Connection, console: Console, *where: ColumnElement[bool], limit: int = 500
) -> list[AlertView]:
    """Alerts, newest first."""
    order = (Alert.pending_ts.desc(), Alert.id.desc())
    return _alerts(connection, console, where, order, limit)


def _alerts(
    connection: Connection,
    console: Console,
    where: Sequence[ColumnElement[bool]],
    order: Sequence[ColumnElement[Any]],
    limit: int | None,
) -> list[AlertView]:
    query = (
        select(*Alert.__table__.columns)
        .where(*where, Alert.site.in_([file.site.id for file in console.sites]))
        .order_by(*order)
        .limit(limit)
    )
    rows = connection.execute(query).mappings().all()
    pictures = _pictures(connection, [row["evidence"] for row in rows if row["evidence"]])
    mutes = _mutes(connection, rows, console.now())
    return [_alert(console, row, pictures, mutes.get(row["id"])) for row in rows]


def _firing(connection: Connection, console: Console) -> Sequence[Any]:
    """(site, place, severity, how many)."""
    sites = [file.site.id for file in console.sites]
    kinds = (Alert.site, Alert.place, Alert.severity)
    query = select(*kinds, func.count()).where(
        Alert.state == AlertState.FIRING, Alert.site.in_(sites)
    )
    return connection.execute(query.group_by(*kinds)).all()


def sources_of(place: Place, *, doors: bool = True) -> set[tuple[str, str]]:
    """(node, source) of everything that tells of a place, or of its cameras alone."""
    seen = {(view.node, view.source) for group in place.views for view in group}
    seen |= {(line.node, line.source) for line in place.lines}
    return seen | {(door.node, door.source) for door in place.doors if doors}


def _rows(
    connection: Connection, table: type[PlaceState | SourceState | NodeState | Notice]
) -> Any:
    return connection.execute(select(*table.__table__.columns)).mappings()


def _pictures(connection: Connection, evidence: Iterable[str]) -> dict[tuple[str, str, str], int]:
    refs = {one.partition("/")[2] for one in evidence}
    if not refs:
        return {}
    query = select(Picture.site, Picture.node, Picture.ref, Picture.ts).where(
        Picture.ref.in_(refs), Picture.size > 0
    )
    return {(site, node, ref): ts for site, node, ref, ts in connection.execute(query)}


def _mutes(connection: Connection, rows: Sequence[RowMapping], now: int) -> dict[str, Quiet]:
    """By alert: for active ones what mutes them now, for the others what did."""
    over = {
        row["id"]: row["muted_by"]
        for row in rows
        if row["muted_by"] is not None and row["state"] == AlertState.RESOLVED
    }
    known = silences.named(connection, over.values())
    found = {alert: known[mute] for alert, mute in over.items() if mute in known}
    if all(row["state"] == AlertState.RESOLVED for row in rows):
        return found
    lasting = silences.current(connection, now)
    for row in rows:
        if row["state"] != AlertState.RESOLVED:
            sources = row["details"].get("sources", ())
            mute = silences.among(lasting, row["site"], row["place"], row["rule"], sources)
            found |= {row["id"]: mute} if mute is not None else {}
    return found


def _alert(
    console: Console,
    row: RowMapping,
    pictures: dict[tuple[str, str, str], int],
    mute: Quiet | None,
) -> AlertView:
    place = console.place(row["site"], row["place"])
    details = row["details"]
    node, _slash, ref = row["evidence"].partition("/")
    key = (row["site"], node, ref)
    picture = PictureView(*key, ts=pictures.get(key, 0), arrived=key in pictures) if ref else None
    same = {
        name: row[name]
        for name in (
            "id", "site", "place", "rule", "severity", "state", "pending_ts", "fired_ts",
            "fired_rx", "resolved_ts", "resolved_by", "acknowledged_at", "acknowledged_by",
            "owner", "verdict", "verdict_by", "verdict_at", "inhibited_by", "late", "details",
        )
    }  # fmt: skip
    return AlertView(
        **same,
        place_name=place.name if place is not None else Text(row["place"], row["place"]),
        title=_text(details.get("title"), row["rule"]),
        advice=_text(details.get("advice"), ""),
        measures=tuple(_measure(one) for one in details.get("values") or ()),
        picture=picture,
        mute=mute,
    )


def _text(raw: Any, otherwise: str) -> Text:
    try:
        return Text.parse(raw)
    except ValueError:
        return Text(otherwise, otherwise)  # an older hub wrote none


def _measure(raw: Mapping[str, Any]) -> Measure:
    threshold = raw.get("threshold")
    text = raw.get("text") or ("" if threshold is None else str(threshold))
    return Measure(str(raw.get("signal", "")), raw.get("value"), str(text))


def _others(signals: Mapping[str, float]) -> tuple[tuple[str, float], ...]:
    counts = [
        (name.partition(".")[2], number)
        for name, number in sorted(signals.items())
        if name.startswith("occupancy.") and name != "occupancy.person" and number > 0
    ]
    return tuple(counts)


def newest_picture(site: str, rows: list[RowMapping]) -> PictureView | None:
    """Of sources (rows of `SourceState`) the last picture that has arrived."""
    newest = max(rows, key=lambda row: row["evidence_ts"], default=None)
    if newest is None or not newest["evidence"]:
        return None
    return PictureView(site, newest["node"], newest["evidence"], newest["evidence_ts"], True)


def faults_of(row: RowMapping) -> list[str]:
    """What is wrong with a camera: keys of `configs.words.FAULTS`, or the node's own words."""
    faults = [str(fault) for fault in row["values"].get("faults") or ()]
    return faults or ([] if row["ok"] else [row["detail"] or "lost"])
