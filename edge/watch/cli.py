"""``linli edge watch``."""

import sys
import threading
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.live import Live

from configs import ConfigError
from configs.document import read
from edge.watch.figures import Unreachable, address, look, picture
from edge.watch.server import WatchServer

CONFIG_WRONG, NO_AGENT = 2, 1


@click.command("watch")
@click.option("-c", "--config", type=click.Path(path_type=Path), help="The agent's edge.yaml.")
@click.option("--url", default="", help="Of an agent's health, instead of --config.")
@click.option("--every", type=click.FloatRange(0.2, 60), default=1.0, show_default=True, help="s.")
@click.option("--once", is_flag=True, help="Show it once and end.")
@click.option("--page", is_flag=True, help="Serve a page with pictures, boxes, tracks and zones.")
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="Its; default: a free one.")
def cli(config: Path | None, url: str, every: float, port: int, *, once: bool, page: bool) -> None:
    """Show live what a running agent sees: rates, inference, records, outbox, broker.

    With --page also its cameras' pictures, blurred as all that leaves the device, with boxes,
    tracks, zones and lines, on this device's loopback; from elsewhere: `ssh -L
    8091:127.0.0.1:8091 …` and --port 8091. Ctrl-C ends it. It disturbs nothing.
    """
    if (not url or page) and config is None:
        raise click.UsageError("give --config" if page else "give --config or --url")
    try:
        where = url or _of(config or Path())
        if page:
            _serve(where, _data(config or Path()), port)
        else:
            _show(where, every, once=once)
    except OSError as error:
        click.echo(f"edge: port {port} cannot be had: {error.strerror}", err=True)
        sys.exit(NO_AGENT)
    except ConfigError as error:
        click.echo(f"edge: {error}", err=True)
        sys.exit(CONFIG_WRONG)
    except Unreachable as error:
        click.echo(f"edge: {error}", err=True)
        sys.exit(NO_AGENT)
    except KeyboardInterrupt:
        click.echo("")


def _of(config: Path) -> str:
    """Where its agent answers. The file need not be good: an agent that refused it runs on."""
    known = _known(config)
    port = known.get("http_port", 0)
    host = str(known.get("http_host", "127.0.0.1"))
    return address(_data(config), host, port if isinstance(port, int) else 0)


def _data(config: Path) -> Path:
    return config.parent / str(_known(config).get("data", "data"))


def _known(config: Path) -> dict[str, Any]:
    given = read(config).value
    return given if isinstance(given, dict) else {}


def _serve(where: str, data: Path, port: int) -> None:
    with WatchServer(where, data, port=port) as server:
        click.echo(f"open {server.address}")
        click.echo("Ctrl-C ends it")
        threading.Event().wait()


def _show(where: str, every: float, *, once: bool) -> None:
    console = Console()
    before = look(where)
    pause = threading.Event()
    pause.wait(every)
    if once:
        console.print(picture(before, look(where)))
        return
    with Live(console=console, auto_refresh=False) as live:
        while True:
            now = look(where)
            live.update(picture(before, now), refresh=True)
            before = now
            pause.wait(every)
