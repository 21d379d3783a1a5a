"""What the commands of ``linli models`` share."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import click
from rich.table import Table

from configs.problems import ConfigError
from models.catalog import Catalog, ModelError, folders, known
from models.entries import Entry

FOLDER = click.option(
    "--folder",
    "folder",
    multiple=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="A folder with weights; may be given again. Default: $LINLI_MODELS.",
)


def searched_folders(folder: Sequence[Path]) -> tuple[Path, ...]:
    return tuple(folder) or folders()


def catalog_of(searched: Sequence[Path]) -> Catalog:
    try:
        return known(searched)
    except (ModelError, ConfigError) as error:
        raise click.ClickException(str(error)) from error


def entry_of(catalog: Catalog, name: str) -> Entry:
    entry = catalog.named(name)
    if entry is None:
        raise click.ClickException(str(catalog.unknown(name)))
    return entry


def two_columns(title: str) -> Table:
    """Keys and values; a long value, such as a sha256, is folded and never cut short."""
    table = Table(show_header=False, title=title)
    table.add_column()
    table.add_column(overflow="fold")
    return table


@contextmanager
def running() -> Iterator[None]:
    """Errors of running a model, as the command line tells them."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise click.ClickException(
            f"running a model needs {error.name}, which is not installed: pip install 'linli[edge]'"
        ) from error
    except (ModelError, ConfigError) as error:
        raise click.ClickException(str(error)) from error
