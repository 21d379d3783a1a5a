"""Pictures: private, small, and no more than needed."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from msgspec.structs import replace

from configs.agent import Camera, EdgeFile
from edge.cli import make_detector
from edge.detections import Detections
from edge.evidence import EVENT_GAP_MS, MAX_BYTES, PictureDesk, head, people, render
from edge.frames import Image
from tests.edge.fakes import LABELS, boxes
from wire.records import (
    AnyRecord,
    Fault,
    NodeHealth,
    SceneFault,
    ZoneCount,
    ZoneDwell,
    ZoneEnter,
    ZoneStationary,
)
from wire.topics import is_id

ENTER = ZoneEnter(
    seq=0, ts=1, source="cam", zone="z", label="person", track=1, confidence=0.9, box=(0, 0, 1, 1)
)
COUNT = ZoneCount(seq=0, ts=1, source="cam", zone="z", label="person", count=1)
DWELL = ZoneDwell(seq=0, ts=1, source="cam", zone="z", label="person", track=1, dwell_ms=1)
STILL = ZoneStationary(seq=0, ts=1, source="cam", zone="z", label="car", track=1, still_ms=10_000)
COVERED = SceneFault(seq=0, ts=1, source="cam", fault=Fault.COVERED, active=True)
CAMERA = Camera(id="cam", file="x")
NOBODY = np.zeros((0, 4), np.float32)


def noise(width: int = 640, height: int = 480) -> Image:
    random = np.random.default_rng(1)
    return random.integers(0, 256, (height, width, 3), np.uint8)


def decoded(jpeg: bytes) -> Image:
    return np.asarray(cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR), np.uint8)


def detail(image: Image) -> float:
    """How much fine structure is left."""
    return float(cv2.Laplacian(image, cv2.CV_64F).std())


def test_the_first_look_of_a_camera_is_shown_by_a_record_of_its_own() -> None:
    records, ref = PictureDesk("cam", 10_000).choose([], 5_000)
    assert ref is not None
    assert is_id(ref)
    (record,) = records
    assert isinstance(record, NodeHealth)
    assert (record.source, record.evidence, record.ts) == ("cam", ref, 5_000)


def test_an_entry_is_shown_but_not_two_within_two_seconds() -> None:
    desk = PictureDesk("cam", 10_000)
    desk.choose([], 0)
    looks: list[tuple[int, list[AnyRecord]]] = [
        (EVENT_GAP_MS - 1, [ENTER]),
        (EVENT_GAP_MS, [DWELL, ENTER, COUNT]),
        (EVENT_GAP_MS + 100, [ENTER]),
        (2 * EVENT_GAP_MS, [COUNT]),
    ]
    refs = {ts: desk.choose(records, ts) for ts, records in looks}
    assert [ts for ts, (_, ref) in refs.items() if ref] == [EVENT_GAP_MS]
    records, ref = refs[EVENT_GAP_MS]
    assert [record.evidence == ref for record in records] == [True, True, True]


@pytest.mark.parametrize(
    ("record", "shown"),
    [
        (DWELL, True),
        (STILL, True),
        (replace(STILL, still_ms=0), False),
        (COVERED, True),
        (replace(COVERED, active=False), False),
    ],
    ids=["a stay", "standing still", "moving off", "a fault", "a fault that is over"],
)
def test_what_a_hub_may_alert_on_is_shown_and_its_end_is_not(
    record: AnyRecord, shown: bool
) -> None:
    desk = PictureDesk("cam", 10_000)
    desk.choose([], 0)
    _, ref = desk.choose([record], EVENT_GAP_MS)
    assert (ref is not None) is shown


def test_while_nothing_happens_a_picture_goes_out_every_so_often() -> None:
    desk = PictureDesk("cam", 10_000)
    shown = [ts for ts in range(0, 60_001, 500) if desk.choose([], ts)[1] is not None]
    assert shown == [0, 10_000, 20_000, 30_000, 40_000, 50_000, 60_000]


def test_who_asks_gets_the_next_look() -> None:
    desk = PictureDesk("cam", 10_000)
    desk.choose([], 0)
    ref = desk.choose([], 100, asked=True)[1]
    assert ref is not None
    assert ref.startswith("live-")


def test_refs_differ_even_for_the_same_moment_after_a_restart() -> None:
    refs = {PictureDesk("cam", 10_000).choose([], 5_000)[1] for _ in range(100)}
    assert len(refs) == 100


def test_heads_are_blurred_beyond_recognition_and_the_rest_is_not() -> None:
    image = noise()
    person = boxes((320, 400), size=200).xyxy
    shown = decoded(render(image, person, CAMERA))
    left, top, right, bottom = head(person[0])
    assert detail(shown[top + 4 : bottom - 4, left + 4 : right - 4]) < 0.05 * detail(
        image[top:bottom, left:right]
    )
    assert detail(shown[420:, :]) > 0.5 * detail(image[420:, :])
    assert np.array_equal(image, noise()), "the picture that is analysed stays as it is"


@pytest.mark.parametrize(
    ("box", "least_depth"),
    [((100, 100, 140, 220), 1 / 5), ((100, 100, 200, 220), 1 / 2), ((100, 100, 200, 150), 1.0)],
)
def test_the_head_of_somebody_cut_off_is_more_of_the_box(
    box: tuple[float, ...], least_depth: float
) -> None:
    left, top, right, bottom = head(np.array(box, np.float32))
    assert left < box[0]
    assert right > box[2]
    assert top < box[1]
    assert (bottom - box[1]) / (box[3] - box[1]) >= least_depth


def test_boxes_over_the_edge_and_tiny_pictures_are_no_trouble() -> None:
    odd = np.array(
        [(-50, -50, 30, 30), (600, 400, 900, 900), (700, 700, 800, 800), (10, 10, 10, 10)],
        np.float32,
    )
    assert decoded(render(noise(), odd, CAMERA)).shape == (480, 640, 3)
    assert decoded(render(noise(3, 2), odd, CAMERA)).shape == (2, 3, 3)


def test_blur_off_leaves_heads_and_masks_are_black_all_the_same() -> None:
    mask = ((0.0, 0.0), (0.5, 0.0), (0.5, 1.0), (0.0, 1.0))
    open_eyed = Camera(
        id="cam", file="x", blur=False, unblurred_reason="a car park only", masks=(mask,)
    )
    person = boxes((480, 400), size=200).xyxy
    shown = decoded(render(noise(), person, open_eyed))
    assert shown[:, :310].max() < 16
    left, top, right, bottom = head(person[0])
    assert detail(shown[top:bottom, left:right]) > 0.4 * detail(noise()[top:bottom, left:right])


def test_whatever_the_picture_it_is_small_enough_and_carries_no_metadata() -> None:
    jpeg = render(noise(2560, 1440), NOBODY, CAMERA)
    assert len(jpeg) <= MAX_BYTES
    assert jpeg.startswith(b"\xff\xd8\xff")
    for marker in (b"Exif", b"http://ns.adobe.com", b"ICC_PROFILE"):
        assert marker not in jpeg
    assert max(decoded(jpeg).shape[:2]) <= 1280


def test_everybody_is_blurred_whom_the_detector_suspects_or_the_tracker_knows() -> None:
    seen = boxes((100, 300), (200, 300), (300, 300))
    seen.score[:] = (0.9, 0.21, 0.1)
    known = boxes((500, 300))
    car = Detections.of([(0, 0, 50, 50)], [0.9], [1])
    assert len(people(seen, known, LABELS)) == 3
    assert len(people(car, Detections.none(), LABELS)) == 0
    assert len(people(seen, known, ("car",))) == 0


def test_no_face_is_found_in_pictures_of_people_from_close_by(shared: Path) -> None:
    yunet = shared / "models" / "yunet_n_320.onnx"
    judge = cv2.FaceDetectorYN.create(str(yunet), "", (320, 320), 0.7)
    detector, _ = make_detector(EdgeFile(site="s", node="n"))
    camera = Camera(id="cam", file="x", faces=str(yunet))

    def faces(image: Image) -> int:
        judge.setInputSize((image.shape[1], image.shape[0]))
        _, found = judge.detect(image)
        return len(found) if np.ndim(found) == 2 else 0

    before = 0
    for path in sorted((shared / "training" / "coco128" / "images").rglob("*.jpg")):
        image = np.asarray(cv2.imread(str(path)), np.uint8)
        if not (shown := faces(image)):
            continue
        before += shown
        seen = people(detector.detect(image), Detections.none(), detector.labels)
        assert faces(decoded(render(image, seen, camera))) == 0, path.name
    assert before > 100


def test_without_its_face_detector_no_picture_leaves(tmp_path: Path) -> None:
    camera = Camera(id="cam", file="x", faces=str(tmp_path / "gone.onnx"))
    with pytest.raises(ValueError, match=r"gone\.onnx is no YuNet model .* no picture leaves"):
        render(noise(), NOBODY, camera)
