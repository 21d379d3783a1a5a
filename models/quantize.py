"""Makes a model's weights 8 bits wide: smaller, seldom faster on a CPU, and worse: measure it."""

import logging
from pathlib import Path

from models.catalog import ModelError


class QuantizeFailed(ModelError):
    """A model that onnxruntime cannot quantise."""


def quantize(path: Path, out: Path) -> None:
    """Write a dynamically quantised copy (weights uint8, activations at run time).

    Weights are uint8 because onnxruntime's convolutions on a CPU take no signed ones. The first
    convolution and depthwise ones stay as they are: they hold few of the weights and lose most by
    it (the first alone costs YOLOX-Nano half of its average precision). Raises QuantizeFailed,
    and ModuleNotFoundError without the library onnx.
    """
    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic

    partial = out.with_name(f".{out.name}.part")
    try:
        convolutions = [node for node in onnx.load(path).graph.node if node.op_type == "Conv"]
        spared = [
            node.name
            for number, node in enumerate(convolutions)
            if number == 0 or any(each.name == "group" and each.i > 1 for each in node.attribute)
        ]
        logging.disable(logging.WARNING)  # advice for those who export, told to every user
        quantize_dynamic(path, partial, weight_type=QuantType.QUInt8, nodes_to_exclude=spared)
        partial.replace(out)
    except Exception as error:  # its errors share no public base
        partial.unlink(missing_ok=True)
        raise QuantizeFailed(f"{path} cannot be quantised: {error}") from error
    finally:
        logging.disable(logging.NOTSET)
