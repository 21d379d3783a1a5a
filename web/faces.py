"""Faces in residents' photos are hidden before anything is kept: with the model that `web.faces`
names, or with the catalog's YuNet as soon as `linli models pull yunet` has fetched it.

Where there is neither, `Faces.why` says what to do, and photos stay with the staff.
"""

import logging
from typing import Protocol

from flask import current_app
from PIL import Image

from models.catalog import ModelError, folders, resolve
from web.console import WebError

log = logging.getLogger(__name__)
YUNET = "yunet"
SIDES = (640, 320, 160)
"""Faces are looked for at these sizes too: one that fills the photo is seen only there."""


class Hider(Protocol):
    """Hides the faces of a picture."""

    def __call__(self, image: Image.Image) -> Image.Image: ...


class Faces:
    """What hides faces in a console. Looks for YuNet again until it is there, without a restart."""

    def __init__(self, path: str) -> None:
        """``path``: a model that was named; "" for the catalog's. Raises `WebError` where the
        named one does not do."""
        self._hider = _named(path) if path else None
        self.why = ""
        """What to do, where nothing hides faces; empty where something does."""

    def hider(self) -> Hider | None:
        """What hides faces, or None."""
        if self._hider is None:
            try:
                self._hider, self.why = _catalogued(), ""
            except (ModelError, WebError) as error:
                if str(error) != self.why:
                    log.warning("faces in residents' photos are not hidden: %s", error)
                self.why = str(error)
        return self._hider


def faces() -> Faces:
    """How this console hides faces, or why it does not."""
    found: Faces = current_app.extensions["linli.faces"]
    return found


def _named(path: str) -> Hider:
    try:
        return _hider(path)
    except ValueError as error:
        raise WebError(
            f"web.faces: {error}; fetch it with `linli models pull yunet`, or leave it out"
        ) from error


def _catalogued() -> Hider:
    found = resolve(YUNET, folders())
    try:
        return _hider(str(found.path))
    except ValueError as error:
        raise WebError(f"{error}; fetch it again with `linli models pull yunet`") from error


def _hider(path: str) -> Hider:
    try:
        # Only a console that has a model loads OpenCV.
        import numpy as np

        from models.faces import face_finder, hide_faces
    except ImportError as error:
        raise WebError(
            f"to hide faces with {path} it needs {error.name}: pip install 'linli[faces]'"
        ) from error
    finder = face_finder(path)

    def hide(image: Image.Image) -> Image.Image:
        bgr = np.ascontiguousarray(np.asarray(image)[:, :, ::-1])
        hide_faces(bgr, finder, SIDES)
        return Image.fromarray(np.ascontiguousarray(bgr[:, :, ::-1]))

    return hide
