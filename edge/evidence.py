"""The picture that shows why: heads blurred, masks black, small, and not too often.

Heads are blurred on the device, before anything is written or sent, and for everybody that
the detector has the slightest idea of, not only for those it reports.
"""

import secrets
from collections.abc import Sequence
from typing import Final

import cv2
import numpy as np
from msgspec.structs import replace

from configs.agent import Camera
from edge.detections import Detections, FloatArray
from edge.frames import Image
from models.faces import blur, face_finder, hide_faces
from wire.records import (
    LIVE,
    AnyRecord,
    LineCross,
    NodeHealth,
    SceneFault,
    ZoneCount,
    ZoneDwell,
    ZoneEnter,
    ZoneStationary,
)

MAX_BYTES: Final = 200_000
MAX_SIDE_PX: Final = 1280
QUALITIES: Final = (80, 65, 50, 35)
EVENT_GAP_MS: Final = 2_000
"""Pictures of events are at least this far apart for each camera."""
BLUR_SCORE: Final = 0.2
"""A person seen with this score or more is blurred. Lower: safer, more blur on clutter."""


class PictureDesk:
    """Decides which look of a camera is shown, and gives it a ref. Not thread-safe."""

    def __init__(self, source: str, picture_every_ms: int) -> None:
        self._source = source
        self._every_ms = picture_every_ms
        self._last_ts: int | None = None

    def choose(
        self, records: Sequence[AnyRecord], ts: int, *, asked: bool = False
    ) -> tuple[list[AnyRecord], str | None]:
        """The look's records and, where a picture is to be made of it, the ref they now carry.

        Where a picture is due and no record tells of the scene, one of the camera's health
        is added for it: a picture always follows a record. One that only shows whoever asked what
        is seen has a ref of its own kind, so that it is not taken for evidence.
        """
        age_ms = None if self._last_ts is None else ts - self._last_ts
        event = any(is_event(record) for record in records)
        due = asked or age_ms is None or age_ms >= self._every_ms
        if not due and not (event and age_ms is not None and age_ms >= EVENT_GAP_MS):
            return list(records), None
        self._last_ts = ts
        kind = LIVE if asked and not event else ""
        ref = f"{kind}{ts:x}-{secrets.token_hex(6)}"
        if not any(isinstance(record, _SHOWN) for record in records):
            records = [*records, NodeHealth(seq=0, ts=ts, source=self._source)]
        return [
            replace(record, evidence=ref) if isinstance(record, _SHOWN) else record
            for record in records
        ], ref


_SHOWN: Final = (
    ZoneEnter, LineCross, ZoneDwell, ZoneStationary, SceneFault, ZoneCount, NodeHealth,
)  # fmt: skip


def is_event(record: AnyRecord) -> bool:
    """Whether it says what a hub may alert on at once: not that something goes on or is over."""
    if isinstance(record, SceneFault):
        return record.active
    if isinstance(record, ZoneStationary):
        return record.still_ms > 0
    return isinstance(record, ZoneEnter | LineCross | ZoneDwell)


def people(detections: Detections, known: Detections, names: Sequence[str]) -> FloatArray:
    """(N, 4) boxes of everybody who may be in the picture, pixels.

    ``detections`` is all that the detector saw, ``known`` the tracker's idea of who is there.
    """
    label = names.index("person") if "person" in names else -1
    seen = detections.xyxy[(detections.label == label) & (detections.score >= BLUR_SCORE)]
    return np.concatenate([seen, known.xyxy[known.label == label]])


def render(image: Image, people_xyxy: FloatArray, camera: Camera) -> bytes:
    """A JPEG without metadata of at most `MAX_BYTES`; ``image`` stays as it is.

    Raises ValueError where OpenCV cannot encode it, or the camera's face detector not be loaded.
    """
    height, width = image.shape[:2]
    scale = min(1.0, MAX_SIDE_PX / max(height, width))
    shown = _resized(image, scale) if scale < 1 else image.copy()
    if camera.blur:
        for box in people_xyxy * scale:
            blur(shown, head(box))
        if camera.faces:
            _blur_faces(shown, camera.faces)
    for mask in camera.masks:
        corners = np.array(mask) * (shown.shape[1], shown.shape[0])
        cv2.fillPoly(shown, [np.round(corners).astype(np.int32)], (0, 0, 0))
    return _encode(shown)


def head(xyxy: FloatArray) -> tuple[int, int, int, int]:
    """Where a person's head may be: left, top, right, bottom, pixels, generously.

    A whole standing person's head is the top seventh; of somebody cut off by the picture's
    edge or sitting it is more, and such boxes are wide for their height.
    """
    left, top, right, bottom = (float(side) for side in xyxy)
    wide, high = right - left, bottom - top
    depth = min(max(0.3 * high, 0.7 * wide), high)
    return (
        int(left - 0.15 * wide),
        int(top - 0.12 * high),
        int(np.ceil(right + 0.15 * wide)),
        int(np.ceil(top + depth)),
    )


def _blur_faces(image: Image, path: str) -> None:
    try:
        finder = face_finder(path)
    except ValueError as error:
        raise ValueError(
            f"faces: {error}; no picture leaves the camera until it can, or until `faces` is "
            "left out"
        ) from error
    hide_faces(image, finder)


def _resized(image: Image, scale: float) -> Image:
    size = (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)


def _encode(image: Image) -> bytes:
    while True:
        for quality in QUALITIES:
            try:
                _, coded = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
            except cv2.error as error:
                raise ValueError(f"picture {image.shape} cannot be encoded: {error}") from None
            if len(coded) <= MAX_BYTES:
                return coded.tobytes()
        image = _resized(image, 0.7)
