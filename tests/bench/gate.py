"""What the motion gate spares, and what it costs: on real footage, and on a scene that is still."""

import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from configs.agent import EdgeFile, Model, MotionGate
from edge.cli import make_detector
from edge.frames import Frame, Image
from edge.gate import Gate
from edge.shared_detector import AnyDetector
from edge.sources.file import FileSource
from tests.bench.progress import Steps
from tests.bench.table import Figure
from tests.edge.gated import Tally, areas, tally
from tests.edge.weather import noisy, scene

BAR_LOST: Final = 0.01
BAR_CPU: Final = 0.10
STILL_S: Final = 40
SETTLED_MS: Final = 5_000
FPS: Final = 5


def measure(*, video: Path, model: str, steps: Steps) -> Iterator[Figure]:
    """Recall lost on nine parts of the video, and the CPU of a still scene made of it."""
    cv2.setNumThreads(1)  # as the agent does
    detector, _ = make_detector(EdgeFile(site="s", node="n", model=Model(name=model)))
    steps.next("gate: recall")
    frames = list(_read(video))
    found = [detector.detect(frame.image) for frame in frames]
    total = Tally()
    for area in areas((frames[0].image.shape[1], frames[0].image.shape[0])):
        total += tally(frames, found, area)
    yield Figure("gate", "sightings in nine parts of the footage", total.seen, "")
    yield Figure("gate", "pictures spared there", total.gated / total.pictures, "")
    yield Figure("gate", "sightings lost", total.lost / total.seen, "", BAR_LOST, "lower")
    steps.next("gate: a still scene")
    still = scene([frame.image for frame in frames[:: max(1, len(frames) // 20)]])
    spent = _cpu_s(still, detector, MotionGate()) / _cpu_s(
        still, detector, MotionGate(enabled=False)
    )
    yield Figure("gate", "CPU of a still scene over always inferring", spent, "", BAR_CPU, "lower")


def _read(video: Path) -> Sequence[Frame]:
    with FileSource(video, lambda: 0, fps=60, fast=True) as source:
        every = max(1, round(source.native_fps / FPS))
        return [frame for frame in source if frame.index % every == 0]


def _cpu_s(still: Image, detector: AnyDetector, settings: MotionGate) -> float:
    """CPU seconds of gate and detector on a still scene with a sensor's noise, once known."""
    random = np.random.default_rng(1)
    gate, spent = Gate(settings), 0.0
    for number in range(STILL_S * FPS):
        image, ts = noisy(still, random), number * 1000 // FPS
        begun = time.process_time()
        if gate.opens(image, ts):
            detector.detect(image)
            gate.looked(ts, settled=True)
        if ts >= SETTLED_MS:
            spent += time.process_time() - begun
    return spent
