"""Measures how fast models run on this device, and how many cameras that carries."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import psutil

from configs.agent import LINED_FPS, USUAL_FPS, Model, StreetSettings
from edge.detect import Detector
from edge.frames import Image
from edge.street import Street
from models.catalog import ModelFile

USABLE = 0.7
"""The share of the time that detection may take: the rest decodes video, tracks and sends."""
LEAST_RUNS = 5
QUIET = 0.1
"""Other programs may use so much of the processors before the figures are doubted."""


@dataclass(frozen=True, slots=True)
class Speed:
    """One model on one provider with so many threads."""

    model: str
    provider: str
    threads: int
    runs: int
    ms_median: float
    ms_p95: float

    @property
    def fps(self) -> float:
        """Pictures a second that can be kept up, over all cameras."""
        return USABLE * 1000 / self.ms_p95

    @property
    def cameras(self) -> int:
        """How many cameras without lines."""
        return int(self.fps / USUAL_FPS)

    @property
    def lined(self) -> int:
        """How many cameras with lines, which take more pictures."""
        return int(self.fps / LINED_FPS)


class Others:
    """How much other programs use the processors meanwhile."""

    def __init__(self) -> None:
        self._begun = self._now()

    def share(self) -> float:
        """Of all processors, since this was made; 0 to 1."""
        total, busy = (now - then for now, then in zip(self._now(), self._begun, strict=True))
        return min(1.0, max(0.0, busy / total)) if total > 0 else 0.0

    @staticmethod
    def _now() -> tuple[float, float]:
        """CPU seconds of all processors: all, and those that others used."""
        times = psutil.cpu_times()
        total = sum(times) - getattr(times, "guest", 0.0) - getattr(times, "guest_nice", 0.0)
        idle = times.idle + getattr(times, "iowait", 0.0)
        return total, total - idle - time.process_time()


def street_picture() -> Image:
    """A moment of the simulated street, 640 × 480: boxes are found, so decoding counts."""
    return Street(StreetSettings(seed=3, people=5)).frame(15_000)


def measure(
    model: ModelFile,
    image: Image,
    *,
    threads: int,
    provider: str = "",
    seconds: float = 3.0,
    clock: Callable[[], float] = time.perf_counter,
) -> Speed:
    """Detect in one picture for so many seconds; raises ModelError."""
    detector = Detector(model, Model(threads=threads, provider=provider, labels=model.labels))
    for _ in range(2):  # memory is set apart and caches fill
        detector.detect(image)
    times_ms: list[float] = []
    end = clock() + seconds
    while clock() < end or len(times_ms) < LEAST_RUNS:
        begin = clock()
        detector.detect(image)
        times_ms.append((clock() - begin) * 1000)
    return Speed(
        model.entry.name,
        detector.provider,
        threads,
        len(times_ms),
        float(np.median(times_ms)),
        float(np.percentile(times_ms, 95)),
    )


def best(speeds: Sequence[Speed]) -> Speed:
    """The fastest; of those that differ by less than a tenth the one with the fewest threads."""
    fastest = max(each.fps for each in speeds)
    return min(
        (each for each in speeds if each.fps >= 0.9 * fastest),
        key=lambda each: (each.threads, -each.fps),
    )


def recommendation(speed: Speed) -> str:
    """What to write into edge.yaml, in words."""
    head = f"{speed.model} with {_counted(speed.threads, 'thread')}"
    if speed.cameras >= 1:
        return (
            f"{head}: up to {_counted(speed.cameras, 'camera')} at {USUAL_FPS:g} pictures a "
            f"second ({speed.lined} with lines, at {LINED_FPS:g}), or one at {int(speed.fps)}"
        )
    if speed.fps >= 1:
        return (
            f"{head}: one camera at {_counted(int(speed.fps), 'picture')} a second (cameras[].fps)"
        )
    return f"{head}: too slow here even for one picture a second; take a smaller model"


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
