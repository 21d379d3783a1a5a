"""Opens the series store that the settings name."""

from pathlib import Path

from configs.servers import SeriesSettings
from hub.series.points import SeriesStore
from hub.series.sqlite import SqliteSeries


def open_series(settings: SeriesSettings, data: Path) -> SeriesStore:
    """The store; SQLite keeps ``data/series.db``. Raises `SeriesRefused` where a token cannot be
    read, and connects to nothing yet."""
    if settings.kind == "sqlite":
        return SqliteSeries(data / "series.db")
    # Importing the client takes long, and an embedded hub does without it.
    from hub.series.influx import InfluxSeries

    return InfluxSeries(settings)
