"""Train the starter on a cache that prepare wrote.

    python -m models.train.train --cache DIR --teacher FILE --out DIR

It starts from the teacher's own weights, or with ``--resume`` from a checkpoint's; checkpoints go
to OUT/last.pt.
"""

import copy
import math
import time
from pathlib import Path

import click
import torch
from rich.progress import track
from torch import nn
from torch.utils.data import DataLoader

from models.train.augment import SIZE_WH
from models.train.data import View, Views, collate, one_thread
from models.train.losses import Grid, loss_of
from models.train.network import Starter, inherit

REPORT_EVERY = 25
SAVE_EVERY = 100
WARM_UP = 60
"""Steps."""
CLIP = 10.0


class Average:
    """A slowly following copy of the weights (EMA): steadier than the weights themselves."""

    def __init__(self, model: nn.Module, decay: float = 0.998) -> None:
        self.model = copy.deepcopy(model).eval()
        self._decay = decay
        self._steps = 0

    @torch.no_grad()
    def follow(self, model: nn.Module) -> None:
        """One step towards the model."""
        self._steps += 1
        decay = self._decay * (1 - math.exp(-self._steps / 100))
        fresh = model.state_dict()
        for name, value in self.model.state_dict().items():
            if value.dtype.is_floating_point:
                value.lerp_(fresh[name].detach(), 1 - decay)
            else:
                value.copy_(fresh[name])


def optimizer_of(model: Starter, rate: float) -> torch.optim.Optimizer:
    """AdamW; the backbone, which sees more than the street has, learns at a quarter of the rate."""
    backbone = [each for each in model.backbone.parameters() if each.requires_grad]
    others = [*model.neck.parameters(), *model.heads.parameters()]
    groups = [{"params": backbone, "lr": rate / 4}, {"params": others, "lr": rate}]
    # No decay: what was inherited is to be kept.
    return torch.optim.AdamW(groups, weight_decay=0.0)


def share_at(step: int, done: float) -> float:
    """The share of the learning rate: a linear start, then a cosine to a fiftieth."""
    cosine = 0.02 + 0.98 * (1 + math.cos(math.pi * min(done, 1.0))) / 2
    return cosine * min(1.0, step / WARM_UP)


def save_checkpoint(path: Path, average: Average, step: int) -> None:
    """Write the averaged weights; the file is whole or the old one stays."""
    fresh = path.with_suffix(".new")
    torch.save({"model": average.model.state_dict(), "step": step}, fresh)
    fresh.replace(path)


def load_checkpoint(path: Path, model: nn.Module) -> None:
    """Read weights that ``save_checkpoint`` wrote."""
    model.load_state_dict(torch.load(path, map_location="cpu", weights_only=True)["model"])


def start(teacher: Path, resume: Path | None) -> Starter:
    """A model with the weights of a checkpoint, or of the teacher."""
    model = Starter()
    if resume is not None:
        load_checkpoint(resume, model)
    else:
        inherit(model, teacher)
    return model


def run(
    model: Starter,
    loader: DataLoader[View],
    *,
    rate: float,
    minutes: float,
    device: str,
    out: Path,
) -> None:
    """Train until the loader ends, or the minutes are over: the rate is low by then."""
    nhwc = torch.channels_last
    model = model.to(device).to(memory_format=nhwc).train()  # type: ignore[call-overload]
    average = Average(model)
    optimizer = optimizer_of(model, rate)
    steps = len(loader)
    rates = [group["lr"] for group in optimizer.param_groups]
    begin = time.monotonic()
    grid = Grid.of(SIZE_WH, torch.device(device))
    for step, batch in enumerate(track(loader, "training"), 1):
        done = max(step / steps, (time.monotonic() - begin) / (60 * minutes))
        for group, full in zip(optimizer.param_groups, rates, strict=True):
            group["lr"] = full * share_at(step, done)
        bgr = batch.bgr.to(device).float().contiguous(memory_format=nhwc)
        losses = loss_of(model(bgr), batch.to(device), grid)
        optimizer.zero_grad(set_to_none=True)
        losses.total.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(model.parameters(), CLIP)
        optimizer.step()
        average.follow(model)
        if step % REPORT_EVERY == 0:
            print(f"step {step}/{steps}: {losses}", flush=True)
        if step % SAVE_EVERY == 0 or done >= 1:
            save_checkpoint(out / "last.pt", average, step)
        if done >= 1:
            break


@click.command(help=(__doc__ or "").split("\n")[0])
@click.option("--cache", type=click.Path(path_type=Path, exists=True), required=True)
@click.option("--teacher", type=click.Path(path_type=Path, exists=True), required=True,
              help="yolox_nano.onnx: where the weights start, and what is asked.")  # fmt: skip
@click.option("--out", type=click.Path(path_type=Path), required=True, help="For checkpoints.")
@click.option("--resume", type=click.Path(path_type=Path, exists=True),
              help="Start from a checkpoint's weights.")  # fmt: skip
@click.option("--steps", default=900, show_default=True)
@click.option("--minutes", default=math.inf, show_default=True, help="End earlier than STEPS.")
@click.option("--batch", default=8, show_default=True)
@click.option("--rate", default=3e-4, show_default=True, help="The neck's and head's; see README.")
@click.option("--mix", default=(0.35, 0.15, 0.50), show_default=True, type=(float, float, float),
              help="Shares of coco, footage and street.")  # fmt: skip
@click.option("--freeze/--no-freeze", default=True, show_default=True,
              help="Leave the backbone's early layers as they are: faster on a CPU.")  # fmt: skip
@click.option("--device", default="cpu", show_default=True)
@click.option("--threads", default=1, show_default=True)
@click.option("--workers", default=1, show_default=True, help="Processes that make views.")
@click.option("--seed", default=1, show_default=True)
def train(
    *, cache: Path, teacher: Path, out: Path, resume: Path | None,
    steps: int, minutes: float, batch: int, rate: float, mix: tuple[float, float, float],
    freeze: bool, device: str, threads: int, workers: int, seed: int,
) -> None:  # fmt: skip
    """Train, and write OUT/last.pt."""
    torch.manual_seed(seed)
    torch.set_num_threads(threads)
    out.mkdir(parents=True, exist_ok=True)
    views = Views(cache, teacher, seed=seed, length=steps * batch, mix=mix)
    loader = DataLoader(
        views, batch, num_workers=workers, collate_fn=collate, worker_init_fn=one_thread
    )
    model = start(teacher, resume)
    for layer in model.backbone.first():
        layer.requires_grad_(not freeze)
    run(model, loader, rate=rate, minutes=minutes, device=device, out=out)


if __name__ == "__main__":
    train()
