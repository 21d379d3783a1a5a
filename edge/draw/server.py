"""The drawing page: what it shows and what it saves."""

import json
import logging
import threading
from pathlib import Path
from urllib.parse import unquote

import msgspec

from configs import ConfigError, load_edge
from edge.draw import shapes
from edge.draw.pictures import NoPicture, Pictures
from edge.page.server import JSON, LocalPage
from health.serving import Answer, text

log = logging.getLogger(__name__)


class DrawServer(LocalPage):
    """Serves one edge.yaml on a thread of its own until closed."""

    def __init__(self, path: Path, pictures: Pictures, *, port: int = 0) -> None:
        """Listen on loopback; port 0 takes a free one. Raises OSError where it cannot."""
        self._path = path
        self._pictures = pictures
        self._saving = threading.Lock()
        super().__init__("draw", port=port)

    def close(self) -> None:
        """Stop serving, and let go of the cameras."""
        super().close()
        self._pictures.close()

    def answer(self, path: str) -> Answer:
        """The cameras of the file, or one's picture."""
        if path == "/cameras.json":
            return self._cameras()
        if path.startswith("/picture/"):
            return self._picture(unquote(path.removeprefix("/picture/")))
        return super().answer(path)

    def take(self, path: str, body: bytes) -> Answer:
        """A drawing to be saved."""
        return self._save(body) if path == "/save" else super().take(path, body)

    def _cameras(self) -> Answer:
        try:
            version = shapes.version(self._path)
            edge = load_edge(self._path)
        except (ConfigError, OSError) as error:
            return text(422, str(error))
        said = {
            "file": self._path.name,
            "version": version,
            "labels": edge.model.labels,
            "cameras": [shapes.shown(camera) for camera in edge.cameras],
        }
        return 200, JSON, json.dumps(said).encode()

    def _picture(self, camera_id: str) -> Answer:
        try:
            cameras = {camera.id: camera for camera in load_edge(self._path).cameras}
            if camera_id not in cameras:
                return text(404, f"no camera {camera_id!r}")
            return 200, "image/jpeg", self._pictures.jpeg(cameras[camera_id])
        except (ConfigError, NoPicture, ValueError) as error:
            return text(503, str(error))

    def _save(self, body: bytes) -> Answer:
        try:
            drawing = msgspec.json.decode(body, type=shapes.Drawing)
            with self._saving:
                shapes.save(self._path, drawing)
        except (msgspec.MsgspecError, UnicodeError) as error:
            return text(400, f"not a drawing: {error}")
        except shapes.Conflict as error:
            return text(409, str(error))
        except ConfigError as error:
            return text(422, str(error))
        except OSError as error:
            return text(500, f"{self._path} cannot be written: {error.strerror}")
        log.info("saved what was drawn on %s in %s", drawing.camera, self._path)
        return self._cameras()
