"""Looks at an installer's own ONNX file and proposes how to run it.

proposal = propose(path, classes=(), size_wh=None)
proposal.entry, proposal.why
"""

import ast
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from msgspec.structs import replace

from edge.detect import ModelUnfit
from edge.detect.decoders import DECODERS
from edge.detect.decoders.layout import Found, bind, described
from edge.detect.decoders.ssd import CALL, TFLITE
from edge.detect.preprocess import input_shape
from edge.detect.session import open_session
from models.catalog import sha256_of
from models.entries import Entry

USUAL_SIZE_WH = (640, 640)
SUPPRESSED = 1000
"""An output of more boxes than this has not been suppressed: exporters leave 300 or fewer."""
GRIDS = ("fastestdet", "rtdetr")
"""Decoders whose outputs have a grid's sides, or few boxes: fewer than classes is no wonder."""
PIXELS = 30.0
"""YOLOX's raw output has offsets and logarithms far below this, a decoded one has pixels."""
BYTE = 1 / 255
EXAMPLE = 80
"""So many classes, as COCO has, where shapes are told and nobody named any."""
HABITS: dict[str, dict[str, Any]] = {
    "rtdetr": {"channels": "rgb", "scale": BYTE, "fit": "stretch"},
    "ssd": {"channels": "rgb", "scale": 1.0, "fit": "stretch"},
    "fastestdet": {"channels": "bgr", "scale": BYTE, "fit": "stretch"},
    "yolox": {"channels": "bgr", "scale": 1.0, "fit": "letterbox", "pad": 114},
    "ultralytics-end2end": {"channels": "rgb", "scale": BYTE, "fit": "letterbox", "pad": 114},
    "ultralytics": {"channels": "rgb", "scale": BYTE, "fit": "letterbox", "pad": 114},
    "yolov5": {"channels": "rgb", "scale": BYTE, "fit": "letterbox", "pad": 114},
}
"""How each family is usually trained; the most particular first, as several may fit."""


@dataclass(frozen=True, slots=True)
class Inspected:
    """What a model file says of itself."""

    inputs: tuple[Found, ...]
    outputs: tuple[Found, ...]
    """As a trial run gives them where the file leaves sizes open."""
    entry: Entry
    """Size, layout and type of the picture are right; the rest is not known yet."""
    names: tuple[str, ...]
    """Class names from the file's metadata, as Ultralytics writes them."""
    in_pixels: bool
    """Whether the first output begins with boxes in pixels, in the last axis."""
    task: str
    """What the model is for, from there too: detect, segment, pose, classify …; or empty."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """How to run a model, and which decoders would read it."""

    inspected: Inspected
    entry: Entry
    fitting: tuple[str, ...]


def propose(
    path: Path,
    name: str,
    *,
    classes: Sequence[str] = (),
    size_wh: tuple[int, int] | None = None,
    decoder: str = "",
    like: Entry | None = None,
) -> Proposal:
    """An entry for a file; raises ModelUnfit where nothing fits or class names are missing.

    ``classes``, ``size_wh`` and ``decoder`` overrule what is found; ``like`` is an entry whose
    settings are taken instead.
    """
    if like is not None:
        same = _own(like, path, name)
        inspected = inspect(path, same, size_wh=like.size_wh)
        return Proposal(inspected, same, (like.decoder,))
    inspected = inspect(path, _own(BLANK, path, name), size_wh=size_wh)
    labels = tuple(classes) or inspected.names
    fitting = _fitting(inspected, len(labels))
    chosen = decoder or next(iter(fitting), "")
    if chosen not in fitting:
        raise ModelUnfit(_text(path, inspected, labels, decoder, fitting))
    if not labels:
        count = _implied(chosen, inspected.outputs)
        raise ModelUnfit(
            f"{path} fits {chosen} with {count or 'an unknown number of'} classes, but does not "
            "name them: give --classes"
        )
    entry = replace(
        inspected.entry, decoder=chosen, classes=labels, **HABITS[_habit(fitting, chosen)]
    )
    if chosen == "ssd":
        entry = _ssd(entry, inspected.outputs)
    return Proposal(inspected, entry, fitting)


BLANK = Entry(
    name="blank",
    title="",
    task="detect",
    decoder="yolox",
    file="",
    size_wh=USUAL_SIZE_WH,
    channels="rgb",
    scale=1.0,
    fit="stretch",
    licence="not stated",
)


def _own(entry: Entry, path: Path, name: str) -> Entry:
    """An entry as that of another file."""
    return replace(
        entry,
        name=name,
        title=f"{path.name}, added here",
        file=f"{name}.onnx",
        urls=(),
        sha256=sha256_of(path),
        size_bytes=path.stat().st_size,
        unverified=False,
        published=None,
        measured=(),
        note="",
    )


def inspect(path: Path, entry: Entry, *, size_wh: tuple[int, int] | None) -> Inspected:
    """The inputs and outputs of a file, run once on an empty picture; raises ModelUnfit."""
    session = open_session(path)
    inputs = tuple(Found(each.name, tuple(each.shape)) for each in session.get_inputs())
    pictures = [each for each in session.get_inputs() if len(each.shape) == 4]
    extra = {name: make for each in DECODERS.values() for name, make in each.extra_inputs.items()}
    strangers = [each.name for each in inputs if each.name not in extra]
    if len(pictures) != 1 or strangers != [pictures[0].name]:
        raise ModelUnfit(
            f"{path} has the inputs {', '.join(str(each) for each in inputs)}; expected one "
            "picture [1, 3, H, W] or [1, H, W, 3]"
        )
    entry = _pictured(entry, path, pictures[0], _told_size(session, size_wh))
    feed = {each.name: extra[each.name](entry.size_wh) for each in inputs if each.name in extra}
    feed[pictures[0].name] = np.zeros(input_shape(entry), entry.dtype)
    names = [each.name for each in session.get_outputs()]
    try:
        values = session.run(names, feed)
    except Exception as error:  # onnxruntime's errors share no public base
        raise ModelUnfit(
            f"{path} does not run on a picture of {entry.size_wh[0]}×{entry.size_wh[1]}: {error}; "
            "give the size that it was exported for with --size"
        ) from error
    outputs = tuple(
        Found(each, tuple(np.shape(value))) for each, value in zip(names, values, strict=True)
    )
    task = str(session.get_modelmeta().custom_metadata_map.get("task", ""))
    pixels = _in_pixels(np.asarray(values[0]))
    return Inspected(inputs, outputs, entry, _told_names(session), pixels, task)


def _in_pixels(output: npt.NDArray[Any]) -> bool:
    return output.ndim == 3 and output.size > 0 and bool(abs(output[..., :4]).max() > PIXELS)


def _pictured(entry: Entry, path: Path, found: Any, size_wh: tuple[int, int]) -> Entry:
    """The entry with layout, size and type of the model's picture."""
    shape = found.shape
    layout = "nhwc" if shape[3] == 3 else "nchw"
    if 3 not in (shape[1], shape[3]) and isinstance(shape[1], int):
        raise ModelUnfit(f"{path} does not take a colour picture: {found.name} is {shape}")
    high, wide = shape[2:] if layout == "nchw" else shape[1:3]
    if isinstance(shape[0], int) and shape[0] != 1:
        raise ModelUnfit(
            f"{path} takes {shape[0]} pictures at once: {found.name} is {shape}; export it for a "
            "batch of 1"
        )
    types = {"tensor(float)": "float32", "tensor(uint8)": "uint8"}
    if found.type not in types:
        raise ModelUnfit(
            f"{path} takes {found.type}; export it with an input of {' or '.join(types)}"
        )
    wide = wide if isinstance(wide, int) else size_wh[0]
    high = high if isinstance(high, int) else size_wh[1]
    return replace(entry, size_wh=(wide, high), layout=layout, dtype=types[found.type])


def _fitting(inspected: Inspected, classes: int) -> tuple[str, ...]:
    """The decoders that read the outputs, with so many classes or, for 0, with any number."""
    size_wh = inspected.entry.size_wh
    found = []
    for name in HABITS:
        count = classes or _implied(name, inspected.outputs) or 1
        if count > 0 and bind(DECODERS[name].layouts(size_wh, count), inspected.outputs):
            found.append(name)
    return tuple(sorted(found, key=lambda name: _unlikely(name, inspected)))


def _unlikely(decoder: str, inspected: Inspected) -> bool:
    """Whether the numbers speak against a decoder that the shapes allow."""
    boxes = inspected.outputs[0].shape[1:2]
    many = bool(boxes) and isinstance(boxes[0], int) and boxes[0] > SUPPRESSED
    return {"yolox": inspected.in_pixels, "ultralytics-end2end": many}.get(decoder, False)


def _habit(fitting: Sequence[str], chosen: str) -> str:
    """Whose preprocessing goes with a decoder: what has YOLOX's cells is YOLOX, decoded or not."""
    return "yolox" if chosen == "yolov5" and "yolox" in fitting else chosen


def _implied(decoder: str, outputs: Sequence[Found]) -> int:
    """How many classes an output has room for; 0 where its shape does not say."""
    sizes = [size if isinstance(size, int) else 0 for size in outputs[0].shape]
    if len(sizes) < 3:
        return 0
    # The axis of the classes, what stands before them, and the axis of the boxes.
    places = {
        "yolox": (2, 5, 1),
        "yolov5": (2, 5, 1),
        "fastestdet": (1, 5, 2),
        "ultralytics": (1, 4, 2),
        "rtdetr": (2, 0, 1),
    }
    if decoder not in places:
        return 0
    axis, before, boxes = places[decoder]
    count = sizes[axis] - before
    # Fewer boxes than classes: the two axes are the other way round, so it is another layout.
    return count if decoder in GRIDS or count < sizes[boxes] else 0


def _ssd(entry: Entry, outputs: Sequence[Found]) -> Entry:
    """TFLite counts classes from 0; models that take floats want −1 to 1."""
    first = 0 if any(each.name.startswith((TFLITE, CALL)) for each in outputs) else 1
    if entry.dtype == "uint8":
        return replace(entry, first_class=first)
    return replace(entry, first_class=first, scale=1 / 127.5, mean=(1.0, 1.0, 1.0))


def _told_size(session: Any, size_wh: tuple[int, int] | None) -> tuple[int, int]:
    told = _metadata(session, "imgsz")
    if size_wh is None and isinstance(told, list) and len(told) == 2:
        return int(told[1]), int(told[0])
    return size_wh or USUAL_SIZE_WH


def _told_names(session: Any) -> tuple[str, ...]:
    told = _metadata(session, "names")
    if isinstance(told, dict):
        return tuple(str(told[number]) for number in sorted(told))
    return tuple(str(name) for name in told) if isinstance(told, list) else ()


def _metadata(session: Any, key: str) -> object:
    """A Python literal in the file's metadata, or None."""
    try:
        return ast.literal_eval(session.get_modelmeta().custom_metadata_map.get(key, "None"))
    except (ValueError, SyntaxError):
        return None  # another tool's metadata, in a form of its own


def _text(
    path: Path, inspected: Inspected, labels: Sequence[str], asked: str, fitting: Sequence[str]
) -> str:
    """Why no decoder, or not the one that was asked for, reads a model; and which shapes would."""
    outputs = ", ".join(str(each) for each in inspected.outputs)
    classes = f" with {len(labels)} classes" if labels else ""
    which = f"decoder {asked!r} cannot" if asked else "no decoder can"
    told = [f"{path} has the outputs {outputs}: {which} read them{classes}"]
    if fitting:
        told.append(f"{', '.join(fitting)} would")
    if inspected.task not in ("", "detect"):
        told.append(f"it says that it is for {inspected.task!r}, and Linli runs detectors")
    told += [
        f"as {name} it has {count} classes, but {len(labels)} are named"
        for name, count in _by_count(inspected)
        if labels and count != len(labels)
    ]
    told.append("check --size and --classes, or export it in one of these layouts")
    wide, high = inspected.entry.size_wh
    number = len(labels) or EXAMPLE
    shapes = [
        f"  {name}: {described(DECODERS[name].layouts((wide, high), number))}"
        for name in ([asked] if asked in DECODERS else HABITS)
    ]
    head = f"expected, for {wide}×{high} and {number} classes:"
    return "\n".join(["; ".join(told), head, *shapes])


def _by_count(inspected: Inspected) -> list[tuple[str, int]]:
    """The decoders that would read the outputs with another number of classes, and that."""
    return [(name, _implied(name, inspected.outputs)) for name in _fitting(inspected, 0)]
