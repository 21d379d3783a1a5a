"""Open cases as signals: how many of each kind there are at each place.

The web and the hub share the state store, so the hub looks for new events now and then. A
report takes effect at its own time, after what the place has seen until then, and waits
like everything else while records of before may still be on their way.
"""

from collections import Counter
from collections.abc import Callable, Sequence

from sqlalchemy import Connection, func, select

from configs.site import SiteFile
from hub.cases.tables import ENDED, Case, CaseEvent
from hub.rules.engine import Engine
from hub.rules.place import Outcome

PREFIX = "reports."
Key = tuple[str, str]
"""(site, place)."""


class ReportCounts:
    """What the engine has still to be told of residents' reports."""

    def __init__(self) -> None:
        self._seen: int | None = None
        self._waiting: dict[tuple[Key, str], tuple[int, int]] = {}
        """(place, kind) → (open reports, since when, ms)."""

    def learn(
        self, connection: Connection, sites: Sequence[SiteFile], engine: Engine, now: int
    ) -> None:
        """Find out what has changed; the first time, all that differs from what the engine
        knows from before."""
        newest = connection.scalar(select(func.max(CaseEvent.id))) or 0
        if newest == self._seen:
            return
        times = self._times(connection, now) if self._seen is not None else {}
        counts = _open(connection, sites)
        self._seen = newest  # only now: a read that fails is made again
        for key, place in engine.places.items():
            known = {
                name.removeprefix(PREFIX): round(value)
                for name, value in place.values.items()
                if name.startswith(PREFIX)
            }
            here = counts.get(key, Counter())
            for kind in sorted(known.keys() | here.keys()):
                told = self._waiting.get((key, kind), (known.get(kind, 0), 0))[0]
                if here[kind] != told:
                    self._waiting[key, kind] = (here[kind], times.get(key, now))

    def forget(self) -> None:
        """The configuration changed: compare everything anew."""
        self._seen = None

    def tell(self, engine: Engine, limit: Callable[[Key], int], outcome: Outcome) -> None:
        """Apply what time has reached at its place (``limit``, ms)."""
        for (key, kind), (count, at) in sorted(self._waiting.items()):
            place = engine.places.get(key)
            if place is None or at <= limit(key):
                del self._waiting[key, kind]
                # A millisecond of its own: a backtest takes it in the same order.
                if place is not None:
                    engine.report(*key, kind, count, max(at, place.clock + 1), outcome)

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
                found.setdefault((site, place), Counter())[name] += count
    return found
