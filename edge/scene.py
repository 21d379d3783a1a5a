"""One camera's scene: from boxes to tracks, and from tracks to the records of zones and lines."""

from collections.abc import Sequence

from configs.agent import Camera, Line, Zone
from edge.detections import Detections
from edge.geometry import Feet
from edge.lines import LineWatch
from edge.memory import Memory
from edge.track import Tracker, TrackSettings
from edge.zones import ZoneWatch
from wire.records import AnyRecord


class Scene:
    """What is known of the scene since the camera was opened: tracks, zones, lines."""

    def __init__(
        self, camera: Camera, names: Sequence[str], size_wh: tuple[int, int], score: float
    ) -> None:
        self.size_wh = size_wh
        self._names = names
        self.tracker = Tracker(TrackSettings(high=score))
        self.tracks = Detections.none()
        """Those of the last look."""
        self._source = camera.id
        self._feet = Feet(size_wh)
        self._zones = [self._zone(each) for each in camera.zones]
        self._lines = [self._line(each) for each in camera.lines]

    def redraw(self, camera: Camera, ts: int) -> list[AnyRecord]:
        """Take up other zones and lines; tracks, and shapes that stay as they are, go on."""
        zones = {watch.zone: watch for watch in self._zones}
        lines = {watch.line: watch for watch in self._lines}
        ended = [watch for zone, watch in zones.items() if zone not in camera.zones]
        self._zones = [zones.get(zone) or self._zone(zone) for zone in camera.zones]
        self._lines = [lines.get(line) or self._line(line) for line in camera.lines]
        return [record for watch in ended for record in watch.end(ts)]

    @property
    def counts(self) -> dict[str, dict[str, int]]:
        """How many of what stand in each zone, as last told; labels of which there are any."""
        return {watch.zone.id: watch.counts for watch in self._zones}

    def remembered(self, ts: int) -> Memory:
        """What a restart shall know."""
        next_id, tracks = self.tracker.remembered(self._names)
        zones = {watch.zone.id: watch.remembered() for watch in self._zones}
        return Memory(ts, self.size_wh, next_id, tracks, zones)

    def recall(self, memory: Memory, ts: int) -> None:
        """Go on from before a restart."""
        self.tracker.recall(memory.next_id, memory.tracks, self._names, ts)
        for watch in self._zones:
            watch.recall(memory.zones.get(watch.zone.id, {}), ts)

    def look(self, detections: Detections | None, ts: int) -> list[AnyRecord]:
        """The records of a picture; ``detections`` is None where nothing has moved in it."""
        tracks = self.tracks = (
            self.tracker.hold(ts) if detections is None else self.tracker.update(detections, ts)
        )
        records: list[AnyRecord] = []
        for zone in self._zones:
            records += zone.look(tracks, ts)
        for line in self._lines:
            records += line.look(tracks, ts)
        return records

    def _zone(self, zone: Zone) -> ZoneWatch:
        return ZoneWatch(zone, self._source, self._names, self.size_wh, self._feet)

    def _line(self, line: Line) -> LineWatch:
        return LineWatch(line, self._source, self._names, self.size_wh, self._feet)
