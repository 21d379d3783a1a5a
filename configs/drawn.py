"""What cameras look for, as their nodes' files draw it or as the nodes say of themselves.

A label that no zone or line looks for makes a rule that is right in itself and never fires.
"""

from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct, field

from configs.agent import EdgeFile
from configs.signals import family_of
from configs.site import Place

PERSONS = ("flow.in", "flow.out", "tailgating", "surprise.flow")
"""What counts persons over lines, though its name has no label."""
Drawing = tuple[str, str, str]
"""node, source, and the zone or line."""
Labels = Sequence[str]


class Drawn(Struct):
    """Zones and lines that are known, each with the labels it looks for."""

    zones: dict[Drawing, Labels] = field(default_factory=dict)
    lines: dict[Drawing, Labels] = field(default_factory=dict)


class Lacking(Struct, frozen=True):
    """A label that none of a rule's zones, or lines, looks for."""

    label: str
    part: str
    """zone or line."""
    found: frozenset[str]
    """What they do look for."""

    @property
    def words(self) -> str:
        """What is wrong."""
        where = "zone in view" if self.part == "zone" else "line"
        return f"no {where} of the rule's places looks for {self.label!r}"


def of_edges(edges: Mapping[str, EdgeFile]) -> Drawn:
    """What edge files draw, by node."""
    drawn = Drawn()
    for node, edge in edges.items():
        for camera in edge.cameras:
            drawn.zones |= {(node, camera.id, zone.id): zone.labels for zone in camera.zones}
            drawn.lines |= {(node, camera.id, line.id): line.labels for line in camera.lines}
    return drawn


def lacking(signal: str, places: Iterable[Place], drawn: Drawn) -> Lacking | None:
    """What keeps a signal at 0 at all of the places; None where nothing does, or where one of
    their zones or lines is not known."""
    family = family_of(signal)
    counted = signal.startswith(PERSONS) or family.startswith("flow.")
    if not counted and not family.endswith(".<label>"):
        return None
    label = signal.rpartition(".")[2] if family.endswith(".<label>") else "person"
    found: set[str] = set()
    here: list[Drawing] = []
    for place in places:
        if counted:
            here += [(line.node, line.source, line.line) for line in place.lines]
        else:
            here += [(v.node, v.source, v.zone) for group in place.views for v in group]
    known = drawn.lines if counted else drawn.zones
    if not here or any(one not in known for one in here):
        return None
    for one in here:
        found.update(known[one])
    part = "line" if counted else "zone"
    return None if label in found else Lacking(label, part, frozenset(found))
