"""An installer's own models: their files, and the catalog.yaml beside them."""

import os
import re
import shutil
from pathlib import Path
from typing import Any

import cv2
import msgspec
import yaml

from configs.loader import load
from edge.detections import Detections
from edge.frames import Image
from models.catalog import CATALOG, Catalog, ModelError, find, sha256_of
from models.entries import CatalogFile, Entry

COLOUR = (0, 200, 255)
INK = (20, 20, 20)
FONT = cv2.FONT_HERSHEY_SIMPLEX


class AddFailed(ModelError):
    """A model that could not be added; nothing was changed."""


def name_of(text: str) -> str:
    """What someone calls a model, as a name of the catalog."""
    return re.sub(r"[^a-z0-9.]+", "-", text.lower()).strip("-.")[:63]


def refuse_known(catalog: Catalog, path: Path, folder: Path) -> None:
    """Raises AddFailed where a file is one of the catalog's models."""
    sha256 = sha256_of(path)
    same = next((each for each in catalog.entries if sha256 in each.files), None)
    if same is not None:
        here = find(same, [folder])
        put = f"it is here as {here}" if here else f"put it into {folder} as {Path(same.file).name}"
        raise AddFailed(
            f"{path} is {same.name}, which the catalog knows: {put}, and {same.name} is its "
            "model.name; or give a --name of your own to run it with other settings"
        )


def refuse(catalog: Catalog, entry: Entry, folder: Path) -> None:
    """Raises AddFailed where an entry is malformed, or its name or its file's name is taken."""
    try:
        msgspec.convert(msgspec.to_builtins(entry), Entry)
    except msgspec.ValidationError as error:
        raise AddFailed(f"{entry.name!r} cannot be in a catalog: {error}") from error
    if catalog.named(entry.name) is not None:
        raise AddFailed(f"there is a model {entry.name!r} already; give another with --name")
    target = folder / entry.file
    if target.exists() and sha256_of(target) != entry.sha256:
        raise AddFailed(f"{target} is another file; give another --name, or take it away")


def add(path: Path, entry: Entry, folder: Path) -> Path:
    """Copy a model's file into the folder and write its entry; the catalog file.

    The entry comes last, and each file appears whole or not at all. Raises AddFailed.
    """
    catalog = folder / CATALOG.name
    try:
        folder.mkdir(parents=True, exist_ok=True)
        target = folder / entry.file
        if not target.exists():
            partial = target.with_name(f".{target.name}.part")
            shutil.copyfile(path, partial)
            _settle(partial, target)
        content = load(catalog, CatalogFile) if catalog.is_file() else CatalogFile()
        models = (*content.models, entry)
        partial = catalog.with_name(f".{catalog.name}.part")
        partial.write_text(_yaml(msgspec.structs.replace(content, models=models)), encoding="utf-8")
        Catalog(local=[partial])
        _settle(partial, catalog)
    except OSError as error:
        raise AddFailed(f"{entry.name} cannot be added to {folder}: {error}") from error
    return catalog


def _yaml(content: CatalogFile) -> str:
    plain: Any = msgspec.to_builtins(content)
    head = "# Models of this site; `linli models add` rewrites this file.\n"
    return head + yaml.safe_dump(plain, sort_keys=False, allow_unicode=True)


def _settle(partial: Path, target: Path) -> None:
    with partial.open("rb") as file:
        os.fsync(file.fileno())
    partial.replace(target)


def annotated(image: Image, found: Detections, labels: tuple[str, ...]) -> Image:
    """A copy of the picture with the boxes, their labels and scores."""
    drawn = image.copy()
    # The strongest last: what it says is covered by none.
    for (left, top, right, bottom), score, label in zip(
        found.xyxy.round().astype(int).tolist()[::-1],
        found.score[::-1],
        found.label[::-1],
        strict=True,
    ):
        cv2.rectangle(drawn, (left, top), (right, bottom), COLOUR, 2)
        _write(drawn, f"{labels[label]} {score:.2f}", (left, top))
    return drawn


def _write(image: Image, text: str, corner: tuple[int, int]) -> None:
    """Dark on the boxes' colour, above the corner or, at the picture's edge, below it."""
    (wide, high), below = cv2.getTextSize(text, FONT, 0.5, 1)
    left = max(0, min(corner[0] - 1, image.shape[1] - wide - 4))
    foot = max(corner[1], high + below + 2)
    cv2.rectangle(image, (left, foot - high - below - 2), (left + wide + 4, foot), COLOUR, -1)
    cv2.putText(image, text, (left + 2, foot - below), FONT, 0.5, INK, 1, cv2.LINE_AA)


def read_picture(path: Path) -> Image:
    """A picture file; raises AddFailed."""
    image = cv2.imread(str(path))
    if image is None:
        raise AddFailed(f"{path} cannot be read as a picture")
    return image.astype("uint8", copy=False)


def write_picture(path: Path, image: Image) -> None:
    """A picture file; raises AddFailed."""
    try:
        done = cv2.imwrite(str(path), image)
    except cv2.error:  # a suffix that it does not know
        done = False
    if not done:
        raise AddFailed(f"the picture cannot be written to {path}; give another with --drawn")
