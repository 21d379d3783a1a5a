"""Measure a detector as the product runs it: the street, the footage, held-out COCO pictures.

    python -m models.train.evaluate --model models/weights/starter.onnx \\
        [--coco128 DIR] [--footage DIR --teacher FILE] [--plot FILE]
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import click
import cv2
import numpy as np
from rich.console import Console
from rich.table import Column, Table

from configs.agent import Model, StreetSettings
from edge.detect import Detector
from edge.detections import FloatArray
from edge.frames import Image
from edge.street import Street
from models.catalog import resolve
from models.scoring import Curve, Seen, curve, match
from models.train.network import LABELS
from models.train.prepare import coco_images, coco_sample, footage_frames
from models.train.teacher import Teacher

PERSON = LABELS.index("person")
FLOOR = 0.02
"""Boxes below this score are not looked at."""
STREET_SEEDS = range(200, 208)
"""None of them was trained on."""
TALL_PX, VISIBLE = 30.0, 0.6
"""People of the street who must be found."""
TEACHER_SURE = 0.5


@dataclass(frozen=True, slots=True)
class Figures:
    """What one set of pictures shows about a detector."""

    name: str
    pictures: int
    curve: Curve


def detector_of(path: Path, iou: float) -> Detector:
    """The product's detector, with a threshold low enough to draw a curve."""
    return Detector(resolve(str(path)), Model(name=str(path), score=FLOOR, iou=iou, labels=LABELS))


def seen(detector: Detector, image: Image, truth: FloatArray, wanted: Sequence[bool]) -> Seen:
    """A picture's people, and what the detector says."""
    found = detector.detect(image)
    people = found[found.label == detector.labels.index("person")]
    return Seen(
        np.asarray(truth, np.float32).reshape(-1, 4),
        people.xyxy,
        people.score,
        np.asarray(wanted, bool),
    )


def street_pictures(
    detector: Detector, *, people: int, size_wh: tuple[int, int], dim: float = 1.0
) -> Iterator[Seen]:
    """Moments of streets of a crowd and a size; ``dim`` is the share of light that is left."""
    for seed in STREET_SEEDS:
        street = Street(StreetSettings(seed=seed, people=people, size_wh=size_wh))
        for t_ms in range(5_000, 125_000, 12_000):
            truth = street.truth(t_ms).people
            boxes = np.array([person.box for person in truth], np.float32).reshape(-1, 4)
            wanted = [
                person.visible >= VISIBLE and person.box[3] - person.box[1] >= TALL_PX
                for person in truth
            ]
            frame = np.asarray(street.frame(t_ms) * dim, np.uint8)
            yield seen(detector, frame, boxes, wanted)


def footage_pictures(
    detector: Detector, film: Path, teacher: Teacher, *, held_out: bool
) -> Iterator[Seen]:
    """Frames of a film, with the boxes of which the teacher is sure as the truth.

    Boxes of which it is less sure may be found or not.
    """
    for frame in footage_frames(film, held_out=held_out, every=4):
        told = teacher.find(frame, 0.15)
        told = told[told.label == PERSON]
        wanted = [score >= TEACHER_SURE for score in told.score]
        yield seen(detector, frame, told.xyxy, wanted)


def coco_pictures(detector: Detector, folder: Path, *, turns: int = 0) -> Iterator[Seen]:
    """The pictures of COCO128 that are kept apart, turned to the left by quarters."""
    for path in coco_images(folder, held_out=True):
        sample = coco_sample(path)
        image, people = sample.image, sample.xyxy[sample.label == PERSON]
        for _ in range(turns):
            wide = image.shape[1]
            image = np.ascontiguousarray(np.rot90(image))
            left, top, right, bottom = people.T
            people = np.stack([top, wide - right, bottom, wide - left], axis=1)
        yield seen(detector, image, people, [True] * len(people))


def street_figures(detector: Detector) -> Iterator[Figures]:
    """The street as shipped, crowded, wide, small and dark."""
    for name, people, size_wh, dim in (
        ("street, 640×480, 4 people", 4, (640, 480), 1.0),
        ("street, 640×480, 14 people", 14, (640, 480), 1.0),
        ("street, 1280×720, 6 people", 6, (1280, 720), 1.0),
        ("street, 640×480, a third of the light", 4, (640, 480), 0.33),
        ("street, 640×480, a tenth of the light", 4, (640, 480), 0.1),
    ):
        pictures = list(street_pictures(detector, people=people, size_wh=size_wh, dim=dim))
        yield Figures(name, len(pictures), curve(pictures))


def taller(pictures: Sequence[Seen], low: float, high: float) -> list[Seen]:
    """The same pictures where only people of some heights, pixels, must be found."""
    chosen = []
    for picture in pictures:
        tall = picture.truth[:, 3] - picture.truth[:, 1]
        wanted = picture.must & (tall >= low) & (tall < high)
        chosen.append(replace(picture, wanted=wanted))
    return chosen


def worst(
    pictures: Sequence[tuple[Path, Seen]], threshold: float, most: int
) -> list[tuple[Path, int, int, int]]:
    """The pictures with most mistakes: the file, people in it, those missed, wrong boxes."""
    counted = []
    for path, picture in pictures:
        sure = picture.score >= threshold
        right, _ = match(
            replace(picture, found=picture.found[sure], score=picture.score[sure]), 0.5
        )
        people, hits = len(picture.truth), int(right.sum())
        counted.append((path, people, people - hits, len(right) - hits))
    return sorted(counted, key=lambda each: -(each[2] + each[3]))[:most]


def fastest_ms(detector: Detector, runs: int = 60) -> tuple[float, float]:
    """The shortest and the median time of one picture of 640 × 480, preprocessing included.

    CPU time of the one thread that does it all: a busy machine makes it little longer.
    """
    cv2.setNumThreads(1)
    image = np.full((480, 640, 3), 90, np.uint8)
    times = []
    for _ in range(runs):
        begin = time.thread_time()
        detector.detect(image)
        times.append((time.thread_time() - begin) * 1000)
    return min(times), float(np.median(times))


def report(figures: Sequence[Figures], threshold: float) -> Table:
    """One line for each set of pictures."""
    table = Table(
        Column("people in", no_wrap=True),
        "pictures",
        "people",
        f"precision @{threshold:g}",
        "recall",
        "AP50",
    )
    for each in figures:
        precision, recall = each.curve.at(threshold)
        numbers = (precision, recall, each.curve.average_precision)
        table.add_row(
            each.name,
            str(each.pictures),
            str(each.curve.wanted),
            *(f"{number:.3f}" if each.curve.wanted else "–" for number in numbers),
        )
    return table


def plot(figures: Sequence[Figures], path: Path) -> None:
    """Precision over recall."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 6), layout="constrained")
    axes = figure.add_subplot(xlabel="recall", ylabel="precision", xlim=(0, 1.01), ylim=(0, 1.01))
    for each in figures:
        if each.curve.wanted:
            axes.plot(each.curve.recall, each.curve.precision, label=each.name)
    axes.grid(alpha=0.3)
    figure.legend(loc="outside lower center", ncols=2, fontsize="small")
    figure.savefig(path, dpi=110)


@click.command(help=(__doc__ or "").split("\n")[0])
@click.option("--model", type=click.Path(path_type=Path, exists=True), required=True)
@click.option("--coco128", type=click.Path(path_type=Path, exists=True))
@click.option("--footage", type=click.Path(path_type=Path, exists=True))
@click.option("--teacher", type=click.Path(path_type=Path, exists=True), help="yolox_nano.onnx")
@click.option("--plot", "plot_file", type=click.Path(path_type=Path), help="A .png to write.")
@click.option("--score", default=0.4, show_default=True, help="The threshold to report at.")
@click.option("--iou", default=0.5, show_default=True, help="Of the suppression of doubles.")
def evaluate(
    *, model: Path, coco128: Path | None, footage: Path | None, teacher: Path | None,
    plot_file: Path | None, score: float, iou: float,
) -> None:  # fmt: skip
    """Print a table for people, and draw the curves."""
    detector = detector_of(model, iou)
    figures = list(street_figures(detector))
    if footage is not None and teacher is not None:
        told_by = Teacher(teacher)
        for film in sorted([*footage.glob("*.avi"), *footage.glob("*.mp4")]):
            for held_out, part in ((True, "last quarter"), (False, "before")):
                pictures = list(footage_pictures(detector, film, told_by, held_out=held_out))
                figures.append(Figures(f"{film.name}, {part}", len(pictures), curve(pictures)))
    if coco128 is not None:
        pictures = list(coco_pictures(detector, coco128))
        for path, people, missed, wrong in worst(
            list(zip(coco_images(coco128, held_out=True), pictures, strict=True)), score, most=5
        ):
            click.echo(f"{path.name}: {people} people, {missed} missed, {wrong} boxes wrong")
        for name, low, high in (("all", 0, 1e9), ("< 64 px tall", 0, 64), ("≥ 64 px", 64, 1e9)):
            chosen = taller(pictures, low, high)
            figures.append(Figures(f"COCO128 held out, {name}", len(chosen), curve(chosen)))
        for name, turns in (("turned by 90°", 1), ("upside down", 2)):
            pictures = list(coco_pictures(detector, coco128, turns=turns))
            figures.append(Figures(f"COCO128 held out, {name}", len(pictures), curve(pictures)))
    console = Console(width=110)
    console.print(report(figures, score))
    shortest, median = fastest_ms(detector)
    console.print(
        f"one picture, one thread: {shortest:.1f} ms of CPU at best, {median:.1f} ms median"
    )
    if plot_file is not None:
        plot(figures, plot_file)


if __name__ == "__main__":
    evaluate()
