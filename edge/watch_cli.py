"""``linli edge watch``."""

import sys
import threading
from pathlib import Path

import click
from rich.console import Console
from rich.live import Live

from configs import ConfigError
from configs.document import read
from edge.watch import Unreachable, address, look, picture

CONFIG_WRONG, NO_AGENT = 2, 1


@click.command("watch")
@click.option("-c", "--config", type=click.Path(path_type=Path), help="The agent's edge.yaml.")
@click.option("--url", default="", help="Of an agent's health, instead of --config.")
@click.option("--every", type=click.FloatRange(0.2, 60), default=1.0, show_default=True, help="s.")
@click.option("--once", is_flag=True, help="Show it once and end.")
def cli(config: Path | None, url: str, every: float, once: bool) -> None:
    """Show live what a running agent sees: rates, inference, records, outbox, broker.

    Ctrl-C ends it. It reads the agent's /metrics and disturbs nothing.
    """
    if not url and config is None:
        raise click.UsageError("give --config or --url")
    try:
        where = url or _of(config or Path())
        _show(where, every, once=once)
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
    given = read(config).value
    known = given if isinstance(given, dict) else {}
    port = known.get("http_port", 0)
    data = config.parent / str(known.get("data", "data"))
    host = str(known.get("http_host", "127.0.0.1"))
    return address(data, host, port if isinstance(port, int) else 0)


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
