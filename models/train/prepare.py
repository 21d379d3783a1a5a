"""Collect the pictures to train on into a cache: COCO128, frames of footage, the street.

python -m models.train.prepare --coco128 DIR --footage DIR --teacher FILE --cache DIR
"""

from collections.abc import Iterator
from pathlib import Path

import click
import cv2
import numpy as np
from rich.progress import track

from configs.agent import StreetSettings
from edge.detections import FloatArray
from edge.frames import Image
from edge.street import Street
from models.train.network import COCO_LABEL, LABELS
from models.train.samples import IGNORE, Sample, save
from models.train.teacher import Teacher

LONGEST = 640
"""Pictures are kept no larger than this, pixels."""
HELD_OUT = 4
"""Every fourth picture of COCO128, and the last quarter of each film, is for evaluation."""
SURE, UNSURE = 0.4, 0.15
"""Teacher scores: from SURE on a box is a label; between them it is ignored."""
VISIBLE = 0.4
"""Of the people of the street, those that are hidden more than this are ignored."""
_SIZES = ((640, 480), (640, 480), (854, 480), (960, 720), (1280, 720))
_FIRST_SEED = 1000
"""The seeds below are left for tests and evaluation."""


def coco_images(folder: Path, *, held_out: bool) -> list[Path]:
    """The pictures of COCO128 that are, or are not, kept apart for evaluation."""
    paths = sorted(folder.rglob("*.jpg"))
    if not paths:
        raise click.ClickException(f"no pictures (*.jpg) in {folder}; check --coco128")
    return [path for i, path in enumerate(paths) if (i % HELD_OUT == 0) == held_out]


def coco_sample(path: Path) -> Sample:
    """A picture of COCO128 and its labels, those of LABELS."""
    image = _picture(path)
    high, wide = image.shape[:2]
    text = Path(str(path).replace("/images/", "/labels/")).with_suffix(".txt")
    lines = text.read_text().splitlines() if text.exists() else []
    rows = np.array([line.split() for line in lines], np.float32).reshape(-1, 5)
    rows = rows[[int(row[0]) in COCO_LABEL for row in rows]]
    centre, half = rows[:, 1:3], rows[:, 3:5] / 2
    xyxy = np.hstack([centre - half, centre + half]) * np.array([wide, high] * 2, np.float32)
    label = np.array([COCO_LABEL.index(int(row[0])) for row in rows], np.int32)
    return Sample(image, xyxy.astype(np.float32), label)


def footage_frames(path: Path, *, held_out: bool, every: int) -> Iterator[Image]:
    """Every so many frames of a film: of its last quarter, or of what comes before."""
    film = cv2.VideoCapture(str(path))
    count = int(film.get(cv2.CAP_PROP_FRAME_COUNT))
    border = count - count // HELD_OUT
    for index in range(count):
        good, frame = film.read()
        if good and index % every == 0 and (index >= border) == held_out:
            yield np.asarray(frame, np.uint8)
    film.release()


def taught_sample(frame: Image, teacher: Teacher) -> Sample:
    """A picture labelled by the teacher."""
    image = _small(frame)
    found = teacher.find(image, UNSURE)
    label = np.where(found.score >= SURE, found.label, IGNORE).astype(np.int32)
    return Sample(image, found.xyxy, label)


def street_samples(scenes: int, frames: int) -> Iterator[Sample]:
    """Moments of simulated streets, each scene with its own seed, crowd and size."""
    random = np.random.default_rng(7)
    for scene in range(scenes):
        settings = StreetSettings(
            seed=_FIRST_SEED + scene,
            people=int(random.choice([2, 4, 6, 9, 14])),
            size_wh=_SIZES[int(random.integers(len(_SIZES)))],
        )
        street = Street(settings)
        for t_ms in random.integers(0, 600_000, frames):
            yield street_sample(street, int(t_ms))


def street_sample(street: Street, t_ms: int) -> Sample:
    """One moment of a street and its truth."""
    frame, truth = street.frame(t_ms), street.truth(t_ms)
    boxes, labels = [], []
    for person in truth.people:
        left, top, right, bottom = person.box
        seen = person.visible >= VISIBLE and bottom - top >= 12 and right - left >= 4
        boxes.append(person.box)
        labels.append(LABELS.index("person") if seen else IGNORE)
    for car in truth.cars:
        boxes.append(car.box)
        labels.append(LABELS.index("car") if car.box[2] - car.box[0] >= 16 else IGNORE)
    image = _small(frame)
    xyxy = np.array(boxes, np.float32).reshape(-1, 4) * (image.shape[1] / frame.shape[1])
    return Sample(image, xyxy, np.array(labels, np.int32))


def _picture(path: Path) -> Image:
    image = cv2.imread(str(path))
    if image is None:
        raise click.ClickException(f"{path} cannot be read as a picture")
    return _small(np.asarray(image, np.uint8))


def _small(image: Image) -> Image:
    ratio = LONGEST / max(image.shape[:2])
    if ratio >= 1:
        return image
    size: FloatArray = np.round(np.array(image.shape[1::-1]) * ratio)
    small = cv2.resize(image, (int(size[0]), int(size[1])), interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.uint8)


@click.command(help=(__doc__ or "").split("\n")[0])
@click.option("--coco128", type=click.Path(path_type=Path, exists=True), required=True)
@click.option("--footage", type=click.Path(path_type=Path, exists=True), required=True)
@click.option("--teacher", "teacher_file", type=click.Path(path_type=Path, exists=True),
              required=True, help="yolox_nano.onnx")  # fmt: skip
@click.option("--cache", type=click.Path(path_type=Path), required=True, help="Written here.")
@click.option("--scenes", default=60, show_default=True, help="Simulated streets.")
@click.option("--frames", default=20, show_default=True, help="Moments of each street.")
def prepare(
    coco128: Path, footage: Path, teacher_file: Path, cache: Path, scenes: int, frames: int
) -> None:
    """Write the cache."""
    teacher = Teacher(teacher_file)
    pictures = coco_images(coco128, held_out=False)
    save(cache / "coco.npz", [coco_sample(path) for path in track(pictures, "COCO128")])
    films = sorted([*footage.glob("*.avi"), *footage.glob("*.mp4")])
    stills = (frame for film in films for frame in footage_frames(film, held_out=False, every=4))
    save(cache / "footage.npz", [taught_sample(still, teacher) for still in stills])
    scenery = track(street_samples(scenes, frames), "street", total=scenes * frames)
    save(cache / "street.npz", list(scenery))


if __name__ == "__main__":
    prepare()
