"""Models measured on a folder of pictures with labels, at the command."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner, Result

from models.catalog import shipped
from models.cli import cli


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
        ("0 0.5 0.5 0.1\n", "one.txt:1: expected five numbers `class cx cy w h`; found '0 0.5"),
        ("a b c d e\n", "one.txt:1: expected five numbers"),
        ("0 .1 .1 .2 .1 .2 .2\n", "(is it a polygon? export boxes)"),
        ("93 0.5 0.5 0.1 0.1\n", "one.txt:1: the class is 93, but only 80 names are known"),
        ("0.5 0.5 0.5 0.1 0.1\n", "one.txt:1: the class is no whole number"),
        ("-1 0.5 0.5 0.1 0.1\n", "one.txt:1: the class is no whole number"),
        ("\n0 150 200 30 40\n", "one.txt:2: the box is not within the picture, whose edges"),
        ("0 150 200 30 40\n", "(are these pixels?)"),
        ("0 0.5 nan 0.1 0.1\n", "one.txt:1: the box is not within the picture"),
        ("0 0.5 0.5 0 0.1\n", "one.txt:1: the box has no size"),
        ("79 0.5 0.5 0.1 0.1\n", "the labels hold nothing that starter knows (person, bicycle"),
    ],
)
def test_eval_says_what_is_wrong_with_the_labels(
    tmp_path: Path, label: str | None, complaint: str
) -> None:
    result = run("eval", "starter", *folder_of(tmp_path, label))
    assert result.exit_code == 1
    assert complaint in result.output.replace("\n", " ")


def test_eval_tells_all_that_is_wrong_at_once_and_not_without_end(tmp_path: Path) -> None:
    result = run("eval", "starter", *folder_of(tmp_path, "0 2 2 1 1\n" * 8))
    assert result.output.count("one.txt:") == 5
    assert "and 3 more" in result.output


def test_eval_refuses_labels_that_are_no_text(tmp_path: Path) -> None:
    words = folder_of(tmp_path, "")
    (tmp_path / "labels" / "one.txt").write_bytes(b"\xff\xfe0 .5")
    result = run("eval", "starter", *words)
    assert result.exit_code == 1
    assert "one.txt: cannot be read as text" in result.output


def test_eval_takes_labels_as_tools_write_them(tmp_path: Path) -> None:
    # Windows' line ends and byte order mark, a box that reaches out by a rounding, blank lines.
    label = "\ufeff0 0.5 0.5 1.0000001 1\r\n\r\n"
    result = run("eval", "starter", *folder_of(tmp_path, label), "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.output)["classes"][0]["objects"] == 1


def test_eval_leaves_out_what_is_no_picture_and_tells_what_is_odd(tmp_path: Path) -> None:
    words = folder_of(tmp_path, "0 0.5 0.5 0.1 0.1\n")
    (tmp_path / "images" / "broken.jpg").write_bytes(b"not a picture")
    (tmp_path / "labels" / "gone.txt").write_text("0 0.5 0.5 0.1 0.1\n")
    result = run("eval", "starter", *words)
    assert result.exit_code == 0, result.output
    told = result.output.replace("\n", " ")
    assert "starter, 1 pictures" in told
    assert "1 of 2 pictures have no label file: they count as empty" in told
    assert "1 label file(s) have no picture and were not used" in told
    assert "cannot be read as a picture and were left out" in told
    assert "broken.jpg" in told


def test_eval_says_what_is_wrong_with_the_pictures(tmp_path: Path) -> None:
    words = folder_of(tmp_path, "0 0.5 0.5 0.1 0.1\n")
    (tmp_path / "images" / "one.png").write_bytes(b"not a picture")
    result = run("eval", "starter", *words)
    assert result.exit_code == 1
    assert "cannot be read as a picture" in result.output
    (tmp_path / "images" / "one.png").unlink()
    assert "holds no pictures" in run("eval", "starter", *words).output


def test_precision_is_not_told_where_nothing_was_found(tmp_path: Path) -> None:
    result = run("eval", "starter", *folder_of(tmp_path, "0 0.5 0.5 0.1 0.1\n"))
    row = next(line for line in result.output.splitlines() if line.startswith("│ person"))
    assert [cell.strip() for cell in row.strip("│").split("│")][-2:] == ["–", "0.000"]


def test_figures_are_told_even_where_the_plot_cannot_be_written(tmp_path: Path) -> None:
    words = folder_of(tmp_path, "0 0.5 0.5 0.1 0.1\n")
    result = run("eval", "starter", *words, "--plot", str(tmp_path / "none" / "curve.png"))
    assert result.exit_code == 1
    assert "starter, 1 pictures" in result.output
    assert "the plot cannot be written to" in result.output


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


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("data.yaml", "train: ../images\nnc: 2\nnames: [cat, person]\n"),
        ("data.yml", "names:\n  0: cat\n  1: person\n"),
        ("classes.txt", "cat\nperson\n\n"),
    ],
)
def test_labels_may_be_numbered_by_the_file_that_came_with_them(
    tmp_path: Path, name: str, text: str
) -> None:
    words = folder_of(tmp_path, "1 0.5 0.5 0.1 0.1\n")
    (tmp_path / name).write_text(text)
    result = run("eval", "starter", *words, "--classes", str(tmp_path / name), "--json")
    assert result.exit_code == 0, result.output
    assert [each["name"] for each in json.loads(result.output)["classes"]] == ["person"]


@pytest.mark.parametrize(
    ("classes", "complaint"),
    [
        ("coco8", "there is no class list 'coco8'; did you mean 'coco80'?"),
        ("gone.yaml", "gone.yaml cannot be read"),
        ("nothing.yaml", "nothing.yaml has no `names:`"),
        ("gap.yaml", "gap.yaml has no `names:`"),
        ("cat,,person", "has a name that is empty"),
    ],
)
def test_names_that_cannot_be_had_are_told(tmp_path: Path, classes: str, complaint: str) -> None:
    words = folder_of(tmp_path, "0 0.5 0.5 0.1 0.1\n")
    (tmp_path / "nothing.yaml").write_text("train: ../images\n")
    (tmp_path / "gap.yaml").write_text("names: {0: cat, 2: person}\n")
    given = str(tmp_path / classes) if classes.endswith(".yaml") else classes
    result = run("eval", "starter", *words, "--classes", given)
    assert result.exit_code == 1
    assert complaint in result.output.replace("\n", " ")
