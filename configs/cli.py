"""``linli check``"""

import json
import sys
from pathlib import Path

import click

from configs.agent import EdgeFile
from configs.loader import load_any
from configs.problems import ConfigError
from configs.rules import RulesFile
from configs.schema import schema
from configs.servers import HubFile, WebFile
from configs.site import SiteFile

KINDS: dict[str, type] = {
    "site": SiteFile,
    "rules": RulesFile,
    "edge": EdgeFile,
    "hub": HubFile,
    "web": WebFile,
}


@click.command("check")
@click.argument("files", nargs=-1, type=click.Path(path_type=Path))
@click.option("--schema", "kind", type=click.Choice(list(KINDS)), help="Print its JSON Schema.")
def cli(files: tuple[Path, ...], kind: str | None) -> None:
    """Say everything that is wrong with FILES: sites, rules, edges, hubs, consoles.

    Exits with 2 where anything is wrong. --schema is for editors that complete and check
    YAML while it is typed.
    """
    if kind is not None:
        click.echo(json.dumps(schema(KINDS[kind]), indent=2, ensure_ascii=False))
        return
    if not files:
        raise click.UsageError("name the files to check, or give --schema")
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
