"""One detector: an ONNX model, run by onnxruntime, decoded into picture pixels."""

import logging
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from configs.agent import Model
from edge.detect.decoders import DECODERS, Decoder
from edge.detect.decoders.layout import Found, bind, described, same_shape
from edge.detect.preprocess import Preprocessor, input_shape, to_picture
from edge.detect.session import ModelUnfit, open_session
from edge.detections import Detections
from edge.frames import Image
from models.catalog import ModelFile

log = logging.getLogger(__name__)

TYPES = {"float32": "tensor(float)", "uint8": "tensor(uint8)"}
"""onnxruntime's words for what an entry calls a type."""


class Detector:
    """Finds the wanted labels in pictures. One thread at a time may use it.

    Raises ModelUnfit where the model's inputs or outputs are not its decoder's.
    """

    def __init__(self, model: ModelFile, settings: Model) -> None:
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
        self._session = open_session(
            model.path, threads=settings.threads, provider=settings.provider
        )
        self.provider: str = self._session.get_providers()[0]
        """The execution provider in use."""
        self._input, self._extra = _inputs(self._session, model, self._decoder)
        self._preprocess = Preprocessor(entry)
        self._outputs = self._bound()

    def detect(self, image: Image) -> Detections:
        """What is in a picture (H, W, 3), in its pixels; only wanted labels, strongest first."""
        blob, placed_wh = self._preprocess(image)
        outputs = self._session.run(self._outputs, {self._input: blob, **self._extra})
        return self._read(outputs, (image.shape[1], image.shape[0]), placed_wh)

    def _read(
        self,
        outputs: list[npt.NDArray[Any]],
        picture_wh: tuple[int, int],
        placed_wh: tuple[int, int],
    ) -> Detections:
        entry = self.model.entry
        found = self._decoder.decode(outputs, entry.size_wh, self._settings.score)
        label = found.label - entry.first_class
        # A number that the class list does not name, such as TensorFlow's gaps, is not wanted.
        named = (label >= 0) & (label < len(self.labels))
        kept = named & self._wanted[np.where(named, label, 0)]
        found = Detections.of(found.xyxy[kept], found.score[kept], label[kept])
        found = by_score(found) if self._decoder.suppressed else suppress(found, self._settings.iou)
        return Detections(
            to_picture(found.xyxy, picture_wh, placed_wh), found.score, found.label, found.track
        )

    def _bound(self) -> list[str]:
        """The model's outputs in the decoder's order; a trial run settles sizes left open."""
        entry = self.model.entry
        found = [Found(each.name, tuple(each.shape)) for each in self._session.get_outputs()]
        layouts = self._decoder.layouts(entry.size_wh, len(self.labels))
        names = bind(layouts, found)
        if names and not all(isinstance(size, int) for each in found for size in each.shape):
            found = self._tried()
            names = bind(layouts, found)
        if names is None:
            raise ModelUnfit(_unfit_text(self.model, "output", found, described(layouts)))
        return list(names)

    def _tried(self) -> list[Found]:
        """The outputs' shapes as an empty picture gives them."""
        names = [each.name for each in self._session.get_outputs()]
        blob, _ = self._preprocess(np.zeros((64, 64, 3), np.uint8))
        try:
            outputs = self._session.run(names, {self._input: blob, **self._extra})
        except Exception as error:  # onnxruntime's errors share no public base
            raise ModelUnfit(
                f"{self.model.path} does not run on an empty picture of "
                f"{list(blob.shape)}: {error}; check size_wh and layout in the catalog entry"
            ) from error
        return [
            Found(name, tuple(np.shape(output)))
            for name, output in zip(names, outputs, strict=True)
        ]


def by_score(found: Detections) -> Detections:
    """The strongest first."""
    return found[np.argsort(-found.score, kind="stable")]


def suppress(candidates: Detections, iou: float) -> Detections:
    """Of two boxes of one label that overlap more than ``iou``, only the stronger (NMS)."""
    if len(candidates) == 0:
        return candidates
    boxes = candidates.xyxy.copy()
    boxes[:, 2:] -= boxes[:, :2]
    kept = cv2.dnn.NMSBoxesBatched(
        boxes.tolist(), candidates.score.tolist(), candidates.label.tolist(), 0.0, iou
    )
    return by_score(candidates[np.asarray(kept, np.intp).reshape(-1)])


def _wanted(model: ModelFile, labels: tuple[str, ...]) -> npt.NDArray[np.bool_]:
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


def _inputs(
    session: Any, model: ModelFile, decoder: Decoder
) -> tuple[str, dict[str, npt.NDArray[Any]]]:
    """The name of the picture's input, and the values of the others; raises ModelUnfit."""
    entry = model.entry
    found = session.get_inputs()
    extra = {
        each.name: decoder.extra_inputs[each.name](entry.size_wh)
        for each in found
        if each.name in decoder.extra_inputs
    }
    pictures = [each for each in found if each.name not in extra]
    expected = input_shape(entry)
    if len(pictures) != 1 or not same_shape(pictures[0].shape, expected):
        shapes = [Found(each.name, tuple(each.shape)) for each in found]
        raise ModelUnfit(_unfit_text(model, "input", shapes, str(list(expected))))
    if pictures[0].type != TYPES[entry.dtype]:
        raise ModelUnfit(
            f"{model.path} does not fit {entry.name}: input {pictures[0].name} is "
            f"{pictures[0].type}, expected {TYPES[entry.dtype]}; export it again, or set dtype "
            f"in its catalog entry (known: {', '.join(TYPES)})"
        )
    return str(pictures[0].name), extra


def _unfit_text(model: ModelFile, what: str, found: list[Found], expected: str) -> str:
    return (
        f"{model.path} does not fit decoder {model.entry.decoder!r} of {model.entry.name}: "
        f"{what} found {', '.join(str(each) for each in found)}, expected {expected}; choose the "
        f"catalog entry that the file was exported for, or let `linli models add {model.path}` "
        "make one"
    )
