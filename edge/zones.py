"""Who stands in a zone: counts, comings and goings, stays, and what does not move.

One `ZoneWatch` for each zone of a camera takes the tracker's boxes look by look and emits
records with seq 0; the outbox numbers them. A box is in the zone when its bottom centre is.
Time is the pictures' own.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from configs.agent import Zone
from edge.detections import Detections
from edge.geometry import Feet, as_box, jitter_px
from edge.memory import Visit
from wire.records import (
    AnyRecord,
    ZoneCount,
    ZoneDwell,
    ZoneEnter,
    ZoneExit,
    ZoneStationary,
)

CONFIRM_LOOKS: Final = 2
CONFIRM_MS: Final = 300
"""An entry, an exit or a higher count is believed after this many looks, or this long."""
FALL_MS: Final = 400
"""A lower count is believed after this long: detectors miss people for a look or two."""
FIRST_MS: Final = 1000
"""After a start an empty zone is reported after this long, when tracks had time to form."""
REPEAT_MS: Final = 5_000
"""A count above zero is repeated this often."""
REPEAT_EMPTY_MS: Final = 30_000
"""A count of zero is repeated this often."""
DWELL_MS: Final = 10_000
"""A stay is reported each time it has grown by this much."""
STILL_MS: Final = 10_000
"""Standing still is reported each time it has grown by this much."""
STILL_RADIUS: Final = 0.25
"""Still means: the foot stays within this many box sizes (the root of the area)."""
LOST_MS: Final = 3_000
"""A track that is not seen this long has left the zone. Longer than the tracker waits."""


class ZoneWatch:
    """Watches one zone. Not thread-safe."""

    def __init__(
        self,
        zone: Zone,
        source: str,
        names: Sequence[str],
        size_wh: tuple[int, int],
        feet: Feet | None = None,
    ) -> None:
        """``names`` are the detector's class names; ``size_wh`` is the picture's, in pixels.

        ``feet`` may be shared by all who watch the same tracks.
        """
        self.zone = zone
        self._source = source
        self._names = names
        self._size_wh = size_wh
        self._feet = feet or Feet(size_wh)
        corners = np.array(zone.polygon) * size_wh
        self._contour = corners.astype(np.float32).reshape(-1, 1, 2)
        self._margin_px = jitter_px(size_wh)
        self._visits: dict[int, _Visit] = {}
        self._counts = {index: _Count() for index, name in enumerate(names) if name in zone.labels}

    def look(self, tracks: Detections, ts: int) -> list[AnyRecord]:
        """What the confirmed tracks of the picture taken at ``ts`` mean for the zone."""
        records: list[AnyRecord] = []
        inside: dict[int, list[float]] = {label: [] for label in self._counts}
        for row, foot in enumerate(self._feet.look(tracks, ts)):
            label, track = int(tracks.label[row]), int(tracks.track[row])
            if label not in inside:
                continue
            if self._holds(foot[0], foot[1], self._visits.get(track)):
                inside[label].append(float(tracks.score[row]))
                records += self._stay(tracks, row, (foot[0], foot[1]), ts)
            elif track in self._visits:
                records += self._leave(track, ts)
        records += self._lose(ts)
        for label, scores in inside.items():
            told = self._counts[label].look(len(scores), max(scores, default=0.0), ts)
            if told is not None:
                records.append(self._count(label, *told, ts))
        return records

    def end(self, ts: int) -> list[AnyRecord]:
        """The last records of a zone that is given up or drawn anew: nobody is in it any more."""
        visits, self._visits = self._visits, {}
        exits = [record for track in visits for record in self._exit(track, visits[track], ts)]
        occupied = [label for label, count in self._counts.items() if count.told]
        return [*exits, *(self._count(label, 0, 0.0, ts) for label in occupied)]

    @property
    def counts(self) -> dict[str, int]:
        """How many of each label were last told to be there; those of which there are any."""
        return {self._names[label]: each.told for label, each in self._counts.items() if each.told}

    def remembered(self) -> dict[int, Visit]:
        """Who is in the zone, by track."""
        return {
            track: Visit(
                label=self._names[visit.label],
                since=visit.since,
                anchor=(float(visit.anchor[0]), float(visit.anchor[1])),
                still_since=visit.still_since,
                entered=visit.entered,
                dwell_told=visit.dwell_told,
                still_told=visit.still_told,
            )
            for track, visit in self._visits.items()
        }

    def recall(self, visits: dict[int, Visit], ts: int) -> None:
        """Go on with the visits of before a restart; who is not seen soon has left."""
        for track, visit in visits.items():
            if visit.label in self._names:
                self._visits[track] = _Visit(
                    self._names.index(visit.label),
                    since=visit.since,
                    inside_ts=ts,
                    anchor=visit.anchor,
                    still_since=visit.still_since,
                    entered=visit.entered,
                    dwell_told=visit.dwell_told,
                    still_told=visit.still_told,
                )

    def _holds(self, x: float, y: float, visit: "_Visit | None") -> bool:
        """Inside, with a band along the border in which the last answer stands."""
        distance = cv2.pointPolygonTest(self._contour, (x, y), measureDist=True)
        if abs(distance) <= self._margin_px and visit is not None:
            return visit.out_looks == 0
        return distance >= 0

    def _stay(
        self, tracks: Detections, row: int, foot: tuple[float, float], ts: int
    ) -> list[AnyRecord]:
        track, label = int(tracks.track[row]), int(tracks.label[row])
        visit = self._visits.get(track)
        if visit is None:
            visit = _Visit(label, since=ts, inside_ts=ts, anchor=foot, still_since=ts)
            self._visits[track] = visit
        visit.inside_ts, visit.out_looks = ts, 0
        visit.looks += 1
        if not visit.entered:
            if not _lasts(visit.looks, ts - visit.since):
                return []
            visit.entered = True
            return [self._enter(tracks, row, ts)]
        box = tracks.xyxy[row]
        size = math.sqrt(max(float((box[2] - box[0]) * (box[3] - box[1])), 1.0))
        return [*self._dwell(track, visit, ts), *self._still(track, visit, foot, size, ts)]

    def _leave(self, track: int, ts: int) -> list[AnyRecord]:
        visit = self._visits[track]
        visit.out_looks += 1
        if visit.entered and not _lasts(visit.out_looks, ts - visit.inside_ts):
            return []
        del self._visits[track]
        return self._exit(track, visit, ts)

    def _lose(self, ts: int) -> list[AnyRecord]:
        lost = [track for track, visit in self._visits.items() if ts - visit.inside_ts > LOST_MS]
        return [
            record for track in lost for record in self._exit(track, self._visits.pop(track), ts)
        ]

    def _enter(self, tracks: Detections, row: int, ts: int) -> ZoneEnter:
        return ZoneEnter(
            seq=0,
            ts=ts,
            source=self._source,
            zone=self.zone.id,
            label=self._names[int(tracks.label[row])],
            track=int(tracks.track[row]),
            confidence=round(float(tracks.score[row]), 3),
            box=as_box(tracks.xyxy[row], self._size_wh),
        )

    def _exit(self, track: int, visit: "_Visit", ts: int) -> list[AnyRecord]:
        if not visit.entered:
            return []
        left = ZoneExit(
            seq=0,
            ts=ts,
            source=self._source,
            zone=self.zone.id,
            label=self._names[visit.label],
            track=track,
            dwell_ms=visit.inside_ts - visit.since,
        )
        return [*self._moved(track, visit, ts), left]

    def _dwell(self, track: int, visit: "_Visit", ts: int) -> list[AnyRecord]:
        if ts - visit.since < visit.dwell_told + DWELL_MS:
            return []
        visit.dwell_told = ts - visit.since
        return [
            ZoneDwell(
                seq=0,
                ts=ts,
                source=self._source,
                zone=self.zone.id,
                label=self._names[visit.label],
                track=track,
                dwell_ms=visit.dwell_told,
            )
        ]

    def _still(
        self, track: int, visit: "_Visit", foot: tuple[float, float], size: float, ts: int
    ) -> list[AnyRecord]:
        if math.dist(foot, visit.anchor) > STILL_RADIUS * size:
            visit.anchor, visit.still_since = foot, ts
            return self._moved(track, visit, ts)
        if ts - visit.still_since < visit.still_told + STILL_MS:
            return []
        visit.still_told = ts - visit.still_since
        return [self._stationary(track, visit, ts)]

    def _moved(self, track: int, visit: "_Visit", ts: int) -> list[AnyRecord]:
        if not visit.still_told:
            return []
        visit.still_told = 0
        return [self._stationary(track, visit, ts)]

    def _stationary(self, track: int, visit: "_Visit", ts: int) -> ZoneStationary:
        return ZoneStationary(
            seq=0,
            ts=ts,
            source=self._source,
            zone=self.zone.id,
            label=self._names[visit.label],
            track=track,
            still_ms=visit.still_told,
        )

    def _count(self, label: int, count: int, confidence: float, ts: int) -> ZoneCount:
        return ZoneCount(
            seq=0,
            ts=ts,
            source=self._source,
            zone=self.zone.id,
            label=self._names[label],
            count=count,
            confidence=round(confidence, 3),
        )


@dataclass(slots=True)
class _Visit:
    """One track's time in the zone."""

    label: int
    since: int
    """When it was first seen inside."""
    inside_ts: int
    """When it was last seen inside."""
    anchor: tuple[float, float]
    """Where it has stood still since ``still_since``, pixels."""
    still_since: int
    looks: int = 0
    out_looks: int = 0
    """Looks in a row that saw it outside."""
    entered: bool = False
    dwell_told: int = 0
    still_told: int = 0


class _Count:
    """How many of a label, without the flicker."""

    def __init__(self) -> None:
        self._told: int | None = None
        self._told_ts = 0
        self._confidence = 0.0
        self._pending: int | None = None
        """The change nearest to what was told that the present streak supports."""
        self._since = 0
        self._looks = 0

    @property
    def told(self) -> int:
        """What was last reported; 0 before anything was."""
        return self._told or 0

    def look(self, count: int, confidence: float, ts: int) -> tuple[int, float] | None:
        """The (count, confidence) to report at this look, or None."""
        if count:
            self._confidence = confidence
        if count == self._told:
            self._pending = None
            repeat_ms = REPEAT_MS if count else REPEAT_EMPTY_MS
            return self._tell(count, ts) if ts - self._told_ts >= repeat_ms else None
        self._extend(count, ts)
        if self._pending is not None and self._believed(self._pending, ts):
            return self._tell(self._pending, ts)
        if self._told and ts - self._told_ts >= REPEAT_MS:
            return self._repeat(ts)
        return None

    def _extend(self, count: int, ts: int) -> None:
        told = -1 if self._told is None else self._told
        # Before anything is told, nobody is what it looks like until tracks have formed.
        starts = self._told is None and self._pending == 0 and count > 0
        if self._pending is None or starts or (self._pending > told) != (count > told):
            self._pending, self._since, self._looks = count, ts, 0
        elif count > told:
            self._pending = min(self._pending, count)
        else:
            self._pending = max(self._pending, count)
        self._looks += 1

    def _believed(self, count: int, ts: int) -> bool:
        lasted = ts - self._since
        if self._told is None and count == 0:
            return lasted >= FIRST_MS
        if self._told is not None and count < self._told:
            return self._looks >= CONFIRM_LOOKS and lasted >= FALL_MS
        return _lasts(self._looks, lasted)

    def _tell(self, count: int, ts: int) -> tuple[int, float]:
        self._told, self._pending = count, None
        if count == 0:
            self._confidence = 0.0
        return self._repeat(ts)

    def _repeat(self, ts: int) -> tuple[int, float]:
        self._told_ts = ts
        return self._told or 0, self._confidence


def _lasts(looks: int, lasted_ms: int) -> bool:
    return looks >= CONFIRM_LOOKS or lasted_ms >= CONFIRM_MS
