"""What the nodes of `tests.bench.community` say, as messages ready to be sent.

A message's times are a stamp of 13 digits, which the publisher replaces as it sends: the
hub must hear of the present, and building a message must not cost what is measured.
"""

import random
from collections.abc import Callable, Iterator

from tests.bench.community import NODES, node_name
from wire.codec import encode_record, splice
from wire.records import (
    AnyRecord,
    Box,
    Direction,
    DoorState,
    LineCross,
    NodeHealth,
    ZoneCount,
    ZoneDwell,
    ZoneEnter,
    ZoneExit,
)
from wire.topics import Channel, Topic

PER_MESSAGE = 10
STAMP = 1_111_111_111_111
STAMP_BYTES = b"%d" % STAMP

_VIEWS = (("cam-a", "yard"), ("cam-b", "yard"), ("cam-b", "hall"))
_CROWD = 6
"""Tracks in a zone at most."""
_LABELS = ("person", "person", "person", "person", "car")
_BOX: Box = (0.4125, 0.3042, 0.0812, 0.2604)


class NodeVoice:
    """One node's records: counts that drift, people who come and go, a door, its health."""

    def __init__(self, name: str, seed: int) -> None:
        self.name = name
        self._random = random.Random(f"{name} {seed}")
        self._seq = 0
        self._track = 0
        self._inside: dict[tuple[str, str], list[int]] = {view: [] for view in _VIEWS}
        self._counts: dict[tuple[str, str, str], int] = {}
        kinds: dict[Callable[[], AnyRecord], int] = {
            self._count: 50,
            self._come_or_go: 24,
            self._cross: 10,
            self._dwell: 6,
            self._door: 6,
            self._health: 4,
        }
        self._kinds, self._weights = list(kinds), list(kinds.values())

    def message(self) -> bytes:
        """The payload of its next ten records."""
        makers = self._random.choices(self._kinds, self._weights, k=PER_MESSAGE)
        return splice("bench-epoch", STAMP, [encode_record(make()) for make in makers])

    def _next(self) -> int:
        self._seq += 1
        return self._seq

    def _view(self) -> tuple[str, str]:
        return self._random.choice(_VIEWS)

    def _count(self) -> AnyRecord:
        source, zone = self._view()
        label = self._random.choice(_LABELS)
        before = self._counts.get((source, zone, label), 1)
        count = min(6, max(0, before + self._random.choice((-1, 0, 0, 1))))
        self._counts[source, zone, label] = count
        return ZoneCount(
            seq=self._next(), ts=STAMP, source=source, zone=zone, label=label, count=count,
            confidence=0.87 if count else 0.0,
        )  # fmt: skip

    def _come_or_go(self) -> AnyRecord:
        source, zone = self._view()
        inside = self._inside[source, zone]
        if self._random.randrange(_CROWD) < len(inside):
            gone = inside.pop(self._random.randrange(len(inside)))
            return ZoneExit(
                seq=self._next(), ts=STAMP, source=source, zone=zone, label="person",
                track=gone, dwell_ms=8400,
            )  # fmt: skip
        self._track += 1
        inside.append(self._track)
        return ZoneEnter(
            seq=self._next(), ts=STAMP, source=source, zone=zone, label="person",
            track=self._track, confidence=0.8125, box=_BOX,
        )  # fmt: skip

    def _dwell(self) -> AnyRecord:
        source, zone = self._view()
        return ZoneDwell(
            seq=self._next(), ts=STAMP, source=source, zone=zone, label="person",
            track=self._random.choice(self._inside[source, zone] or [0]), dwell_ms=10_000,
        )  # fmt: skip

    def _cross(self) -> AnyRecord:
        return LineCross(
            seq=self._next(), ts=STAMP, source="cam-a", line="gate", label="person",
            track=self._track, direction=self._random.choice(list(Direction)),
            confidence=0.79, box=_BOX,
        )  # fmt: skip

    def _door(self) -> AnyRecord:
        opened = self._random.random() < 0.5
        return DoorState(
            seq=self._next(), ts=STAMP, source="door", open=opened, battery=93, linkquality=144
        )

    def _health(self) -> AnyRecord:
        return NodeHealth(
            seq=self._next(), ts=STAMP, source=self._random.choice(("agent", "cam-a", "cam-b")),
            fps=9.98, infer_ms=12.4, frames=104_822, skipped=12, reconnects=0,
        )  # fmt: skip


class Traffic:
    """The messages of all nodes of a site, in turns; numbered on from one call to the next."""

    def __init__(self, site: str, seed: int = 1) -> None:
        self._turns = self._voices(site, seed)

    def _voices(self, site: str, seed: int) -> Iterator[tuple[str, bytes]]:
        voices = [NodeVoice(node_name(number), seed) for number in range(NODES)]
        topics = [str(Topic(site, voice.name, Channel.RECORDS)) for voice in voices]
        while True:
            for topic, voice in zip(topics, voices, strict=True):
                yield topic, voice.message()

    def messages(self, count: int) -> list[tuple[str, bytes]]:
        """The next ``count`` messages: (topic, payload with stamps)."""
        return [next(self._turns) for _ in range(count)]
