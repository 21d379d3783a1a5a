"""Whether the agent counts right who crosses a line, each way: twenty people, hiding each other.

The simulated street at the rate that a camera with a line has by default, with the boxes that a
perfect detector would give and with those that the model finds in the rendered pictures; beside it
at five pictures a second, as a camera without lines. Nothing was tuned on these scenes.
"""

import statistics
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import cv2

from configs.agent import USUAL_FPS, Camera, EdgeFile, Line, Model, StreetSettings
from edge.cli import make_detector
from edge.detections import Detections
from edge.lines import LineWatch
from edge.shared_detector import AnyDetector
from edge.street import GATE_LINE, Street, truth_crossings
from edge.track import Tracker
from tests.bench.progress import Steps
from tests.bench.table import Figure
from wire.records import Direction

BAR: Final = 0.03
SEEDS: Final = range(101, 109)
PEOPLE: Final = 20
LINE: Final = Line(id="gate", points=GATE_LINE)
DEFAULT: Final = "by default"
FPS: Final = {
    DEFAULT: Camera(id="cam", street=StreetSettings(), lines=(LINE,)).wanted_fps,
    f"with fps: {USUAL_FPS:g}": USUAL_FPS,
}
"""How it is set → pictures a second; the bar is the default's."""
STEPS_MS: Final = {how: round(1000 / fps) for how, fps in FPS.items()}
END_MS: Final = 80_000
BEGIN_MS: Final = 2_000
"""Crossings before it are not asked of an agent that has only begun to look."""
LATE_MS: Final = 300
"""A crossing is told so much after the foot was over the line, as the box must be clear of it."""
SEEN: Final = 0.3
"""Of whom a perfect detector sees less than this it sees nothing."""


@dataclass(frozen=True)
class Scene:
    """One scene's crossings, each way."""

    counted: Counter[Direction]
    truth: Counter[Direction]

    @property
    def error(self) -> float:
        """Both ways' errors added, over all crossings."""
        wrong = sum(abs(self.counted[way] - self.truth[way]) for way in Direction)
        return wrong / self.truth.total()


class _Counter:
    """Tracker and line, as in a camera's scene."""

    def __init__(self, names: Sequence[str], size_wh: tuple[int, int]) -> None:
        self._tracker = Tracker()
        self._watch = LineWatch(LINE, "cam", names, size_wh)
        self.counted: Counter[Direction] = Counter()

    def look(self, found: Detections, ts: int) -> None:
        told = self._watch.look(self._tracker.update(found, ts), ts)
        if BEGIN_MS + LATE_MS < ts <= END_MS + LATE_MS:
            self.counted.update(each.direction for each in told)


def measure(*, model: str, steps: Steps) -> Iterator[Figure]:
    """The error each way, over all scenes and in the mean one."""
    cv2.setNumThreads(1)  # as the agent does
    detector, _ = make_detector(EdgeFile(site="s", node="n", model=Model(name=model)))
    found: dict[str, list[Scene]] = defaultdict(list)
    for seed in SEEDS:
        steps.next(f"crossings: scene {seed - SEEDS.start + 1} of {len(SEEDS)}")
        for name, scene in _scene(seed, detector, Path(model).stem).items():
            found[name].append(scene)
    everybody = _sum(next(iter(found.values()))).truth.total()
    yield Figure("crossings", "people over the line", everybody, "")
    for name, scenes in found.items():
        yield from _figures(name, scenes, BAR if name.endswith(DEFAULT) else None)


def _figures(who: str, scenes: Sequence[Scene], bar: float | None) -> Iterator[Figure]:
    errors = [each.error for each in scenes]
    whole = _sum(scenes)
    name = f"{who}: counts each way off by"
    yield Figure("crossings", name, whole.error, "", bar, "lower", rounds=errors)
    yield Figure("crossings", f"{who}: in the mean scene", statistics.mean(errors), "")
    yield Figure("crossings", f"{who}: from scene to scene (σ)", statistics.stdev(errors), "")


def _sum(scenes: Sequence[Scene]) -> Scene:
    counted, truth = Counter[Direction](), Counter[Direction]()
    for each in scenes:
        counted += each.counted
        truth += each.truth
    return Scene(counted, truth)


def _scene(seed: int, detector: AnyDetector, model: str) -> dict[str, Scene]:
    """With a perfect detector's boxes and with this one's, at each rate."""
    street = Street(StreetSettings(seed=seed, people=PEOPLE))
    counters = {
        (who, how): _Counter(detector.labels, street.size_wh)
        for how in STEPS_MS
        for who in ("a perfect detector", model)
    }
    person = detector.labels.index("person")
    step_ms = min(STEPS_MS.values())
    for ts in range(0, END_MS + LATE_MS + max(STEPS_MS.values()), step_ms):
        boxes = [each.box for each in street.truth(ts).people if each.visible > SEEN]
        perfect = Detections.of(boxes, [0.9] * len(boxes), [person] * len(boxes))
        real = detector.detect(street.frame(ts))
        for (who, how), counter in counters.items():
            if ts % STEPS_MS[how] == 0:
                counter.look(real if who == model else perfect, ts)
    crossings = truth_crossings(street, GATE_LINE, BEGIN_MS, END_MS)
    truth = Counter(each.direction for each in crossings)
    return {
        f"{who}, {how}": Scene(counter.counted, truth) for (who, how), counter in counters.items()
    }
