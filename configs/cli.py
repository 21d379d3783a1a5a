"""``linli check``"""

import contextlib
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
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

    A site is also held against the edge files given with it: whether its zones, lines and doors
    are there, and whether a zone or line looks for what a rule counts. An edge file's labels are
    held against its model, where the catalog knows it.
    Exits with 2 where anything is wrong. --schema is for editors that complete and check
    YAML while it is typed.
    """
    if kind is not None:
        click.echo(json.dumps(schema(KINDS[kind]), indent=2, ensure_ascii=False))
        return
    if not files:
        raise click.UsageError("name the files to check, or give --schema")
    edges, knows, wrong = tuple(_edges(files)), model_labels(), 0
    for file in files:
        try:
            loaded = load_any(file, edges, knows)
        except ConfigError as error:
            wrong += len(error.problems)
            click.echo(str(error), err=True)
        else:
            click.echo(f"{file}: good")
            if told := photos(loaded):
                click.echo(f"  {told}")
    if wrong:
        click.echo(f"{wrong} problem{'s' if wrong > 1 else ''}", err=True)
        sys.exit(2)


def photos(loaded: object) -> str:
    """What is to be known of residents' photos where a file says how a console runs; "" where
    nothing is."""
    open_ = not isinstance(loaded, SiteFile) or loaded.residents.open
    if not isinstance(loaded, SiteFile | WebFile) or loaded.web.faces or not open_:
        return ""
    from models.catalog import ModelError, folders, resolve  # which imports configs

    try:
        return f"faces in residents' photos are blurred with {resolve('yunet', folders()).path}"
    except ModelError as error:
        return f"only staff see residents' photos, as no faces are blurred: {error}"


def model_labels() -> Callable[[str], Sequence[str]]:
    """What the catalog says that a model knows."""
    from models import catalog  # here: it reads its files with this room's loader

    try:
        known = catalog.known(catalog.folders())
    except (ConfigError, catalog.ModelError):
        return lambda _: ()  # `linli models` tells what is wrong with a catalog of one's own

    def labels(model: str) -> Sequence[str]:
        entry = known.named(model) or known.named(Path(model).stem)
        return () if entry is None else known.labels(entry)

    return labels


def _edges(files: Iterable[Path]) -> Iterator[EdgeFile]:
    """Those of the files that are good edge files; what is wrong with others is said later."""
    for file in files:
        with contextlib.suppress(ConfigError):
            found = load_any(file)
            if isinstance(found, EdgeFile):
                yield found
