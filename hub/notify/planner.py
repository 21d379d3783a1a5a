"""Turns what happened to alerts into deliveries, once each.

Events are read by their growing id. On a server with several writers a lower id may be
committed after a higher one, so the position on disk moves only past events that are old,
and what is read again finds its deliveries planned already.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, Engine, RowMapping, func, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from configs.notify import Route
from configs.rules import Rule, Severity
from configs.site import SiteFile
from hub.notify.item import Item, Words
from hub.notify.tables import Delivery, DeliveryKind, DeliveryState, NotifyCursor
from hub.state.store import reading
from hub.state.tables import Alert, AlertEvent

SETTLED_MS = 10_000
BATCH = 500
CALLS = (DeliveryKind.FIRING, DeliveryKind.RISEN, DeliveryKind.ESCALATION, DeliveryKind.REMINDER)
"""What calls somebody; the end of an alert is told to those who were called."""
KINDS = ("firing", "risen", "resolved", "acknowledged")
"""Of ``alert_event``, those that lead to something here."""


class Planner:
    """Plans for the sites of one hub."""

    def __init__(self, database: Engine, hub: str, sites: Sequence[SiteFile]) -> None:
        """A hub that never planned begins with what happens from now on."""
        self._database = database
        self._hub = hub
        self._seen: set[int] = set()
        self.adopt(sites)
        with database.begin() as connection:
            saved = connection.scalar(select(NotifyCursor.event).where(NotifyCursor.hub == hub))
            self._cursor = saved if saved is not None else self._begin(connection)

    def _begin(self, connection: Connection) -> int:
        newest = connection.scalar(select(func.max(AlertEvent.id))) or 0
        connection.execute(insert(NotifyCursor), {"hub": self._hub, "event": newest})
        return newest

    def adopt(self, sites: Sequence[SiteFile]) -> None:
        """Plan by another configuration from now on."""
        self._sites = {file.site.id: file for file in sites}
        self._rules: Mapping[tuple[str, str], Rule] = {
            (file.site.id, rule.id): rule for file in sites for rule in file.rules
        }
        self._routes: Mapping[tuple[str, str], Route] = {
            (file.site.id, route.id): route for file in sites for route in file.routes
        }

    def plan(self, now: int) -> int:
        """Plan for all events that are new at ``now`` (ms); returns how many they were."""
        count = 0
        while True:
            events = self._read()
            if not events:
                return count
            count += len(events)
            cursor = self._settled(events, now)
            with self._database.begin() as connection:
                for event in events:
                    if event["site"] in self._sites and event["kind"] in KINDS:
                        self._plan_one(connection, event)
                at = update(NotifyCursor).where(NotifyCursor.hub == self._hub)
                connection.execute(at.values(event=cursor))
            self._seen |= {event["id"] for event in events}
            self._seen = {event for event in self._seen if event > cursor}
            self._cursor = cursor

    def _read(self) -> Sequence[RowMapping]:
        query = (
            select(
                AlertEvent.id, AlertEvent.kind, AlertEvent.ts, AlertEvent.at, AlertEvent.actor,
                Alert.site, Alert.id.label("alert"),
            )
            .join(Alert, Alert.id == AlertEvent.alert)
            .where(AlertEvent.id > self._cursor)
            .order_by(AlertEvent.id)
            .limit(len(self._seen) + BATCH)
        )  # fmt: skip
        with reading(self._database).begin() as connection:
            rows = connection.execute(query).mappings().all()
        return [row for row in rows if row["id"] not in self._seen]

    def _settled(self, events: Sequence[RowMapping], now: int) -> int:
        known = {**dict.fromkeys(self._seen, 0), **{event["id"]: event["at"] for event in events}}
        young = [number for number, at in known.items() if at > now - SETTLED_MS]
        old = [number for number in known if not young or number < min(young)]
        return max(old, default=self._cursor)

    def _plan_one(self, connection: Connection, event: RowMapping) -> None:
        alert = connection.execute(select(Alert.__table__).where(Alert.id == event["alert"]))
        row = alert.mappings().one()
        match event["kind"]:
            case "firing":
                self._fired(connection, row, event)
            case "risen":
                self._risen(connection, row, event)
            case "acknowledged":
                _withdraw(connection, row["id"], f"acknowledged by {event['actor']}")
            case "resolved":
                self._resolved(connection, row, event)

    def _fired(self, connection: Connection, alert: RowMapping, event: RowMapping) -> None:
        rule = self._rules.get((alert["site"], alert["rule"]))
        if rule is None:
            return
        plans = [(name, DeliveryKind.FIRING, 0, 0) for name in rule.notify]
        plans += [
            (step.to, DeliveryKind.ESCALATION, n, step.after)
            for n, step in enumerate(rule.escalate)
        ]
        for name, kind, n, after in plans:
            self._add(connection, alert, event, name, kind, n=n, after=after)

    def _risen(self, connection: Connection, alert: RowMapping, event: RowMapping) -> None:
        rule = self._rules.get((alert["site"], alert["rule"]))
        rank = Severity(alert["severity"]).rank
        for name in rule.notify if rule is not None else ():
            self._add(connection, alert, event, name, DeliveryKind.RISEN, n=rank)

    def _resolved(self, connection: Connection, alert: RowMapping, event: RowMapping) -> None:
        _withdraw(connection, alert["id"], "it ended before")
        called = select(Delivery.route).where(
            Delivery.alert == alert["id"],
            Delivery.kind.in_(CALLS),
            Delivery.state.in_((DeliveryState.QUEUED, DeliveryState.SENT)),
        )
        for name in sorted(set(connection.scalars(called))):
            self._add(connection, alert, event, name, DeliveryKind.RESOLVED)

    def _add(
        self, connection: Connection, alert: RowMapping, event: RowMapping, name: str,
        kind: DeliveryKind, *, n: int = 0, after: int = 0,
    ) -> None:  # fmt: skip
        route = self._routes.get((alert["site"], name))
        if route is None:
            return
        step = f"{alert['id']}:{kind}:{name}:{n}"
        wait = route.group_wait if route.kind == "apprise" and not after else 0
        low = (
            kind is not DeliveryKind.RESOLVED
            and Severity(alert["severity"]).rank < route.min_severity.rank
        )
        item = self._item(alert, kind, step, event["at"] + after)
        row = {
            **row_of(item, name, created=event["at"], due=event["at"] + after + wait),
            "state": DeliveryState.NEEDLESS if low else DeliveryState.QUEUED,
            "why": f"below the route's {route.min_severity}" if low else "",
        }
        insert_once(connection, [row])

    def _item(self, alert: RowMapping, kind: DeliveryKind, step: str, at: int) -> Item:
        file = self._sites[alert["site"]]
        names = {place.id: Words(place.name.en, place.name.zh) for place in file.places}
        details = alert["details"]
        ended = kind is DeliveryKind.RESOLVED
        return Item(
            step=step,
            kind=kind,
            alert=alert["id"],
            site=alert["site"],
            site_name=Words(file.site.name.en, file.site.name.zh),
            timezone=file.site.timezone,
            place=alert["place"],
            place_name=names.get(alert["place"], Words(alert["place"], alert["place"])),
            rule=alert["rule"],
            severity=Severity(alert["severity"]),
            title=Words(**details.get("title", {})),
            advice=Words(**details.get("advice", {})),
            values=details.get("values", []),
            pending_ts=alert["pending_ts"],
            fired_ts=alert["fired_ts"] or alert["pending_ts"],
            resolved_ts=alert["resolved_ts"] if ended else None,
            resolved_by=alert["resolved_by"] if ended else "",
            late=alert["late"],
            evidence=alert["evidence"],
            at=at,
        )


def row_of(item: Item, route: str, *, created: int, due: int) -> dict[str, Any]:
    """A row of ``delivery`` that tells ``item``."""
    return {
        "step": item.step,
        "site": item.site,
        "route": route,
        "alert": item.alert,
        "place": item.place,
        "kind": item.kind,
        "severity": item.severity,
        "payload": msgspec.to_builtins(item),
        "created_at": created,
        "due_at": due,
        "state": DeliveryState.QUEUED,
    }


def insert_once(connection: Connection, rows: Iterable[dict[str, Any]]) -> None:
    """Add deliveries whose step is not there yet."""
    made = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    for row in rows:
        query = made(Delivery).values(**row).on_conflict_do_nothing(index_elements=["step"])
        connection.execute(query)


def _withdraw(connection: Connection, alert: str, why: str) -> None:
    """Escalations and reminders that wait are not needed any more."""
    waiting = (
        Delivery.alert == alert,
        Delivery.kind.in_((DeliveryKind.ESCALATION, DeliveryKind.REMINDER)),
        Delivery.state == DeliveryState.QUEUED,
    )
    change = update(Delivery).where(*waiting)
    connection.execute(change.values(state=DeliveryState.NEEDLESS, why=why))


def retire(database: Engine, sites: Iterable[SiteFile]) -> None:
    """What waits for a route that the configuration no longer has, has failed."""
    with database.begin() as connection:
        for file in sites:
            gone = (
                Delivery.site == file.site.id,
                Delivery.route.not_in([route.id for route in file.routes]),
                Delivery.state.in_((DeliveryState.QUEUED, DeliveryState.MUTED)),
            )
            end = {"state": DeliveryState.FAILED, "why": "the site has no such route any more"}
            connection.execute(update(Delivery).where(*gone).values(**end))
