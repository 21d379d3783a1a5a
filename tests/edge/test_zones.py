"""Zones: who is in, who came, who left, and no chatter at the border."""

from hypothesis import given, settings
from hypothesis import strategies as st

from configs.agent import StreetSettings, Zone
from edge.detections import Detections
from edge.street import COURTYARD, Street, truth_count
from edge.track import Tracker
from edge.zones import FALL_MS, REPEAT_EMPTY_MS, REPEAT_MS, ZoneWatch
from tests.edge.fakes import LABELS, boxes
from wire.records import (
    AnyRecord,
    ZoneCount,
    ZoneDwell,
    ZoneEnter,
    ZoneExit,
    ZoneStationary,
)

SIZE = (640, 480)
LEFT_HALF = Zone(id="yard", polygon=((0.0, 0.0), (0.5, 0.0), (0.5, 1.0), (0.0, 1.0)))


def watch(zone: Zone = LEFT_HALF) -> ZoneWatch:
    return ZoneWatch(zone, "cam", LABELS, SIZE)


def tracked(*feet: tuple[float, float], first: int = 1) -> Detections:
    found = boxes(*feet)
    found.track[:] = range(first, first + len(feet))
    return found


def play(
    zone: ZoneWatch, looks: list[Detections], step_ms: int = 100, start: int = 0
) -> list[AnyRecord]:
    return [
        record
        for index, look in enumerate(looks)
        for record in zone.look(look, start + index * step_ms)
    ]


def counts(records: list[AnyRecord]) -> list[tuple[int, int]]:
    return [(record.ts, record.count) for record in records if isinstance(record, ZoneCount)]


def test_an_entry_is_told_at_the_second_look_with_box_and_count() -> None:
    records = play(watch(), [tracked((100, 300))] * 3)
    assert [type(record) for record in records] == [ZoneEnter, ZoneCount]
    enter, count = records
    assert isinstance(enter, ZoneEnter)
    assert (enter.ts, enter.track, enter.label) == (100, 1, "person")
    assert enter.box == (0.125, 0.4167, 0.0625, 0.2083)
    assert isinstance(count, ZoneCount)
    assert (count.ts, count.count, count.confidence) == (100, 1, 0.9)


def test_the_foot_decides_not_the_box() -> None:
    above = Zone(id="roof", polygon=((0.0, 0.0), (1.0, 0.0), (1.0, 0.5), (0.0, 0.5)))
    assert not any(
        isinstance(record, ZoneEnter) for record in play(watch(above), [tracked((100, 300))] * 5)
    )


def test_an_exit_tells_how_long_the_stay_was() -> None:
    inside, outside = tracked((100, 300)), tracked((500, 300))
    records = play(watch(), [inside] * 11 + [outside] * 3)
    (left,) = [record for record in records if isinstance(record, ZoneExit)]
    assert (left.ts, left.dwell_ms) == (1200, 1000)


def test_a_lost_track_leaves_the_zone() -> None:
    records = play(watch(), [tracked((100, 300))] * 5 + [Detections.none()] * 40)
    (left,) = [record for record in records if isinstance(record, ZoneExit)]
    assert left.dwell_ms == 400
    assert counts(records) == [(100, 1), (500 + FALL_MS, 0)]


def test_a_detector_that_misses_a_look_or_two_changes_nothing() -> None:
    seen, missed = [tracked((100, 300))], [Detections.none()]
    records = play(watch(), (seen * 4 + missed * 3) * 6)
    assert counts(records) == [(100, 1)]
    assert not any(isinstance(record, ZoneExit) for record in records)


def test_trembling_on_the_border_is_one_entry() -> None:
    looks = [tracked((319 if index % 2 else 321, 300)) for index in range(100)]
    records = play(watch(), [tracked((300, 300))] * 3 + looks)
    assert sum(isinstance(record, ZoneEnter) for record in records) == 1
    assert not any(isinstance(record, ZoneExit) for record in records)


def test_counts_repeat_while_somebody_is_there_and_rarely_while_nobody_is() -> None:
    there = counts(play(watch(), [tracked((100, 300))] * 202))
    assert there == [(100 + REPEAT_MS * n, 1) for n in range(5)]
    nobody = counts(play(watch(), [Detections.none()] * 620))
    assert nobody == [(1000, 0), (1000 + REPEAT_EMPTY_MS, 0), (1000 + 2 * REPEAT_EMPTY_MS, 0)]


def test_a_stay_and_standing_still_are_told_every_ten_seconds_and_moving_ends_it() -> None:
    looks = [tracked((100, 300))] * 250 + [tracked((180, 300))] * 2
    records = play(watch(), looks)
    stays = [record.dwell_ms for record in records if isinstance(record, ZoneDwell)]
    assert stays == [10_000, 20_000]
    still = [record.still_ms for record in records if isinstance(record, ZoneStationary)]
    assert still == [10_000, 20_000, 0]


def test_who_was_there_from_the_start_is_never_reported_absent() -> None:
    records = play(watch(), [Detections.none()] + [tracked((100, 300))] * 20)
    assert counts(records) == [(200, 1)]


def test_labels_that_the_zone_does_not_name_are_not_counted() -> None:
    car = tracked((100, 300))
    car.label[:] = 1
    records = play(watch(), [car] * 20)
    assert counts(records) == [(1000, 0)]


def test_one_of_two_who_leaves_lowers_the_count() -> None:
    both, one = tracked((100, 300), (200, 300)), tracked((100, 300))
    assert counts(play(watch(), [both] * 5 + [one] * 10)) == [(100, 2), (500 + FALL_MS, 1)]


@settings(max_examples=80, deadline=None)
@given(
    st.lists(st.sets(st.integers(1, 5), max_size=5), max_size=60),
    st.lists(st.tuples(st.floats(0, 640), st.floats(0, 480)), min_size=5, max_size=5),
    st.sampled_from([50, 100, 200, 700]),
)
def test_entries_and_exits_alternate_and_in_the_end_everybody_has_left(
    looks: list[set[int]], feet: list[tuple[float, float]], step_ms: int
) -> None:
    zone = watch()
    script = []
    for look in looks:
        present = boxes(*(feet[track - 1] for track in sorted(look)))
        present.track[:] = sorted(look)
        script.append(present)
    records = play(zone, script, step_ms)
    records += play(zone, [Detections.none()] * 40, 100, start=len(looks) * step_ms)
    inside: set[int] = set()
    for record in records:
        if isinstance(record, ZoneEnter):
            assert record.track not in inside
            inside.add(record.track)
        elif isinstance(record, ZoneExit):
            inside.remove(record.track)
    assert not inside
    assert counts(records)[-1][1] == 0
    assert [record.ts for record in records] == sorted(record.ts for record in records)


def test_counts_of_the_simulated_street_are_those_of_its_truth() -> None:
    street = Street(StreetSettings(seed=3, people=4))
    tracker, zone = (
        Tracker(),
        ZoneWatch(Zone(id="yard", polygon=COURTYARD), "cam", LABELS, street.size_wh),
    )
    told, right, looks = 0, 0, 0
    for ts in range(0, 60_000, 100):
        people = [person for person in street.truth(ts).people if person.visible > 0.3]
        found = Detections.of(
            [(p.box[0], p.box[1], 2 * p.foot[0] - p.box[0], p.foot[1]) for p in people],
            [0.9] * len(people),
            [0] * len(people),
        )
        for record in zone.look(tracker.update(found, ts), ts):
            if isinstance(record, ZoneCount):
                told = record.count
        if ts >= 2000:
            looks += 1
            right += abs(told - truth_count(street, COURTYARD, ts)) == 0
    assert right / looks >= 0.85


def test_who_loiters_and_a_car_that_parks_are_told_of_and_not_again_and_again() -> None:
    street = Street(StreetSettings(seed=1, people=3, size_wh=(320, 240)))
    everywhere = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))
    lane = Zone(id="lane", polygon=everywhere, labels=("car",))
    tracker, zone = Tracker(), ZoneWatch(lane, "cam", LABELS, street.size_wh)
    records: list[AnyRecord] = []
    parked = 0
    for ts in range(0, 75_000, 200):
        cars = street.truth(ts).cars
        parked += 200 * any(car.parked for car in cars)
        # A detector that misses it every now and then.
        seen = [] if ts % 5_000 < 800 else [car.box for car in cars]
        found = Detections.of(seen, [0.9] * len(seen), [1] * len(seen))
        records += zone.look(tracker.update(found, ts), ts)
    still = [record for record in records if isinstance(record, ZoneStationary)]
    assert len({record.track for record in still}) == 1
    spells = [record.still_ms for record in still]
    assert spells == [*sorted(spells[:-1]), 0], "one spell, which ends when the car drives off"
    assert abs(spells[-2] - parked) < 11_000
    stays = [record.dwell_ms for record in records if isinstance(record, ZoneDwell)]
    assert stays == sorted(stays)
    assert stays[-1] > parked - 10_000
