"""The training code: the network speaks the decoder's language, the losses find their objects."""

from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from click.testing import CliRunner

from configs.agent import Model
from edge.detect import Detector
from edge.detect.decoders import yolox
from models.catalog import resolve

torch = pytest.importorskip("torch", reason="torch comes with the extra 'train'")

from models.train.augment import SIZE_WH, letterbox, mirror, place  # noqa: E402
from models.train.export import export  # noqa: E402
from models.train.losses import Grid, assign, ious  # noqa: E402
from models.train.network import COCO_LABEL, LABELS, Starter, inherit  # noqa: E402
from models.train.samples import IGNORE, SOURCES, Sample, save  # noqa: E402
from models.train.train import train  # noqa: E402

SIDES = 5 + len(LABELS)


@pytest.fixture(scope="module")
def grid() -> Grid:
    return Grid.of(SIZE_WH, torch.device("cpu"))


def sample(*boxes: tuple[float, float, float, float], size_wh: tuple[int, int]) -> Sample:
    image = np.full((size_wh[1], size_wh[0], 3), 60, np.uint8)
    return Sample(image, np.array(boxes, np.float32), np.zeros(len(boxes), np.int32))


def test_the_output_has_the_shape_that_the_decoder_expects() -> None:
    wide, high = SIZE_WH
    with torch.no_grad():
        rows = Starter().eval()(torch.zeros(1, 3, high, wide))
    [[output]] = yolox.layouts(SIZE_WH, len(LABELS))
    assert tuple(rows.shape) == output.shape


def test_with_the_inherited_weights_it_computes_what_yolox_nano_does(shared: Path) -> None:
    file = shared / "models" / "yolox_nano.onnx"
    model = Starter()
    inherit(model, file)
    picture = torch.rand(1, 3, 416, 416, generator=torch.Generator().manual_seed(2)) * 255
    with torch.no_grad():
        rows = model.eval()(picture)[0].numpy()
    rows[:, 4:] = 1 / (1 + np.exp(-rows[:, 4:]))
    session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    theirs = session.run(None, {"images": picture.numpy()})[0][0]
    columns = [*range(5), *(5 + label for label in COCO_LABEL)]
    np.testing.assert_allclose(rows, theirs[:, columns], atol=1e-3)


def test_training_and_product_read_boxes_alike(grid: Grid) -> None:
    rows = torch.zeros(len(grid.corner), SIDES)
    rows[:, :4] = torch.randn(rows[:, :4].shape, generator=torch.Generator().manual_seed(1))
    rows[700, 4:6] = 1.0
    decoded = yolox.decode(rows[None].numpy(), SIZE_WH, 0.5)
    np.testing.assert_allclose(decoded.xyxy[0], grid.boxes(rows)[700].numpy(), rtol=1e-5)


def test_each_object_gets_cells_of_its_own(grid: Grid) -> None:
    rows = torch.zeros(len(grid.corner), SIDES)
    truth = torch.tensor([[40.0, 40, 60, 90], [200.0, 100, 300, 250]])
    cells, objects = assign(rows, grid.boxes(rows), truth, torch.tensor([0, 2]), grid)
    assert set(objects.tolist()) == {0, 1}
    assert len(set(cells.tolist())) == len(cells)
    middle = (truth[objects, :2] + truth[objects, 2:]) / 2
    assert ((grid.centre[cells] - middle).abs() < 3 * grid.stride[cells]).all()


def test_a_picture_without_objects_gets_no_cells(grid: Grid) -> None:
    rows = torch.zeros(len(grid.corner), SIDES)
    cells, objects = assign(rows, rows[:, :4], torch.zeros(0, 4), torch.zeros(0).long(), grid)
    assert len(cells) == len(objects) == 0


def test_generalised_iou_falls_with_the_distance() -> None:
    box = torch.tensor([0.0, 0, 10, 10])
    plain, generous = ious(box, torch.tensor([[0.0, 0, 10, 10], [20, 0, 30, 10], [80, 0, 90, 10]]))
    assert plain.tolist() == [1.0, 0.0, 0.0]
    assert generous[0] == 1.0
    assert generous[0] > generous[1] > generous[2]


def test_a_letterboxed_box_stays_on_its_object() -> None:
    placed = letterbox(sample((64, 48, 128, 96), size_wh=(640, 480)))
    assert placed.image.shape == (SIZE_WH[1], SIZE_WH[0], 3)
    scale = SIZE_WH[1] / 480
    np.testing.assert_allclose(placed.xyxy[0], np.array([64, 48, 128, 96]) * scale, rtol=1e-5)


def test_a_mirror_twice_is_no_mirror() -> None:
    once = sample((10, 20, 30, 60), (0, 0, 5, 5), size_wh=(100, 80))
    twice = mirror(mirror(once))
    np.testing.assert_array_equal(twice.xyxy, once.xyxy)
    np.testing.assert_array_equal(twice.image, once.image)


@pytest.mark.parametrize(
    ("moved_px", "left"), [(0, [0]), (-100, [0]), (-150, [IGNORE]), (-200, [])]
)
def test_what_little_a_crop_leaves_of_a_box_is_ignored(moved_px: int, left: list[int]) -> None:
    view = place(sample((0, 0, 200, 200), size_wh=(640, 480)), 1.0, (moved_px, 0), SIZE_WH)
    assert view.label.tolist() == left


def test_a_step_of_training_ends_in_a_file_that_the_product_runs(
    shared: Path, tmp_path: Path
) -> None:
    for source in SOURCES:
        save(tmp_path / f"{source}.npz", [sample((40, 40, 90, 200), size_wh=(320, 240))])
    teacher = ["--teacher", str(shared / "models" / "yolox_nano.onnx")]
    words = ["--cache", str(tmp_path), "--out", str(tmp_path), *teacher]
    words += ["--steps", "1", "--batch", "2", "--workers", "0"]
    trained = CliRunner().invoke(train, words)
    assert trained.exit_code == 0, trained.output
    file = tmp_path / "starter.onnx"
    words = ["--checkpoint", str(tmp_path / "last.pt"), "--out", str(file), *teacher]
    exported = CliRunner().invoke(export, words)
    assert exported.exit_code == 0, exported.output
    model = resolve(str(file))
    assert f"sha256: {model.sha256}" in exported.output
    picture = np.full((240, 320, 3), 60, np.uint8)
    assert len(Detector(model, Model()).detect(picture)) == 0
