"""Nodes with what they run and what hangs on them."""

from typing import Any

from msgspec import Struct

from web.api.part import reads
from web.api.places import TroubleOut, trouble_of
from web.api.shapes import Words
from web.console import console
from web.devices import DeviceView, SourceView, devices_of
from web.now.snapshot import take
from web.now.troubles import troubles


class SourceOut(Struct, frozen=True):
    """A camera or sensor."""

    source: str
    name: Words
    kind: str
    places: list[Words]
    """That it tells of."""
    last_ts: int
    values: dict[str, Any]
    """What it said last: open, battery, linkquality, fps, faults …"""
    zones: int
    """Zones and lines drawn in its picture."""
    blurred: bool
    """Its pictures leave the edge with heads hidden."""
    why_not: str


class DeviceOut(Struct, frozen=True):
    """A node, what it runs, and what hangs on it."""

    site: str
    node: str
    name: Words
    online: bool
    since: int
    """When it came, or went."""
    last_rx: int
    clock_ms: int
    """How far its clock is off."""
    late: int
    duplicate: int
    lost: int
    agent: str
    older: bool
    """It runs an older agent than another node of its site."""
    model: str
    sha256: str
    """Of the model."""
    provider: str
    drift: bool
    """It runs another model than most nodes of its site."""
    health: dict[str, Any]
    """What its agent said last: outbox, celsius …"""
    sources: list[SourceOut]
    troubles: list[TroubleOut]


class Devices(Struct, frozen=True):
    """All devices."""

    devices: list[DeviceOut]


@reads("/devices", Devices)
def devices() -> Devices:
    """Nodes with model, version, clock and outbox, their cameras and sensors, and what is
    broken."""
    here = console()
    with here.reader.connect() as connection:
        now = take(connection, here)
    broken = troubles(now)
    found = [one for file in here.sites for one in devices_of(now, file, broken)]
    return Devices([_device(one) for one in found])


def _device(one: DeviceView) -> DeviceOut:
    node = one.node
    return DeviceOut(
        site=node.site, node=node.node, name=Words.of(node.name), online=node.online,
        since=node.since, last_rx=node.last_rx, clock_ms=node.clock_ms, late=node.late,
        duplicate=node.duplicate, lost=node.lost, agent=node.agent, older=one.older,
        model=one.model, sha256=one.sha256, provider=one.provider, drift=one.drift,
        health=one.health, sources=[_source(source) for source in one.sources],
        troubles=[trouble_of(trouble) for trouble in one.troubles],
    )  # fmt: skip


def _source(one: SourceView) -> SourceOut:
    return SourceOut(
        one.source, Words.of(one.name), one.kind, [Words.of(name) for name in one.places],
        one.last_ts, one.values, one.zones, one.blurred, one.why_not,
    )  # fmt: skip
