"""``linli audit …``: the proof that nobody has changed the log."""

import sys
from pathlib import Path

import click

from hub import audit
from hub.alerts_cli import config_option, opened

cli = click.Group("audit", help="Prove that nobody has changed the log.")


@cli.command()
@config_option
@click.option("--head", "noted", default="", help="What `linli audit head` said earlier.")
def verify(path: Path, noted: str) -> None:
    """Read the whole log; say how many entries are right, and what is wrong with the first
    that is not. A cut-off end shows only against a head that was noted elsewhere."""
    with opened(path) as (engine, _settings, _sites):
        since = audit.Head.parse(noted) if noted else None
        found = audit.verify(engine, since)
        click.echo(f"{found.checked} entries are right; head {found.head}")
        if not found.whole:
            where = f"entry {found.broken}: " if found.broken is not None else ""
            click.echo(f"broken: {where}{found.how}", err=True)
            sys.exit(1)


@cli.command("head")
@config_option
def head_(path: Path) -> None:
    """Print the newest entry's number and hash; note it where the hub cannot write."""
    with opened(path) as (engine, _settings, _sites):
        click.echo(str(audit.head(engine)))
