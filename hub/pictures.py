"""Pictures on disk: ``<data>/pictures/<site>/<node>/<ref>.jpg``."""

import os
from pathlib import Path

from wire.topics import is_id


class PictureFolder:
    """Keeps the JPEGs that nodes send. Names are ids, so none leads out of the folder."""

    def __init__(self, data: Path) -> None:
        self._root = data / "pictures"

    def path(self, site: str, node: str, ref: str) -> Path:
        """Where a picture lies; raises ValueError for what is no id."""
        if not (is_id(site) and is_id(node) and is_id(ref)):
            raise ValueError(f"no picture is named {site!r}/{node!r}/{ref!r}")
        return self._root / site / node / f"{ref}.jpg"

    def put(self, site: str, node: str, ref: str, jpeg: bytes) -> None:
        """Keep a picture; a reader sees all of it or nothing. Raises OSError."""
        path = self.path(site, node, ref)
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part")
        with part.open("wb") as file:
            file.write(jpeg)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)

    def remove(self, site: str, node: str, ref: str) -> None:
        """Forget a picture, if it is there."""
        self.path(site, node, ref).unlink(missing_ok=True)
