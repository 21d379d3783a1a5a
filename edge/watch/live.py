"""What a camera sees, told to whoever may read the agent's data folder.

The agent's health server may be open to the network for Prometheus; pictures, blurred as they
are, go only to who shows the token that lies in the data folder. Nothing is made of a picture
until somebody asks.
"""

import base64
import hmac
import os
import secrets
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final

import msgspec

from configs.agent import Camera
from edge.camera import CameraWorker, View
from edge.evidence import render
from edge.geometry import as_box
from health.serving import Answer, text

PATH: Final = "/live/"
TOKEN_FILE: Final = "watch.token"  # noqa: S105 - a file's name
"""In the data folder, for its owner alone."""


def write_token(data: Path) -> str:
    """A new token, and the file of it. Raises OSError."""
    token = secrets.token_urlsafe(24)
    path = data / TOKEN_FILE
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(token)
    return token


class Live:
    """Answers `PATH` of the health server. Thread-safe."""

    def __init__(self, token: str, cameras: Callable[[], Iterable[CameraWorker]]) -> None:
        self._token = token
        self._cameras = cameras

    def answer(self, path: str, authorization: str) -> Answer | None:
        """``/live/``: the cameras' ids; ``/live/<id>``: what it sees now. None: not ours."""
        if not path.startswith(PATH):
            return None
        given = authorization.removeprefix("Bearer ")
        if not hmac.compare_digest(given.encode(), self._token.encode()):
            return text(403, "`linli edge watch --page` shows this")
        workers = {each.camera.id: each for each in self._cameras()}
        name = path.removeprefix(PATH)
        if not name:
            return 200, "application/json", msgspec.json.encode(list(workers))
        if name not in workers:
            return text(404, "there is no such camera")
        return _told(workers[name])


def _told(worker: CameraWorker) -> Answer:
    view = worker.watch()
    if view is None:
        return text(503, f"camera {worker.camera.id} has no picture yet ({worker.how})")
    try:
        jpeg = render(view.frame.image, view.people, worker.camera)
    except ValueError as error:
        return text(503, str(error))
    said = {**_described(worker, view), "jpeg": base64.b64encode(jpeg).decode()}
    return 200, "application/json", msgspec.json.encode(said)


def _described(worker: CameraWorker, view: View) -> dict[str, Any]:
    high, wide = view.frame.image.shape[:2]
    tracks = view.tracks
    return {
        "ts": view.frame.ts,
        "size": (wide, high),
        "condition": str(worker.condition),
        "detail": worker.detail,
        "still": view.still,
        "shapes": _shapes(worker.camera),
        "counts": view.counts,
        "tracks": [
            {
                "id": int(tracks.track[row]),
                "label": view.names[int(tracks.label[row])],
                "score": round(float(tracks.score[row]), 2),
                "box": as_box(tracks.xyxy[row], (wide, high)),
            }
            for row in range(len(tracks))
        ],
        "records": [msgspec.to_builtins(each) for each in view.records],
    }


def _shapes(camera: Camera) -> list[dict[str, Any]]:
    zones = [{"kind": "zone", "id": each.id, "points": each.polygon} for each in camera.zones]
    lines = [{"kind": "line", "id": each.id, "points": each.points} for each in camera.lines]
    masks = [{"kind": "mask", "id": "", "points": each} for each in camera.masks]
    return [*zones, *lines, *masks]
