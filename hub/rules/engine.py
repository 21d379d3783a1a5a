"""The engine: every place of every site, moved by records and by time.

A pure function of (sites, records, times): no clock, no store, no threads. The live hub
and a replay run this same code.
"""

import heapq
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence

import msgspec

from configs.overrides import resolve_rule
from configs.rules import Rule
from configs.site import Place, SiteFile
from hub.rules.place import NEVER, Ears, Outcome, PlaceAtWork
from hub.rules.watch import Step
from wire.records import AGENT, AnyRecord

Key = tuple[str, str, str]
"""site, node, source."""


class Engine:
    """Routes records to the places they concern; what does not concern a place costs nothing."""

    def __init__(self, sites: Sequence[SiteFile]) -> None:
        self.places: dict[tuple[str, str], PlaceAtWork] = {}
        self.sources: dict[tuple[str, str], set[tuple[str, str]]] = {}
        """(site, place) → the (node, source) that tell about it."""
        self.nodes: dict[tuple[str, str], set[str]] = {}
        """(site, place) → the nodes of those."""
        self._routes: dict[Key, list[PlaceAtWork]] = defaultdict(list)
        self._ears: dict[Key, Sequence[tuple[PlaceAtWork, Ears]]] = {}
        """The same for the sources that have been heard, with who listens to them there."""
        for file in sites:
            for place in file.places:
                self._add(file, place)
        self._queue: list[tuple[int, tuple[str, str]]] = []

    def _add(self, file: SiteFile, place: Place) -> None:
        key = (file.site.id, place.id)
        rules = [
            resolve_rule(rule, place, file.overrides)
            for rule in file.rules
            if concerns(rule, place)
        ]
        work = PlaceAtWork(place, file.site, rules, file.risk)
        self.places[key] = work
        sources = {(view.node, view.source) for group in place.views for view in group}
        sources |= {(line.node, line.source) for line in place.lines}
        sources |= {(door.node, door.source) for door in place.doors}
        self.sources[key] = set(sources)
        self.nodes[key] = {node for node, _ in sources}
        sources |= {(node, AGENT) for node in self.nodes[key]}
        for node, source in sources:
            self._routes[file.site.id, node, source].append(work)

    def take(
        self, site: str, node: str, record: AnyRecord, at: int, outcome: Outcome, *, late: bool
    ) -> int:
        """Apply a record at event time ``at`` (ms) to every place it concerns.

        Returns the time at which it was really applied: later than ``at`` where one of
        its places had moved on. A replay gives that time and gets the same outcomes.
        """
        key = (site, node, record.source)
        listening = self._ears.get(key)
        if listening is None:
            listening = self._listen(key)
        for place, _ in listening:
            if place.clock > at:
                at = place.clock
        before = len(outcome.transitions) if late else 0
        for place, ears in listening:
            place.take(ears, record, at, outcome)
            if place.due < place.queued:
                self._schedule(place)
        if late:
            outcome.late.update(
                step.alert for step in outcome.transitions[before:] if step.step is Step.FIRING
            )
        return at

    def _listen(self, key: Key) -> Sequence[tuple[PlaceAtWork, Ears]]:
        places = self._routes.get(key)
        if places is None:
            return ()  # not kept: nobody knows how many sources a stranger invents
        found = [(place, place.ears(key[1], key[2])) for place in places]
        self._ears[key] = found
        return found

    def advance(self, limit: Callable[[tuple[str, str]], int], now: int, outcome: Outcome) -> None:
        """Let fall due what does, at each place up to ``limit`` (ms) of it, none past ``now``."""
        waiting: list[PlaceAtWork] = []
        while self._queue and self._queue[0][0] <= now:
            due, key = heapq.heappop(self._queue)
            place = self.places[key]
            if place.queued != due:
                continue  # it was scheduled for earlier since
            place.advance(limit(key), outcome)
            place.queued = NEVER
            waiting.append(place)
        for place in waiting:
            self._schedule(place)

    def advance_place(self, site: str, place: str, to: int, outcome: Outcome) -> None:
        """Let one place reach ``to`` (ms), as a replay does."""
        work = self.places.get((site, place))
        if work is not None:
            work.advance(to, outcome)
            self._schedule(work)

    def _schedule(self, place: PlaceAtWork) -> None:
        if place.due < place.queued:
            place.queued = place.due
            heapq.heappush(self._queue, (place.due, (place.site, place.id)))

    def told(
        self, site: str, place: str, name: str, value: int, at: int, outcome: Outcome
    ) -> int:  # fmt: skip
        """A signal of what people did, such as ``reports.door``, is ``value`` at a place from
        ``at`` (ms) on.

        Returns the time at which that was really applied, as `take` does. The journal holds it
        as the signal that follows from it.
        """
        work = self.places.get((site, place))
        if work is None:
            return at
        at = max(at, work.clock)
        work.told(name, value, at, outcome)
        self._schedule(work)
        return at

    def judged(
        self, site: str, place: str, what: str, start: int, verdict: str, at: int,
        outcome: Outcome,
    ) -> None:  # fmt: skip
        """Staff said what an anomaly was, at ``at`` (ms); the signals of what surprises learn."""
        work = self.places.get((site, place))
        if work is not None:
            work.judged(what, start, verdict, max(at, work.clock), outcome)
            self._schedule(work)

    def unheard(self, site: str, place: str, start: int, end: int, outcome: Outcome) -> None:
        """From ``start`` to ``end`` (ms) the hub did not run, and nothing came of that time."""
        work = self.places.get((site, place))
        if work is not None:
            work.unheard(start, end, outcome)
            self._schedule(work)

    def overrule(self, site: str, place: str, alert: str) -> None:
        """An operator resolved ``alert``; its rule stays quiet until its conditions end once."""
        work = self.places.get((site, place))
        if work is not None and work.overrule(alert):
            self._schedule(work)

    def active(self) -> Iterable[str]:
        """Ids of the alerts that are pending or firing."""
        for place in self.places.values():
            yield from (watch.alert for watch in place.watches if watch.alert is not None)

    def dump(self) -> bytes:
        """The whole state; `load` of it into an engine of the same sites continues it."""
        return msgspec.msgpack.encode(
            [[site, place, work.dump()] for (site, place), work in self.places.items()]
        )

    def load(self, state: bytes) -> None:
        """Take up a dumped state, as far as it fits today's sites."""
        for site, place, dumped in msgspec.msgpack.decode(state):
            work = self.places.get((site, place))
            if work is not None:
                work.load(dumped)
                self._schedule(work)


def concerns(rule: Rule, place: Place) -> bool:
    """Whether a rule watches a place: by id, by tag, or all."""
    return place.answers_to(rule.places)
