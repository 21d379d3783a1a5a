"""What a decoder reads, and whether a model has it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy.typing as npt

from edge.detections import Detections, FloatArray

Arrays = Sequence[npt.NDArray[Any]]
Shape = tuple[int | None, ...]
"""None: any size."""


@dataclass(frozen=True, slots=True)
class Output:
    """One output that a decoder reads."""

    shape: Shape
    names: tuple[str, ...] = ()
    """What exporters call it; by its place among the outputs where it is called otherwise."""


Layout = tuple[Output, ...]
"""The outputs of one way to export a family of models, in the decoder's order."""


@dataclass(frozen=True, slots=True)
class Found:
    """One input or output of a model, as the file or a trial run shows it."""

    name: str
    shape: tuple[int | str | None, ...]
    """A size that the file leaves open is a text or None."""

    def __str__(self) -> str:
        return f"{self.name} {list(self.shape)}"


@dataclass(frozen=True, slots=True)
class Decoder:
    """How the outputs of one family of models are read."""

    decode: Callable[[Arrays, tuple[int, int], float], Detections]
    """(outputs in the layout's order, size_wh, score) to boxes in input pixels."""
    layouts: Callable[[tuple[int, int], int], tuple[Layout, ...]]
    """(size_wh, classes) to the layouts that it reads; the first that fits is taken."""
    suppressed: bool = False
    """The model itself leaves out the weaker of two boxes of one thing."""
    extra_inputs: Mapping[str, Callable[[tuple[int, int]], npt.NDArray[Any]]] = field(
        default_factory=dict
    )
    """Inputs beside the picture, by name, from size_wh."""


def of_one(
    decode: Callable[[FloatArray, tuple[int, int], float], Detections],
) -> Callable[[Arrays, tuple[int, int], float], Detections]:
    """A decoder of a single output, as one that is given all of them."""
    return lambda outputs, size_wh, score: decode(outputs[0], size_wh, score)


def same_shape(found: Sequence[int | str | None], wanted: Shape) -> bool:
    """Whether a shape fits; sizes that either side leaves open fit anything."""
    return len(found) == len(wanted) and all(
        size == want or not isinstance(size, int) or want is None
        for size, want in zip(found, wanted, strict=True)
    )


def bind(layouts: Sequence[Layout], found: Sequence[Found]) -> tuple[str, ...] | None:
    """The names of a model's outputs in the order of the first layout that fits, or None.

    By name, other outputs may be there too; by place there may not.
    """
    for layout in layouts:
        names = _by_name(layout, found)
        if names is not None:
            return names
    for layout in layouts:
        if len(found) == len(layout) and all(
            same_shape(each.shape, output.shape) for each, output in zip(found, layout, strict=True)
        ):
            return tuple(each.name for each in found)
    return None


def _by_name(layout: Layout, found: Sequence[Found]) -> tuple[str, ...] | None:
    names = []
    for output in layout:
        fitting = (
            each.name
            for each in found
            # TensorFlow adds ":0" to a name.
            if each.name.removesuffix(":0") in output.names and same_shape(each.shape, output.shape)
        )
        name = next(fitting, None)
        if name is None:
            return None
        names.append(name)
    return tuple(names)


def described(layouts: Sequence[Layout]) -> str:
    """The layouts for an error message: shapes, ``?`` for any size.

    Of those that differ in their outputs' names alone, the first.
    """
    different = {tuple(output.shape for output in layout): layout for layout in layouts[::-1]}
    return " or ".join(
        " + ".join(
            " ".join(
                (
                    *output.names[:1],
                    f"[{', '.join('?' if n is None else str(n) for n in output.shape)}]",
                )
            )
            for output in layout
        )
        for layout in list(different.values())[::-1]
    )
