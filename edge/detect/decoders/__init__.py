"""One file for each family of detectors: its raw outputs to boxes in input pixels.

Every decoder is a pure function ``(outputs, size_wh, score) -> Detections`` and a function
``(size_wh, classes) -> layouts`` that says which outputs it reads.
"""

from edge.detect.decoders import end2end, fastestdet, rtdetr, ssd, ultralytics, yolov5, yolox
from edge.detect.decoders.layout import Decoder

DECODERS: dict[str, Decoder] = {
    "yolox": yolox.DECODER,
    "yolov5": yolov5.DECODER,
    "fastestdet": fastestdet.DECODER,
    "ultralytics": ultralytics.DECODER,
    "ultralytics-end2end": end2end.DECODER,
    "ssd": ssd.DECODER,
    "rtdetr": rtdetr.DECODER,
}
"""By the name that a catalog entry gives."""

__all__ = ["DECODERS", "Decoder"]
