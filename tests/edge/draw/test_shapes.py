"""Drawings in the YAML: what people wrote around them stays, to the letter."""

import difflib
from pathlib import Path

import pytest

import configs
from configs import ConfigError
from edge.draw import shapes
from edge.draw.shapes import Conflict, Drawing, DrawnLine, DrawnZone

TEXT = """\
# The gateway at the west gate.
site: garden
node: gate-1   # the grey box
mqtt: {host: "127.0.0.1", port: 1883}
cameras:
  - id: yard  # over the bike shed
    url: 'rtsp://192.168.1.64/sub'
    zones:
      # children play here
      - {id: lawn, polygon: [[0, 0.5], [1, 0.5], [1, 1], [0, 1]], labels: [person, dog]}
      - id: lane      # fire lane
        polygon: [[0, 0], [0.5, 0], [0.5, 0.5]]
        labels: [car]
    masks:
      - [[0.9, 0], [1, 0], [1, 0.1]]  # the neighbour's window
  - id: lobby
    usb: 0

doors: []   # none yet
"""
LAWN = DrawnZone("lawn", ((0, 0.5), (1, 0.5), (1, 1), (0, 1)), ("person", "dog"))
LANE = DrawnZone("lane", ((0, 0), (0.5, 0), (0.5, 0.5)), ("car",))
WINDOW = ((0.9, 0.0), (1.0, 0.0), (1.0, 0.1))


def changed(text: str) -> list[str]:
    lines = difflib.unified_diff(TEXT.splitlines(), text.splitlines(), lineterm="", n=0)
    return [line for line in lines if line[0] in "+-" and line[:3] not in ("---", "+++")]


def yard(**drawn: object) -> Drawing:
    return Drawing("yard", "", **drawn)  # type: ignore[arg-type]


def test_an_unchanged_drawing_changes_no_letter() -> None:
    assert shapes.edited(TEXT, yard(zones=(LAWN, LANE), masks=(WINDOW,))) == TEXT


def test_only_what_was_drawn_changes() -> None:
    moved = DrawnZone("lawn", ((0.0, 0.4), (1.0, 0.4), (1.0, 1.0), (0.0, 1.0)), ("person", "dog"))
    gate = DrawnLine("gate", ((0.5, 0.25), (0.51234, 0.75)), ("person",))
    text = shapes.edited(TEXT, yard(zones=(moved, LANE), lines=(gate,), masks=(WINDOW,)))
    assert changed(text) == [
        "-      - {id: lawn, polygon: [[0, 0.5], [1, 0.5], [1, 1], [0, 1]], labels: [person, dog]}",
        "+      - {id: lawn, polygon: [[0, 0.4], [1, 0.4], [1, 1], [0, 1]], labels: [person, dog]}",
        "+    lines:",
        "+      - {id: gate, points: [[0.5, 0.25], [0.512, 0.75]]}",
    ]


def test_removed_shapes_go_and_new_ones_come_with_their_labels() -> None:
    shed = DrawnZone("shed", ((0, 0), (0.1, 0), (0.1, 0.1)), ("bicycle",))
    text = shapes.edited(TEXT, yard(zones=(LANE, shed)))
    assert "lawn" not in text
    assert "masks:" not in text
    assert "# fire lane" in text
    assert "- {id: shed, polygon: [[0, 0], [0.1, 0], [0.1, 0.1]], labels: [bicycle]}" in text


def test_a_camera_that_had_nothing_gets_its_first_zone(tmp_path: Path) -> None:
    path = tmp_path / "edge.yaml"
    path.write_text(TEXT)
    drawing = Drawing("lobby", shapes.version(path), zones=(LAWN,), masks=(WINDOW, WINDOW))
    shapes.save(path, drawing)
    lobby = configs.load_edge(path).cameras[1]
    assert [zone.id for zone in lobby.zones] == ["lawn"]
    assert len(lobby.masks) == 2
    assert [line for line in changed(path.read_text()) if line.startswith("-")] == []


def test_a_file_that_was_changed_meanwhile_is_not_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "edge.yaml"
    path.write_text(TEXT)
    drawing = Drawing("lobby", shapes.version(path), zones=(LAWN,))
    path.write_text(TEXT + "# more\n")
    with pytest.raises(Conflict, match="was changed meanwhile"):
        shapes.save(path, drawing)
    assert path.read_text() == TEXT + "# more\n"


def test_what_would_not_pass_the_check_is_not_written(tmp_path: Path) -> None:
    path = tmp_path / "edge.yaml"
    path.write_text(TEXT.replace("usb: 0", "usb: 0\n    fps: 900"))
    before = path.read_text()
    with pytest.raises(ConfigError, match=r"edge\.yaml"):
        shapes.save(path, Drawing("lobby", shapes.version(path), zones=(LAWN,)))
    assert path.read_text() == before
    assert [each.name for each in tmp_path.iterdir()] == ["edge.yaml"]


def test_a_camera_that_is_gone_is_a_conflict() -> None:
    with pytest.raises(Conflict, match="no camera 'attic'"):
        shapes.edited(TEXT, Drawing("attic", ""))
    with pytest.raises(Conflict, match="cannot be read"):
        shapes.edited("a: [", Drawing("attic", ""))
