"""What people did as signals of their places: open cases of each kind, and checkpoints that walks
missed (`hub.patrols.missed`).

The web and the hub share the state store, so the hub looks for new events now and then. A
report takes effect at its own time, after what the place has seen until then, and waits
like everything else while records of before may still be on their way.
"""

from collections import Counter
from collections.abc import Callable, Sequence

from sqlalchemy import Connection, func, select

from configs.signals import is_told
from configs.site import SiteFile
from hub.cases.tables import ENDED, Case, CaseEvent
from hub.patrols import missed
from hub.rules.engine import Engine
from hub.rules.place import Outcome

PREFIX = "reports."
Key = tuple[str, str]
"""(site, place)."""


WALKS_EVERY_MS = 5_000
"""How often it is asked whether a walk is over: the hub closes walks every ten seconds."""


class PeopleCounts:
    """What the engine has still to be told of reports and patrols."""

    def __init__(self) -> None:
        self._seen: int | None = None
        self._walks: tuple[int, ...] = ()
        self._walks_at = 0
        self._waiting: dict[tuple[Key, str], tuple[int, int]] = {}
        """(place, signal) → (its value, since when, ms)."""

    def learn(
        self, connection: Connection, sites: Sequence[SiteFile], engine: Engine, now: int
    ) -> None:
        """Find out what has changed; the first time, all that differs from what the engine
        knows from before."""
        newest = connection.scalar(select(func.max(CaseEvent.id))) or 0
        walks = self._mark(connection, sites, now)
        if newest == self._seen and walks == self._walks:
            return
        times = self._times(connection, now) if self._seen is not None else {}
        counts = _open(connection, sites)
        for key, walked in missed.in_a_row(connection, [f.site.id for f in sites], now).items():
            counts.setdefault(key, Counter())[missed.SIGNAL] = walked
        self._seen, self._walks = newest, walks  # only now: a read that fails is made again
        for key, place in engine.places.items():
            known = {name: round(value) for name, value in place.values.items() if is_told(name)}
            here = counts.get(key, Counter())
            for name in sorted(known.keys() | here.keys()):
                told = self._waiting.get((key, name), (known.get(name, 0), 0))[0]
                if here[name] != told:
                    at = now if name == missed.SIGNAL else times.get(key, now)
                    self._waiting[key, name] = (here[name], at)

    def _mark(self, connection: Connection, sites: Sequence[SiteFile], now: int) -> tuple[int, ...]:
        if self._seen is not None and 0 <= now - self._walks_at < WALKS_EVERY_MS:
            return self._walks
        self._walks_at = now
        return missed.mark(connection, [file.site.id for file in sites], now)

    def forget(self) -> None:
        """The configuration changed: compare everything anew."""
        self._seen = None

    def tell(self, engine: Engine, limit: Callable[[Key], int], outcome: Outcome) -> None:
        """Apply what time has reached at its place (``limit``, ms)."""
        for (key, name), (value, at) in sorted(self._waiting.items()):
            place = engine.places.get(key)
            if place is None or at <= limit(key):
                del self._waiting[key, name]
                # A millisecond of its own: a backtest takes it in the same order.
                if place is not None:
                    engine.told(*key, name, value, max(at, place.clock + 1), outcome)

    def _times(self, connection: Connection, now: int) -> dict[Key, int]:
        """When the newest thing happened to a case of each place."""
        rows = connection.execute(
            select(Case.site, Case.place, func.max(CaseEvent.at))
            .join(Case, Case.id == CaseEvent.case)
            .where(CaseEvent.id > self._seen)
            .group_by(Case.site, Case.place)
        )
        return {(site, place): min(at, now) for site, place, at in rows}


def _open(connection: Connection, sites: Sequence[SiteFile]) -> dict[Key, Counter[str]]:
    rules = {file.site.id: file.residents for file in sites}
    rows = connection.execute(
        select(Case.site, Case.place, Case.kind, func.count())
        .where(Case.state.not_in(ENDED), Case.held == "", Case.place != "")
        .group_by(Case.site, Case.place, Case.kind)
    )
    found: dict[Key, Counter[str]] = {}
    for site, place, kind, count in rows:
        if site in rules:
            for name in rules[site].signals(kind):
                found.setdefault((site, place), Counter())[PREFIX + name] += count
    return found
