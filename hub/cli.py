"""``linli hub …``"""

import logging
import signal
import sys
import threading
from pathlib import Path

import click
from msgspec.structs import replace

import configs
from hub import service
from hub.ingest import Ingest
from hub.reload import ConfigWatcher
from hub.series.points import SeriesError
from hub.state.store import StateError
from wire.errors import LinkError


@click.group("hub")
def cli() -> None:
    """Fuse what the edges report, store it, raise alerts."""


@cli.command()
@click.option(
    "-c", "--config", "path", required=True, type=click.Path(path_type=Path), help="A hub.yaml."
)
@click.option("--http-port", type=click.IntRange(1, 65535), help="Instead of hub.http_port.")
def run(path: Path, http_port: int | None) -> None:
    """Run a hub until it is told to stop."""
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    try:
        settings, sites = configs.load_hub(path)
    except configs.ConfigError as error:
        click.echo(str(error), err=True)
        sys.exit(2)
    if http_port is not None:
        settings = replace(settings, http_port=http_port)
    stop = threading.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, lambda *_: stop.set())

    def watch(ingest: Ingest) -> ConfigWatcher:
        watcher = ConfigWatcher(
            lambda: configs.folders(path),
            lambda: configs.load_hub(path)[1],
            on_change=ingest.reload,
            on_problem=ingest.refuse,
        )
        signal.signal(signal.SIGHUP, lambda *_: watcher.look_now())
        return watcher

    try:
        service.serve(
            settings,
            sites,
            stop,
            watch=watch,
            on_ready=lambda port: click.echo(
                f"hub {settings.id}: health at http://{settings.http_host}:{port}", err=True
            ),
        )
    except (StateError, SeriesError, LinkError, service.HubFailed, OSError) as error:
        click.echo(f"hub {settings.id}: {error}", err=True)
        sys.exit(1)
