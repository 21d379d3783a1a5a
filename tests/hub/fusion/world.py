"""A place at work and what its sources tell, for tests of signals."""

from collections.abc import Iterable
from typing import Any

from configs.site import Place, Site, View
from configs.values import Text
from hub.rules.place import Outcome, PlaceAtWork
from wire.records import AnyRecord, Direction, DoorState, LineCross, ZoneCount

T0 = 1_700_000_000_000
TEXT = Text("P", "P")
SITE = Site(id="s", name=TEXT, timezone="UTC")
BOX = (0.1, 0.1, 0.2, 0.4)


def seen_by(source: str, trust: float = 0.9) -> View:
    return View(node="n", source=source, zone="z", trust=trust)


def place_of(**parts: Any) -> PlaceAtWork:
    return PlaceAtWork(Place(id="p", name=TEXT, **parts), SITE, ())


def give(place: PlaceAtWork, record: AnyRecord, at: int, outcome: Outcome) -> None:
    place.take(place.ears("n", record.source), record, at, outcome)


def lived(place: PlaceAtWork, records: Iterable[AnyRecord], until_s: float = 0) -> Outcome:
    outcome = Outcome()
    for record in records:
        give(place, record, record.ts, outcome)
    place.advance(T0 + round(until_s * 1000), outcome)
    return outcome


def values_of(outcome: Outcome, name: str) -> list[tuple[float, float]]:
    return [((p.ts - T0) / 1000, p.value) for p in outcome.signals if p.name == name]


def when(seconds: float) -> Any:
    return {"seq": 0, "ts": T0 + round(seconds * 1000)}


def counted(seconds: float, source: str, count: int, confidence: float = 0.8) -> ZoneCount:
    return ZoneCount(
        **when(seconds), source=source, zone="z", label="person", count=count, confidence=confidence
    )


def crossed(seconds: float, direction: Direction, label: str = "person") -> LineCross:
    return LineCross(
        **when(seconds), source="cam", line="gate", label=label, track=1,
        direction=direction, confidence=0.9, box=BOX,
    )  # fmt: skip


def door_says(seconds: float, *, is_open: bool, source: str = "door") -> DoorState:
    return DoorState(**when(seconds), source=source, open=is_open)
