"""``linli notify …``"""

import sys
import time
from pathlib import Path

import click

import configs
from configs.problems import did_you_mean
from hub.notify.senders import SendError, open_sender
from hub.notify.trial import trial


@click.group("notify")
def cli() -> None:
    """Tell people of alerts: try the routes."""


@cli.command()
@click.argument("route")
@click.option(
    "-c", "--config", "path", required=True, type=click.Path(path_type=Path),
    help="A site.yaml or hub.yaml.",
)  # fmt: skip
@click.option("--site", default="", help="Where two sites have a route of that name.")
def test(route: str, path: Path, site: str) -> None:
    """Send a test message to ROUTE and say what happened."""
    try:
        settings, sites = configs.load_hub(path)
    except configs.ConfigError as error:
        click.echo(str(error), err=True)
        sys.exit(2)
    named = [
        (file, found)
        for file in sites
        for found in file.routes
        if found.id == route and site in ("", file.site.id)
    ]
    if len(named) != 1:
        known = [found.id for file in sites for found in file.routes]
        problem = "is in several sites; say --site" if named else "is no route of this file"
        hint = did_you_mean(route, known) if known else "It has none: write them under routes:"
        click.echo(f"{route!r} {problem}. {hint}".rstrip(), err=True)
        sys.exit(2)
    file, chosen = named[0]
    started = time.monotonic()
    try:
        open_sender(chosen, settings.mqtt).send(trial(file, chosen, time.time_ns() // 1_000_000))
    except SendError as error:
        click.echo(f"not accepted: {error}", err=True)
        sys.exit(1)
    took_s = time.monotonic() - started
    click.echo(f"{chosen.kind} route {chosen.id} accepted the test message in {took_s:.2f} s")
