"""Write a checkpoint as the ONNX file that Linli's YOLOX decoder reads.

python -m models.train.export --checkpoint FILE --teacher FILE --out models/weights/starter.onnx
"""

import hashlib
import warnings
from pathlib import Path

import click
import onnx
import onnxruntime
import torch
from torch import Tensor, nn

from models.train.augment import SIZE_WH
from models.train.network import Starter, inherit
from models.train.train import load_checkpoint

OPSET = 17


class Scored(nn.Module):
    """The starter with objectness and classes through the sigmoid.

    ``bias`` is added to the objectness: it moves the score at which precision and recall meet
    to the threshold that the product ships with.
    """

    def __init__(self, model: Starter, bias: float) -> None:
        super().__init__()
        self._model = model
        self._bias = bias

    def forward(self, images: Tensor) -> Tensor:
        """(1, 3, H, W) BGR 0–255 to (1, cells, 5 + classes)."""
        rows = self._model(images)
        whether = torch.sigmoid(rows[..., 4:5] + self._bias)
        return torch.cat([rows[..., :4], whether, torch.sigmoid(rows[..., 5:])], dim=-1)


def write_onnx(model: Starter, path: Path, bias: float = 0.0) -> None:
    """Write the model and check that onnxruntime computes what torch does."""
    scored = Scored(model, bias).eval()
    wide, high = SIZE_WH
    picture = torch.rand(1, 3, high, wide, generator=torch.Generator().manual_seed(1)) * 255
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter without dynamo is called old, and is leaner
        torch.onnx.export(
            scored, (picture,), str(path), dynamo=False, opset_version=OPSET,
            input_names=["images"], output_names=["output"],
        )  # fmt: skip
    onnx.checker.check_model(onnx.load(str(path)), full_check=True)
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    found = torch.from_numpy(session.run(None, {"images": picture.numpy()})[0])
    with torch.no_grad():
        torch.testing.assert_close(found, scored(picture), atol=2e-3, rtol=2e-3)


@torch.no_grad()
def remember(model: Starter, teacher: Path, share: float) -> None:
    """Move the weights by a share of the way back to those that they started from.

    What the fine-tuning forgot of other pictures comes back sooner than what it learned is lost:
    Wortsman et al., "Robust fine-tuning of zero-shot models", arXiv 2109.01903.
    """
    origin = Starter()
    inherit(origin, teacher)
    for weight, first in zip(model.parameters(), origin.parameters(), strict=True):
        weight.lerp_(first, share)


@click.command(help=(__doc__ or "").split("\n")[0])
@click.option("--checkpoint", type=click.Path(path_type=Path, exists=True), required=True)
@click.option("--out", type=click.Path(path_type=Path), required=True)
@click.option("--teacher", type=click.Path(path_type=Path, exists=True), required=True,
              help="yolox_nano.onnx")  # fmt: skip
@click.option("--keep", default=0.3, show_default=True, type=click.FloatRange(0, 1),
              help="The teacher's share in the mean of its weights and these.")  # fmt: skip
@click.option("--bias", default=0.0, show_default=True, help="Added to the objectness' logit.")
def export(checkpoint: Path, out: Path, teacher: Path, keep: float, bias: float) -> None:
    """Write the ONNX file and print what the catalog needs to know of it."""
    model = Starter()
    load_checkpoint(checkpoint, model)
    remember(model, teacher, keep)
    write_onnx(model, out, bias)
    content = out.read_bytes()
    print(f"sha256: {hashlib.sha256(content).hexdigest()}\nsize_bytes: {len(content)}")


if __name__ == "__main__":
    export()
