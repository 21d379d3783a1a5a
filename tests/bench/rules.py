"""What a record costs in the hub when there are many rules that do not concern its place."""

import contextlib
import statistics
import time
from collections.abc import Iterator
from pathlib import Path

from msgspec.structs import replace
from prometheus_client import CollectorRegistry

import configs
from configs.rules import Condition, Rule
from configs.servers import HubSettings
from configs.site import SiteFile
from hub.intake import Arrived
from hub.metrics import HubMetrics
from hub.pipeline import Pipeline
from hub.state import store
from tests.bench.community import PROBES, SITE, probe_name, write_hub
from tests.bench.progress import Steps
from tests.bench.table import Figure, median_of
from tests.bench.traffic import PER_MESSAGE, STAMP_BYTES, Traffic

FEW, MANY = 10, 1_000
BAR_RATIO = 1.3
PER_BATCH = 100
MESSAGES = 1_000
"""In a round."""
BEGIN_MS = 1_760_000_000_000


class _Hub:
    """A pipeline in this process, fed with the community's messages."""

    def __init__(self, folder: Path, settings: HubSettings, site: SiteFile) -> None:
        folder.mkdir()
        self._database = store.connect(store.address("", folder))
        store.migrate(self._database)
        self._now = BEGIN_MS
        self._traffic = Traffic(SITE)
        own = replace(settings, data=str(folder))
        metrics = HubMetrics(CollectorRegistry())
        self._pipeline = Pipeline([site], own, self._database, metrics, self._now)
        self._pipeline.recover(self._now)
        self._pipeline.watermark.link(up=True, now=self._now)

    def close(self) -> None:
        self._database.dispose()

    def cost_us(self) -> float:
        """CPU time for a record, until it is committed, over a round."""
        batches = []
        for _ in range(MESSAGES // PER_BATCH):
            self._now += 50
            stamp = b"%d" % self._now
            messages = self._traffic.messages(PER_BATCH)
            batches.append(
                [
                    Arrived(topic, payload.replace(STAMP_BYTES, stamp), self._now * 1000 + number)
                    for number, (topic, payload) in enumerate(messages)
                ]
            )
        begun = time.process_time()
        for batch in batches:
            now = batch[0].rx_us // 1000
            self._pipeline.commit(self._pipeline.prepare(batch, now), now)
        return (time.process_time() - begun) * 1e6 / (MESSAGES * PER_MESSAGE)


def measure(folder: Path, *, rounds: int, steps: Steps) -> Iterator[Figure]:
    """The same messages through a hub with few rules and one with many, in turns; all that the
    one has more are about places that the messages do not concern."""
    settings, (site,) = configs.load_hub(write_hub(folder, broker_port=1883, http_port=0))
    with contextlib.ExitStack() as stack:
        hubs = []
        for count in (FEW, MANY):
            hub = _Hub(folder / f"rules-{count}", settings, _with_rules(site, count))
            stack.callback(hub.close)
            hub.cost_us()  # the first round of both warms up
            hubs.append(hub)
        few, many = [], []
        for number in range(rounds):
            steps.next(f"rules: round {number + 1} of {rounds}")
            few.append(hubs[0].cost_us())
            many.append(hubs[1].cost_us())
    yield median_of("rules", f"CPU for a record with {FEW} rules", few, "µs")
    yield median_of("rules", f"… and with {MANY:,}", many, "µs")
    ratios = [more / less for less, more in zip(few, many, strict=True)]
    yield Figure(
        "rules", "the one over the other", statistics.median(ratios), "", BAR_RATIO,
        better="lower", rounds=ratios,
    )  # fmt: skip


def _with_rules(site: SiteFile, count: int) -> SiteFile:
    own = site.rules[:FEW]
    more = tuple(
        Rule(
            id=f"more-{number}", title=own[0].title, places=(probe_name(number % PROBES),),
            when=(Condition(signal="door.open_s", above=float(60 + number)),),
        )
        for number in range(count - len(own))
    )  # fmt: skip
    return replace(site, rules=own + more)
