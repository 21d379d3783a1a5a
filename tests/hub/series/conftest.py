"""Homes for series: a file for each test, and a database for each on one real InfluxDB."""

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from configs.servers import SeriesSettings
from hub.series.influx import InfluxSeries
from hub.series.points import SeriesStore
from hub.series.sqlite import SqliteSeries
from tests.servers import Influx, influxdb

_numbers = itertools.count()


@pytest.fixture(scope="session")
def influx_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Influx]:
    """One for all tests that leave it running."""
    with influxdb(tmp_path_factory.mktemp("influx")) as server:
        yield server


@pytest.fixture
def influx(influx_server: Influx) -> Iterator[InfluxSeries]:
    """An InfluxDB bucket that is empty."""
    bucket = f"linli{next(_numbers)}"
    influx_server.create_database(bucket)
    store = InfluxSeries(SeriesSettings(kind="influxdb", url=influx_server.url, bucket=bucket))
    yield store
    store.close()


@pytest.fixture
def sqlite(tmp_path: Path) -> Iterator[SqliteSeries]:
    """A SQLite file that is empty."""
    store = SqliteSeries(tmp_path / "series.db")
    store.write(())
    yield store
    store.close()


@pytest.fixture(params=["sqlite", "influx"])
def store(request: pytest.FixtureRequest) -> SeriesStore:
    """Each home in turn."""
    home: SeriesStore = request.getfixturevalue(request.param)
    return home


@pytest.fixture
def bucket_with(influx_server: Influx) -> Callable[[str], InfluxSeries]:
    """Makes a bucket with further words for CREATE DATABASE."""

    def make(words: str) -> InfluxSeries:
        bucket = f"linli{next(_numbers)}"
        influx_server.query(f'CREATE DATABASE "{bucket}" WITH {words}')
        return InfluxSeries(SeriesSettings(kind="influxdb", url=influx_server.url, bucket=bucket))

    return make
