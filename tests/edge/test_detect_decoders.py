"""The other families of detectors: each decoder against a slow reference, and as a model file."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from configs.agent import EdgeFile, Model
from edge.cli import make_detector
from edge.detect import Detector, ModelUnfit
from edge.detect.decoders import end2end, rtdetr, ssd, ultralytics, yolov5
from edge.detect.decoders.layout import Found, Output, bind
from edge.detect.session import open_session
from edge.detections import Detections
from models.catalog import ModelFile, sha256_of
from models.entries import Entry

Array = npt.NDArray[Any]
Row = tuple[list[float], float, int]
NAMES = ("person", "dog")
SIZE_WH = (64, 32)


def rows(found: Detections) -> list[Row]:
    return [
        (box.tolist(), float(score), int(label))
        for box, score, label in zip(found.xyxy, found.score, found.label, strict=True)
    ]


def assert_same(ours: Detections, theirs: list[Row]) -> None:
    order = sorted(rows(ours), key=lambda row: -row[1])
    theirs = sorted(theirs, key=lambda row: -row[1])
    assert [row[2] for row in order] == [row[2] for row in theirs]
    for mine, other in zip(order, theirs, strict=True):
        assert mine[0] == pytest.approx(other[0], abs=1e-2)
        assert mine[1] == pytest.approx(other[1], abs=1e-5)


# Decoders against references that take one box after the other.


@pytest.mark.parametrize("seed", range(3))
def test_ultralytics_decodes_like_the_slow_reference(seed: int) -> None:
    random = np.random.default_rng(seed)
    output = random.uniform(0, 1, (1, 4 + 7, 90)).astype(np.float32)
    output[:, :4] *= 300
    theirs: list[Row] = []
    for cell in range(90):
        x, y, w, h, *classes = (float(value) for value in output[0, :, cell])
        best = max(classes)
        if best >= 0.9:
            box = [x - w / 2, y - h / 2, x + w / 2, y + h / 2]
            theirs.append((box, best, classes.index(best)))
    assert 20 < len(theirs) < 90
    assert_same(ultralytics.decode(output, (320, 320), 0.9), theirs)


@pytest.mark.parametrize("seed", range(3))
def test_yolov5_decodes_like_the_slow_reference(seed: int) -> None:
    random = np.random.default_rng(seed)
    output = random.uniform(0, 1, (1, 90, 5 + 7)).astype(np.float32)
    output[..., :4] *= 300
    theirs: list[Row] = []
    for x, y, w, h, sure, *classes in output[0].tolist():
        best = sure * max(classes)
        if best >= 0.6:
            box = [x - w / 2, y - h / 2, x + w / 2, y + h / 2]
            theirs.append((box, best, classes.index(max(classes))))
    assert 10 < len(theirs) < 60
    assert_same(yolov5.decode(output, (320, 320), 0.6), theirs)


@pytest.mark.parametrize("seed", range(3))
def test_end_to_end_decodes_like_the_slow_reference(seed: int) -> None:
    random = np.random.default_rng(seed)
    output = np.zeros((1, 300, 6), np.float32)
    output[0, :40, :4] = random.uniform(0, 300, (40, 4))
    output[0, :40, 4] = np.sort(random.uniform(0, 1, 40))[::-1]
    output[0, :40, 5] = random.integers(0, 7, 40)
    theirs: list[Row] = []
    for left, top, right, bottom, score, label in output[0].tolist():
        if score >= 0.5:
            theirs.append(([left, top, right, bottom], score, int(label)))
    assert 5 < len(theirs) < 40
    assert_same(end2end.decode(output, (320, 320), 0.5), theirs)
    assert len(end2end.decode(output, (320, 320), 0.0)) == 40  # rows that are not used stay out


@pytest.mark.parametrize("seed", range(3))
def test_ssd_decodes_like_the_slow_reference(seed: int) -> None:
    random = np.random.default_rng(seed)
    boxes = random.uniform(0, 1, (1, 20, 4)).astype(np.float32)
    classes = random.integers(1, 8, (1, 20)).astype(np.float32)
    scores = random.uniform(0, 1, (1, 20)).astype(np.float32)
    count = 15
    theirs: list[Row] = []
    for index in range(count):
        top, left, bottom, right = boxes[0, index].tolist()
        if scores[0, index] >= 0.4:
            box = [left * 300, top * 200, right * 300, bottom * 200]
            theirs.append((box, float(scores[0, index]), int(classes[0, index])))
    assert 3 < len(theirs) < count
    outputs = (boxes, classes, scores, np.array([count], np.float32))
    assert_same(ssd.decode(outputs, (300, 200), 0.4), theirs)


@pytest.mark.parametrize("seed", range(3))
def test_rtdetr_logits_decode_like_the_slow_reference(seed: int) -> None:
    random = np.random.default_rng(seed)
    logits = random.normal(-1, 2, (1, 12, 5)).astype(np.float32)
    boxes = random.uniform(0, 1, (1, 12, 4)).astype(np.float32)
    pairs = [
        (1 / (1 + math.exp(-float(logits[0, query, label]))), query, label)
        for query in range(12)
        for label in range(5)
    ]
    theirs: list[Row] = []
    for score, query, label in sorted(pairs, reverse=True)[:12]:  # as many as there are queries
        x, y, w, h = boxes[0, query].tolist()
        box = [(x - w / 2) * 640, (y - h / 2) * 480, (x + w / 2) * 640, (y + h / 2) * 480]
        if score >= 0.3:
            theirs.append((box, score, label))
    assert len(theirs) > 5
    assert_same(rtdetr.decode((logits, boxes), (640, 480), 0.3), theirs)


def test_rtdetr_labels_boxes_and_scores_are_taken_as_they_are() -> None:
    labels = np.array([[1, 0, 1]])
    boxes = np.array([[[1, 2, 3, 4], [5, 6, 7, 8], [0, 0, 1, 1]]], np.float32)
    scores = np.array([[0.9, 0.8, 0.1]], np.float32)
    found = rtdetr.decode((labels, boxes, scores), (640, 480), 0.5)
    assert_same(found, [([1, 2, 3, 4], 0.9, 1), ([5, 6, 7, 8], 0.8, 0)])


# Which output is which.

BOXES = Output((1, None, 4), ("boxes",))
SCORES = Output((1, None), ("scores",))


def test_outputs_are_known_by_their_names_whatever_their_order() -> None:
    found = [Found("extra", (1, 9)), Found("scores:0", (1, "n")), Found("boxes:0", (1, "n", 4))]
    assert bind([(BOXES, SCORES)], found) == ("boxes:0", "scores:0")


def test_outputs_with_other_names_are_known_by_their_place() -> None:
    assert bind([(BOXES, SCORES)], [Found("a", (1, 5, 4)), Found("b", (1, 5))]) == ("a", "b")
    assert bind([(BOXES, SCORES)], [Found("b", (1, 5)), Found("a", (1, 5, 4))]) is None


# Whole model files, of constants.


def constant_model(
    path: Path,
    outputs: dict[str, Array],
    *,
    picture: Sequence[int | str] = (1, 3, 32, 64),
    kind: int = TensorProto.FLOAT,
    open_sizes: bool = False,
    target_sizes: bool = False,
) -> Path:
    """A model that says the same of every picture."""
    inputs = [helper.make_tensor_value_info("images", kind, picture)]
    nodes, shown = [], []
    for name, value in outputs.items():
        tensor = numpy_helper.from_array(value)
        nodes.append(helper.make_node("Constant", [], [f"{name}_all"], value=tensor))
        nodes.append(helper.make_node("Identity", [f"{name}_all"], [name]))
        sizes = [f"{name}{axis}" for axis in range(value.ndim)] if open_sizes else value.shape
        shown.append(helper.make_tensor_value_info(name, tensor.data_type, sizes))
    if target_sizes:  # boxes in shares of the input, scaled by what it is told
        inputs.append(helper.make_tensor_value_info("orig_target_sizes", TensorProto.INT64, (1, 2)))
        nodes = [node for node in nodes if node.output[0] != "boxes"]
        nodes += [
            helper.make_node("Cast", ["orig_target_sizes"], ["size"], to=TensorProto.FLOAT),
            helper.make_node("Concat", ["size", "size"], ["sizes"], axis=1),
            helper.make_node("Mul", ["boxes_all", "sizes"], ["boxes"]),
        ]
    graph = helper.make_graph(nodes, "constant", inputs, shown)
    opsets = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=9), path)
    return path


def entry(decoder: str, **more: Any) -> Entry:
    settings: dict[str, Any] = {
        "name": "constant",
        "title": "says always the same",
        "task": "detect",
        "decoder": decoder,
        "file": "constant.onnx",
        "size_wh": SIZE_WH,
        "channels": "rgb",
        "scale": 1.0,
        "fit": "stretch",
        "classes": NAMES,
        "licence": "Apache-2.0",
        "unverified": True,
    }
    return Entry(**(settings | more))


def detector(path: Path, decoder: str, **more: Any) -> Detector:
    model = ModelFile(entry(decoder, **more), path, sha256_of(path), NAMES)
    return Detector(model, Model(labels=NAMES, score=0.4))


PICTURE = np.zeros((64, 128, 3), np.uint8)
"""Twice the input's size each way."""


def test_an_ultralytics_model_is_suppressed_and_scaled_to_the_picture(tmp_path: Path) -> None:
    output = np.zeros((1, 6, 3), np.float32)
    output[0, :, 0] = [16, 16, 8, 8, 0.9, 0]
    output[0, :, 1] = [16, 17, 8, 8, 0.8, 0]  # the same person again
    output[0, :, 2] = [40, 16, 8, 8, 0, 0.7]
    found = detector(constant_model(tmp_path / "m.onnx", {"output0": output}), "ultralytics")
    assert_same(found.detect(PICTURE), [([24, 24, 40, 40], 0.9, 0), ([72, 24, 88, 40], 0.7, 1)])


def test_an_end_to_end_model_is_believed_about_doubles(tmp_path: Path) -> None:
    output = np.zeros((1, 300, 6), np.float32)
    output[0, 0] = [10, 10, 20, 20, 0.7, 0]
    output[0, 1] = [10, 10, 20, 21, 0.9, 0]
    path = constant_model(tmp_path / "m.onnx", {"output0": output}, open_sizes=True)
    found = detector(path, "ultralytics-end2end").detect(PICTURE)
    assert found.score.tolist() == pytest.approx([0.9, 0.7])


def ssd_outputs(first: int) -> dict[str, Array]:
    """A person, a dog, and something that the class list does not name."""
    return {
        "detection_boxes": np.array(
            [[[0.25, 0.5, 0.5, 0.75], [0, 0, 1, 1], [0, 0, 1, 1]]], np.float32
        ),
        "detection_classes": np.array([[first, first + 1, first + 2]], np.float32),
        "detection_scores": np.array([[0.9, 0.8, 0.7]], np.float32),
        "num_detections": np.array([3], np.float32),
        "raw_detection_scores": np.zeros((1, 9, 3), np.float32),
    }


@pytest.mark.parametrize("first", [0, 1])
def test_an_ssd_model_takes_bytes_and_counts_its_classes_from_0_or_1(
    tmp_path: Path, first: int
) -> None:
    path = constant_model(
        tmp_path / "m.onnx", ssd_outputs(first), picture=(1, "h", "w", 3), kind=TensorProto.UINT8
    )
    found = detector(path, "ssd", layout="nhwc", dtype="uint8", first_class=first)
    assert_same(found.detect(PICTURE), [([64, 16, 96, 32], 0.9, 0), ([0, 0, 128, 64], 0.8, 1)])


def test_a_detr_model_is_told_the_size_of_its_input(tmp_path: Path) -> None:
    outputs: dict[str, Array] = {
        "labels": np.array([[1]], np.int64),
        "boxes": np.array([[[0.25, 0.5, 0.5, 1.0]]], np.float32),
        "scores": np.array([[0.9]], np.float32),
    }
    path = constant_model(tmp_path / "m.onnx", outputs, target_sizes=True)
    assert_same(detector(path, "rtdetr").detect(PICTURE), [([32, 32, 64, 64], 0.9, 1)])


@pytest.mark.parametrize("open_sizes", [False, True])
@pytest.mark.parametrize(
    ("decoder", "output", "expected"),
    [
        ("ultralytics", np.zeros((1, 84, 3), np.float32), r"\[1, 6, \?\]"),
        ("ultralytics-end2end", np.zeros((1, 3, 7), np.float32), r"\[1, \?, 6\]"),
        ("rtdetr", np.zeros((1, 3, 6), np.float32), r"labels \[1, \?\] \+ boxes \[1, \?, 4\]"),
        ("ssd", np.zeros((1, 3, 6), np.float32), r"detection_boxes \[1, \?, 4\] \+ "),
        ("yolox", np.zeros((1, 9, 7), np.float32), r"\[1, 42, 7\]"),
        ("fastestdet", np.zeros((1, 7, 4, 4), np.float32), r"\[1, 7, 2, 4\]"),
    ],
)
def test_a_model_that_does_not_fit_is_refused_with_both_shapes(
    tmp_path: Path, decoder: str, output: Array, expected: str, open_sizes: bool
) -> None:
    path = constant_model(tmp_path / "m.onnx", {"out": output}, open_sizes=open_sizes)
    shape = ", ".join(str(size) for size in output.shape)
    with pytest.raises(ModelUnfit, match=rf"found out \[{shape}\], expected .*{expected}"):
        detector(path, decoder)


def test_an_input_of_another_type_is_refused(tmp_path: Path) -> None:
    path = constant_model(tmp_path / "m.onnx", ssd_outputs(0), kind=TensorProto.UINT8)
    with pytest.raises(ModelUnfit, match=r"images is tensor\(uint8\), expected tensor\(float\)"):
        detector(path, "ssd")


def test_mean_and_deviation_are_taken_after_the_scale(tmp_path: Path) -> None:
    path = constant_model(tmp_path / "m.onnx", {"o": np.zeros((1, 6, 3), np.float32)})
    found = detector(path, "ultralytics", scale=0.5, mean=(1.0, 2.0, 3.0), std=(2.0, 4.0, 8.0))
    blob, _ = found._preprocess(np.full((8, 8, 3), (30, 20, 10), np.uint8))  # blue, green, red
    assert blob[0, :, 0, 0].tolist() == pytest.approx([2.0, 2.0, 1.5])


# What the hub is told.


def test_about_names_the_model_its_checksum_and_its_provider(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings = EdgeFile(
        site="s",
        node="n",
        data=str(tmp_path),
        model=Model(name="starter", provider="CPUExecutionProvider"),
    )
    with caplog.at_level("INFO"):
        found, about = make_detector(settings)
    assert isinstance(found, Detector)
    assert about.name == "starter"
    assert about.sha256 == sha256_of(found.model.path) == found.model.entry.sha256
    assert about.provider == "CPUExecutionProvider"
    assert "model starter on CPUExecutionProvider" in caplog.text


def test_a_provider_that_does_not_start_is_refused_when_forced_and_named_when_not(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    listed = ("CUDAExecutionProvider", "CPUExecutionProvider")
    monkeypatch.setattr("edge.detect.session.available", lambda: listed)
    monkeypatch.setattr("onnxruntime.InferenceSession", lambda *_, **__: OnlyCpu())
    with pytest.raises(ModelUnfit, match="'CUDAExecutionProvider' does not start here"):
        open_session(tmp_path / "m.onnx", provider="CUDAExecutionProvider")
    open_session(tmp_path / "m.onnx")
    assert "CUDAExecutionProvider does not start here; CPUExecutionProvider is used" in caplog.text


class OnlyCpu:
    """What onnxruntime gives where CUDA's libraries are broken."""

    def get_providers(self) -> list[str]:
        return ["CPUExecutionProvider"]
