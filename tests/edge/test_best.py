"""The best look at a track: whole, unhidden, tall, sharp, and near the moment."""

from collections.abc import Sequence
from functools import cache

import cv2
import numpy as np
import pytest

from configs.agent import Camera, Line, StreetSettings, Zone
from edge.best import (
    HALF_MS,
    KEPT,
    KEPT_BYTES,
    OLD_MS,
    BestLooks,
    Look,
    look_at,
    outline,
    sharpness,
)
from edge.detections import Detections
from edge.frames import Frame, Image
from edge.scene import Scene
from edge.showcase import WAIT_MS
from edge.street import COURTYARD, GATE_LINE, Street
from edge.street.scene import Person
from tests.edge.fakes import LABELS
from wire.records import LineCross, ZoneEnter

SIZE = (400, 600)
NOBODY = np.zeros((0, 4), np.float32)


def scenery(seed: int = 1, size_wh: tuple[int, int] = SIZE) -> Image:
    random = np.random.default_rng(seed)
    return random.integers(0, 256, (size_wh[1], size_wh[0], 3), np.uint8)


def someone(*boxes: tuple[float, ...], score: float = 0.9) -> Detections:
    found = Detections.of(boxes, [score] * len(boxes), [0] * len(boxes))
    found.track[:] = range(1, len(boxes) + 1)
    return found


def test_cut_off_hidden_small_and_unsure_is_worth_less() -> None:
    image = scenery()

    def worth(*boxes: tuple[float, ...], score: float = 0.9) -> float:
        return float(outline(someone(*boxes, score=score), image)[0])

    whole = (150, 100, 200, 250)
    good = worth(whole)
    assert worth((150, 0, 200, 150)) < good, "at the upper edge"
    assert worth((0, 100, 50, 250)) < good, "at the left edge"
    assert worth(whole, (160, 120, 220, 280)) < good, "behind somebody who is nearer"
    assert worth(whole, (160, 80, 220, 240)) == pytest.approx(good), "before somebody farther"
    assert worth((150, 100, 170, 160)) < good, "far away"
    assert worth(whole, score=0.5) < good


def test_a_shaken_picture_is_less_sharp_whatever_its_contrast() -> None:
    real = cv2.GaussianBlur(scenery(), (0, 0), 1.2).astype(np.uint8)
    shaken = cv2.blur(real, (9, 1)).astype(np.uint8)
    dim = cv2.convertScaleAbs(real, alpha=0.5, beta=60).astype(np.uint8)
    box = np.array((100, 100, 200, 400), np.float32)
    assert sharpness(shaken, box) < 0.9 * sharpness(real, box)
    assert sharpness(dim, box) == pytest.approx(sharpness(real, box), rel=0.15)
    assert sharpness(np.full_like(real, 90), box) == 1.0, "nothing there that could be sharp"
    assert sharpness(real, np.array((-9, -9, -5, -5), np.float32)) == 0.0


def test_the_best_look_is_found_again_while_it_is_near_the_moment() -> None:
    looks = BestLooks()
    plan = {0: (150, 0, 190, 120), 1_000: (150, 100, 210, 280), 2_000: (150, 420, 210, 600)}
    for ts, box in plan.items():
        looks.look(Frame(scenery(), ts, 0), someone(box), lambda: NOBODY)
    now = look_at(Frame(scenery(), 2_000, 0), someone(plan[2_000]), {1}, NOBODY)
    assert looks.best({1}, 2_000, now).frame.ts == 1_000
    assert looks.best({7}, 2_000, now) is now, "of somebody else nothing is known"
    assert looks.best({1}, 1_000 + OLD_MS + 1, now) is now
    late = look_at(Frame(scenery(), 1_000 + 2 * HALF_MS, 0), someone(plan[2_000]), {1}, NOBODY)
    assert looks.best({1}, late.frame.ts, late) is late, "too long ago to be worth more"


def test_of_two_who_act_together_the_picture_shows_both() -> None:
    looks = BestLooks()
    alone, both = (150, 100, 250, 300), ((100, 100, 160, 260), (250, 100, 310, 260))
    looks.look(Frame(scenery(), 0, 0), someone(alone), lambda: NOBODY)
    looks.look(Frame(scenery(), 1_000, 0), someone(*both), lambda: NOBODY)
    now = look_at(Frame(scenery(), 1_400, 0), Detections.none(), {1, 2}, NOBODY)
    assert looks.best({1, 2}, 1_400, now).frame.ts == 1_000


@pytest.mark.parametrize(
    ("size_wh", "most"), [(SIZE, KEPT), ((2560, 1440), 1)], ids=["small", "large"]
)
def test_few_pictures_are_kept_however_many_come_and_go(
    size_wh: tuple[int, int], most: int
) -> None:
    looks = BestLooks()
    image = scenery(size_wh=size_wh)
    for look in range(60):
        tracks = someone((150, 100, 200, 250))
        tracks.track[:] = look  # always somebody new
        looks.look(Frame(image, look * 200, look), tracks, lambda: NOBODY)
        assert len(looks._kept) <= most
    assert most == 1 or most * image.nbytes <= KEPT_BYTES


def test_on_the_street_people_are_seen_better_than_at_the_moment_itself() -> None:
    # Boxes are those of a perfect detector; how much can be seen of somebody, truth says.
    street = Street(StreetSettings(seed=4, people=12, size_wh=(320, 240)))
    camera = Camera(
        id="cam",
        file="x",
        zones=(Zone(id="yard", polygon=COURTYARD),),
        lines=(Line(id="gate", points=GATE_LINE),),
    )
    scene, looks = Scene(camera, LABELS, street.size_wh, 0.4), BestLooks()
    truth = cache(lambda ts: street.truth(ts).people)
    due: list[tuple[ZoneEnter | LineCross, Look]] = []
    seen: list[tuple[float, float]] = []
    for ts in range(0, 14_000, 200):
        people = [each for each in truth(ts) if each.visible > 0.3]
        boxes = [each.box for each in people]
        frame = Frame(street.frame(ts), ts, 0)
        records = scene.look(Detections.of(boxes, [0.9] * len(boxes), [0] * len(boxes)), ts)
        looks.look(frame, scene.tracks, lambda: NOBODY)
        for record, now in [each for each in due if ts - each[0].ts == WAIT_MS]:
            best = looks.best({record.track}, record.ts, now)
            who = nearest(truth(record.ts), record, street.size_wh)
            seen.append((visible(truth(record.ts), who), visible(truth(best.frame.ts), who)))
        due += [
            (record, look_at(frame, scene.tracks, {record.track}, NOBODY))
            for record in records
            if isinstance(record, ZoneEnter | LineCross)
        ]
    then, chosen = np.mean(seen, axis=0)
    assert len(seen) > 7
    assert chosen > then, (then, chosen)


def nearest(
    people: Sequence[Person], record: ZoneEnter | LineCross, size_wh: tuple[int, int]
) -> int:
    """Whom of the truth a record is about."""
    left, top, wide, high = record.box
    middle = np.array((left + wide / 2, top + high / 2)) * size_wh

    def apart(box: tuple[float, ...]) -> float:
        return float(np.hypot(*((box[0] + box[2]) / 2, (box[1] + box[3]) / 2) - middle))

    return min(people, key=lambda each: apart(each.box)).id


def visible(people: Sequence[Person], who: int) -> float:
    """Pixels of height that can be seen of somebody, as their share that nothing hides."""
    found = [each for each in people if each.id == who]
    return found[0].visible * (found[0].box[3] - found[0].box[1]) if found else 0.0
