"""Records to put into series stores."""

from collections.abc import Sequence

import msgspec

from hub.series.points import AlertPoint, Entry, SeriesStore, SignalPoint, Stored
from wire.records import (
    AnyRecord,
    Direction,
    DoorAccess,
    DoorState,
    Fault,
    LineCross,
    NodeHealth,
    SceneFault,
    ZoneCount,
    ZoneDwell,
    ZoneEnter,
    ZoneExit,
    ZoneStationary,
)

T0 = 1_763_812_345_678
FOREVER = 2**53
BOX = (0.1, 0.25, 1 / 3, 1.0)

ONE_OF_EACH: tuple[AnyRecord, ...] = (
    ZoneCount(seq=1, ts=T0, source="cam", zone="yard", label="person", count=3, confidence=0.5),
    ZoneEnter(
        seq=2, ts=T0, source="cam", zone="yard", label="人", track=7, confidence=1.0, box=BOX
    ),
    ZoneExit(seq=3, ts=T0, source="cam", zone="yard", label="person", track=7, dwell_ms=0),
    ZoneDwell(seq=4, ts=T0, source="cam", zone="yard", label="person", track=7, dwell_ms=2**53),
    ZoneStationary(seq=5, ts=T0, source="cam", zone="yard", label="car", track=7, still_ms=9),
    LineCross(
        seq=6,
        ts=T0,
        source="cam",
        evidence="shot-1",
        line="gate",
        label="e bike, x=y",
        track=7,
        direction=Direction.RIGHT,
        confidence=0.25,
        box=BOX,
    ),
    SceneFault(seq=7, ts=T0, source="cam", fault=Fault.COVERED, active=True),
    DoorState(seq=8, ts=T0, source="door", open=False),
    DoorState(
        seq=9,
        ts=T0,
        source="door",
        open=True,
        battery=0,
        tamper=False,
        linkquality=255,
        available=True,
    ),
    DoorAccess(seq=10, ts=T0, source="door", granted=False),
    NodeHealth(seq=11, ts=T0, source="agent"),
    NodeHealth(
        seq=12,
        ts=T0,
        source="agent",
        ok=False,
        detail='say "no", C:\\ and\nanother line \\',
        uptime_s=1,
        fps=15.0,
        infer_ms=0.1,
        frames=2,
        skipped=3,
        reconnects=4,
        outbox=5,
        dropped=6,
        rss_bytes=2**53,
        celsius=-40.0,
    ),
)


def stored(record: AnyRecord, order: int, *, site: str = "garden", epoch: str = "e1") -> Stored:
    """A record as the hub would have taken it as number ``order``."""
    return Stored(
        site=site, node="gate-1", epoch=epoch, rx_us=T0 * 1000 + order, at=T0, record=record
    )


def counts(n: int, *, first: int = 0, site: str = "garden") -> tuple[Stored, ...]:
    """``n`` records, 10 ms apart."""
    return tuple(
        stored(
            ZoneCount(
                seq=seq,
                ts=T0 + 10 * seq,
                source=f"cam-{seq % 4}",
                zone="yard",
                label="person",
                count=seq,
                confidence=0.5,
            ),
            seq,
            site=site,
        )
        for seq in range(first, first + n)
    )


def entry(n: int, *, first: int = 0) -> Entry:
    """An entry with ``n`` records, as many values of a signal, and an alert that fires."""
    records = counts(n, first=first)
    signals = tuple(
        SignalPoint("garden", "court", "occupancy.person", each.record.ts, float(order))
        for order, each in enumerate(records)
    )
    alert = AlertPoint("garden", "court", "night", "high", T0 + first, "firing", f"a{first}")
    return Entry(records, signals, (alert,))


def relabelled(record: AnyRecord, label: str) -> AnyRecord:
    """The same record of something else."""
    return msgspec.structs.replace(record, label=label)


def seqs(store: SeriesStore, site: str = "garden") -> list[int]:
    """The records of a store by number, in the order in which it gives them."""
    return [each.record.seq for each in store.records(site, 0, FOREVER)]


def in_order(found: Sequence[Stored]) -> list[Stored]:
    """Sorted by when the hub took them."""
    return sorted(found, key=lambda each: each.rx_us)
