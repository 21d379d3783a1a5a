"""The starter's network: an EfficientNet-Lite0 backbone, a light PAN neck and a YOLOX head.

The backbone's batch norms are folded into its convolutions when its weights are loaded: their
statistics come from a million pictures, and small batches of few scenes would only spoil them.
Its convolutions pad evenly, where TensorFlow's pad less at the top left: the maps lie half a cell
further to the left and above, which the head learns, and the exported graph needs no padding nodes.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

LABELS = ("person", "bicycle", "car", "motorcycle", "bus", "truck", "dog")
"""The classes in the order of the outputs; the names are COCO's."""
STRIDES = (8, 16, 32)
WIDTH = 72
"""Channels of the neck and the head."""
_MEAN, _DEVIATION = 127.0, 128.0
"""What the backbone was trained with, for RGB 0–255."""
_BN_EPS = 1e-3


class Stage(NamedTuple):
    """Blocks of EfficientNet-Lite0 that share a width."""

    blocks: int
    kernel: int
    stride: int
    expand: int
    channels: int


STAGES = (
    Stage(1, 3, 1, 1, 16),
    Stage(2, 3, 2, 6, 24),
    Stage(2, 5, 2, 6, 40),
    Stage(3, 3, 2, 6, 80),
    Stage(2, 5, 1, 6, 112),
    Stage(2, 5, 2, 6, 192),
)
"""Lite0 without its last stage, and with 2 of 3 and 2 of 4 blocks in the two before: a block
only adds to what passes by it, so the rest still works, in two thirds of the time."""
_LITE0_BLOCKS = (1, 2, 2, 3, 3, 4)
"""How many blocks each stage has in the stored weights."""
_TAPS = {2: 40, 4: 112, 5: 192}
"""The stages that the neck reads, at strides 8, 16 and 32, and their channels."""


def _conv(
    inside: int, outside: int, kernel: int = 1, stride: int = 1, groups: int = 1
) -> nn.Conv2d:
    return nn.Conv2d(inside, outside, kernel, stride, kernel // 2, groups=groups)


class Block(nn.Module):
    """An inverted bottleneck, its batch norms folded away."""

    def __init__(self, inside: int, stage: Stage, stride: int) -> None:
        super().__init__()
        hidden = inside * stage.expand
        self.expand = _conv(inside, hidden) if stage.expand > 1 else None
        self.depthwise = _conv(hidden, hidden, stage.kernel, stride, hidden)
        self.project = _conv(hidden, stage.channels)
        self.residual = stride == 1 and inside == stage.channels

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to (N, C', H/stride, W/stride)."""
        hidden = x if self.expand is None else functional.relu6(self.expand(x))
        out = self.project(functional.relu6(self.depthwise(hidden)))
        mapped: Tensor = x + out if self.residual else out
        return mapped


class Backbone(nn.Module):
    """EfficientNet-Lite0 up to stride 32."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = _conv(3, 32, 3, 2)
        self.stages = nn.ModuleList()
        inside = 32
        for stage in STAGES:
            blocks = []
            for index in range(stage.blocks):
                blocks.append(Block(inside, stage, stage.stride if index == 0 else 1))
                inside = stage.channels
            self.stages.append(nn.Sequential(*blocks))

    def forward(self, rgb: Tensor) -> list[Tensor]:
        """(N, 3, H, W) RGB 0–255 to the maps of strides 8, 16 and 32."""
        x = functional.relu6(self.stem((rgb - _MEAN) / _DEVIATION))
        taken = []
        for index, stage in enumerate(self.stages):
            x = stage(x)
            if index in _TAPS:
                taken.append(x)
        return taken

    def early(self) -> list[nn.Module]:
        """The layers that see only edges and colours: training may leave them as they are."""
        return [self.stem, self.stages[0], self.stages[1]]


class Separable(nn.Module):
    """Depthwise 5×5, pointwise 1×1, batch norm, ReLU."""

    def __init__(self, inside: int, outside: int, stride: int = 1) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(inside, inside, 5, stride, 2, groups=inside, bias=False)
        self.pointwise = nn.Conv2d(inside, outside, 1, bias=False)
        self.norm = nn.BatchNorm2d(outside, momentum=0.03)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to (N, C', H/stride, W/stride)."""
        return functional.relu(self.norm(self.pointwise(self.depthwise(x))))


class Neck(nn.Module):
    """A path aggregation network: context flows down to stride 8, detail back up to 32."""

    def __init__(self) -> None:
        super().__init__()
        self.lateral = nn.ModuleList(_conv(channels, WIDTH) for channels in _TAPS.values())
        self.down = nn.ModuleList(Separable(WIDTH, WIDTH) for _ in range(2))
        self.shrink = nn.ModuleList(Separable(WIDTH, WIDTH, stride=2) for _ in range(2))
        self.up = nn.ModuleList(Separable(WIDTH, WIDTH) for _ in range(2))

    def forward(self, maps: list[Tensor]) -> list[Tensor]:
        """Three maps to three maps of WIDTH channels and the same sizes."""
        fine, middle, coarse = (
            lateral(level) for lateral, level in zip(self.lateral, maps, strict=True)
        )
        middle = self.down[0](middle + functional.interpolate(coarse, scale_factor=2.0))
        fine = self.down[1](fine + functional.interpolate(middle, scale_factor=2.0))
        middle = self.up[0](middle + self.shrink[0](fine))
        coarse = self.up[1](coarse + self.shrink[1](middle))
        return [fine, middle, coarse]


class Head(nn.Module):
    """One level's head: what is where, and how large, on branches of their own."""

    def __init__(self) -> None:
        super().__init__()
        self.what = nn.Sequential(Separable(WIDTH, WIDTH), Separable(WIDTH, WIDTH))
        self.where = nn.Sequential(Separable(WIDTH, WIDTH), Separable(WIDTH, WIDTH))
        self.classes = _conv(WIDTH, len(LABELS))
        self.box = _conv(WIDTH, 5)
        # At the start nothing is anywhere: a cell in a hundred holds an object.
        assert self.box.bias is not None
        assert self.classes.bias is not None
        nn.init.constant_(self.box.bias[4:], -4.6)
        nn.init.constant_(self.classes.bias, -2.0)

    def forward(self, x: Tensor) -> Tensor:
        """(N, WIDTH, H, W) to (N, H·W, 5 + classes), all of it before the sigmoid."""
        rows = torch.cat([self.box(self.where(x)), self.classes(self.what(x))], dim=1)
        return rows.flatten(2).transpose(1, 2)


class Starter(nn.Module):
    """The whole detector."""

    def __init__(self) -> None:
        super().__init__()
        self.backbone = Backbone()
        self.neck = Neck()
        self.heads = nn.ModuleList(Head() for _ in STRIDES)

    def forward(self, rgb: Tensor) -> Tensor:
        """(N, 3, H, W) RGB 0–255 to (N, cells, 5 + classes).

        A row holds (cx, cy) from the cell's corner and log (w, h), all in strides, then the
        logits of objectness and of each class; the cells are those of stride 8, 16 and 32.
        """
        levels = self.neck(self.backbone(rgb))
        rows = [head(level) for head, level in zip(self.heads, levels, strict=True)]
        return torch.cat(rows, dim=1)


def load_backbone(backbone: Backbone, path: Path) -> None:
    """Read the ImageNet weights (efficientnet-lite0-*.pth) into the backbone."""
    state = torch.load(path, map_location="cpu", weights_only=True)
    _fold(state, backbone.stem, "_conv_stem", "_bn0")
    first = 0
    for stage, stored in zip(backbone.stages, _LITE0_BLOCKS, strict=True):
        for number, block in enumerate(stage.children(), first):
            assert isinstance(block, Block)
            name = f"_blocks.{number}."
            if block.expand is not None:
                _fold(state, block.expand, f"{name}_expand_conv", f"{name}_bn0")
            _fold(state, block.depthwise, f"{name}_depthwise_conv", f"{name}_bn1")
            _fold(state, block.project, f"{name}_project_conv", f"{name}_bn2")
        first += stored


def _fold(state: Mapping[str, Tensor], conv: nn.Conv2d, weights: str, norm: str) -> None:
    """Set a convolution to a stored one followed by its batch norm."""
    gain = state[f"{norm}.weight"] / torch.sqrt(state[f"{norm}.running_var"] + _BN_EPS)
    assert conv.bias is not None
    with torch.no_grad():
        conv.weight.copy_(state[f"{weights}.weight"] * gain[:, None, None, None])
        conv.bias.copy_(state[f"{norm}.bias"] - state[f"{norm}.running_mean"] * gain)
