"""Measures a model on a folder of pictures with labels in YOLO's format.

found = evaluate(detector, read_folder(images, labels, names), threshold=0.4)
found.figures, found.curves
"""

import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from edge.detect import Detector
from models.labelled import Folder, FolderUnfit
from models.scoring import Curve, Seen, average_precision, curve

FLOOR = 0.01
"""Boxes below this score are not looked at; lower only lengthens the curve's tail."""


@dataclass(frozen=True, slots=True)
class ClassFigures:
    """How well one class is found."""

    name: str
    objects: int
    found: int
    """Boxes at the threshold, right and wrong ones."""
    ap50: float
    ap: float
    precision: float
    """At the threshold; 1 where nothing was found."""
    recall: float


@dataclass(frozen=True, slots=True)
class Figures:
    """How good a model is on a folder of pictures."""

    model: str
    sha256: str
    provider: str
    pictures: int
    threshold: float
    remarks: tuple[str, ...]
    """What is odd about the folder, such as pictures without labels."""
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


def evaluate(detector: Detector, folder: Folder, *, threshold: float) -> Evaluation:
    """Run a detector over a folder; raises FolderUnfit.

    Classes are compared by name. The detector should report boxes from `FLOOR` on.
    """
    names = folder.names
    shared = [name for name in names if name in detector.labels]
    seen: dict[str, list[Seen]] = {name: [] for name in shared}
    times_ms = []
    for picture in folder:
        begin = time.perf_counter()
        found = detector.detect(picture.image)
        times_ms.append((time.perf_counter() - begin) * 1000)
        for name in shared:
            mine = found[found.label == detector.labels.index(name)]
            true = picture.xyxy[picture.label == names.index(name)]
            seen[name].append(Seen(true, mine.xyxy, mine.score))
    present = {name: each for name, each in seen.items() if any(len(one.truth) for one in each)}
    if not times_ms:
        raise FolderUnfit("; ".join(folder.remarks()))
    if not present:
        raise FolderUnfit(
            f"the labels hold nothing that {detector.model.entry.name} knows "
            f"({', '.join(detector.labels[:10])}{', …' if len(detector.labels) > 10 else ''}); "
            "check --classes: names are compared letter by letter"
        )
    curves = {name: curve(each) for name, each in present.items()}
    classes = tuple(
        ClassFigures(
            name,
            drawn.wanted,
            int((drawn.score >= threshold).sum()),
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
        remarks=tuple(folder.remarks()),
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
    figures = evaluation.figures
    for name, drawn in ranked[:most]:
        text = f"{name} ({drawn.wanted}): AP50 {drawn.average_precision:.2f}"
        # From a recall of 0 on, so that a class of a single object has a line too.
        (line,) = axes.plot(
            [0.0, *drawn.recall], [*drawn.precision[:1], *drawn.precision], label=text
        )
        if (drawn.score >= figures.threshold).any():
            precision, recall = drawn.at(figures.threshold)
            axes.plot(recall, precision, "o", color=line.get_color())
    axes.set_title(
        f"{figures.model}, {figures.pictures} pictures; ● at a score of {figures.threshold:g}"
    )
    axes.grid(alpha=0.3)
    axes.legend(fontsize="small", loc="lower left")
    figure.savefig(path, dpi=110)
