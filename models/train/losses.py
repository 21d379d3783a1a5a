"""What the training minimises: YOLOX's losses with SimOTA's assignment, and the teacher's opinion.

SimOTA: Ge et al., "YOLOX: Exceeding YOLO Series in 2021", arXiv 2107.08430.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from models.train.data import Batch
from models.train.network import STRIDES
from models.train.samples import IGNORE

CENTRE = 2.0
"""A cell may take an object whose centre is within so many strides."""
MOST_CELLS = 10
BOX_WEIGHT = 5.0
TEACHER_WEIGHT = 1.0


@dataclass(frozen=True, slots=True)
class Grid:
    """The cells of all levels."""

    corner: Tensor
    """(cells, 2), in cells."""
    stride: Tensor
    """(cells, 1), pixels."""

    @classmethod
    def of(cls, size_wh: tuple[int, int], device: torch.device) -> "Grid":
        """The grid of an input size."""
        corners, strides = [], []
        for stride in STRIDES:
            y, x = torch.meshgrid(
                torch.arange(size_wh[1] // stride),
                torch.arange(size_wh[0] // stride),
                indexing="ij",
            )
            corners.append(torch.stack([x.flatten(), y.flatten()], dim=1))
            strides.append(torch.full((x.numel(), 1), stride))
        return cls(torch.cat(corners).float().to(device), torch.cat(strides).float().to(device))

    @property
    def centre(self) -> Tensor:
        """(cells, 2), pixels."""
        return (self.corner + 0.5) * self.stride

    def boxes(self, rows: Tensor) -> Tensor:
        """(…, cells, 4+) offsets and log sizes to (…, cells, 4) corners in pixels."""
        centre = (rows[..., :2] + self.corner) * self.stride
        half = rows[..., 2:4].clamp(max=6).exp() * self.stride / 2
        return torch.cat([centre - half, centre + half], dim=-1)


@dataclass(frozen=True, slots=True)
class Losses:
    """The parts of the loss, each for the average object."""

    box: Tensor
    objectness: Tensor
    label: Tensor
    teacher: Tensor

    def __str__(self) -> str:
        parts = (self.box, self.objectness, self.label, self.teacher)
        names = ("box", "objectness", "label", "teacher")
        return ", ".join(f"{n} {float(p.detach()):.3f}" for n, p in zip(names, parts, strict=True))

    @property
    def total(self) -> Tensor:
        return BOX_WEIGHT * self.box + self.objectness + self.label + TEACHER_WEIGHT * self.teacher


def loss_of(rows: Tensor, batch: Batch, grid: Grid) -> Losses:
    """The losses of the network's output (B, cells, 5 + classes) for a batch."""
    boxes = grid.boxes(rows)
    quality = torch.zeros_like(rows[..., 4])
    counted = torch.ones_like(quality)
    box_loss, label_loss = rows.sum() * 0, rows.sum() * 0
    objects = 0
    for i, (truth, label) in enumerate(zip(batch.boxes, batch.labels, strict=True)):
        ignored = label == IGNORE
        counted[i][inside(grid.centre, truth[ignored]).any(dim=1)] = 0
        truth, label = truth[~ignored], label[~ignored]
        cells, objs = assign(rows[i].detach(), boxes[i].detach(), truth, label, grid)
        if len(cells) == 0:
            continue
        overlap, generous = ious(boxes[i][cells], truth[objs])
        soft = overlap.detach().clamp(min=0)
        wanted = functional.one_hot(label[objs], rows.shape[-1] - 5) * soft[:, None]
        label_loss = label_loss + bce(rows[i, cells, 5:], wanted).sum()
        box_loss = box_loss + (1 - generous).sum()
        quality[i, cells], counted[i, cells] = 1.0, 1.0
        objects += len(cells)
    each = bce(rows[..., 4], quality) * counted
    told = batch.taught
    teacher = teacher_loss(rows[told], boxes[told], batch.opinion[told], grid)
    count = max(objects, 1)
    return Losses(box_loss / count, each.sum() / count, label_loss / count, teacher)


def teacher_loss(rows: Tensor, boxes: Tensor, opinion: Tensor, grid: Grid) -> Tensor:
    """How far the output (B, cells, 5 + classes) is from the teacher's."""
    if len(rows) == 0:
        return rows.sum()
    sure = opinion[..., 4]
    score = sure * opinion[..., 5:].amax(dim=-1)
    seen = score > 0.25
    weight = score[seen]
    _, generous = ious(boxes[seen], grid.boxes(opinion)[seen])
    where = ((1 - generous) * weight).sum()
    what = (bce(rows[..., 5:], opinion[..., 5:]).sum(dim=-1) * sure).sum()
    whether = bce(rows[..., 4], sure).sum()
    return (BOX_WEIGHT * where + what + whether) / sure.sum().clamp(min=1)


def bce(logits: Tensor, wanted: Tensor) -> Tensor:
    """Binary cross-entropy, element by element."""
    return functional.binary_cross_entropy_with_logits(
        logits, wanted.to(logits.dtype), reduction="none"
    )


def inside(points: Tensor, boxes: Tensor) -> Tensor:
    """(P, N): which points (P, 2) lie in which boxes (N, 4)."""
    low = points[:, None] > boxes[None, :, :2]
    high = points[:, None] < boxes[None, :, 2:]
    return (low & high).all(dim=-1)


def ious(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """IoU and generalised IoU of boxes (…, 4), broadcast."""
    low, high = torch.maximum(a[..., :2], b[..., :2]), torch.minimum(a[..., 2:], b[..., 2:])
    common = (high - low).clamp(min=0).prod(dim=-1)
    area_a = (a[..., 2:] - a[..., :2]).prod(dim=-1)
    area_b = (b[..., 2:] - b[..., :2]).prod(dim=-1)
    union = (area_a + area_b - common).clamp(min=1e-6)
    hull_low, hull_high = (
        torch.minimum(a[..., :2], b[..., :2]),
        torch.maximum(a[..., 2:], b[..., 2:]),
    )
    hull = (hull_high - hull_low).prod(dim=-1).clamp(min=1e-6)
    iou = common / union
    return iou, iou - (hull - union) / hull


@torch.no_grad()
def assign(
    rows: Tensor, boxes: Tensor, truth: Tensor, label: Tensor, grid: Grid
) -> tuple[Tensor, Tensor]:
    """SimOTA: which cells answer for which object, as two index tensors of one length.

    Each object takes as many cells as its best boxes overlap it in sum, the cheapest ones;
    a cell that two objects want goes to the cheaper.
    """
    if len(truth) == 0:
        none = torch.zeros(0, dtype=torch.long, device=rows.device)
        return none, none
    middle = (truth[:, :2] + truth[:, 2:]) / 2
    away = (grid.centre[:, None] - middle[None]).abs().amax(dim=-1)
    near = away < CENTRE * grid.stride
    within = inside(grid.centre, truth)
    cells = (near | within).any(dim=1).nonzero().flatten()
    both = (near & within)[cells]
    overlap, _ = ious(boxes[cells][:, None], truth[None])
    score = (rows[cells, 4:5].sigmoid() * rows[cells, 5:].sigmoid()).sqrt()
    wanted = functional.one_hot(label, rows.shape[-1] - 5).float()
    label_cost = functional.binary_cross_entropy(
        score[:, None].expand(-1, len(truth), -1),
        wanted[None].expand(len(cells), -1, -1),
        reduction="none",
    ).sum(dim=-1)
    cost = label_cost - 3 * (overlap + 1e-8).log() + 1e4 * ~both
    best = overlap.topk(min(MOST_CELLS, len(cells)), dim=0).values
    count = best.sum(dim=0).int().clamp(min=1)
    taken = torch.zeros_like(cost, dtype=torch.bool)
    for obj in range(len(truth)):
        cheapest = cost[:, obj].topk(min(int(count[obj]), len(cells)), largest=False).indices
        taken[cheapest, obj] = True
    contested = taken.sum(dim=1) > 1
    if contested.any():
        winner = cost[contested].masked_fill(~taken[contested], float("inf")).argmin(dim=1)
        taken[contested] = functional.one_hot(winner, len(truth)).bool()
    chosen, objs = taken.nonzero(as_tuple=True)
    return cells[chosen], objs
