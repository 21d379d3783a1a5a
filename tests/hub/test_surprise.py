"""What surprises: what is counted at a place against what is usual there."""

from collections.abc import Callable
from typing import Any

import msgspec

from configs.site import CountingLine, DoorOf, Place, Site, View
from configs.values import Text
from hub.rules.place import Outcome, PlaceAtWork
from wire.records import (
    AnyRecord,
    Direction,
    DoorState,
    LineCross,
    NodeHealth,
    ZoneCount,
    ZoneDwell,
    ZoneExit,
)

TEXT = Text("P", "P")
SITE = Site(id="s", name=TEXT, timezone="UTC")
BOX = (0.1, 0.1, 0.2, 0.4)
GATE = CountingLine(node="n", source="cam", line="gate")
MONDAY = 1_700_438_400_000  # 2023-11-20 00:00 UTC
HOUR = 3_600_000


def _place(**parts: Any) -> PlaceAtWork:
    """A place with nothing but the surprises at work: the others tick each second."""
    place = PlaceAtWork(Place(id="p", name=TEXT, **parts), SITE, ())
    place.signals = {name: s for name, s in place.signals.items() if name.startswith("surprise.")}
    return place


def _crossing(at: int) -> LineCross:
    return LineCross(
        seq=0, ts=at, source="cam", line="gate", label="person", track=1,
        direction=Direction.LEFT, confidence=0.9, box=BOX,
    )  # fmt: skip


def _take(place: PlaceAtWork, record: AnyRecord, at: int, outcome: Outcome) -> None:
    place.take(place.ears("n", record.source), record, at, outcome)


def _live(place: PlaceAtWork, hours: range, crossings: Callable[[int], int]) -> Outcome:
    """Let a place live through hours; in each, some people cross in its thirtieth minute."""
    outcome = Outcome()
    for hour in hours:
        for minute in range(0, 60, 5):
            at = MONDAY + hour * HOUR + minute * 60_000
            _take(place, NodeHealth(seq=0, ts=at, source="cam"), at, outcome)
            for _ in range(crossings(hour) if minute == 30 else 0):
                _take(place, _crossing(at + 1), at + 1, outcome)
    return outcome


def _usually(hour: int) -> int:
    return 20 + hour % 5 if 8 <= hour % 24 < 20 else 1


def _last(outcome: Outcome, name: str) -> float:
    return [point.value for point in outcome.signals if point.name == name][-1]


def test_nothing_surprises_in_the_first_three_days_and_then_much_does() -> None:
    place = _place(lines=(GATE,))
    outcome = _live(place, range(72), _usually)
    outcome.signals += _live(place, range(72, 82), lambda hour: 150 if hour == 73 else 1).signals
    found = [point for point in outcome.signals if point.name == "surprise.flow"]
    assert min(point.ts for point in found) >= MONDAY + 72 * HOUR
    assert max(point.value for point in found) > 4


def test_too_many_and_too_few_surprise_and_the_usual_range_stands_beside() -> None:
    place = _place(lines=(GATE,))
    _live(place, range(28 * 24), _usually)
    first = 28 * 24 + 12
    many = _live(place, range(28 * 24, first + 1), lambda h: 90 if h == first else _usually(h))
    place.advance(MONDAY + (first + 1) * HOUR, many)
    assert _last(many, "surprise.flow") > 4
    assert _last(many, "surprise.flow.count") == 90
    low, high = (_last(many, f"surprise.flow.{end}") for end in ("low", "high"))
    assert low < _usually(first) < high < 90
    few = _live(place, range(first + 1, first + 3), lambda _: 0)
    place.advance(MONDAY + (first + 3) * HOUR, few)
    assert _last(few, "surprise.flow") > 2


def test_a_burst_surprises_within_five_minutes() -> None:
    place = _place(lines=(GATE,))
    _live(place, range(28 * 24 + 3), lambda h: 2 if h % 24 else 0)
    start, outcome = MONDAY + (28 * 24 + 3) * HOUR, Outcome()
    for at in range(start, start + 300_000, 5000):
        _take(place, NodeHealth(seq=0, ts=at, source="cam"), at, outcome)
        _take(place, _crossing(at), at, outcome)
    place.advance(start + 300_000, outcome)
    assert _last(outcome, "surprise.flow.5m") > 3
    assert _last(outcome, "surprise.flow.15m") > 2


def test_an_hour_in_which_a_camera_was_silent_is_not_learned() -> None:
    place, outcome = _place(lines=(GATE,)), Outcome()
    for minute in range(0, 30, 5):
        at = MONDAY + minute * 60_000
        _take(place, NodeHealth(seq=0, ts=at, source="cam"), at, outcome)
    _take(place, NodeHealth(seq=0, ts=MONDAY + HOUR, source="cam"), MONDAY + HOUR, outcome)
    assert not [point for point in outcome.signals if point.name == "surprise.flow.count"]


def test_what_is_usual_survives_a_restart_to_the_bit() -> None:
    place, again = _place(lines=(GATE,)), _place(lines=(GATE,))
    _live(place, range(10 * 24), _usually)
    again.load(msgspec.msgpack.decode(msgspec.msgpack.encode(place.dump())))
    rest = range(10 * 24, 15 * 24)
    live = _live(place, rest, lambda hour: hour % 37)
    assert _live(again, rest, lambda hour: hour % 37).signals == live.signals
    assert any(point.name == "surprise.flow" for point in live.signals)
    pack = msgspec.msgpack.encode
    assert pack(again.dump()) == pack(place.dump())


def test_doors_count_openings_and_views_count_person_minutes() -> None:
    door = DoorOf(node="n", source="door")
    place, outcome = _place(doors=(door,)), Outcome()
    for minute in range(0, 65, 5):
        at = MONDAY + minute * 60_000
        _take(place, NodeHealth(seq=0, ts=at, source="agent"), at, outcome)
        opened = DoorState(seq=0, ts=at, source="door", open=minute in (10, 15, 30))
        _take(place, opened, at, outcome)
    assert _last(outcome, "surprise.door.count") == 2
    place, outcome = _place(views=((View(node="n", source="cam", zone="z"),),)), Outcome()
    for second in range(0, 3605, 5):
        at = MONDAY + second * 1000
        seen = ZoneCount(seq=0, ts=at, source="cam", zone="z", label="person", count=2)
        _take(place, seen, at, outcome)
    assert _last(outcome, "surprise.occupancy.count") == 120


def test_a_long_stay_counts_once_and_a_short_one_not_at_all() -> None:
    place, outcome = _place(views=((View(node="n", source="cam", zone="z"),),)), Outcome()
    for second in range(0, 3605, 10):
        at = MONDAY + second * 1000
        _take(place, ZoneCount(seq=0, ts=at, source="cam", zone="z", label="person", count=1), at,
              outcome)  # fmt: skip
        if second <= 200:  # the one stays for 200 s, the other for 40
            _take(place, _stay(at, 1, second), at, outcome)
        if second <= 40:
            _take(place, _stay(at, 2, second), at, outcome)
        if second in (210, 1500):  # the first leaves; much later its number is somebody else's
            _take(place, _leave(at, 1, second if second == 210 else 70), at, outcome)
    assert _last(outcome, "surprise.dwell.count") == 2


def _stay(at: int, track: int, second: int) -> ZoneDwell:
    return ZoneDwell(
        seq=0, ts=at, source="cam", zone="z", label="person", track=track, dwell_ms=second * 1000
    )


def _leave(at: int, track: int, second: int) -> ZoneExit:
    return ZoneExit(
        seq=0, ts=at, source="cam", zone="z", label="person", track=track, dwell_ms=second * 1000
    )
