"""``linli edge draw``."""

import sys
import threading
from pathlib import Path

import click
from msgspec.structs import replace

from configs import ConfigError, load_edge
from edge.detect import Detector
from edge.draw.pictures import Pictures
from edge.draw.server import DrawServer
from edge.evidence import BLUR_SCORE
from models.catalog import ModelError, folders, resolve

CONFIG_WRONG, CANNOT_RUN = 2, 1


@click.command("draw")
@click.option(
    "-c", "--config", type=click.Path(path_type=Path), required=True, help="The edge.yaml."
)
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="Default: a free one.")
def cli(config: Path, port: int) -> None:
    """Draw zones, lines and privacy masks on the live picture, in a browser.

    Serves a page on this device's loopback until Ctrl-C. From elsewhere: `ssh -L
    8090:127.0.0.1:8090 …` and --port 8090. Heads are blurred in it as in all that leaves the
    device.
    """
    try:
        settings = load_edge(config)
        model = replace(settings.model, score=BLUR_SCORE)
        detector = Detector(resolve(model.name, folders()), model)
    except (ConfigError, ModelError) as error:
        click.echo(f"edge: {error}", err=True)
        sys.exit(CONFIG_WRONG)
    try:
        server = DrawServer(config, Pictures(detector), port=port)
    except OSError as error:
        click.echo(f"edge: port {port} cannot be had: {error.strerror}", err=True)
        sys.exit(CANNOT_RUN)
    with server:
        click.echo(f"open {server.address}")
        click.echo("Ctrl-C ends it")
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            click.echo("")
