"""Decoding and detecting alone, as a process: ``python -m tests.bench.alone VIDEO MODEL``.

What the agent does to a picture before it knows what is in it, and nothing else; with the
agent's own settings, so that the two can be compared.
"""

import sys
import time

import cv2
from msgspec import Struct

from configs.agent import EdgeFile, Model
from edge.cli import make_detector
from edge.sources.capture import grab, open_capture
from tests.bench.orders import say

WARM_UP = 30
"""Pictures before the clock starts."""


class Pace(Struct):
    """How fast it was."""

    frames_per_s: float


def main() -> None:
    """Go through the video once."""
    video, model = sys.argv[1:3]
    cv2.setNumThreads(1)  # as the agent does
    detector, _ = make_detector(EdgeFile(site="s", node="n", model=Model(name=model)))
    capture = open_capture(video)
    frames = 0
    begun = 0.0
    while (image := grab(capture)) is not None:
        if frames == WARM_UP:
            begun = time.perf_counter()
        detector.detect(image)
        frames += 1
    say(Pace((frames - WARM_UP) / (time.perf_counter() - begun)))


if __name__ == "__main__":
    main()
