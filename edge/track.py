"""Gives boxes an identity over time: ByteTrack's two-stage association on a Kalman filter.

Sits between the detector and the zones. All tracks are kept as rows of a few arrays, so that
a look costs the same dozen numpy calls whether two people are in the picture or twenty.

Source: Zhang et al., "ByteTrack: Multi-Object Tracking by Associating Every Detection Box",
ECCV 2022 (boxes that the detector is unsure of extend tracks, but never start one).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import lap
import numpy as np
import numpy.typing as npt

from edge.detections import Detections
from edge.memory import TrackRow

Floats = npt.NDArray[np.float64]
Indices = npt.NDArray[np.intp]
Mask = npt.NDArray[np.bool_]

_NONE = np.zeros(0, np.intp)
_FORBIDDEN = 1e3  # a cost beyond every limit
_HELD_MISSES = 2  # looks in a row that may miss somebody who, as nothing moved, still stands
_STRAY, _STRAY_PER_S, _STRAY_MOST = 0.5, 0.5, 1.2
"""How far from where it is believed a track out of sight may turn up: box heights, and more for
each second out of sight."""
_MAX_DT_S = 1.0  # after a longer gap the filter's speed says nothing any more


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackSettings:
    """How doubt, overlap and motion are weighed."""

    high: float = 0.4
    """Boxes from this score up are matched first and may start a track. Higher: fewer false
    tracks, people are picked up later."""
    low: float = 0.1
    """Boxes from this score up may extend a track that is being seen. Lower: fewer gaps when
    somebody is half hidden, more drifting onto clutter."""
    iou: float = 0.15
    """A sure box belongs to a track from this overlap up. Lower: survives faster walkers and
    fewer pictures a second, mixes up people who stand close."""
    iou_low: float = 0.4
    """The same for the unsure boxes."""
    iou_new: float = 0.2
    """The same for a track that was seen once so far."""
    confirm_looks: int = 2
    """Looks in a row before a track is reported. Higher: fewer ghosts, later reports."""
    lost_ms: int = 2500
    """How long a track that is not seen waits to be found again. Higher: survives longer
    occlusions, more likely to be handed on to somebody else."""
    position_noise: float = 0.08
    """Uncertainty of a measured edge, as a part of the box's height. Higher: smoother and
    slower boxes."""
    accel_noise: float = 0.6
    """How much a speed may change, in box heights per second². Higher: follows turns faster,
    smooths less."""


class Tracker:
    """Follows the boxes of one camera. Not thread-safe: one tracker for each camera."""

    def __init__(self, settings: TrackSettings | None = None) -> None:
        self._set = settings or TrackSettings()
        self._next_id = 1
        self._last_ts: int | None = None
        self._look = 0
        self._mean = np.zeros((0, 2, 4))  # position and speed of (cx, cy, w, h)
        self._cov = np.zeros((0, 3, 4))  # variance of position, covariance, variance of speed
        self._id = np.zeros(0, np.int32)
        self._label = np.zeros(0, np.int32)
        self._score = np.zeros(0, np.float32)
        self._hits = np.zeros(0, np.int64)
        self._seen_ts = np.zeros(0, np.int64)
        self._seen_look = np.zeros(0, np.int64)

    def update(self, detections: Detections, ts: int) -> Detections:
        """The confirmed tracks seen in this look, with smoothed boxes and ids from 1 up.

        ``ts`` is the picture's time in milliseconds and must not run backwards; pass boxes down
        to a score of ``low``, those below are ignored.
        """
        self._look += 1
        self._predict(ts)
        boxes = detections.xyxy.astype(np.float64)
        sure = detections.score >= self._set.high
        unsure = (detections.score >= self._set.low) & ~sure
        confirmed = self._hits >= self._set.confirm_looks
        young = ~confirmed
        fresh = self._seen_look == self._look - 1
        overlap = self._overlap(boxes, detections.label)

        rows, cols = _assign(overlap, confirmed, sure, self._set.iou)
        sure[cols] = confirmed[rows] = False
        rows_far = cols_far = _NONE
        if sure.any() and (confirmed & ~fresh).any():  # seldom: it costs as much as the rest
            far = self._nearness(boxes, detections.label, ts)
            rows_far, cols_far = _assign(far, confirmed & ~fresh, sure, 0.0)
            sure[cols_far] = confirmed[rows_far] = False
        rows_low, cols_low = _assign(overlap, confirmed & fresh, unsure, self._set.iou_low)
        rows_new, cols_new = _assign(overlap, young, sure, self._set.iou_new)
        sure[cols_new] = young[rows_new] = False

        matched = np.concatenate([rows, rows_far, rows_low, rows_new])
        self._correct(
            matched,
            boxes,
            detections.score,
            np.concatenate([cols, cols_far, cols_low, cols_new]),
            ts,
        )
        self._forget(young, ts)
        self._start(detections, boxes, np.flatnonzero(sure), ts)
        return self._tracks(
            (self._hits >= self._set.confirm_looks) & (self._seen_look == self._look)
        )

    def alive(self) -> Detections:
        """Every confirmed track, those out of sight too, where it is believed to be."""
        return self._tracks(self._hits >= self._set.confirm_looks)

    def hold(self, ts: int) -> Detections:
        """The confirmed tracks in a picture, taken at ``ts``, in which nothing has moved.

        Who was seen a moment ago stands where he stood, also where the last look of the
        detector missed him.
        """
        standing = (self._hits >= self._set.confirm_looks) & (
            self._look - self._seen_look <= _HELD_MISSES
        )
        self._last_ts = ts
        self._mean[standing, 1] = 0.0
        self._seen_ts[standing] = ts
        return self._tracks(standing)

    @property
    def settled(self) -> bool:
        """Whether the last look saw just whom the tracker knew."""
        seen = self._seen_look == self._look
        return bool((seen & (self._hits >= self._set.confirm_looks)).all())

    def remembered(self, names: Sequence[str]) -> tuple[int, list[TrackRow]]:
        """The next id, and every confirmed track."""
        return self._next_id, [
            TrackRow(
                id=int(self._id[row]),
                label=names[int(self._label[row])],
                score=float(self._score[row]),
                hits=int(self._hits[row]),
                box=(cx, cy, wide, high),
            )
            for row in np.flatnonzero(self._hits >= self._set.confirm_looks)
            for cx, cy, wide, high in [self._mean[row, 0].tolist()]
        ]

    def recall(self, next_id: int, rows: Sequence[TrackRow], names: Sequence[str], ts: int) -> None:
        """Wait at ``ts`` for tracks of before a restart, as if they were out of sight."""
        rows = [row for row in rows if row.label in names]
        boxes = np.array([row.box for row in rows]).reshape(-1, 4)
        labels = [names.index(row.label) for row in rows]
        found = Detections.of(_to_edges(boxes), [row.score for row in rows], labels)
        before, next_id = len(self._id), max(self._next_id, next_id)
        self._start(found, _to_edges(boxes), np.arange(len(rows)), ts)
        self._id[before:], self._next_id = [row.id for row in rows], next_id
        self._hits[before:] = [row.hits for row in rows]
        self._mean[before:, 1] = 0.0
        self._seen_look[before:] = self._look - _HELD_MISSES - 1  # nobody is held before seen

    def _predict(self, ts: int) -> None:
        """Move every track to ``ts`` at constant speed (white-noise acceleration)."""
        dt = 0.0 if self._last_ts is None else min(max(ts - self._last_ts, 0) / 1000, _MAX_DT_S)
        self._last_ts = ts
        if not len(self._id):
            return
        position, mixed, speed = self._cov[:, 0], self._cov[:, 1], self._cov[:, 2]
        accel = (self._set.accel_noise * self._mean[:, 0, 3:4]) ** 2
        self._mean[:, 0] += self._mean[:, 1] * dt
        position += 2 * dt * mixed + dt * dt * speed + accel * dt**4 / 4
        mixed += dt * speed + accel * dt**3 / 2
        speed += accel * dt * dt
        np.maximum(self._mean[:, 0, 2:], 1.0, out=self._mean[:, 0, 2:])

    def _correct(
        self,
        rows: Indices,
        boxes: Floats,
        score: npt.NDArray[np.float32],
        cols: Indices,
        ts: int,
    ) -> None:
        if not len(rows):
            return
        seen = _to_centre(boxes[cols])
        variance = (self._set.position_noise * seen[:, 3:4]) ** 2
        cov = self._cov[rows]
        gain_position = cov[:, 0] / (cov[:, 0] + variance)
        gain_speed = cov[:, 1] / (cov[:, 0] + variance)
        surprise = seen - self._mean[rows, 0]
        self._mean[rows, 0] += gain_position * surprise
        self._mean[rows, 1] += gain_speed * surprise
        self._cov[rows, 2] -= gain_speed * cov[:, 1]
        self._cov[rows, 1] -= gain_position * cov[:, 1]
        self._cov[rows, 0] -= gain_position * cov[:, 0]
        self._score[rows] = score[cols]
        self._hits[rows] += 1
        self._seen_ts[rows] = ts
        self._seen_look[rows] = self._look

    def _forget(self, unconfirmed: Mask, ts: int) -> None:
        keep = (ts - self._seen_ts <= self._set.lost_ms) & ~unconfirmed
        if keep.all():
            return
        self._mean, self._cov = self._mean[keep], self._cov[keep]
        self._id, self._label, self._score = self._id[keep], self._label[keep], self._score[keep]
        self._hits = self._hits[keep]
        self._seen_ts, self._seen_look = self._seen_ts[keep], self._seen_look[keep]

    def _start(self, detections: Detections, boxes: Floats, new: Indices, ts: int) -> None:
        count = len(new)
        if not count:
            return
        mean = np.zeros((count, 2, 4))
        mean[:, 0] = _to_centre(boxes[new])
        height = mean[:, 0, 3:4]
        cov = np.zeros((count, 3, 4))
        cov[:, 0] = (2 * self._set.position_noise * height) ** 2
        cov[:, 2] = height**2  # a walker covers about a box height in a second
        self._mean = np.concatenate([self._mean, mean])
        self._cov = np.concatenate([self._cov, cov])
        ids = np.arange(self._next_id, self._next_id + count, dtype=np.int32)
        self._next_id += count
        self._id = np.concatenate([self._id, ids])
        self._label = np.concatenate([self._label, detections.label[new]])
        self._score = np.concatenate([self._score, detections.score[new]])
        self._hits = np.concatenate([self._hits, np.ones(count, np.int64)])
        self._seen_ts = np.concatenate([self._seen_ts, np.full(count, ts, np.int64)])
        looks = np.full(count, self._look, np.int64)
        self._seen_look = np.concatenate([self._seen_look, looks])

    def _overlap(self, boxes: Floats, label: npt.NDArray[np.int32]) -> Floats:
        """(tracks, boxes) IoU; −1 where the labels differ."""
        overlap = iou(_to_edges(self._mean[:, 0]), boxes)
        overlap[self._label[:, None] != label[None, :]] = -1.0
        return overlap

    def _nearness(self, boxes: Floats, label: npt.NDArray[np.int32], ts: int) -> Floats:
        """(tracks, boxes) 1 where a box is just where a track out of sight is believed, 0 as far
        as it may have strayed; below 0 beyond that and where size or label differ.
        """
        seen = _to_centre(boxes)
        middle, height = self._mean[:, 0, :2], self._mean[:, 0, 3]
        apart = np.linalg.norm(middle[:, None] - seen[None, :, :2], axis=2)
        unseen_s = (ts - self._seen_ts) / 1000
        reach = height * np.minimum(_STRAY + _STRAY_PER_S * unseen_s, _STRAY_MOST)
        near = 1.0 - apart / reach[:, None]
        ratio = seen[None, :, 3] / height[:, None]
        near[(ratio < 0.7) | (ratio > 1.4) | (self._label[:, None] != label[None, :])] = -1.0
        return np.asarray(near)

    def _tracks(self, chosen: Mask) -> Detections:
        return Detections(
            _to_edges(self._mean[chosen, 0]).astype(np.float32),
            self._score[chosen],
            self._label[chosen],
            self._id[chosen],
        )


def iou(first: Floats, second: Floats) -> Floats:
    """(N, M) intersection over union of (N, 4) and (M, 4) boxes (left, top, right, bottom)."""
    top_left = np.maximum(first[:, None, :2], second[None, :, :2])
    bottom_right = np.minimum(first[:, None, 2:], second[None, :, 2:])
    size = np.maximum(bottom_right - top_left, 0.0)
    shared = size[..., 0] * size[..., 1]
    area_1 = (first[:, 2] - first[:, 0]) * (first[:, 3] - first[:, 1])
    area_2 = (second[:, 2] - second[:, 0]) * (second[:, 3] - second[:, 1])
    return np.asarray(shared / np.maximum(area_1[:, None] + area_2[None, :] - shared, 1e-9))


def _assign(
    overlap: Floats, of_tracks: Mask, of_boxes: Mask, least: float
) -> tuple[Indices, Indices]:
    """The pairs of tracks and boxes that overlap most in sum, each by at least ``least``."""
    rows, cols = np.flatnonzero(of_tracks), np.flatnonzero(of_boxes)
    if not len(rows) or not len(cols):
        return _NONE, _NONE
    part = overlap[rows[:, None], cols]
    cost = np.where(part >= least, 1.0 - part, _FORBIDDEN)
    _, partner, _ = lap.lapjv(cost, extend_cost=True, cost_limit=1.0 - least + 1e-9)
    hit = np.flatnonzero(partner >= 0)
    return rows[hit], cols[partner[hit]]


def _to_centre(xyxy: Floats) -> Floats:
    size = xyxy[:, 2:] - xyxy[:, :2]
    return np.concatenate([xyxy[:, :2] + size / 2, size], axis=1)


def _to_edges(centre: Floats) -> Floats:
    half = centre[:, 2:] / 2
    return np.concatenate([centre[:, :2] - half, centre[:, :2] + half], axis=1)
