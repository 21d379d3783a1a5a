"""Photos that residents send: opened, checked by content, made small and drawn anew.

Nothing of the file goes on but its picture: place, time and phone model in its metadata
are left behind. Where a face model is installed (`web.faces`) faces are hidden before
anything is kept; without one only staff, and never the board, sees a photo.
"""

import io
import threading
import warnings
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import IO, Protocol

from PIL import Image, ImageOps, UnidentifiedImageError

from hub.cases.receive import ReportRefused
from web.faces import Hider

MAX_PHOTOS = 4
MAX_BYTES = 12 * 1024 * 1024
"""Of one photo."""
MAX_PIXELS = 60_000_000
"""Of a JPEG, which is opened at an eighth of its size where that does."""
MAX_WHOLE_PIXELS = 25_000_000
"""Of a PNG or WebP, which is opened whole, 4 bytes for each: a small file can hold very many."""
MAX_SCANS = 100
"""Of a JPEG. Cameras write ten at most; each takes as long as the picture is large, and one of a
few bytes does."""
AT_ONCE = threading.BoundedSemaphore(2)
"""Pictures that are opened together, however many people send some."""
LONG_SIDE = 1600
QUALITY = 82
SMALL_SIDE = 640
"""Of a photo on a page: twice the 320 pixels that it takes there, for screens that have more."""
SMALL_QUALITY = 60
FORMATS = ("JPEG", "PNG", "WEBP")
START_OF_SCAN = b"\xff\xda"
"""In a JPEG's pixels no such bytes stand."""
NOT_A_PICTURE = (
    UnidentifiedImageError, OSError, SyntaxError, ValueError, Image.DecompressionBombError,
)  # fmt: skip


class Upload(Protocol):
    """A file of a form."""

    filename: str | None
    stream: IO[bytes]


def redraw(uploads: Iterable[Upload], hide: Hider | None) -> tuple[bytes, ...]:
    """JPEGs of the photos, the long side 1600 pixels at the most, their faces hidden by ``hide``.

    Raises `ReportRefused` for one that is no picture, too large, or one too many.
    """
    given = [upload for upload in uploads if upload.filename]
    if len(given) > MAX_PHOTOS:
        raise ReportRefused("photos", f"has more than {MAX_PHOTOS} photos")
    return tuple(_redraw(upload, hide) for upload in given)


def small(path: Path) -> bytes:
    """A kept photo as a page shows it, a JPEG. Raises OSError."""
    return _small(path, path.stat().st_mtime_ns)


@lru_cache(maxsize=64)
def _small(path: Path, _changed: int) -> bytes:
    with Image.open(path) as image:
        image.draft("RGB", (SMALL_SIDE, SMALL_SIDE))
        image.thumbnail((SMALL_SIDE, SMALL_SIDE))
        out = io.BytesIO()
        image.save(out, "JPEG", quality=SMALL_QUALITY, optimize=True)
    return out.getvalue()


def _redraw(upload: Upload, hide: Hider | None) -> bytes:
    raw = upload.stream.read(MAX_BYTES + 1)
    if len(raw) > MAX_BYTES:
        raise ReportRefused("photos", f"a photo is larger than {MAX_BYTES // 1024 // 1024} MB")
    with AT_ONCE:
        try:
            upright = _opened(raw)
        except NOT_A_PICTURE:
            raise ReportRefused("photos", "a file is no JPEG, PNG or WebP picture") from None
        fresh = Image.new("RGB", upright.size)
        fresh.paste(upright if hide is None else hide(upright))
    out = io.BytesIO()
    fresh.save(out, "JPEG", quality=QUALITY, optimize=True)
    return out.getvalue()


def _opened(raw: bytes) -> Image.Image:
    """Small, upright and in three colours. Raises `ReportRefused` for what is too large to be
    opened, and `NOT_A_PICTURE`."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # see MAX_PIXELS
        image: Image.Image = Image.open(io.BytesIO(raw), formats=FORMATS)
    most = MAX_PIXELS if image.format == "JPEG" else MAX_WHOLE_PIXELS
    if image.width * image.height > most:
        raise ReportRefused("photos", f"a photo has more than {most // 10**6} million pixels")
    if image.format == "JPEG" and raw.count(START_OF_SCAN) > MAX_SCANS:
        raise ReportRefused("photos", f"a photo is drawn in more than {MAX_SCANS} scans")
    image.draft("RGB", (LONG_SIDE, LONG_SIDE))
    if image.mode not in ("L", "RGB", "RGBA"):
        image = image.convert("RGB")  # palettes and the like grow small badly
    image.thumbnail((LONG_SIDE, LONG_SIDE))
    return ImageOps.exif_transpose(image).convert("RGB")
