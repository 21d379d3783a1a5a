"""The detector: decoders against slow references, geometry, and real pictures."""

import math
from collections.abc import Iterator
from pathlib import Path

import cv2
import msgspec
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from configs.agent import Model, StreetSettings
from edge.detect import Detector, ModelUnfit
from edge.detect.decoders import fastestdet, yolox
from edge.detect.detector import suppress
from edge.detect.preprocess import Preprocessor, fitted_wh, to_picture
from edge.detect.session import available
from edge.detections import Detections
from edge.frames import Image
from edge.street import Street
from models.catalog import Catalog, ModelFile, resolve

Box = tuple[float, float, float, float]
Found = tuple[Box, float, int]
Floats = npt.NDArray[np.float32]


def naive_yolox(output: Floats, size: int, score: float) -> list[Found]:
    """Every cell in turn, as the paper's demo does it."""
    found, row = [], 0
    for stride in (8, 16, 32):
        for grid_y in range(size // stride):
            for grid_x in range(size // stride):
                x, y, w, h, objectness, *classes = (float(v) for v in output[0, row])
                row += 1
                best = max(range(len(classes)), key=classes.__getitem__)
                if objectness * classes[best] < score:
                    continue
                x, y = (x + grid_x) * stride, (y + grid_y) * stride
                w, h = math.exp(w) * stride, math.exp(h) * stride
                box = (x - w / 2, y - h / 2, x + w / 2, y + h / 2)
                found.append((box, objectness * classes[best], best))
    return found


def naive_fastestdet(output: Floats, size: int, score: float) -> list[Found]:
    found = []
    _, _, high, wide = output.shape
    for row in range(high):
        for column in range(wide):
            objectness, x, y, w, h, *classes = (float(v) for v in output[0, :, row, column])
            best = max(range(len(classes)), key=classes.__getitem__)
            total = objectness**0.6 * classes[best] ** 0.4
            if total < score:
                continue
            centre_x = (column + math.tanh(x)) / wide * size
            centre_y = (row + math.tanh(y)) / high * size
            half_w, half_h = size / (1 + math.exp(-w)) / 2, size / (1 + math.exp(-h)) / 2
            box = (centre_x - half_w, centre_y - half_h, centre_x + half_w, centre_y + half_h)
            found.append((box, total, best))
    return found


def naive_nms(found: list[Found], iou: float) -> list[Found]:
    """The strongest first; a weaker box of the same label that overlaps it goes."""
    kept: list[Found] = []
    for candidate in sorted(found, key=lambda each: -each[1]):
        if all(candidate[2] != each[2] or overlap(candidate[0], each[0]) <= iou for each in kept):
            kept.append(candidate)
    return kept


def overlap(a: Box, b: Box) -> float:
    wide = max(0.0, min(a[2], b[2]) - max(a[0], b[0]))
    high = max(0.0, min(a[3], b[3]) - max(a[1], b[1]))
    areas = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1])
    return wide * high / (areas - wide * high)


def triples(detections: Detections) -> list[Found]:
    return [
        ((float(box[0]), float(box[1]), float(box[2]), float(box[3])), float(score), int(label))
        for box, score, label in zip(
            detections.xyxy, detections.score, detections.label, strict=True
        )
    ]


def assert_same(ours: list[Found], theirs: list[Found]) -> None:
    assert len(ours) == len(theirs)
    ours, theirs = (sorted(each, key=lambda one: -one[1]) for each in (ours, theirs))
    for (box, score, label), (box_, score_, label_) in zip(ours, theirs, strict=True):
        assert label == label_
        assert score == pytest.approx(score_, abs=1e-5)
        assert box == pytest.approx(box_, abs=2e-2, rel=1e-4)


@pytest.mark.parametrize("seed", range(3))
def test_yolox_decodes_like_the_slow_reference(seed: int) -> None:
    random = np.random.default_rng(seed)
    output = random.uniform(0, 1, yolox.output_shape((96, 96), 7)).astype(np.float32)
    output[..., :4] = random.normal(0, 1.5, output[..., :4].shape)
    theirs = naive_yolox(output, 96, 0.6)
    assert len(theirs) > 10
    assert_same(triples(yolox.decode(output, (96, 96), 0.6)), theirs)


@pytest.mark.parametrize("seed", range(3))
def test_fastestdet_decodes_like_the_slow_reference(seed: int) -> None:
    random = np.random.default_rng(seed)
    output = random.uniform(0, 1, fastestdet.output_shape((160, 160), 7)).astype(np.float32)
    output[:, 1:5] = random.normal(0, 1.5, output[:, 1:5].shape)
    theirs = naive_fastestdet(output, 160, 0.7)
    assert len(theirs) > 10
    assert_same(triples(fastestdet.decode(output, (160, 160), 0.7)), theirs)


def test_yolox_reads_inputs_that_are_not_square() -> None:
    output = np.zeros(yolox.output_shape((128, 64), 2), np.float32)
    row = 16 * 8 + 8 * 1 + 7  # the grid of stride 16 follows the 16 × 8 one; its cell (7, 1)
    output[0, row] = [0.5, 0.5, 0, 0, 0.9, 0.1, 1.0]
    found = yolox.decode(output, (128, 64), 0.5)
    assert found.xyxy.tolist() == [[112.0, 16.0, 128.0, 32.0]]
    assert found.label.tolist() == [1]
    assert found.score.tolist() == pytest.approx([0.9])


def test_nothing_above_the_threshold_is_no_detection() -> None:
    assert len(yolox.decode(np.zeros((1, 189, 7), np.float32), (96, 96), 0.5)) == 0
    assert len(fastestdet.decode(np.zeros((1, 7, 6, 6), np.float32), (96, 96), 0.5)) == 0
    assert len(suppress(Detections.none(), 0.5)) == 0


@pytest.mark.parametrize("seed", range(5))
def test_suppression_keeps_what_the_slow_reference_keeps(seed: int) -> None:
    random = np.random.default_rng(seed)
    corner, size = random.uniform(0, 100, (60, 2)), random.uniform(20, 60, (60, 2))
    crowd = Detections.of(
        np.hstack([corner, corner + size]), random.uniform(0.3, 1, 60), random.integers(0, 3, 60)
    )
    kept = suppress(crowd, 0.45)
    assert len(kept) < 60
    assert_same(triples(kept), naive_nms(triples(crowd), 0.45))
    assert np.all(np.diff(kept.score) <= 0)


def test_boxes_of_two_labels_do_not_suppress_each_other() -> None:
    box = [10, 10, 50, 90]
    assert len(suppress(Detections.of([box, box], [0.9, 0.8], [0, 1]), 0.5)) == 2
    assert len(suppress(Detections.of([box, box], [0.9, 0.8], [1, 1]), 0.5)) == 1


SIZES = st.tuples(st.integers(32, 2000), st.integers(32, 2000))


@given(picture_wh=SIZES, fit=st.sampled_from(["letterbox", "stretch"]), data=st.data())
def test_a_box_comes_back_to_where_it_was_in_the_picture(
    picture_wh: tuple[int, int], fit: str, data: st.DataObject
) -> None:
    wide, high = picture_wh
    placed_wh = fitted_wh(picture_wh, (416, 352), fit)
    assert placed_wh[0] <= 416
    assert placed_wh[1] <= 352
    left, right = sorted(data.draw(st.tuples(st.floats(0, wide), st.floats(0, wide))))
    top, bottom = sorted(data.draw(st.tuples(st.floats(0, high), st.floats(0, high))))
    box = np.array([[left, top, right, bottom]], np.float32)
    across, down = placed_wh[0] / wide, placed_wh[1] / high
    in_model = (box * [across, down, across, down]).astype(np.float32)
    np.testing.assert_allclose(to_picture(in_model, picture_wh, placed_wh), box, atol=0.02)


@given(picture_wh=SIZES)
def test_letterboxing_keeps_the_aspect_and_fills_one_side(picture_wh: tuple[int, int]) -> None:
    wide, high = fitted_wh(picture_wh, (416, 352), "letterbox")
    assert wide == 416 or high == 352
    ratio = min(416 / picture_wh[0], 352 / picture_wh[1])
    assert abs(wide - picture_wh[0] * ratio) <= 1
    assert abs(high - picture_wh[1] * ratio) <= 1


def test_boxes_are_cut_at_the_edges_of_the_picture() -> None:
    cut = to_picture(np.array([[-9, -9, 500, 500]], np.float32), (640, 480), (416, 312))
    assert cut.tolist() == [[0, 0, 640, 480]]


def test_the_input_holds_the_picture_at_the_top_left_and_padding_elsewhere() -> None:
    entry = Catalog().named("yolox-nano")
    assert entry is not None
    preprocess = Preprocessor(entry)
    image: Image = np.zeros((100, 200, 3), np.uint8)
    image[:] = (10, 20, 30)
    blob, placed_wh = preprocess(image)
    assert placed_wh == (416, 208)
    assert blob[0, :, 100, 200].tolist() == [10, 20, 30]
    assert blob[0, :, 300, 200].tolist() == [114, 114, 114]
    # Another shape of picture leaves nothing of the one before.
    tall, placed_wh = preprocess(np.full((200, 100, 3), 50, np.uint8))
    assert placed_wh == (208, 416)
    assert tall[0, :, 100, 300].tolist() == [114, 114, 114]


def test_channels_are_turned_and_values_scaled_as_the_entry_says() -> None:
    entry = Catalog().named("fastestdet")
    assert entry is not None
    image: Image = np.zeros((50, 50, 3), np.uint8)
    image[:] = (0, 51, 255)
    rgb = msgspec.structs.replace(entry, channels="rgb")
    blob, placed_wh = Preprocessor(rgb)(image)
    assert placed_wh == (352, 352)
    assert blob[0, :, 351, 351].tolist() == pytest.approx([1.0, 0.2, 0.0])


# Real models on real pictures.

MODELS = ("yolox-nano", "fastestdet")


@pytest.fixture(scope="module")
def vtest(shared: Path) -> Image:
    """The 100th picture of people in a yard."""
    capture = cv2.VideoCapture(str(shared / "footage" / "vtest.avi"))
    for _ in range(99):
        capture.grab()
    _, image = capture.read()
    capture.release()
    return image.astype(np.uint8)


def detector(shared: Path, name: str, **settings: object) -> Detector:
    return Detector(resolve(name, [shared / "models"]), msgspec.convert(settings, Model))


@pytest.mark.parametrize("name", MODELS)
def test_detect_finds_what_the_slow_reference_finds(shared: Path, name: str, vtest: Image) -> None:
    found = detector(shared, name, score=0.3, labels=["person"])
    entry = found.model.entry
    side = entry.size_wh[0]
    placed = cv2.resize(vtest, fitted_wh((768, 576), entry.size_wh, entry.fit))
    canvas = np.full((side, side, 3), entry.pad, np.uint8)
    canvas[: placed.shape[0], : placed.shape[1]] = placed
    blob = canvas.transpose(2, 0, 1)[None].astype(np.float32) * np.float32(entry.scale)
    output = found._session.run(None, {found._input: blob})[0]
    naive = {"yolox-nano": naive_yolox, "fastestdet": naive_fastestdet}[name]
    people = [each for each in naive(output, side, 0.3) if each[2] == 0]
    across, down = 768 / placed.shape[1], 576 / placed.shape[0]
    theirs = [
        ((max(0, x0 * across), max(0, y0 * down), min(768, x1 * across), min(576, y1 * down)), s, c)
        for (x0, y0, x1, y1), s, c in naive_nms(people, 0.5)
    ]
    assert len(theirs) >= 3
    assert_same(triples(found.detect(vtest)), theirs)


def labelled_people(shared: Path) -> Iterator[tuple[Image, list[Box]]]:
    """Pictures of coco128 with large people, and where the labels say they are."""
    root = shared / "training" / "coco128"
    for path in sorted((root / "labels").glob("*.txt")):
        image = cv2.imread(str(root / "images" / f"{path.stem}.jpg"))
        if image is None:
            continue
        high, wide = image.shape[:2]
        rows = [[float(word) for word in line.split()] for line in path.read_text().splitlines()]
        boxes = [
            ((x - w / 2) * wide, (y - h / 2) * high, (x + w / 2) * wide, (y + h / 2) * high)
            for label, x, y, w, h in rows
            if label == 0 and h > 0.4 and w > 0.1
        ]
        if boxes:
            yield image.astype(np.uint8), boxes


@pytest.mark.parametrize(("name", "share"), [("yolox-nano", 0.8), ("fastestdet", 0.7)])
def test_people_are_found_where_the_labels_say(shared: Path, name: str, share: float) -> None:
    found = detector(shared, name, score=0.3, labels=["person"])
    pictures = list(labelled_people(shared))[:25]
    hits = total = 0
    for image, boxes in pictures:
        seen = triples(found.detect(image))
        total += len(boxes)
        hits += sum(any(overlap(box, each[0]) > 0.5 for each in seen) for box in boxes)
    assert total >= 20
    assert hits / total >= share


def test_the_simulated_street_looks_real_to_a_detector_of_real_pictures(shared: Path) -> None:
    found = detector(shared, "yolox-nano", score=0.3, labels=["person", "car", "truck"])
    street = Street(StreetSettings(seed=3, people=5))
    people, cars = [0, 0], [0, 0]
    for t_ms in range(12_000, 60_000, 1_500):
        seen, truth = triples(found.detect(street.frame(t_ms))), street.truth(t_ms)
        for person in truth.people:
            if person.visible > 0.7 and person.box[3] - person.box[1] > 45:
                people[0] += 1
                people[1] += any(
                    label == 0 and overlap(person.box, b) > 0.5 for b, _, label in seen
                )
        for car in truth.cars:
            cars[0] += car.parked
            cars[1] += car.parked and any(overlap(car.box, b) > 0.5 for b, _, _ in seen)
    assert people[1] > 0.8 * people[0] > 50
    assert cars[1] > 0.7 * cars[0] > 10


def test_only_wanted_labels_are_reported(shared: Path, vtest: Image) -> None:
    people = detector(shared, "yolox-nano", score=0.02, labels=["person"])
    everything = detector(shared, "yolox-nano", score=0.02, labels=list(people.labels))
    seen = everything.detect(vtest)
    assert len(set(seen.label.tolist())) > 1
    assert_same(triples(people.detect(vtest)), triples(seen[seen.label == 0]))


def test_more_threads_find_the_same(shared: Path, vtest: Image) -> None:
    one = detector(shared, "yolox-nano").detect(vtest)
    two = detector(shared, "yolox-nano", threads=2).detect(vtest)
    np.testing.assert_allclose(one.xyxy, two.xyxy, atol=0.01)


def test_a_picture_may_change_its_size(shared: Path, vtest: Image) -> None:
    found = detector(shared, "yolox-nano", labels=["person"])
    first = found.detect(vtest)
    half = found.detect(cv2.resize(vtest, (384, 288)).astype(np.uint8))
    again = found.detect(vtest)
    np.testing.assert_array_equal(first.xyxy, again.xyxy)
    assert len(half) >= 3
    assert half.xyxy.max() <= 384


def test_the_execution_provider_is_named_and_can_be_forced(shared: Path) -> None:
    model = resolve("fastestdet", [shared / "models"])
    forced = Detector(model, Model(provider="CPUExecutionProvider"))
    assert forced.provider == "CPUExecutionProvider"
    assert Detector(model, Model(provider="cpu")).provider == "CPUExecutionProvider"
    assert Detector(model, Model()).provider.endswith("ExecutionProvider")
    with pytest.raises(
        ModelUnfit, match=r"'NoSuchProvider' is not available here; available: .*CPU"
    ):
        Detector(model, Model(provider="NoSuchProvider"))


def test_a_provider_that_would_send_work_elsewhere_is_none() -> None:
    assert "AzureExecutionProvider" not in available()


def test_a_model_with_another_output_names_both_shapes(shared: Path) -> None:
    model = resolve("yolox-nano", [shared / "models"])
    few = ModelFile(model.entry, model.path, model.sha256, ("person", "dog"))
    text = r"output found output \[1, 3549, 85\], expected \[1, 3549, 7\]"
    with pytest.raises(ModelUnfit, match=text):
        Detector(few, Model())


def test_a_model_with_another_input_names_both_shapes(shared: Path) -> None:
    model = resolve("yolox-nano", [shared / "models"])
    entry = msgspec.structs.replace(model.entry, size_wh=(640, 352))
    text = r"input found images \[1, 3, 416, 416\], expected \[1, 3, 352, 640\]"
    with pytest.raises(ModelUnfit, match=text):
        Detector(ModelFile(entry, model.path, model.sha256, model.labels), Model())


def test_a_file_that_is_no_model_says_so(shared: Path, tmp_path: Path) -> None:
    broken = tmp_path / "yolox_nano.onnx"
    broken.write_bytes(b"<html>404</html>")
    model = resolve("yolox-nano", [shared / "models"])
    with pytest.raises(ModelUnfit, match=r"yolox_nano\.onnx cannot be loaded .*fetch it again"):
        Detector(ModelFile(model.entry, broken, "0" * 64, model.labels), Model())


def test_a_face_model_is_no_detector(shared: Path) -> None:
    with pytest.raises(ModelUnfit, match=r"yunet is no object detector .*fastestdet, .*, yolox"):
        Detector(resolve("yunet", [shared / "models"]), Model())


def test_labels_that_the_model_does_not_know_at_all_are_refused(shared: Path) -> None:
    with pytest.raises(
        ModelUnfit, match="knows none of the wanted labels unicorn; it knows person"
    ):
        detector(shared, "fastestdet", labels=["unicorn"])
    assert detector(shared, "fastestdet", labels=["unicorn", "person"]).labels[0] == "person"
