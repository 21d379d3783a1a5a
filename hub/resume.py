"""After a break of the hub: was it silent meanwhile, or did only nobody listen?

Edges keep what they saw until it is taken, and number it. So the first word of a node after a
break tells: where its numbers go on with no gap, or one too small for a node that ran, it saw
nothing in that time, most often because it was off as the hub was. That time is then left out of
every duration at its places.
"""

from collections.abc import Iterable
from typing import Final

from sqlalchemy import Connection

from configs.site import SiteFile
from hub.fusion.silence import UNHEARD
from hub.intake import Intake, Work
from hub.rules.engine import Engine
from hub.rules.place import Outcome
from hub.series.points import SignalPoint, Stored
from hub.uptime import Down, Uptime

SPEAKS_MS: Final = 60_000
"""A node that runs makes a record at least this often; the usual is every 15 s for each source."""
Place = tuple[str, str]
"""(site, place)."""


class Resume:
    """What a hub that begins does not know yet of the time in which it did not run."""

    def __init__(self, patience_ms: int) -> None:
        self._patience_ms = patience_ms
        self._waiting: dict[Place, Down] = {}
        self.uptime = Uptime()

    def begin(
        self, connection: Connection, sites: Iterable[SiteFile], engine: Engine, intake: Intake,
        now: int,
    ) -> None:  # fmt: skip
        """The hub runs from ``now`` (ms) on."""
        heard: dict[str, int] = {}
        for (site, _), node in intake.ledger.nodes.items():
            if node.last_rx:
                heard[site] = max(heard.get(site, 0), node.last_rx)
        downs = self.uptime.begin(connection, [file.site.id for file in sites], now, heard)
        for (site, place), nodes in engine.nodes.items():
            if site in downs and nodes:
                self._waiting[site, place] = downs[site]
                intake.awaited |= {(site, node) for node in nodes}

    def hear(self, stored: Stored, work: Work, engine: Engine) -> None:
        """A record is about to be applied; the first of a node tells of the break before it."""
        missing = work.resumed.pop((stored.site, stored.node), None)
        if missing is None:
            return
        for key in [key for key in self._waiting if key[0] == stored.site]:
            if stored.node in engine.nodes.get(key, ()):
                down = self._waiting.pop(key)
                end = min(down.end, stored.at)
                if missing == 0 or missing * SPEAKS_MS < end - down.start:
                    engine.unheard(*key, down.start, end, work.outcome)

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
