"""The series in InfluxDB: 1.6 behind a proxy that speaks /api/v2/write, which is what tests run
against; 1.8, 2 and 3 by their documentation.

Writes are line protocol through ``influxdb-client``, reads are InfluxQL. How long points are
kept is the bucket's retention, so that `InfluxSeries.purge` has nothing to do. With 2, the
bucket needs a DBRP mapping of its own name.
"""

import contextlib
import gzip
import itertools
import logging
import os
import sqlite3
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
from influxdb_client.client.influxdb_client import InfluxDBClient
from influxdb_client.service.write_service import WriteService

from configs.servers import SeriesSettings
from hub.series.influx_errors import FOREIGN_ERRORS, InfluxErrors, refused_points
from hub.series.influxql import InfluxQl
from hub.series.lines import HEALTH, NS_PER_MS, RECORD, lines, read_record
from hub.series.points import (
    Entry,
    PointsRejected,
    Rejected,
    SeriesDown,
    SeriesRefused,
    Stored,
    Taken,
)

log = logging.getLogger(__name__)

LINES_PER_REQUEST: Final = 5000
"""About 1 MB. Higher: fewer round trips; lower: less to split when a point is bad."""
GZIP_FROM_BYTES: Final = 16 * 1024
GZIP_LEVEL: Final = 1  # 1 µs for a record, a seventh of the bytes; level 9: 5 µs, a ninth
BEYOND_RETENTION: Final = "points beyond retention policy"

_stored: Final = msgspec.msgpack.Decoder(Stored)


class InfluxSeries:
    """Records, signals and alerts in one bucket. Safe to use from several threads."""

    def __init__(self, settings: SeriesSettings) -> None:
        """Connects to nothing yet; raises `SeriesRefused` where token or url is unusable."""
        token = _read_token(settings)
        self._org = settings.org
        self._bucket = settings.bucket
        self._errors = InfluxErrors(settings)
        self._query = InfluxQl(settings, token, self._errors)
        try:
            self._client = InfluxDBClient(
                settings.url, token, org=settings.org, timeout=int(settings.timeout)
            )
        except FOREIGN_ERRORS as error:
            raise self._errors.translate(error) from error
        self._writes: Any = WriteService(self._client.api_client)  # type: ignore[no-untyped-call]

    def __repr__(self) -> str:
        return f"<InfluxSeries {self._errors.server}>"

    def write(self, entries: Sequence[Entry]) -> None:
        """See `SeriesStore.write`. A request that is refused for its points is halved until the
        bad ones are known; what a retention policy drops at once counts as taken."""
        rejected: list[Rejected] = []
        todo = itertools.chain.from_iterable(map(lines, entries))
        while batch := list(itertools.islice(todo, LINES_PER_REQUEST)):
            rejected += self._deliver(batch)
        if rejected:
            raise PointsRejected(rejected)

    def _deliver(self, batch: list[str]) -> list[Rejected]:
        refusal = self._post(batch)
        if not refusal:
            return []
        if len(batch) == 1:
            return [Rejected(refusal, batch[0])]
        middle = len(batch) // 2
        return self._deliver(batch[:middle]) + self._deliver(batch[middle:])

    def _post(self, batch: list[str]) -> str:
        """Why the server will not have some of these lines; "" when it has them all."""
        body = "\n".join(batch).encode()
        options = {"precision": "ns"}
        if len(body) >= GZIP_FROM_BYTES:
            body = gzip.compress(body, GZIP_LEVEL)
            options["content_encoding"] = "gzip"
        try:
            self._writes.post_write(self._org, self._bucket, body, **options)
        except FOREIGN_ERRORS as error:
            reason = refused_points(error)
            if not reason:
                raise self._errors.translate(error) from error
            if BEYOND_RETENTION not in reason:
                return reason
            log.warning("%s keeps no points that old: %s", self._errors.server, reason)
        return ""

    def signal(
        self, site: str, place: str, name: str, start: int, end: int
    ) -> list[tuple[int, float]]:
        """See `SeriesStore.signal`."""
        found = self._query.select(
            "value FROM signal", start, end, site=site, place=place, name=name
        )
        return [(row["time"] // NS_PER_MS, float(row["value"])) for _, row in found]

    def signal_ranges(
        self, site: str, start: int, end: int
    ) -> dict[tuple[str, str], tuple[float, float, int]]:
        """See `SeriesStore.signal_ranges`."""
        what = "min(value), max(value), count(value) FROM signal"
        found = self._query.select(what, start, end, site=site, group_by='place, "name"')
        return {
            (row["place"], row["name"]): (float(row["min"]), float(row["max"]), row["count"])
            for _, row in found
        }

    def records(
        self, site: str, start: int, end: int, nodes: Sequence[str] | None = None
    ) -> Iterator[Stored]:
        """See `SeriesStore.records`. InfluxDB sorts by event time alone, so the rows pass
        through a temporary file that sorts them by when the hub took them."""
        try:
            with contextlib.closing(sqlite3.connect("", check_same_thread=False)) as spool:
                self._spool(spool, site, start, end)
                for (raw,) in spool.execute("SELECT stored FROM spool ORDER BY rx_us"):
                    stored = _stored.decode(raw)
                    if nodes is None or stored.node in nodes:
                        yield stored
        except sqlite3.Error as error:
            raise SeriesDown(
                f"cannot sort records in a temporary file ({error}): is the disk full?"
            ) from error

    def taken(
        self, site: str, start: int, end: int, nodes: Sequence[str] | None = None
    ) -> Sequence[Taken]:
        """See `SeriesStore.taken`."""
        found = self.records(site, start, end, nodes)
        return [(stored.at, stored.rx_us, stored.node, stored.record) for stored in found]

    def _spool(self, spool: sqlite3.Connection, site: str, start: int, end: int) -> None:
        spool.execute("CREATE TABLE spool (rx_us INTEGER PRIMARY KEY, stored BLOB)")
        for measurement in (RECORD, HEALTH):
            found = self._query.select(f"* FROM {measurement}", start, end, site=site)
            rows = itertools.starmap(self._spooled, found)
            spool.executemany("INSERT INTO spool VALUES (?, ?)", rows)

    def _spooled(self, measurement: str, row: Mapping[str, Any]) -> tuple[int, bytes]:
        try:
            stored = read_record(measurement, row)
        except (msgspec.MsgspecError, KeyError) as error:
            raise SeriesRefused(
                f"{self._errors.server} holds a point that is not Linli's ({error!r} in "
                f"{dict(row)}): give Linli a bucket of its own"
            ) from error
        return stored.rx_us, msgspec.msgpack.encode(stored)

    def count_records(self, site: str, start: int, end: int) -> int:
        """See `SeriesStore.count_records`."""
        what = f"count(seq) FROM {RECORD}, {HEALTH}"
        found = self._query.select(what, start, end, site=site)
        return sum(int(row["count"]) for _, row in found)

    def count_by_node(self, site: str, start: int, end: int) -> dict[str, int]:
        """See `SeriesStore.count_by_node`."""
        what = f"count(seq) FROM {RECORD}, {HEALTH}"
        counts: Counter[str] = Counter()
        for _, row in self._query.select(what, start, end, site=site, group_by="node"):
            counts[row["node"]] += int(row["count"])
        return dict(counts)

    def purge(self, before: int) -> int:  # noqa: ARG002 - the bucket's retention says when
        """−1: the bucket's retention does it."""
        return -1

    def ping(self) -> None:
        """See `SeriesStore.ping`."""
        # SHOW MEASUREMENTS would be happy with a bucket that does not exist.
        for _ in self._query.select("value FROM signal", 0, 1):
            pass

    def close(self) -> None:
        """See `SeriesStore.close`."""
        self._client.close()  # type: ignore[no-untyped-call]
        self._query.close()


def _read_token(settings: SeriesSettings) -> str:
    """The token, from its file or the environment; "" for a server that wants none."""
    if not settings.token_file:
        return os.environ.get(settings.token_env, "")
    try:
        return Path(settings.token_file).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeError) as error:
        raise SeriesRefused(
            f"cannot read series token_file {settings.token_file} ({error}): make it, or give "
            f"the token in ${settings.token_env}"
        ) from error
