"""Places as they are now, and the nodes that tell of them."""

from msgspec import Struct

from web.api.part import reads
from web.api.shapes import Words
from web.console import console
from web.now.snapshot import CardView, take


class PlaceOut(Struct, frozen=True):
    """A place as it is now."""

    site: str
    place: str
    name: Words
    ts: int
    """The newest that is known of it; 0 for nothing yet."""
    stale: bool
    severity: str
    """Of its worst active alert; "" for none."""
    signals: dict[str, float]
    cut_off: bool


class Places(Struct, frozen=True):
    """All places."""

    places: list[PlaceOut]


class NodeOut(Struct, frozen=True):
    """An edge agent."""

    site: str
    node: str
    online: bool
    last_rx: int
    late: int
    duplicate: int
    lost: int
    clock_ms: int
    agent: str


class Nodes(Struct, frozen=True):
    """All nodes."""

    nodes: list[NodeOut]


@reads("/places", Places)
def places() -> Places:
    """All places as they are now."""
    here = console()
    with here.reader.connect() as connection:
        now = take(connection, here)
    cards = [now.card(file.site.id, place) for file in here.sites for place in file.places]
    return Places([_out(card) for card in cards])


@reads("/nodes", Nodes)
def nodes() -> Nodes:
    """All nodes as they are now."""
    here = console()
    with here.reader.connect() as connection:
        now = take(connection, here)
    found = [now.node(file.site.id, node.id) for file in here.sites for node in file.nodes]
    return Nodes([
        NodeOut(one.site, one.node, one.online, one.last_rx, one.late, one.duplicate, one.lost,
                one.clock_ms, one.agent)
        for one in found
    ])  # fmt: skip


def _out(card: CardView) -> PlaceOut:
    return PlaceOut(card.site, card.place, Words.of(card.name), card.ts, card.stale,
                    card.severity, dict(card.signals), bool(card.offline))  # fmt: skip
