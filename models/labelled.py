"""Folders of pictures with labels in YOLO's format: a text for each, ``class cx cy w h`` a line.

folder = read_folder(images, labels, names)
for picture in folder: picture.image, picture.xyxy, picture.label
"""

import difflib
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
import yaml

from edge.detections import FloatArray, IntArray
from edge.frames import Image
from models.catalog import Catalog, ModelError

SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp")
NAMED = 5
"""So many problems are told, of the others how many there are."""
OVER = 0.01
"""By so much of the picture a box may reach out: labelling tools round."""

Row = tuple[int, float, float, float, float]


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
class Folder:
    """Pictures whose labels are read and found right; the pictures are read one by one."""

    rows: dict[Path, tuple[Row, ...]]
    """By the picture's file, in order."""
    names: tuple[str, ...]
    """What the labels' numbers mean."""
    unlabelled: int
    """Pictures without a label file: they count as empty."""
    strays: int
    """Label files without a picture; they are not used."""
    unreadable: list[Path] = field(default_factory=list)
    """Picture files that hold none; filled while the folder is read."""

    def __iter__(self) -> Iterator[Labelled]:
        self.unreadable.clear()
        for path, rows in self.rows.items():
            image = cv2.imread(str(path))
            if image is None:
                self.unreadable.append(path)
                continue
            high, wide = image.shape[:2]
            table = np.array(rows, np.float64).reshape(-1, 5)
            centre, half = table[:, 1:3], table[:, 3:5] / 2
            boxes = np.hstack([centre - half, centre + half]) * [wide, high, wide, high]
            yield Labelled(
                image.astype(np.uint8, copy=False),
                boxes.astype(np.float32),
                table[:, 0].astype(np.int32),
            )

    def remarks(self) -> list[str]:
        """What is odd about the folder, though it can be used; after reading it."""
        told = []
        if self.unlabelled:
            told.append(
                f"{self.unlabelled} of {len(self.rows)} pictures have no label file: they count "
                "as empty, and every box found there as wrong"
            )
        if self.strays:
            told.append(f"{self.strays} label file(s) have no picture and were not used")
        if self.unreadable:
            told.append(
                f"{len(self.unreadable)} file(s) cannot be read as a picture and were left out: "
                f"{_some([str(path) for path in self.unreadable], ', ')}"
            )
        return told


def read_folder(images: Path, labels: Path, names: Sequence[str]) -> Folder:
    """Read all labels; raises FolderUnfit with what is wrong, and where, of all of them."""
    paths = sorted(path for path in images.iterdir() if path.suffix.lower() in SUFFIXES)
    if not paths:
        raise FolderUnfit(f"{images} holds no pictures ({', '.join(SUFFIXES)})")
    texts = {path: labels / f"{path.stem}.txt" for path in paths}
    here = {path: text for path, text in texts.items() if text.is_file()}
    if not here:
        raise FolderUnfit(
            f"{labels} holds no label file of any picture in {images}; one is expected for each, "
            f"such as {paths[0].stem}.txt with lines `class cx cy w h`"
        )
    problems: list[str] = []
    rows = {path: tuple(_rows(here.get(path), names, problems)) for path in paths}
    if problems:
        raise FolderUnfit(_some(problems, "\n"))
    used = {text.name for text in texts.values()} | {"classes.txt"}
    strays = sum(text.name not in used for text in labels.glob("*.txt"))
    return Folder(rows, tuple(names), len(paths) - len(here), strays)


def class_names(given: str, catalog: Catalog) -> tuple[str, ...]:
    """What labels' numbers mean: a class list of the catalog, names with commas, or a file.

    Of a ``data.yaml`` its ``names``, as Ultralytics' tools write it; of another text one name a
    line. Raises FolderUnfit.
    """
    known = catalog.class_list(given)
    if known is not None:
        return known
    path = Path(given)
    if path.suffix.lower() in (".yaml", ".yml", ".txt"):
        return _names_in(path)
    names = tuple(name.strip() for name in given.split(","))
    near = difflib.get_close_matches(given, catalog.class_lists, n=1, cutoff=0.75)
    if near and len(names) == 1:
        raise FolderUnfit(f"there is no class list {given!r}; did you mean {near[0]!r}?")
    if not all(names):
        raise FolderUnfit(f"--classes {given!r} has a name that is empty")
    return names


def _names_in(path: Path) -> tuple[str, ...]:
    try:
        text = path.read_text(encoding="utf-8-sig")
        if path.suffix.lower() == ".txt":
            return tuple(line.strip() for line in text.splitlines() if line.strip())
        told = yaml.safe_load(text)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise FolderUnfit(f"{path} cannot be read: {error}") from error
    names = told.get("names") if isinstance(told, dict) else None
    if isinstance(names, dict) and set(names) == set(range(len(names))):
        names = [names[number] for number in range(len(names))]
    if not isinstance(names, list) or not names:
        raise FolderUnfit(
            f"{path} has no `names:` that is a list, or numbers from 0 on with a name for each"
        )
    return tuple(str(name) for name in names)


def _rows(path: Path | None, names: Sequence[str], problems: list[str]) -> Iterator[Row]:
    if path is None:
        return
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        problems.append(f"{path}: cannot be read as text: {error}")
        return
    for number, line in enumerate(lines, 1):
        words = line.split()
        if not words:
            continue
        try:
            yield _row(words, names)
        except ValueError as error:
            problems.append(f"{path}:{number}: {error}; found {line.strip()!r}")


def _row(words: Sequence[str], names: Sequence[str]) -> Row:
    """The class, and centre and size as shares of the picture; raises ValueError."""
    try:
        number, *box = (float(word) for word in words)
    except ValueError:
        raise ValueError("expected five numbers `class cx cy w h`") from None
    if len(box) != 4:
        hint = " (is it a polygon? export boxes)" if len(box) > 5 and len(box) % 2 == 0 else ""
        raise ValueError(f"expected five numbers `class cx cy w h`{hint}")
    if not (number.is_integer() and number >= 0):
        raise ValueError("the class is no whole number from 0 on")
    if number >= len(names):
        raise ValueError(
            f"the class is {number:.0f}, but only {len(names)} names are known, from 0 "
            f"({names[0]}) to {len(names) - 1} ({names[-1]}): give the labels' own with --classes"
        )
    cx, cy, wide, high = box
    edges = (cx - wide / 2, cy - high / 2, cx + wide / 2, cy + high / 2)
    if not all(math.isfinite(edge) and -OVER <= edge <= 1 + OVER for edge in edges):
        hint = " (are these pixels?)" if max(box) > 2 else ""
        raise ValueError(f"the box is not within the picture, whose edges are 0 and 1{hint}")
    if not (wide > 0 and high > 0):
        raise ValueError("the box has no size")
    return int(number), cx, cy, wide, high


def _some(texts: Sequence[str], between: str) -> str:
    more = len(texts) - NAMED
    return between.join([*texts[:NAMED], *([f"and {more} more"] if more > 0 else [])])
