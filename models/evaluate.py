"""Measures a model on a folder of pictures with labels in YOLO's format.

figures = evaluate(detector, read_folder(images, labels, classes))
"""

import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np

from edge.detect import Detector
from edge.detections import FloatArray, IntArray
from edge.frames import Image
from models.catalog import ModelError
from models.scoring import Curve, Seen, average_precision, curve

FLOOR = 0.01
"""Boxes below this score are not looked at; lower only lengthens the curve's tail."""
SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp")


class FolderUnfit(ModelError):
    """Pictures or labels that cannot be read."""


@dataclass(frozen=True, slots=True)
class Labelled:
    """A picture and what is in it."""

    image: Image
    xyxy: FloatArray
    """(N, 4), pixels."""
    label: IntArray
    """(N,): index into the folder's class names."""


@dataclass(frozen=True, slots=True)
class ClassFigures:
    """How well one class is found."""

    name: str
    objects: int
    ap50: float
    ap: float
    precision: float
    """At the threshold."""
    recall: float


@dataclass(frozen=True, slots=True)
class Figures:
    """How good a model is on a folder of pictures."""

    model: str
    sha256: str
    provider: str
    pictures: int
    threshold: float
    classes: tuple[ClassFigures, ...]
    """Those of which the folder has any, in the folder's order."""
    ap50: float
    """The mean over them."""
    ap: float
    ms_median: float
    """One picture, preparation and decoding included; reading the file is not."""
    ms_p95: float

    def of(self, name: str) -> ClassFigures | None:
        """The figures of one class, or None where the folder has none of it."""
        return next((each for each in self.classes if each.name == name), None)

    def json(self) -> str:
        """All of it, for scripts."""
        return json.dumps(asdict(self), indent=2, ensure_ascii=False)


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The figures, and the curve of each class at an IoU of 0.5."""

    figures: Figures
    curves: dict[str, Curve]


def read_folder(images: Path, labels: Path) -> Iterator[Labelled]:
    """Every picture of a folder; one without a label file holds nothing. Raises FolderUnfit."""
    paths = sorted(path for path in images.iterdir() if path.suffix.lower() in SUFFIXES)
    if not paths:
        raise FolderUnfit(f"{images} holds no pictures ({', '.join(SUFFIXES)})")
    if not any((labels / f"{path.stem}.txt").is_file() for path in paths):
        raise FolderUnfit(
            f"{labels} holds no label file of any picture in {images}; one is expected for each, "
            f"such as {paths[0].stem}.txt with lines `class cx cy w h`"
        )
    for path in paths:
        image = cv2.imread(str(path))
        if image is None:
            raise FolderUnfit(f"{path} cannot be read as a picture; take it out")
        rows = _rows(labels / f"{path.stem}.txt")
        high, wide = image.shape[:2]
        centre, half = rows[:, 1:3], rows[:, 3:5] / 2
        boxes = np.hstack([centre - half, centre + half]) * [wide, high, wide, high]
        yield Labelled(
            image.astype(np.uint8, copy=False),
            boxes.astype(np.float32),
            rows[:, 0].astype(np.int32),
        )


def _rows(path: Path) -> FloatArray:
    """(N, 5): class, centre and size as shares of the picture."""
    lines = path.read_text().splitlines() if path.is_file() else []
    rows = []
    for number, line in enumerate(lines, 1):
        words = line.split()
        if not words:
            continue
        try:
            rows.append([float(word) for word in words])
        except ValueError:
            rows.append([])
        if len(rows[-1]) != 5:
            raise FolderUnfit(f"{path}:{number}: expected `class cx cy w h`, found {line!r}")
    return np.array(rows, np.float32).reshape(-1, 5)


def evaluate(
    detector: Detector, pictures: Iterator[Labelled], names: Sequence[str], *, threshold: float
) -> Evaluation:
    """Run a detector over pictures whose labels index ``names``; raises FolderUnfit.

    Classes are compared by name. The detector should report boxes from `FLOOR` on.
    """
    shared = [name for name in names if name in detector.labels]
    seen: dict[str, list[Seen]] = {name: [] for name in shared}
    times_ms = []
    for picture in pictures:
        if len(picture.label) and int(picture.label.max()) >= len(names):
            raise FolderUnfit(
                f"a label is of class {int(picture.label.max())}, but only {len(names)} class "
                "names are known; give those of the labels with --classes"
            )
        begin = time.perf_counter()
        found = detector.detect(picture.image)
        times_ms.append((time.perf_counter() - begin) * 1000)
        for name in shared:
            mine = found[found.label == detector.labels.index(name)]
            true = picture.xyxy[picture.label == names.index(name)]
            seen[name].append(Seen(true, mine.xyxy, mine.score))
    present = {name: each for name, each in seen.items() if any(len(one.truth) for one in each)}
    if not present:
        raise FolderUnfit("the labels hold nothing that the model knows; check --classes")
    curves = {name: curve(each) for name, each in present.items()}
    classes = tuple(
        ClassFigures(
            name,
            drawn.wanted,
            drawn.average_precision,
            average_precision(present[name]),
            *drawn.at(threshold),
        )
        for name, drawn in curves.items()
    )
    figures = Figures(
        model=detector.model.entry.name,
        sha256=detector.model.sha256,
        provider=detector.provider,
        pictures=len(times_ms),
        threshold=threshold,
        classes=classes,
        ap50=float(np.mean([each.ap50 for each in classes])),
        ap=float(np.mean([each.ap for each in classes])),
        ms_median=float(np.median(times_ms)),
        ms_p95=float(np.percentile(times_ms, 95)),
    )
    return Evaluation(figures, curves)


def plot(evaluation: Evaluation, path: Path, *, most: int = 8) -> None:
    """Draw precision over recall at an IoU of 0.5: person, and the most frequent classes.

    Raises ModuleNotFoundError without matplotlib.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 5), layout="constrained")
    axes = figure.add_subplot(xlabel="recall", ylabel="precision", xlim=(0, 1.01), ylim=(0, 1.01))
    ranked = sorted(
        evaluation.curves.items(), key=lambda item: (item[0] != "person", -item[1].wanted)
    )
    for name, drawn in ranked[:most]:
        text = f"{name} ({drawn.wanted}): AP50 {drawn.average_precision:.2f}"
        axes.plot(drawn.recall, drawn.precision, label=text)
    axes.set_title(f"{evaluation.figures.model}, {evaluation.figures.pictures} pictures")
    axes.grid(alpha=0.3)
    axes.legend(fontsize="small")
    figure.savefig(path, dpi=110)
