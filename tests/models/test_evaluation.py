"""Accuracy: average precision against hand-computed cases and COCO's loops, and the command."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner, Result

from models.catalog import shipped
from models.cli import cli
from models.scoring import IOUS, Floats, Seen, average_precision, curve, ious, match

NEAR, FAR = (0, 0, 10, 10), (50, 50, 60, 60)
Boxes = list[tuple[int, int, int, int]]


def seen(truth: Boxes, found: Boxes, score: list[float]) -> Seen:
    return Seen(
        np.array(truth, np.float32).reshape(-1, 4),
        np.array(found, np.float32).reshape(-1, 4),
        np.array(score, np.float32),
    )


def test_a_second_box_on_the_same_person_is_wrong() -> None:
    assert match(seen([NEAR], [NEAR, (0, 0, 10, 9)], [0.9, 0.8]), 0.5).tolist() == [True, False]


def test_an_overlap_of_exactly_the_threshold_is_right() -> None:
    half = seen([NEAR], [(0, 0, 10, 5)], [0.9])
    assert match(half, 0.5).tolist() == [True]
    assert match(half, 0.55).tolist() == [False]


def test_precision_and_recall_follow_the_threshold() -> None:
    drawn = curve([seen([NEAR, FAR], [NEAR, (20, 20, 30, 30)], [0.9, 0.3])])
    assert drawn.wanted == 2
    assert drawn.at(0.5) == (1.0, 0.5)
    assert drawn.at(0.2) == (0.5, 0.5)
    assert drawn.at(0.95) == (1.0, 0.0)


@pytest.mark.parametrize(
    ("pictures", "expected"),
    [
        ([seen([NEAR, FAR], [NEAR, FAR], [0.9, 0.8])], 1.0),
        # One of two, with precision 1: the recalls 0 to 0.5 of 101.
        ([seen([NEAR, FAR], [NEAR], [0.9])], 51 / 101),
        # A wrong one is surer than the right one: precision 1/2 at every recall.
        ([seen([], [FAR], [0.95]), seen([NEAR], [NEAR], [0.9])], 0.5),
        # Right, wrong, right: precision 1 up to recall 1/2, then 2/3.
        (
            [seen([NEAR, FAR], [NEAR, (20, 20, 30, 30), FAR], [0.9, 0.8, 0.7])],
            (51 + 50 * 2 / 3) / 101,
        ),
        ([seen([NEAR], [], [])], 0.0),
    ],
)
def test_average_precision_is_what_the_hand_computes(pictures: list[Seen], expected: float) -> None:
    assert curve(pictures).average_precision == pytest.approx(expected)


def test_ap_is_the_mean_over_ten_overlaps() -> None:
    # An overlap of 0.8: right at 0.5 to 0.8, wrong at 0.85 to 0.95.
    assert average_precision([seen([NEAR], [(0, 0, 10, 8)], [0.9])]) == pytest.approx(0.7)
    assert IOUS == (0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95)


def slow_ap(pictures: list[Seen], iou: float) -> float:
    """pycocotools' evaluateImg and accumulate, written out for one class."""
    rows = []
    for picture in pictures:
        taken: set[int] = set()
        for box, score in zip(picture.found, picture.score, strict=True):
            best, chosen = min(iou, 1 - 1e-10), -1
            for index, true in enumerate(picture.truth):
                value = float(ious(box[None], true[None])[0, 0])
                if index not in taken and value >= best:
                    best, chosen = value, index
            if chosen >= 0:
                taken.add(chosen)
            rows.append((float(score), chosen >= 0))
    rows.sort(key=lambda row: -row[0])
    wanted = sum(len(picture.truth) for picture in pictures)
    points = []
    true = 0
    for count, (_, right) in enumerate(rows, 1):
        true += right
        points.append((true / wanted, true / count))
    total = 0.0
    for recall in np.linspace(0, 1, 101):
        total += max((precision for reached, precision in points if reached >= recall), default=0)
    return total / 101


@pytest.mark.parametrize("seed", range(4))
def test_average_precision_is_what_cocos_loops_compute(seed: int) -> None:
    random = np.random.default_rng(seed)

    def boxes(count: int) -> Floats:
        corner = random.uniform(0, 60, (count, 2))
        return np.hstack([corner, corner + random.uniform(20, 40, (count, 2))]).astype(np.float32)

    pictures = []
    for _ in range(12):
        truth = boxes(4)
        found = np.vstack([truth + random.normal(0, 3, truth.shape), boxes(5)]).astype(np.float32)
        score = np.sort(random.uniform(0, 1, len(found)))[::-1].astype(np.float32)
        pictures.append(Seen(truth, random.permutation(found), score))
    for iou in (0.5, 0.75):
        ours = curve(pictures, iou).average_precision
        assert 0 < ours < 1
        assert ours == pytest.approx(slow_ap(pictures, iou))


# The command.


def run(command: str, *words: str) -> Result:
    return CliRunner().invoke(cli, [command, *words], env={"COLUMNS": "120"})


def folder_of(tmp_path: Path, label: str | None) -> list[str]:
    """A folder of one picture with that label file."""
    for name in ("images", "labels"):
        (tmp_path / name).mkdir()
    cv2.imwrite(str(tmp_path / "images" / "one.png"), np.zeros((48, 64, 3), np.uint8))
    if label is not None:
        (tmp_path / "labels" / "one.txt").write_text(label)
    return ["--images", str(tmp_path / "images"), "--labels", str(tmp_path / "labels")]


@pytest.fixture
def some(shared: Path, tmp_path: Path) -> list[str]:
    """The first 24 pictures of coco128, for speed."""
    coco = shared / "training" / "coco128"
    (tmp_path / "images").mkdir()
    for path in sorted((coco / "images").iterdir())[:24]:
        (tmp_path / "images" / path.name).symlink_to(path)
    return ["--images", str(tmp_path / "images"), "--labels", str(coco / "labels")]


def test_eval_gives_figures_for_scripts_and_draws_the_curve(
    shared: Path, some: list[str], tmp_path: Path
) -> None:
    pytest.importorskip("matplotlib", reason="the plot needs linli[reports]")
    drawn = tmp_path / "curve.png"
    words = ["--folder", str(shared / "models"), "--json", "--plot", str(drawn)]
    result = run("eval", "yolox-nano", *some, *words)
    assert result.exit_code == 0, result.output
    figures = json.loads(result.output)
    person = next(each for each in figures["classes"] if each["name"] == "person")
    assert figures["pictures"] == 24
    assert person["objects"] > 20
    assert 0.45 < person["ap50"] < 0.9
    assert 0 < person["ap"] < person["ap50"]
    assert figures["ms_median"] > 0
    assert cv2.imread(str(drawn)) is not None


def test_eval_gives_the_figures_of_the_catalog(shared: Path) -> None:
    name = "yolox-nano"
    coco = shared / "training" / "coco128"
    words = ["--images", str(coco / "images"), "--labels", str(coco / "labels"), "--json"]
    result = run("eval", name, *words, "--folder", str(shared / "models"))
    assert result.exit_code == 0, result.output
    person = next(each for each in json.loads(result.output)["classes"] if each["name"] == "person")
    entry = shipped().named(name)
    assert entry is not None
    assert person["objects"] == 254
    # Libraries of another version round otherwise.
    assert person["ap50"] == pytest.approx(entry.measured[0].ap50_person, abs=0.01)
    assert person["ap"] == pytest.approx(entry.measured[0].ap_person, abs=0.01)


def test_eval_shows_a_table_with_person_first(shared: Path, some: list[str]) -> None:
    result = run("eval", "fastestdet", *some, "--folder", str(shared / "models"))
    assert result.exit_code == 0, result.output
    rows = [line for line in result.output.splitlines() if line.startswith("│")]
    assert rows[0].split()[1] == "person"
    assert "24 pictures, CPUExecutionProvider" in result.output


@pytest.mark.parametrize(
    ("label", "complaint"),
    [
        (None, "holds no label file of any picture"),
        ("0 0.5 0.5 0.1\n", "one.txt:1: expected `class cx cy w h`, found '0 0.5 0.5 0.1'"),
        ("a b c d e\n", "one.txt:1: expected"),
        ("93 0.5 0.5 0.1 0.1\n", "a label is of class 93, but only 80 class names"),
        ("79 0.5 0.5 0.1 0.1\n", "the labels hold nothing that the model knows"),
    ],
)
def test_eval_says_what_is_wrong_with_the_labels(
    tmp_path: Path, label: str | None, complaint: str
) -> None:
    result = run("eval", "starter", *folder_of(tmp_path, label))
    assert result.exit_code == 1
    assert complaint in result.output.replace("\n", " ")


def test_eval_says_what_is_wrong_with_the_pictures(tmp_path: Path) -> None:
    words = folder_of(tmp_path, "0 0.5 0.5 0.1 0.1\n")
    (tmp_path / "images" / "one.png").write_bytes(b"not a picture")
    result = run("eval", "starter", *words)
    assert "one.png cannot be read as a picture" in result.output
    (tmp_path / "images" / "one.png").unlink()
    assert "holds no pictures" in run("eval", "starter", *words).output


def test_eval_without_matplotlib_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "matplotlib.figure", None)
    words = folder_of(tmp_path, "0 0.5 0.5 0.1 0.1\n")
    result = run("eval", "starter", *words, "--plot", str(tmp_path / "curve.png"))
    assert result.exit_code == 1
    assert "pip install 'linli[reports]'" in result.output


def test_labels_may_be_numbered_by_names_of_ones_own(tmp_path: Path) -> None:
    words = folder_of(tmp_path, "1 0.5 0.5 0.1 0.1\n")
    result = run("eval", "starter", *words, "--classes", "cat,person", "--json")
    assert result.exit_code == 0, result.output
    assert [each["name"] for each in json.loads(result.output)["classes"]] == ["person"]
