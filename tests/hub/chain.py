"""A hub's pipeline with a clock that the test turns, and messages for it."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from prometheus_client import CollectorRegistry
from sqlalchemy import Engine, select

from configs.rules import Clear, Condition, Rule, Severity
from configs.servers import HubSettings
from configs.site import DoorOf, NodeOf, Place, Site, SiteFile, View
from configs.values import Duration, Text
from hub.intake import Arrived
from hub.metrics import HubMetrics
from hub.pipeline import Pipeline
from hub.series.points import Entry
from hub.state import store
from hub.state.tables import Alert, AlertEvent, NodeState
from wire.codec import encode
from wire.records import AnyRecord, Batch, DoorState, ZoneCount

T0 = 1_700_000_000_000
TEXT = Text("R", "R")


def rule(name: str, place: str, condition: Condition, **parts: Any) -> Rule:
    return Rule(id=name, title=TEXT, places=(place,), when=(condition,), **parts)


SITE = SiteFile(
    site=Site(id="s", name=TEXT, timezone="UTC"),
    nodes=(NodeOf(id="a"), NodeOf(id="b")),
    places=(
        Place(id="yard", name=TEXT, views=((View(node="a", source="cam", zone="z"),),)),
        Place(id="hall", name=TEXT, doors=(DoorOf(node="b", source="door"),)),
    ),
    rules=(
        rule(
            "busy",
            "yard",
            Condition(signal="occupancy.person", above=2, for_=Duration(1500)),
            clear=Clear(below=2, for_=Duration(2500)),
        ),
        rule(
            "seen", "yard", Condition(signal="presence.person", above=0.5), severity=Severity.LOW
        ),
        rule("open", "hall", Condition(signal="door.open_s", above=3)),
        rule("silent", "*", Condition(signal="silence_s", above=30)),
    ),
)  # fmt: skip


@cache
def _empty_state() -> bytes:
    """The file of a state store with nothing in it: to copy it takes less than to make one."""
    with TemporaryDirectory() as folder:
        database = store.connect(store.address("", Path(folder)))
        store.migrate(database)
        database.dispose()
        return (Path(folder) / "state.db").read_bytes()


def open_database(folder: Path) -> Engine:
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "state.db"
    if not file.exists():
        file.write_bytes(_empty_state())
    return store.connect(store.address("", folder))


class Hub:
    """A pipeline with a clock that the test turns."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.database = open_database(folder)
        self.entries: list[Entry] = []
        self.rx_us = 0
        self.pipeline: Any = None
        self.start(T0)

    def start(self, now: int, ran_until: int | None = None) -> None:
        """Begin, or end without a word and begin again; the hub before ran until then."""
        if self.pipeline is not None:
            with self.database.begin() as connection:
                self.pipeline.resume.uptime.beat(connection, ran_until or now)
        self.registry = CollectorRegistry()
        self.metrics = HubMetrics(self.registry)
        hub_settings = HubSettings(data=str(self.folder))
        self.pipeline = Pipeline([SITE], hub_settings, self.database, self.metrics, now)
        self.pipeline.recover(now)
        self.pipeline.watermark.link(up=True, now=now)

    def take(self, now: int, *messages: tuple[str, bytes]) -> None:
        arrived = []
        for topic, payload in messages:
            self.rx_us = max(self.rx_us + 1, now * 1000)
            arrived.append(Arrived(topic, payload, self.rx_us))
        row = self.pipeline.commit(self.pipeline.prepare(arrived, now), now)
        if row is not None:
            self.entries.append(row[1])

    def alerts(self) -> list[tuple[Any, ...]]:
        columns = (
            Alert.rule, Alert.place, Alert.state, Alert.pending_ts, Alert.fired_ts,
            Alert.resolved_ts, Alert.resolved_by,
        )  # fmt: skip
        with store.reading(self.database).begin() as connection:
            rows = connection.execute(select(*columns).order_by(Alert.pending_ts, Alert.rule))
            return [tuple(row) for row in rows]

    def events(self) -> list[tuple[Any, ...]]:
        columns = (AlertEvent.alert, AlertEvent.kind, AlertEvent.ts, AlertEvent.actor)
        with store.reading(self.database).begin() as connection:
            return sorted(tuple(row) for row in connection.execute(select(*columns)))

    def node(self, name: str) -> Any:
        with store.reading(self.database).begin() as connection:
            return connection.execute(select(NodeState).where(NodeState.node == name)).first()

    def all(self, table: Any) -> Sequence[Any]:
        with store.reading(self.database).begin() as connection:
            return connection.execute(select(table)).all()


def batch(node: str, sent: int, *records: AnyRecord) -> tuple[str, bytes]:
    payload = encode(Batch(epoch="e1", sent=sent, records=records))
    return f"linli/v1/s/{node}/records", payload


def count_record(seq: int, ts: int, count: int, **more: Any) -> ZoneCount:
    return ZoneCount(
        seq=seq, ts=ts, source="cam", zone="z", label="person", count=count, confidence=0.8, **more
    )


def door_record(seq: int, ts: int, *, is_open: bool) -> DoorState:
    return DoorState(seq=seq, ts=ts, source="door", open=is_open)
