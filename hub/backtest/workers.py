"""Replays a site's records over several processes: its places are independent of each other.

Each of them loads this module and what it imports, which is a part of what a replay weighs: the
state's database, which is asked in `hub.backtest.observed`, is none of it.
"""

import contextlib
import gc
import logging
import multiprocessing
import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor, wait
from pathlib import Path
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from configs.servers import HubSettings
from configs.site import Place, SiteFile
from hub.backtest.misses import closest
from hub.backtest.reader import applied, others
from hub.backtest.replayer import WARM_UP_MS, Found, Near
from hub.backtest.replayer import replay as replay_here
from hub.downs import Down
from hub.series.open import open_series

POLL_S = 0.2
GARBAGE = 200_000
"""New objects before Python looks for cycles. Higher: faster; lower: less memory if any."""
SAMPLES = 8
SAMPLE_MS = 600_000
"""Of the stretch, to see which nodes speak most. Higher: fairer shares; lower: a sooner start."""
_read: Any = None
"""In a worker: the shared number of records read so far."""


class Stretch(Struct, frozen=True):
    """What to replay. Times in ms, event time; the end is excluded."""

    start: int
    end: int
    warm_up_ms: int = WARM_UP_MS
    gaps: tuple[Down, ...] = ()
    """When nothing was heard, because the hub did not run."""

    @property
    def begin(self) -> int:
        """When reading begins."""
        return max(0, self.start - self.warm_up_ms)

    @property
    def days(self) -> float:
        """For how long something was heard in it."""
        gone = sum(gap.ms for gap in self.gaps)
        return max(1, self.end - self.start - gone) / 86_400_000

    @property
    def until(self) -> int:
        """How far time goes on by itself: not where nobody listened any more."""
        last = self.gaps[-1] if self.gaps else None
        return last.start if last is not None and last.end >= self.end else self.end


def count(settings: HubSettings, site: SiteFile, stretch: Stretch) -> int:
    """How many records will be read where one process does it. Raises `SeriesError`."""
    store = open_series(settings.series, Path(settings.data))
    try:
        return store.count_records(site.site.id, stretch.begin, stretch.end)
    finally:
        store.close()


def replay(
    settings: HubSettings, site: SiteFile, stretch: Stretch, *,
    near: Near | None = None, jobs: int = 0, advance: Callable[[int], None] = lambda _: None,
) -> Found:  # fmt: skip
    """The alerts of the stretch, in order of time; ``advance`` hears of records read.

    ``jobs`` processes share the places; 0: as many as there are cores. Raises `SeriesError`.
    """
    jobs = jobs or os.cpu_count() or 1
    parts = share(site, jobs, _loads(settings, site, stretch)) if jobs > 1 else [site]
    if len(parts) < 2:
        return _replay_part(settings, site, stretch, near, advance)
    context = multiprocessing.get_context("spawn")
    read = context.Value("q", 0)
    with ProcessPoolExecutor(
        len(parts), mp_context=context, initializer=_begin, initargs=(read,)
    ) as pool:
        futures = [pool.submit(_work, settings, part, stretch, near) for part in parts]
        told = 0
        pending = True
        while pending:
            pending = bool(wait(futures, timeout=POLL_S).not_done)
            told, before = int(read.value), told
            advance(told - before)
        results = [future.result() for future in futures]
    return Found(
        fired=tuple(sorted(fired for found in results for fired in found.fired)),
        failed=sum(found.failed for found in results),
        misses=tuple(closest(miss for found in results for miss in found.misses)),
    )


def _begin(read: Any) -> None:
    global _read
    _read = read
    logging.basicConfig(level=logging.WARNING)


def _work(settings: HubSettings, site: SiteFile, stretch: Stretch, near: Near | None) -> Found:
    def advance(records: int) -> None:
        with _read.get_lock():
            _read.value += records

    return _replay_part(settings, site, stretch, near, advance)


def _replay_part(
    settings: HubSettings, site: SiteFile, stretch: Stretch, near: Near | None,
    advance: Callable[[int], None],
) -> Found:  # fmt: skip
    store = open_series(settings.series, Path(settings.data))
    try:
        nodes = sorted({node for place in site.places for node in nodes_of(place)})
        said = others(store, site, stretch.end)
        records = applied(
            store, site.site.id, stretch.begin, stretch.end,
            nodes=nodes, others=said, advance=advance,
        )  # fmt: skip
        with _collecting_rarely():
            return replay_here(site, records, stretch.start, stretch.end, near, until=stretch.until)
    finally:
        store.close()


@contextlib.contextmanager
def _collecting_rarely() -> Iterator[None]:
    """Records hold no cycles, and a slice of them is many objects that all live: looking for
    garbage among them every few hundred would take as long as reading them."""
    before = gc.get_threshold()
    gc.set_threshold(GARBAGE, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)


def nodes_of(place: Place) -> set[str]:
    """Whose records a place needs."""
    nodes = {view.node for group in place.views for view in group}
    nodes |= {line.node for line in place.lines}
    return nodes | {door.node for door in place.doors}


def _loads(settings: HubSettings, site: SiteFile, stretch: Stretch) -> Mapping[str, int]:
    """How many records each node has in a few short pieces of the stretch."""
    every = (stretch.end - stretch.begin) // SAMPLES
    loads: Counter[str] = Counter()
    store = open_series(settings.series, Path(settings.data))
    try:
        for number in range(SAMPLES):
            start = stretch.begin + number * every
            loads.update(store.count_by_node(site.site.id, start, start + min(every, SAMPLE_MS)))
    finally:
        store.close()
    return loads


def share(site: SiteFile, jobs: int, loads: Mapping[str, int]) -> list[SiteFile]:
    """The site cut into ``jobs`` at most, which have about as much to do: ``loads`` are the
    records of each node. Places of the same nodes stay side by side."""
    parts: list[list[Place]] = [[] for _ in range(jobs)]
    places = sorted(site.places, key=lambda place: sorted(nodes_of(place)))
    # The one is for what a place costs that hears nothing.
    weights = [1 + sum(loads.get(node, 0) for node in nodes_of(place)) for place in places]
    whole, done = sum(weights), 0.0
    for place, weight in zip(places, weights, strict=True):
        parts[int((done + weight / 2) / whole * jobs)].append(place)
        done += weight
    return [replace(site, places=tuple(part)) for part in parts if part]
