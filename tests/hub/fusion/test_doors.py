"""Doors and who comes in by them, by hand-computed numbers."""

from configs.site import CountingLine, DoorOf
from hub.rules.place import PlaceAtWork
from tests.hub.fusion.world import crossed, door_says, lived, place_of, values_of, when
from wire.records import AnyRecord, Direction, DoorAccess


def test_an_open_door_is_timed_from_its_own_moment() -> None:
    doors = (DoorOf(node="n", source="door"), DoorOf(node="n", source="other"))
    outcome = lived(
        place_of(doors=doors),
        [
            door_says(0.4, is_open=False),
            door_says(1.5, is_open=True),
            door_says(2.0, is_open=True, source="other"),
            door_says(4.0, is_open=False),
        ],
        until_s=6,
    )
    assert values_of(outcome, "door.open_s") == [
        (0.4, 0), (2.0, 0.5), (2.5, 1), (3.5, 2), (5, 3), (6, 4),
    ]  # fmt: skip


def test_a_controlled_door_opened_without_access_is_forced_until_it_shuts() -> None:
    place = place_of(doors=(DoorOf(node="n", source="door", controlled=True),))
    granted = DoorAccess(**when(10), source="door", granted=True)
    outcome = lived(
        place,
        [
            door_says(0, is_open=True),
            door_says(2, is_open=False),
            granted,
            door_says(12, is_open=True),
            door_says(13, is_open=False),
            door_says(30, is_open=True),
        ],
    )
    assert values_of(outcome, "door.forced") == [(0, 1), (2, 0), (30, 1)]


def _gate() -> PlaceAtWork:
    return place_of(
        lines=(CountingLine(node="n", source="cam", line="gate"),),
        doors=(DoorOf(node="n", source="door", controlled=True),),
    )


def _granted(seconds: float, *, granted: bool = True) -> DoorAccess:
    return DoorAccess(**when(seconds), source="door", granted=granted)


def test_tailgating_is_who_came_in_beyond_the_access_granted_within_a_minute() -> None:
    inward = Direction.RIGHT
    records: list[AnyRecord] = [
        _granted(0),
        crossed(2, inward),
        crossed(4, inward),  # the grant is used
        crossed(5, Direction.LEFT),
        crossed(6, inward, "dog"),
        _granted(20, granted=False),
        crossed(21, inward),
        crossed(30, inward),
        _granted(32),  # a reader that speaks two seconds after the camera
    ]
    outcome = lived(_gate(), records, until_s=120)
    assert values_of(outcome, "tailgating") == [(0, 0), (7, 1), (24, 2), (64, 1), (81, 0)]


def test_an_access_granted_too_long_before_covers_nobody() -> None:
    outcome = lived(_gate(), [_granted(0), crossed(15.1, Direction.RIGHT)], until_s=20)
    assert values_of(outcome, "tailgating") == [(0, 0), (18.1, 1)]
