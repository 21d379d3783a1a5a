"""After a break of the hub: was it silent meanwhile, or did only nobody listen?

Edges keep what they saw until it is taken. So the first record of a node after a break tells.
Where it is of the break, those that follow decide as if the hub had listened. Where it is of now,
the node was off as the hub was, or tells what it owes later: then the time before is left out of
every duration at its places.
"""

from collections.abc import Iterable

from sqlalchemy import Connection

from configs.site import SiteFile
from hub.downs import Down
from hub.fusion.silence import UNHEARD
from hub.ledger import Ledger
from hub.rules.engine import Engine
from hub.rules.place import Outcome
from hub.series.points import SignalPoint, Stored
from hub.uptime import Uptime

Place = tuple[str, str]
"""(site, place)."""


class Resume:
    """What a hub that begins does not know yet of the time in which it did not run."""

    def __init__(self, patience_ms: int) -> None:
        self._patience_ms = patience_ms
        self._waiting: dict[Place, Down] = {}
        self.uptime = Uptime()

    @property
    def waits(self) -> bool:
        """Whether there are places that have heard nothing since the break."""
        return bool(self._waiting)

    def begin(
        self, connection: Connection, sites: Iterable[SiteFile], engine: Engine, ledger: Ledger,
        now: int,
    ) -> None:  # fmt: skip
        """The hub runs from ``now`` (ms) on."""
        heard: dict[str, int] = {}
        for (site, _), node in ledger.nodes.items():
            if node.last_rx:
                heard[site] = max(heard.get(site, 0), node.last_rx)
        downs = self.uptime.begin(connection, [file.site.id for file in sites], now, heard)
        for (site, place), nodes in engine.nodes.items():
            if site in downs and nodes:
                self._waiting[site, place] = downs[site]

    def hear(self, stored: Stored, engine: Engine, outcome: Outcome) -> None:
        """A record is about to be applied; the first at a place tells of the break before it."""
        for key, down in list(self._waiting.items()):
            if key[0] == stored.site and stored.node in engine.nodes.get(key, ()):
                del self._waiting[key]
                engine.unheard(*key, down.start, min(down.end, stored.at), outcome)

    def give_up(self, now: int, engine: Engine, outcome: Outcome) -> None:
        """Places whose nodes have not come back for long enough wait no more."""
        for key, down in list(self._waiting.items()):
            if now - down.end > self._patience_ms:
                del self._waiting[key]
                engine.unheard(*key, down.start, down.end, outcome)


def repeat(told: SignalPoint, engine: Engine, outcome: Outcome) -> None:
    """Leave out of a replay what the live hub left out."""
    engine.unheard(told.site, told.place, told.ts - round(told.value), told.ts, outcome)


class Repeats:
    """The breaks that an entry of the journal speaks of, each before the record that ended it."""

    def __init__(self, signals: Iterable[SignalPoint]) -> None:
        self._left = [told for told in signals if told.name == UNHEARD]

    def before(self, stored: Stored, engine: Engine, outcome: Outcome) -> None:
        """A record is about to be applied."""
        for told in list(self._left):
            nodes = engine.nodes.get((told.site, told.place), ())
            if told.site == stored.site and told.ts <= stored.at and stored.node in nodes:
                self._left.remove(told)
                repeat(told, engine, outcome)

    def rest(self, engine: Engine, outcome: Outcome) -> None:
        """Those that no record ended."""
        for told in self._left:
            repeat(told, engine, outcome)
