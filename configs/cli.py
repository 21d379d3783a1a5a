"""``linli check``"""

import sys
from pathlib import Path

import click

from configs.loader import load_any
from configs.problems import ConfigError


@click.command("check")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
def cli(files: tuple[Path, ...]) -> None:
    """Say everything that is wrong with FILES: sites, rules, edges, hubs, consoles.

    Exits with 2 where anything is wrong.
    """
    wrong = 0
    for file in files:
        try:
            load_any(file)
        except ConfigError as error:
            wrong += len(error.problems)
            click.echo(str(error), err=True)
        else:
            click.echo(f"{file}: good")
    if wrong:
        click.echo(f"{wrong} problem{'s' if wrong > 1 else ''}", err=True)
        sys.exit(2)
