"""Finds what of a stretch nobody heard, because the hub did not run."""

from pathlib import Path

from msgspec.structs import replace

from configs.servers import HubSettings
from hub import uptime
from hub.backtest.workers import Stretch
from hub.series.open import open_series


def observed(settings: HubSettings, site: str, stretch: Stretch) -> Stretch:
    """The stretch with its gaps. Raises `SeriesError` and `StateError`."""
    found = uptime.read_downs(settings, site, stretch.start, stretch.end)
    if not found:
        return stretch
    store = open_series(settings.series, Path(settings.data))
    try:
        return replace(stretch, gaps=tuple(uptime.unheard(store, site, found)))
    finally:
        store.close()
