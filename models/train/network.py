"""The starter's network: YOLOX-Nano with seven classes, on an input of its own size.

Blocks, widths and their order are those of YOLOX-Nano (Ge et al., arXiv 2107.08430), so that its
weights can be inherited (`inherit`) and trained on. Two things differ, and compute the same:
batch norms are folded into the convolutions, as they are in the published ONNX file; and the
stem, which there is four slices of the picture and a 3×3 convolution, is one 6×6 convolution.
"""

from collections.abc import Iterator
from pathlib import Path

import onnx
import torch
from onnx import numpy_helper
from torch import Tensor, nn
from torch.nn import functional

LABELS = ("person", "bicycle", "car", "motorcycle", "bus", "truck", "dog")
"""The classes in the order of the outputs; the names are COCO's."""
COCO_LABEL = (0, 1, 2, 3, 5, 7, 16)
"""Where they lie among COCO's 80."""
STRIDES = (8, 16, 32)
WIDTH = 16
"""Channels after the stem; every stage doubles them."""


class Conv(nn.Module):
    """A convolution and SiLU, the batch norm folded away."""

    def __init__(
        self, inside: int, outside: int, kernel: int = 1, stride: int = 1, groups: int = 1
    ) -> None:
        super().__init__()
        pad = (kernel - 1) // 2
        self.conv = nn.Conv2d(inside, outside, kernel, stride, pad, groups=groups)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to (N, C', H/stride, W/stride)."""
        return functional.silu(self.conv(x))


def separable(inside: int, outside: int, stride: int = 1) -> nn.Sequential:
    """Depthwise 3×3, then pointwise 1×1."""
    return nn.Sequential(Conv(inside, inside, 3, stride, inside), Conv(inside, outside))


class Bottleneck(nn.Module):
    """A small step, added to what passes by it where ``residual``."""

    def __init__(self, width: int, *, residual: bool) -> None:
        super().__init__()
        self.narrow = Conv(width, width)
        self.look = separable(width, width)
        self.residual = residual

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to the same."""
        out: Tensor = self.look(self.narrow(x))
        return x + out if self.residual else out


class Split(nn.Module):
    """A cross-stage partial block (CSP): half of the channels take the steps, half pass by."""

    def __init__(self, inside: int, outside: int, steps: int, *, residual: bool = True) -> None:
        super().__init__()
        half = outside // 2
        self.taken = Conv(inside, half)
        self.passed = Conv(inside, half)
        self.steps = nn.Sequential(*(Bottleneck(half, residual=residual) for _ in range(steps)))
        self.joined = Conv(2 * half, outside)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to (N, C', H, W)."""
        both = torch.cat([self.steps(self.taken(x)), self.passed(x)], dim=1)
        joined: Tensor = self.joined(both)
        return joined


class Pyramid(nn.Module):
    """Spatial pyramid pooling: each cell learns what is around it, near and far."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.narrow = Conv(width, width // 2)
        self.pools = nn.ModuleList(nn.MaxPool2d(side, 1, side // 2) for side in (5, 9, 13))
        self.joined = Conv(width * 2, width)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to the same."""
        x = self.narrow(x)
        joined: Tensor = self.joined(torch.cat([x, *(pool(x) for pool in self.pools)], dim=1))
        return joined


class Backbone(nn.Module):
    """CSPDarknet."""

    def __init__(self) -> None:
        super().__init__()
        w = WIDTH
        self.stem = Conv(3, w, 6, 2)
        self.early = nn.Sequential(separable(w, 2 * w, 2), Split(2 * w, 2 * w, 1))
        self.fine = nn.Sequential(separable(2 * w, 4 * w, 2), Split(4 * w, 4 * w, 3))
        self.middle = nn.Sequential(separable(4 * w, 8 * w, 2), Split(8 * w, 8 * w, 3))
        self.coarse = nn.Sequential(
            separable(8 * w, 16 * w, 2),
            Pyramid(16 * w),
            Split(16 * w, 16 * w, 1, residual=False),
        )

    def forward(self, bgr: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(N, 3, H, W) BGR 0–255 to the maps of strides 8, 16 and 32."""
        fine = self.fine(self.early(self.stem(bgr)))
        middle = self.middle(fine)
        return fine, middle, self.coarse(middle)

    def first(self) -> list[nn.Module]:
        """The layers that see only edges and colours: training may leave them as they are."""
        return [self.stem, self.early]


class Neck(nn.Module):
    """A path aggregation network: context flows down to stride 8, detail back up to 32."""

    def __init__(self) -> None:
        super().__init__()
        w = WIDTH
        self.narrow_coarse = Conv(16 * w, 8 * w)
        self.down_middle = Split(16 * w, 8 * w, 1, residual=False)
        self.narrow_middle = Conv(8 * w, 4 * w)
        self.down_fine = Split(8 * w, 4 * w, 1, residual=False)
        self.shrink_fine = separable(4 * w, 4 * w, 2)
        self.up_middle = Split(8 * w, 8 * w, 1, residual=False)
        self.shrink_middle = separable(8 * w, 8 * w, 2)
        self.up_coarse = Split(16 * w, 16 * w, 1, residual=False)

    def forward(self, maps: tuple[Tensor, Tensor, Tensor]) -> tuple[Tensor, Tensor, Tensor]:
        """Three maps to three maps of the same sizes."""
        fine, middle, coarse = maps
        top = self.narrow_coarse(coarse)
        middle = self.down_middle(torch.cat([_twice(top), middle], dim=1))
        waist = self.narrow_middle(middle)
        fine = self.down_fine(torch.cat([_twice(waist), fine], dim=1))
        middle = self.up_middle(torch.cat([self.shrink_fine(fine), waist], dim=1))
        coarse = self.up_coarse(torch.cat([self.shrink_middle(middle), top], dim=1))
        return fine, middle, coarse


def _twice(x: Tensor) -> Tensor:
    return functional.interpolate(x, scale_factor=2.0)


class Head(nn.Module):
    """One level's head: what is where, and how large, on branches of their own."""

    def __init__(self, inside: int, classes: int) -> None:
        super().__init__()
        w = 4 * WIDTH
        self.stem = Conv(inside, w)
        self.what = nn.Sequential(separable(w, w), separable(w, w))
        self.classes = nn.Conv2d(w, classes, 1)
        self.where = nn.Sequential(separable(w, w), separable(w, w))
        self.box = nn.Conv2d(w, 4, 1)
        self.objectness = nn.Conv2d(w, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to (N, H·W, 5 + classes), all of it before the sigmoid."""
        x = self.stem(x)
        where = self.where(x)
        parts = [self.box(where), self.objectness(where), self.classes(self.what(x))]
        return torch.cat(parts, dim=1).flatten(2).transpose(1, 2)


class Starter(nn.Module):
    """The whole detector."""

    def __init__(self, classes: int = len(LABELS)) -> None:
        super().__init__()
        self.backbone = Backbone()
        self.neck = Neck()
        self.heads = nn.ModuleList(Head(times * WIDTH, classes) for times in (4, 8, 16))

    def forward(self, bgr: Tensor) -> Tensor:
        """(N, 3, H, W) BGR 0–255 to (N, cells, 5 + classes).

        A row holds (cx, cy) from the cell's corner and log (w, h), all in strides, then the
        logits of objectness and of each class; the cells are those of stride 8, 16 and 32.
        """
        levels = self.neck(self.backbone(bgr))
        rows = [head(level) for head, level in zip(self.heads, levels, strict=True)]
        return torch.cat(rows, dim=1)


@torch.no_grad()
def inherit(model: Starter, path: Path) -> None:
    """Set the weights to those of yolox_nano.onnx; of its classes a starter keeps its own.

    The convolutions of both come in the order in which they run. Raises ValueError where a
    shape differs.
    """
    convs = [module for module in model.modules() if isinstance(module, nn.Conv2d)]
    stored = list(_stored(path))
    if len(stored) != len(convs):
        raise ValueError(f"{path} has {len(stored)} convolutions, expected {len(convs)}")
    for conv, (weight, bias) in zip(convs, stored, strict=True):
        assert conv.bias is not None
        if conv is convs[0]:
            weight = _unfocused(weight)
        elif len(weight) == 80 and len(conv.weight) == len(LABELS):
            weight, bias = weight[list(COCO_LABEL)], bias[list(COCO_LABEL)]
        if weight.shape != conv.weight.shape:
            raise ValueError(f"{path}: {tuple(weight.shape)} for {tuple(conv.weight.shape)}")
        conv.weight.copy_(weight)
        conv.bias.copy_(bias)


def _stored(path: Path) -> Iterator[tuple[Tensor, Tensor]]:
    """Weight and bias of each convolution of an ONNX file."""
    graph = onnx.load(str(path)).graph
    tensors = {each.name: each for each in graph.initializer}
    for node in graph.node:
        if node.op_type == "Conv":
            weight, bias = (numpy_helper.to_array(tensors[name]) for name in node.input[1:])
            yield torch.from_numpy(weight.copy()), torch.from_numpy(bias.copy())


def _unfocused(weight: Tensor) -> Tensor:
    """(N, 12, 3, 3) over four slices of the picture to (N, 3, 6, 6) over the picture.

    The slices hold the even and odd rows and columns: left top, left bottom, right top,
    right bottom of each square of four pixels.
    """
    out = weight.new_zeros(len(weight), 3, 6, 6)
    for index, (row, column) in enumerate(((0, 0), (1, 0), (0, 1), (1, 1))):
        out[:, :, row::2, column::2] = weight[:, 3 * index : 3 * index + 3]
    return out
