"""One detector for all cameras of a device."""

import time
from collections.abc import Sequence
from typing import Protocol

from edge.detections import Detections
from edge.frames import Image
from edge.turns import Turns


class AnyDetector(Protocol):
    """What the camera needs of a detector."""

    @property
    def labels(self) -> Sequence[str]: ...

    def detect(self, image: Image) -> Detections: ...


class SharedDetector:
    """A detector that several cameras take turns at, each as often as the others."""

    def __init__(self, detector: AnyDetector) -> None:
        self._detector = detector
        self._turns = Turns()
        self.labels = tuple(detector.labels)

    def replace(self, detector: AnyDetector) -> None:
        """From the next picture on, use another; cameras must be opened anew for its labels."""
        with self._turns:
            self._detector = detector
            self.labels = tuple(detector.labels)

    def detect(self, image: Image) -> tuple[Detections, float]:
        """What is in the picture, and how long that took in seconds, queueing left out."""
        with self._turns:
            begun = time.perf_counter()
            found = self._detector.detect(image)
            return found, time.perf_counter() - begun
