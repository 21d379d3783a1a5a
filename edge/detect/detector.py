"""One detector: an ONNX model, run by onnxruntime, decoded into picture pixels.

Errors::

    models.catalog.ModelError
    └── ModelUnfit   the file loads not at all, or is not what its decoder reads
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import onnxruntime

from configs.agent import Model
from edge.detect.decoders import fastestdet, yolox
from edge.detect.preprocess import Preprocessor, to_picture
from edge.detections import Detections, FloatArray
from edge.frames import Image
from models.catalog import ModelError, ModelFile

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Decoder:
    """How the output of one family of models is read."""

    decode: Callable[[FloatArray, tuple[int, int], float], Detections]
    output_shape: Callable[[tuple[int, int], int], tuple[int, ...]]


DECODERS = {
    "yolox": Decoder(yolox.decode, yolox.output_shape),
    "fastestdet": Decoder(fastestdet.decode, fastestdet.output_shape),
}

PROVIDERS = (
    "CUDAExecutionProvider",
    "ROCMExecutionProvider",
    "CoreMLExecutionProvider",
    "OpenVINOExecutionProvider",
    "DmlExecutionProvider",
    "CPUExecutionProvider",
)
"""The fastest first. TensorRT is left out: it spends minutes building an engine at the start."""


class ModelUnfit(ModelError):
    """A model that cannot be run: broken, of another shape, or not a detector."""


class Detector:
    """Finds the wanted labels in pictures. One thread at a time may use it.

    Raises ModelUnfit where the model's inputs or outputs are not its decoder's.
    """

    def __init__(self, model: ModelFile, settings: Model, *, provider: str | None = None) -> None:
        entry = model.entry
        if entry.decoder not in DECODERS:
            known = ", ".join(sorted(DECODERS))
            raise ModelUnfit(
                f"{entry.name} is no object detector (its decoder is {entry.decoder!r}); "
                f"model.name needs one that is decoded by {known}"
            )
        self.model = model
        self.labels = model.labels
        """Class names: what ``Detections.label`` indexes."""
        self._settings = settings
        self._wanted = _wanted(model, settings.labels)
        self._decoder = DECODERS[entry.decoder]
        self._session = _session(model, settings.threads, provider)
        self.provider: str = self._session.get_providers()[0]
        """The execution provider in use."""
        self._input, self._output = _fitting(self._session, model, self._decoder)
        self._preprocess = Preprocessor(entry)

    def detect(self, image: Image) -> Detections:
        """What is in a picture (H, W, 3), in its pixels; only wanted labels, strongest first."""
        blob, placed_wh = self._preprocess(image)
        output: FloatArray = self._session.run([self._output], {self._input: blob})[0]
        return self._read(output, (image.shape[1], image.shape[0]), placed_wh)

    def _read(
        self, output: FloatArray, picture_wh: tuple[int, int], placed_wh: tuple[int, int]
    ) -> Detections:
        entry = self.model.entry
        candidates = self._decoder.decode(output, entry.size_wh, self._settings.score)
        candidates = candidates[self._wanted[candidates.label]]
        kept = suppress(candidates, self._settings.iou)
        return Detections(
            to_picture(kept.xyxy, picture_wh, placed_wh), kept.score, kept.label, kept.track
        )


def suppress(candidates: Detections, iou: float) -> Detections:
    """Of two boxes of one label that overlap more than ``iou``, only the stronger (NMS)."""
    if len(candidates) == 0:
        return candidates
    boxes = candidates.xyxy.copy()
    boxes[:, 2:] -= boxes[:, :2]
    kept = cv2.dnn.NMSBoxesBatched(
        boxes.tolist(), candidates.score.tolist(), candidates.label.tolist(), 0.0, iou
    )
    order = np.asarray(kept, np.intp).reshape(-1)
    return candidates[order[np.argsort(-candidates.score[order], kind="stable")]]


def _wanted(model: ModelFile, labels: tuple[str, ...]) -> Any:
    """A mask (C,) over the classes."""
    missing = [label for label in labels if label not in model.labels]
    if len(missing) == len(labels):
        raise ModelUnfit(
            f"{model.entry.name} knows none of the wanted labels {', '.join(labels)}; "
            f"it knows {', '.join(model.labels)}"
        )
    if missing:
        log.info("%s does not know %s", model.entry.name, ", ".join(missing))
    return np.array([name in labels for name in model.labels])


def _session(model: ModelFile, threads: int, provider: str | None) -> Any:
    available = onnxruntime.get_available_providers()
    if provider is not None and provider not in available:
        raise ModelUnfit(
            f"execution provider {provider!r} is not available here; "
            f"available: {', '.join(available)}"
        )
    chosen = provider or next(name for name in PROVIDERS if name in available)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # Between pictures its threads shall sleep, not spin: the device has other work.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    providers = list(dict.fromkeys([chosen, "CPUExecutionProvider"]))
    try:
        return onnxruntime.InferenceSession(str(model.path), options, providers=providers)
    except Exception as error:  # onnxruntime's errors share no public base
        raise ModelUnfit(
            f"{model.path} cannot be loaded as an ONNX model ({error}); fetch it again"
        ) from error


def _fitting(session: Any, model: ModelFile, decoder: Decoder) -> tuple[str, str]:
    """The names of the model's input and output, once their shapes are known to fit."""
    entry = model.entry
    wide, high = entry.size_wh
    inputs, outputs = session.get_inputs(), session.get_outputs()
    expected_in = (1, 3, high, wide)
    expected_out = decoder.output_shape(entry.size_wh, len(model.labels))
    if len(inputs) != 1 or not _same(inputs[0].shape, expected_in):
        raise ModelUnfit(_unfit_text(model, "input", inputs, expected_in))
    if len(outputs) != 1 or not _same(outputs[0].shape, expected_out):
        raise ModelUnfit(_unfit_text(model, "output", outputs, expected_out))
    return str(inputs[0].name), str(outputs[0].name)


def _same(found: list[int | str | None], expected: tuple[int, ...]) -> bool:
    """Whether a shape fits; sizes that the model leaves open fit anything."""
    return len(found) == len(expected) and all(
        not isinstance(size, int) or size == wanted
        for size, wanted in zip(found, expected, strict=True)
    )


def _unfit_text(model: ModelFile, what: str, found: list[Any], expected: tuple[int, ...]) -> str:
    shapes = ", ".join(f"{each.name} {list(each.shape)}" for each in found)
    return (
        f"{model.path} does not fit decoder {model.entry.decoder!r} of {model.entry.name}: "
        f"{what} found {shapes}, expected {list(expected)}; choose the catalog entry "
        "that the file was exported for"
    )
