"""What is drawn for one camera, and how it comes into an edge.yaml with its comments kept."""

import hashlib
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Final

from msgspec import Meta, Struct
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import YAMLError
from ruamel.yaml.util import load_yaml_guess_indent

from configs.agent import Camera, Line, Part, Point, Polygon, Zone
from edge.commission import write
from wire.records import Id, Label

DECIMALS: Final = 3
"""A thousandth of a picture is less than a pixel of detection."""
UNWRAPPED: Final = 4096
"""Longer lines than anybody writes: what stands on one line stays on it."""


class DrawnZone(Struct, frozen=True, forbid_unknown_fields=True):
    """A zone as the page sends it."""

    id: Id
    polygon: Polygon
    labels: Annotated[tuple[Label, ...], Meta(min_length=1)]


class DrawnLine(Struct, frozen=True, forbid_unknown_fields=True):
    """A line as the page sends it."""

    id: Id
    points: tuple[Point, Point]
    labels: Annotated[tuple[Label, ...], Meta(min_length=1)]


class Drawing(Struct, frozen=True, forbid_unknown_fields=True):
    """Everything drawn on one camera's picture."""

    camera: Id
    version: str
    """Of the file that the page was made from."""
    zones: tuple[DrawnZone, ...] = ()
    lines: tuple[DrawnLine, ...] = ()
    masks: tuple[Polygon, ...] = ()


class Conflict(Exception):
    """The file is no longer what the page was made from; the text says what to do."""


def version(path: Path) -> str:
    """Changes when the file does."""
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]


def shown(camera: Camera) -> dict[str, Any]:
    """A camera's shapes for the page, and how many pictures a second they ask for."""
    return {
        "id": camera.id,
        "fps": camera.wanted_fps,
        "zones": [_shown(each, "polygon") for each in camera.zones],
        "lines": [_shown(each, "points") for each in camera.lines],
        "masks": camera.masks,
    }


def _shown(shape: Zone | Line, points: str) -> dict[str, Any]:
    return {"id": shape.id, points: getattr(shape, points), "labels": shape.labels}


def save(path: Path, drawing: Drawing) -> None:
    """Put a drawing into the file, which must still pass as an edge.yaml.

    Only the camera's zones, lines and masks change. Raises `Conflict`, `ConfigError`, OSError.
    """
    if version(path) != drawing.version:
        raise Conflict(f"{path.name} was changed meanwhile; load the page again and draw anew")
    write.checked(path, edited(path.read_text(encoding="utf-8"), drawing))


def edited(text: str, drawing: Drawing) -> str:
    """The text of an edge.yaml with the drawing in it; raises `Conflict`."""
    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = UNWRAPPED
    try:
        _, mapping, offset = load_yaml_guess_indent(text)
        document = yaml.load(text)
    except YAMLError as error:
        raise Conflict(f"the file cannot be read: {error}") from None
    camera = _camera(document, drawing.camera)
    _put_named(camera, "zones", "polygon", drawing.zones)
    _put_named(camera, "lines", "points", drawing.lines)
    _put_masks(camera, drawing.masks)
    step, dash = mapping or 2, offset if offset is not None else 2
    yaml.indent(mapping=step, sequence=dash + 2, offset=dash)
    out = io.StringIO()
    yaml.dump(document, out)
    return out.getvalue()


def _camera(document: Any, camera_id: str) -> CommentedMap:
    cameras = document.get("cameras") if isinstance(document, Mapping) else None
    for camera in cameras if isinstance(cameras, Sequence) else ():
        if isinstance(camera, CommentedMap) and camera.get("id") == camera_id:
            return camera
    raise Conflict(f"the file has no camera {camera_id!r}; load the page again")


def _put_named(
    camera: CommentedMap, key: str, points: str, drawn: Sequence[DrawnZone | DrawnLine]
) -> None:
    """Change the shapes that stay in place, so that their comments stay with them."""
    there = camera.get(key)
    if not drawn:
        camera.pop(key, None)
        return
    if not isinstance(there, CommentedSeq):
        there = camera[key] = CommentedSeq()
    wanted = {each.id: each for each in drawn}
    for index in reversed(range(len(there))):
        if there[index].get("id") not in wanted:
            del there[index]
    known = {item["id"]: item for item in there}
    for each in drawn:
        item = known.get(each.id)
        if item is None:
            item = CommentedMap(id=each.id)
            item.fa.set_flow_style()
            there.append(item)
        _put_points(item, points, getattr(each, points))
        if tuple(item.get("labels") or ("person",)) != each.labels:
            item["labels"] = _flow(list(each.labels))


def _put_points(item: CommentedMap, key: str, points: Sequence[Point]) -> None:
    rounded = _rounded(points)
    if key not in item or [list(map(float, point)) for point in item[key]] != rounded:
        item[key] = _flow(rounded)


def _put_masks(camera: CommentedMap, masks: Sequence[Polygon]) -> None:
    rounded = [_rounded(mask) for mask in masks]
    if not rounded:
        camera.pop("masks", None)
        return
    there = camera.get("masks")
    if not isinstance(there, CommentedSeq):
        there = camera["masks"] = CommentedSeq()
    for index in reversed(range(len(there))):
        mask = [list(map(float, point)) for point in there[index]]
        if mask in rounded:
            rounded.remove(mask)
        else:
            del there[index]
    for mask in rounded:
        there.append(_flow(mask))


def _rounded(points: Sequence[tuple[Part, Part]]) -> list[list[float]]:
    return [[_number(x), _number(y)] for x, y in points]


def _number(value: Part) -> float:
    """0 and 1 without a point, as people write them."""
    rounded = round(float(value), DECIMALS)
    return int(rounded) if rounded.is_integer() else rounded


def _flow(items: list[Any]) -> CommentedSeq:
    """On one line, as people write coordinates."""
    made = CommentedSeq(_flow(item) if isinstance(item, list) else item for item in items)
    made.fa.set_flow_style()
    return made
