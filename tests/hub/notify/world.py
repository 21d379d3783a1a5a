"""A site with routes, its alerts by hand, a clock that the test turns, and a fake sender."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from msgspec.structs import replace
from prometheus_client import CollectorRegistry
from sqlalchemy import insert, select, update

from configs.notify import Route
from configs.rules import Condition, Escalation, Rule, Severity
from configs.site import NodeOf, Place, Site, SiteFile
from configs.values import Duration, Text
from hub.notify import hush
from hub.notify.courier import Courier
from hub.notify.item import Item, Message, Words
from hub.notify.metrics import NotifyMetrics
from hub.notify.planner import Planner
from hub.notify.tables import Delivery, DeliveryKind
from hub.state import store
from hub.state.tables import Alert, AlertEvent
from tests.hub.chain import open_database

T0 = 1_700_000_000_000  # 2023-11-14 22:13:20 UTC
STARTED = T0 - 1000


def rule(name: str, *notify: str, **parts: Any) -> Rule:
    title = Text(f"{name} happened", f"发生了{name}")
    condition = Condition(signal="occupancy.person", above=2)
    return Rule(id=name, title=title, places=("*",), when=(condition,), notify=notify, **parts)


def people(name: str = "room", **parts: Any) -> Route:
    return Route(id=name, kind="apprise", url_env="NO_SUCH", **parts)


def machine(name: str = "machine", **parts: Any) -> Route:
    return Route(id=name, kind="webhook", url="http://127.0.0.1:9/", **parts)


def site(*routes: Route, rules: tuple[Rule, ...], timezone: str = "UTC") -> SiteFile:
    return SiteFile(
        site=Site(id="s", name=Text("Court", "花园"), timezone=timezone),
        nodes=(NodeOf(id="a"),),
        places=tuple(
            Place(id=name, name=Text(name.title(), f"{name}处"))
            for name in ("yard", "hall", "gate")
        ),
        rules=rules,
        routes=routes,
    )


def escalation(after_s: float, to: str) -> Escalation:
    return Escalation(after=Duration(after_s * 1000), to=to)


def item(**parts: Any) -> Item:
    made = Item(
        step="a1:firing:room:0",
        kind=DeliveryKind.FIRING,
        alert="a1",
        site="s",
        site_name=Words("Court", "花园"),
        timezone="Asia/Shanghai",
        place="yard",
        place_name=Words("Yard", "庭院"),
        rule="busy",
        severity=Severity.HIGH,
        title=Words("Crowd", "人群"),
        advice=Words("Send somebody.", "请派人。"),
        values=[{"signal": "occupancy.person", "value": 4.0, "text": "occupancy.person above 2"}],
        pending_ts=T0,
        fired_ts=T0,
        at=T0,
    )
    return replace(made, **parts)


class FakeSender:
    """Keeps what it is sent; ``answer`` may raise."""

    def __init__(self) -> None:
        self.got: list[Message] = []
        self.answer: Callable[[Message], None] = lambda _message: None

    def send(self, message: Message) -> None:
        self.answer(message)
        self.got.append(message)


class World:
    """The outbox of one hub, driven by hand."""

    def __init__(self, folder: Path, file: SiteFile) -> None:
        self.file = file
        self.database = open_database(folder)
        self.now = STARTED
        self.senders = {route.id: FakeSender() for route in file.routes}
        self._alerts = 0
        self.start()

    def start(self) -> None:
        """Also: start again after a crash."""
        self.metrics = NotifyMetrics(CollectorRegistry())
        self.planner = Planner(self.database, "hub", [self.file])
        self.couriers = [
            Courier(
                self.database, "s", route, self.file.site.timezone, self.senders[route.id],
                self.metrics, spread=lambda: 1.0,
            )
            for route in self.file.routes
        ]  # fmt: skip

    def turn(self, at_s: float) -> None:
        """Set the clock to so long after T0, and let everybody do what is due."""
        self.now = T0 + round(at_s * 1000)
        self.planner.plan(self.now)
        hush.release(self.database, {"s"}, self.now)
        for courier in self.couriers:
            courier.carry(lambda: self.now)

    def run(self, until_s: float, step_s: float = 1.0) -> None:
        """Turn the clock second by second."""
        at_s = (self.now - T0) / 1000
        while at_s < until_s:
            at_s = min(at_s + step_s, until_s)
            self.turn(at_s)

    def fire(
        self, rule: str, place: str = "yard", *, at_s: float = 0, severity: str = "high",
        **more: Any,
    ) -> str:  # fmt: skip
        self._alerts += 1
        alert, at = f"a{self._alerts}", T0 + round(at_s * 1000)
        found = next(one for one in self.file.rules if one.id == rule)
        row = {
            "id": alert, "site": "s", "place": place, "rule": rule, "severity": severity,
            "state": "firing", "pending_ts": at, "fired_ts": at, "fired_rx": at,
            "details": {
                "title": {"en": found.title.en, "zh": found.title.zh},
                "advice": {"en": "", "zh": ""},
                "values": [],
            },
            **more,
        }  # fmt: skip
        with self.database.begin() as connection:
            connection.execute(insert(Alert), row)
        self.event(alert, "firing", at)
        return alert

    def event(self, alert: str, kind: str, at: int, actor: str = "hub") -> None:
        row = {"alert": alert, "kind": kind, "ts": at, "at": at, "actor": actor, "note": ""}
        with self.database.begin() as connection:
            connection.execute(insert(AlertEvent), row)

    def change(self, alert: str, kind: str, at_s: float, actor: str = "hub", **values: Any) -> None:
        with self.database.begin() as connection:
            connection.execute(update(Alert).where(Alert.id == alert).values(**values))
        self.event(alert, kind, T0 + round(at_s * 1000), actor)

    def resolve(self, alert: str, at_s: float) -> None:
        at = T0 + round(at_s * 1000)
        self.change(alert, "resolved", at_s, state="resolved", resolved_ts=at, resolved_by="rule")

    def acknowledge(self, alert: str, at_s: float) -> None:
        at = T0 + round(at_s * 1000)
        self.change(alert, "acknowledged", at_s, "li", acknowledged_at=at, acknowledged_by="li")

    def told(self, route: str = "room") -> list[list[tuple[str, str]]]:
        """Of each message that the route got: (kind, alert) of its items."""
        return [
            [(str(item.kind), item.alert) for item in message.items]
            for message in self.senders[route].got
        ]

    def deliveries(self) -> list[tuple[str, str, str]]:
        """(step, state, why), in the order of planning."""
        with store.reading(self.database).begin() as connection:
            rows = connection.execute(
                select(Delivery.step, Delivery.state, Delivery.why).order_by(Delivery.id)
            )
            return [(row[0], row[1], row[2]) for row in rows]
