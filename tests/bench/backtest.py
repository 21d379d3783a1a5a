"""How fast stored records go through a backtest, and how much memory that takes."""

import itertools
import multiprocessing
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
from msgspec.structs import replace

import configs
from configs.rules import Rule
from hub.backtest import compare, workers
from hub.series.points import Entry, Stored
from hub.series.sqlite import SqliteSeries
from tests.bench.community import NODES, SITE, node_name, write_hub
from tests.bench.progress import Steps
from tests.bench.table import Figure
from tests.bench.traffic import PER_MESSAGE, NodeVoice
from wire.codec import decode
from wire.records import AnyRecord, Batch
from wire.topics import Channel, Topic

BAR_S = 60.0
BAR_RECORDS = 5_000_000
MB = 1024 * 1024
GAP_MS = 24 * 3_600_000 / BAR_RECORDS
"""Between two records: the bar's records are a day of a community."""
DISTINCT = 3_000
"""Records of a node before they repeat with other times."""
BATCH = 20_000
START = 1_760_000_000_000


def measure(folder: Path, *, records: int, steps: Steps) -> Iterator[Figure]:
    """Store records, a day of them at the bar; hold today's rules and others against them."""
    settings, (site,) = configs.load_hub(write_hub(folder, broker_port=1883, http_port=0))
    steps.next(f"backtest: storing {records:,} records")
    _store(folder / "series.db", records)
    steps.next(f"backtest: replaying {records:,} records")
    stretch = workers.Stretch(START, START + int(records * GAP_MS), 0)
    both = compare.both(site, [_stricter(rule) for rule in site.rules[:1]])
    peak = _Peak()
    with peak:
        begun = time.monotonic()
        workers.replay(settings, both, stretch)
        took_s = time.monotonic() - begun
    yield Figure(
        "backtest", f"{BAR_RECORDS / 1e6:g} million records", took_s * BAR_RECORDS / records, "s",
        BAR_S, better="lower",
    )  # fmt: skip
    yield Figure("backtest", "records replayed", records / took_s, "records/s")
    yield Figure("backtest", f"peak memory of {os.cpu_count()} processes", peak.bytes / MB, "MB")


def _stricter(rule: Rule) -> Rule:
    first, *rest = rule.when
    return replace(rule, when=(replace(first, above=(first.above or 0) + 1), *rest))


def _store(path: Path, records: int) -> None:
    nodes = [(node_name(number), _templates(node_name(number))) for number in range(NODES)]
    store = SqliteSeries(path)
    try:
        for begin in range(0, records, BATCH):
            numbers = range(begin, min(begin + BATCH, records))
            store.write([Entry(tuple(_stored(nodes, n) for n in numbers))])
    finally:
        store.close()


def _templates(node: str) -> list[AnyRecord]:
    voice = NodeVoice(node, 1)
    topic = str(Topic(SITE, node, Channel.RECORDS))
    batches = (decode(topic, voice.message())[1] for _ in range(DISTINCT // PER_MESSAGE))
    return list(itertools.chain.from_iterable(b.records for b in batches if isinstance(b, Batch)))


def _stored(nodes: list[tuple[str, list[AnyRecord]]], number: int) -> Stored:
    name, templates = nodes[number % NODES]
    seq = number // NODES
    ts = START + int(number * GAP_MS)
    record = replace(templates[seq % len(templates)], seq=seq + 1, ts=ts)
    return Stored(SITE, name, "bench-epoch", ts * 1000 + 20_000 + number % 1000, ts, record)


class _Peak:
    """The most memory that this process's children hold together while it is entered."""

    def __init__(self) -> None:
        self.bytes = 0
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def _watch(self) -> None:
        while not self._done.wait(0.5):
            pids = [child.pid for child in multiprocessing.active_children()]
            self.bytes = max(self.bytes, sum(_rss(pid) for pid in pids if pid is not None))

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()


def _rss(pid: int) -> int:
    try:
        return int(psutil.Process(pid).memory_info().rss)
    except psutil.NoSuchProcess:
        return 0
