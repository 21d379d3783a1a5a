"""The drawing of a site: how large it is, so that what stands on it stands where it is."""

import re
import struct
from pathlib import Path

from msgspec import Struct

PNG = b"\x89PNG\r\n\x1a\n"
_VIEW_BOX = re.compile(rb"<svg\b[^>]*?\bviewBox\s*=\s*[\"']([^\"']+)[\"']", re.S)


class Drawing(Struct, frozen=True):
    """A plan that can be shown."""

    path: Path
    mimetype: str
    left: float
    top: float
    width: float
    height: float
    """In the drawing's own units."""

    @property
    def unit(self) -> float:
        """The size of what is drawn upon it."""
        return max(self.width, self.height) / 40

    def holds(self, at: tuple[float, float]) -> bool:
        """Whether a point, in the drawing's units, lies on it."""
        x, y = at
        return 0 <= x - self.left <= self.width and 0 <= y - self.top <= self.height


def drawing(plan: str) -> Drawing | None:
    """The drawing in a file; None where there is none, or none of a kind that is known."""
    path = Path(plan)
    if not plan or not path.is_file():
        return None
    with path.open("rb") as file:
        head = file.read(8192)
    if head.startswith(PNG) and len(head) >= 24:
        width, height = struct.unpack(">II", head[16:24])
        return Drawing(path, "image/png", 0, 0, width, height) if width and height else None
    box = _VIEW_BOX.search(head)
    try:
        left, top, width, height = map(float, re.split(rb"[\s,]+", box[1].strip()) if box else ())
    except ValueError:
        return None
    return Drawing(path, "image/svg+xml", left, top, width, height) if width > 0 < height else None
