"""A model of one's own, benchmarks, and quantisation."""

from itertools import count
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import onnx
import pytest
from click.testing import CliRunner, Result
from onnx import TensorProto, helper, numpy_helper
from rich.console import Console

from edge.detect import ModelUnfit
from models.bench import Others, Speed, best, measure, recommendation
from models.catalog import ModelFile, resolve
from models.cli import cli
from models.entries import Entry
from models.inspection import propose
from models.local import name_of
from models.trials import print_speeds

Array = npt.NDArray[Any]


def run(command: str, *words: str, answer: str | None = None) -> Result:
    return CliRunner().invoke(cli, [command, *words], input=answer, env={"COLUMNS": "160"})


def model_file(
    path: Path,
    outputs: dict[str, Array],
    *,
    picture: tuple[int | str, ...] = (1, 3, 64, 96),
    kind: int = TensorProto.FLOAT,
    **metadata: str,
) -> Path:
    """A model that says the same of every picture."""
    nodes, shown = [], []
    for name, value in outputs.items():
        tensor = numpy_helper.from_array(value)
        nodes.append(helper.make_node("Constant", [], [name], value=tensor))
        shown.append(helper.make_tensor_value_info(name, tensor.data_type, None))
    inputs = [helper.make_tensor_value_info("images", kind, picture)]
    model = helper.make_model(
        helper.make_graph(nodes, "constant", inputs, shown),
        opset_imports=[helper.make_opsetid("", 17)],
        ir_version=9,
    )
    helper.set_model_props(model, metadata)
    onnx.save(model, path)
    return path


def ultralytics_output() -> Array:
    """A dog in the middle of the picture."""
    output = np.zeros((1, 6, 126), np.float32)
    output[0, :, 7] = [48, 32, 24, 32, 0.1, 0.9]
    return output


@pytest.fixture
def dog(tmp_path: Path) -> Path:
    return model_file(
        tmp_path / "My_Dog.onnx", {"output0": ultralytics_output()}, names="{0: 'cat', 1: 'dog'}"
    )


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "yard.png"
    cv2.imwrite(str(path), np.full((128, 192, 3), 40, np.uint8))
    return path


def ssd(prefix: str, kind: str) -> dict[str, Array]:
    names = {
        "tf": ("detection_boxes", "detection_classes", "detection_scores", "num_detections"),
        "lite": (prefix, f"{prefix}:1", f"{prefix}:2", f"{prefix}:3"),
    }[kind]
    shapes = ((1, 10, 4), (1, 10), (1, 10), (1,))
    return {name: np.zeros(shape, np.float32) for name, shape in zip(names, shapes, strict=True)}


LITE = "TFLite_Detection_PostProcess"


@pytest.mark.parametrize(
    ("outputs", "decoder"),
    [
        ({"o": np.zeros((1, 6, 126), np.float32)}, "ultralytics"),
        ({"o": np.zeros((1, 300, 6), np.float32)}, "ultralytics-end2end"),
        ({"o": np.zeros((1, 126, 7), np.float32)}, "yolox"),
        ({"o": np.zeros((1, 7, 4, 6), np.float32)}, "fastestdet"),
        (ssd("", "tf"), "ssd"),
        (
            {
                "labels": np.zeros((1, 9), np.int64),
                "boxes": np.zeros((1, 9, 4), np.float32),
                "scores": np.zeros((1, 9), np.float32),
            },
            "rtdetr",
        ),
        (
            {
                "logits": np.zeros((1, 9, 2), np.float32),
                "pred_boxes": np.zeros((1, 9, 4), np.float32),
            },
            "rtdetr",
        ),
    ],
)
def test_the_outputs_tell_the_decoder(
    tmp_path: Path, outputs: dict[str, Array], decoder: str
) -> None:
    path = model_file(tmp_path / "m.onnx", outputs)
    found = propose(path, "m", classes=("cat", "dog")).entry
    assert (found.decoder, found.size_wh, found.layout) == (decoder, (96, 64), "nchw")


def test_ssd_takes_bytes_and_counts_from_1_but_tflites_from_0(tmp_path: Path) -> None:
    tf = model_file(
        tmp_path / "a.onnx",
        ssd("", "tf"),
        picture=(1, "h", "w", 3),
        kind=TensorProto.UINT8,
    )
    entry = propose(tf, "a", classes=("cat",), size_wh=(320, 256)).entry
    assert (entry.layout, entry.dtype, entry.size_wh) == ("nhwc", "uint8", (320, 256))
    assert (entry.first_class, entry.scale, entry.mean) == (1, 1.0, (0.0, 0.0, 0.0))
    lite = model_file(tmp_path / "b.onnx", ssd(LITE, "lite"))
    entry = propose(lite, "b", classes=("cat",)).entry
    assert (entry.first_class, entry.mean) == (0, (1.0, 1.0, 1.0))


def test_yolox_decoded_in_the_graph_is_known_by_its_pixels(tmp_path: Path) -> None:
    output = np.zeros((1, 126, 7), np.float32)
    output[0, 7] = [48, 32, 24, 32, 0.9, 0.1, 1.0]
    path = model_file(tmp_path / "m.onnx", {"output": output})
    found = propose(path, "m", classes=("cat", "dog")).entry
    assert (found.decoder, found.channels, found.scale) == ("yolov5", "bgr", 1.0)
    words = ["--classes", "cat,dog", "--yes", "--folder", str(tmp_path / "models")]
    told = run("add", str(path), *words, "--drawn", str(tmp_path / "drawn.png")).output
    assert "dog 0.90 at (271, 120, 452, 360)" in told


@pytest.mark.parametrize(("classes", "names"), [(80, ""), (1, "{0: 'person'}")])
def test_yolov5_is_not_taken_for_another(tmp_path: Path, classes: int, names: str) -> None:
    outputs = {"output0": np.zeros((1, 25200, 5 + classes), np.float32)}
    path = model_file(tmp_path / "m.onnx", outputs, picture=(1, 3, 640, 640), names=names or "[]")
    if not names:
        with pytest.raises(ModelUnfit, match="fits yolov5 with 80 classes, but does not name"):
            propose(path, "m")
    else:
        found = propose(path, "m").entry
        assert (found.decoder, found.channels, found.scale) == ("yolov5", "rgb", 1 / 255)


@pytest.mark.parametrize(
    # TensorFlow 2's converter, and the Object Detection API's exporter, which turns them round.
    "numbers",
    [("", ":1", ":2", ":3"), (":3", ":2", ":1", "")],
)
def test_outputs_that_tensorflow_2_only_numbers_are_told_apart(
    tmp_path: Path, numbers: tuple[str, ...]
) -> None:
    call = "StatefulPartitionedCall"
    values = (
        np.array([[[0.25, 0.5, 0.75, 1.0]]], np.float32),
        np.array([[1]], np.float32),
        np.array([[0.9]], np.float32),
        np.array([1], np.float32),
    )
    named = dict(zip((call + number for number in numbers), values, strict=True))
    order = (f"{call}:1", f"{call}:3", call, f"{call}:2")
    path = model_file(tmp_path / "m.onnx", {name: named[name] for name in order})
    words = ["--classes", "cat,dog", "--yes", "--folder", str(tmp_path / "models")]
    result = run("add", str(path), *words, "--drawn", str(tmp_path / "drawn.png"))
    assert result.exit_code == 0, result.output
    assert "dog 0.90 at (320, 120, 640, 360)" in result.output


def test_add_shows_the_boxes_and_writes_an_entry_that_runs(
    tmp_path: Path, dog: Path, picture: Path
) -> None:
    folder, drawn = tmp_path / "models", tmp_path / "drawn.png"
    words = ["--folder", str(folder), "--picture", str(picture), "--drawn", str(drawn), "--yes"]
    result = run("add", str(dog), *words)
    assert result.exit_code == 0, result.output
    assert "dog 0.90 at (72, 32, 120, 96)" in result.output
    shown = cv2.imread(str(drawn))
    assert shown is not None
    assert shown[32, 80].tolist() == [0, 200, 255]
    found = resolve("my-dog", [folder])
    assert found.path.read_bytes() == dog.read_bytes()
    assert found.labels == ("cat", "dog")
    assert found.entry.decoder == "ultralytics"
    assert "my-dog: ok" in run("verify", "--folder", str(folder)).output


def test_add_writes_nothing_without_a_yes(tmp_path: Path, dog: Path) -> None:
    folder = tmp_path / "models"
    words = ["--folder", str(folder), "--drawn", str(tmp_path / "drawn.png")]
    result = run("add", str(dog), *words, answer="n\n")
    assert result.exit_code == 1
    assert "nothing was added" in result.output
    assert not folder.exists()
    assert run("add", str(dog), *words, answer="y\n").exit_code == 0


def test_add_refuses_a_name_that_is_taken(tmp_path: Path, dog: Path) -> None:
    words = ["--folder", str(tmp_path / "models"), "--drawn", str(tmp_path / "d.png"), "--yes"]
    result = run("add", str(dog), "--name", "yolox-nano", *words)
    assert result.exit_code == 1
    assert "there is a model 'yolox-nano' already; give another with --name" in result.output
    assert run("add", str(dog), *words).exit_code == 0
    again = run("add", str(dog), *words).output.replace("\n", " ")
    assert (
        f"is my-dog, which the catalog knows: it is here as {tmp_path}/models/my-dog.onnx" in again
    )
    named = run("add", str(dog), "--name", "my-dog", *words).output
    assert "there is a model 'my-dog' already; give another with --name" in named
    assert run("add", str(dog), "--name", "second", *words).exit_code == 0
    assert resolve("my-dog", [tmp_path / "models"]).labels == ("cat", "dog")


@pytest.mark.parametrize(
    ("text", "name"), [("My Dog (2)", "my-dog-2"), ("yolo11n_Yard.v3", "yolo11n-yard.v3")]
)
def test_a_files_name_becomes_a_name_of_the_catalog(text: str, name: str) -> None:
    assert name_of(text) == name


def test_add_refuses_what_no_catalog_may_hold_before_it_writes(tmp_path: Path) -> None:
    path = model_file(
        tmp_path / "m.onnx", {"o": np.zeros((1, 6, 5), np.float32)}, picture=(1, 3, 16, 16)
    )
    folder = tmp_path / "models"
    result = run("add", str(path), "--classes", "a,b", "--folder", str(folder), "--yes")
    assert result.exit_code == 1
    assert "'m' cannot be in a catalog: Expected `int` >= 32" in result.output
    assert not folder.exists()


def test_add_refuses_a_picture_that_is_none(tmp_path: Path, dog: Path) -> None:
    (tmp_path / "yard.jpg").write_bytes(b"?")
    result = run("add", str(dog), "--picture", str(tmp_path / "yard.jpg"), "--yes")
    assert result.exit_code == 1
    assert "yard.jpg cannot be read as a picture" in result.output


def test_add_takes_only_models_with_one_picture_as_input(tmp_path: Path) -> None:
    path = model_file(tmp_path / "m.onnx", {"o": np.zeros((1, 6, 5), np.float32)}, picture=(1, 64))
    result = run("add", str(path), "--classes", "a,b")
    assert result.exit_code == 1
    assert "has the inputs images [1, 64]; expected one picture [1, 3, H, W]" in result.output


def test_add_does_not_write_over_another_file(tmp_path: Path, dog: Path) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "my-dog.onnx").write_bytes(b"precious")
    result = run("add", str(dog), "--folder", str(tmp_path / "models"), "--yes")
    assert result.exit_code == 1
    assert "my-dog.onnx is another file" in result.output
    assert (tmp_path / "models" / "my-dog.onnx").read_bytes() == b"precious"


@pytest.mark.parametrize(
    ("outputs", "words", "complaint"),
    [
        ({"o": np.zeros((1, 6, 126), np.float32)}, (), "does not name them: give --classes"),
        (
            {"o": np.zeros((1, 6, 126), np.float32)},
            ("--classes", "a,b,c"),
            "o [1, 6, 126]: no decoder can read them with 3 classes",
        ),
        (
            {"o": np.zeros((1, 6, 126), np.float32)},
            ("--classes", "a,b", "--decoder", "yolox"),
            "decoder 'yolox' cannot read them with 2 classes; ultralytics would",
        ),
        (
            {"o": np.zeros((1, 6, 126), np.float32)},
            ("--classes", "a,b,c"),
            "as ultralytics it has 2 classes, but 3 are named",
        ),
        (
            {"o": np.zeros((1, 6, 126), np.float32)},
            ("--classes", "a,b", "--decoder", "yolox"),
            "expected, for 96×64 and 2 classes:\n  yolox: [1, 126, 7]",
        ),
        ({"logits": np.zeros((1, 1000), np.float32)}, (), "  ultralytics: [1, 84, ?]"),
    ],
)
def test_add_says_why_a_model_does_not_fit(
    tmp_path: Path, outputs: dict[str, Array], words: tuple[str, ...], complaint: str
) -> None:
    path = model_file(tmp_path / "m.onnx", outputs)
    result = run("add", str(path), *words, "--folder", str(tmp_path / "models"))
    assert result.exit_code == 1
    assert complaint in result.output


def test_add_says_what_else_a_model_is_for(tmp_path: Path) -> None:
    outputs = {"o": np.zeros((1, 38, 126), np.float32), "p": np.zeros((1, 32, 16, 24), np.float32)}
    path = model_file(tmp_path / "m.onnx", outputs, names="{0: 'cat', 1: 'dog'}", task="segment")
    result = run("add", str(path), "--folder", str(tmp_path / "models"))
    assert result.exit_code == 1
    assert "it says that it is for 'segment', and Linli runs detectors" in result.output


def test_add_refuses_a_model_of_many_pictures_at_once(tmp_path: Path) -> None:
    outputs = {"o": np.zeros((8, 6, 126), np.float32)}
    path = model_file(tmp_path / "m.onnx", outputs, picture=(8, 3, 64, 96))
    result = run("add", str(path), "--folder", str(tmp_path / "models"))
    assert result.exit_code == 1
    assert "takes 8 pictures at once" in result.output
    assert "export it for a batch of 1" in result.output


def test_add_knows_a_model_of_the_catalog(shared: Path, tmp_path: Path) -> None:
    words = ["--folder", str(tmp_path)]
    result = run("add", str(shared / "models" / "fastestdet.onnx"), *words)
    assert result.exit_code == 1
    told = result.output.replace("\n", " ")
    assert "fastestdet.onnx is fastestdet, which the catalog knows: put it into" in told
    assert list(tmp_path.iterdir()) == []


def test_add_says_that_a_file_is_no_model(tmp_path: Path) -> None:
    (tmp_path / "m.onnx").write_bytes(b"<html>")
    result = run("add", str(tmp_path / "m.onnx"))
    assert result.exit_code == 1
    assert "m.onnx cannot be loaded as an ONNX model" in result.output


# How fast.


def speed(threads: int, ms: float) -> Speed:
    return Speed("m", "CPUExecutionProvider", threads, 9, ms, ms)


def test_a_second_thread_must_earn_its_place() -> None:
    assert best([speed(1, 10.0), speed(2, 9.5)]).threads == 1
    assert best([speed(1, 10.0), speed(2, 6.0)]).threads == 2


@pytest.mark.parametrize(
    ("ms", "told"),
    [
        (14.0, "m with 1 thread: up to 10 cameras at 5 pictures a second (5 with lines, at 10),"),
        (14.0, "or one at 50"),
        (130.0, "up to 1 camera at 5 pictures a second (0 with lines, at 10), or one at 5"),
        (200.0, "one camera at 3 pictures a second"),
        (600.0, "one camera at 1 picture a second"),
        (2000.0, "too slow here"),
    ],
)
def test_the_recommendation_leaves_time_for_the_rest(ms: float, told: str) -> None:
    assert told in recommendation(speed(1, ms))


def test_a_measurement_lasts_as_long_as_it_is_told(dog: Path) -> None:
    ticks = count(0.0, 0.25)
    entry = Entry(
        name="dog", title="", task="detect", decoder="ultralytics", file="dog.onnx",
        size_wh=(96, 64), channels="rgb", scale=1.0, fit="stretch", classes=("cat", "dog"),
        licence="", unverified=True,
    )  # fmt: skip
    found = measure(
        ModelFile(entry, dog, "0" * 64, entry.classes),
        np.zeros((48, 64, 3), np.uint8),
        threads=1,
        seconds=6.0,
        clock=lambda: next(ticks),
    )
    assert found.runs == 8  # three looks at the clock for each
    assert (found.ms_median, found.ms_p95) == (250.0, 250.0)
    assert found.provider.endswith("ExecutionProvider")


def test_bench_compares_models_and_threads() -> None:
    result = run("bench", "starter", "--threads", "1,2", "--seconds", "0")
    assert result.exit_code == 0, result.output
    assert sum("starter" in line and "│" in line for line in result.output.splitlines()) == 2
    assert "at 5 pictures a second" in result.output


@pytest.mark.parametrize(("others", "told"), [(0.02, False), (0.6, True)])
def test_bench_doubts_the_figures_of_a_busy_device(
    others: float, told: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    print_speeds([speed(1, 14.0)], Console(width=200), others=others)
    assert ("other programs used 60% of the processors" in capsys.readouterr().out) is told


def test_the_share_of_other_programs_is_one() -> None:
    others = Others()
    assert 0 <= others.share() <= 1


def test_bench_refuses_what_is_not_there(tmp_path: Path) -> None:
    unknown = run("bench", "starter", "--provider", "NoSuchProvider", "--seconds", "0")
    assert unknown.exit_code == 1
    assert "'NoSuchProvider' is not available here" in unknown.output
    missing = run("bench", "yolox-s", "--folder", str(tmp_path))
    assert "`linli models pull yolox-s`" in missing.output
    assert "such as 1,2" in run("bench", "--threads", "0,x").output


# Fewer bits.


def test_quantize_shows_size_and_cost_and_the_copy_can_be_added(
    shared: Path, tmp_path: Path
) -> None:
    coco = shared / "training" / "coco128"
    (tmp_path / "images").mkdir()
    for path in sorted((coco / "images").iterdir())[:12]:
        (tmp_path / "images" / path.name).symlink_to(path)
    out, weights = tmp_path / "small.onnx", str(shared / "models")
    words = ["--images", str(tmp_path / "images"), "--labels", str(coco / "labels")]
    result = run("quantize", "fastestdet", "--folder", weights, "--out", str(out), *words)
    assert result.exit_code == 0, result.output
    assert out.stat().st_size < 0.5 * (shared / "models" / "fastestdet.onnx").stat().st_size
    rows = [
        line.split("│") for line in result.output.splitlines() if ".onnx" in line and "│" in line
    ]
    assert [row[1].strip() for row in rows] == ["fastestdet.onnx", "small.onnx"]
    before, after = (float(row[2]) for row in rows)
    assert 0.1 < before < 1
    assert abs(after - before) < 0.1
    added = run(
        "add", str(out), "--like", "fastestdet", "--yes",
        "--folder", str(tmp_path / "own"), "--drawn", str(tmp_path / "d.png"),
    )  # fmt: skip
    assert added.exit_code == 0, added.output
    assert resolve("small", [tmp_path / "own"]).labels[0] == "person"


def test_weights_trained_further_are_added_like_a_model_that_is_published_elsewhere(
    shared: Path, tmp_path: Path
) -> None:
    added = run(
        "add", str(shared / "models" / "yolox_nano.onnx"), "--like", "yolox-nano", "--yes",
        "--name", "mine", "--folder", str(tmp_path / "own"), "--drawn", str(tmp_path / "d.png"),
    )  # fmt: skip
    assert added.exit_code == 0, added.output
    assert resolve("mine", [tmp_path / "own"]).entry.published is None


def test_quantize_spares_the_first_convolution_which_would_cost_half_the_accuracy(
    tmp_path: Path,
) -> None:
    out = tmp_path / "small.onnx"
    assert run("quantize", "starter", "--out", str(out)).exit_code == 0
    nodes = onnx.load(out).graph.node
    first = next(node for node in nodes if node.op_type in ("Conv", "ConvInteger"))
    assert first.op_type == "Conv"
    assert sum(node.op_type == "ConvInteger" for node in nodes) > 20
    assert out.stat().st_size < 0.4 * resolve("starter").path.stat().st_size


def test_quantize_without_its_library_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "onnx", None)
    result = run("quantize", "starter", "--out", str(tmp_path / "s.onnx"))
    assert result.exit_code == 1
    assert "pip install 'linli[quantize]'" in result.output
    assert list(tmp_path.iterdir()) == []


def test_quantize_does_not_write_over_the_model() -> None:
    path = resolve("starter").path
    result = run("quantize", "starter", "--out", str(path))
    assert result.exit_code == 1
    assert "is the model itself" in result.output
