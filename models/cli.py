"""``linli models``: what the catalog holds and whether the weights here are right."""

from collections.abc import Sequence
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from models.catalog import Catalog, Entry, ModelError, find, folders, missing_text, sha256_of

cli = click.Group("models", help="The model catalog: list, info, verify.")

FOLDER = click.option(
    "--folder",
    "folder",
    multiple=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="A folder with weights; may be given again. Default: $LINLI_MODELS.",
)


def _searched(folder: Sequence[Path]) -> tuple[Path, ...]:
    return tuple(folder) or folders()


def _state(entry: Entry, searched: Sequence[Path]) -> str:
    """missing, ok or mismatch."""
    path = find(entry, searched)
    if path is None:
        return "missing"
    return "ok" if sha256_of(path) == entry.sha256 else "mismatch"


@cli.command("list")
@FOLDER
def list_models(folder: tuple[Path, ...]) -> None:
    """Every model of the catalog, and whether its weights are here."""
    table = Table("name", "task", "input", "MB", "licence", "weights", "what it is")
    for entry in Catalog().entries:
        wide, high = entry.size_wh
        table.add_row(
            entry.name,
            entry.task,
            f"{wide}×{high}",
            f"{entry.size_bytes / 1e6:.1f}",
            entry.licence,
            _state(entry, _searched(folder)),
            entry.title,
        )
    Console().print(table)


@cli.command("info")
@click.argument("name")
@FOLDER
def info(name: str, folder: tuple[Path, ...]) -> None:
    """All that the catalog says about the model NAME."""
    catalog = Catalog()
    entry = catalog.named(name)
    if entry is None:
        raise click.ClickException(str(catalog.unknown(name)))
    labels = catalog.labels(entry)
    path = find(entry, _searched(folder))
    table = Table(show_header=False, title=entry.title)
    for key in ("name", "task", "decoder", "file", "layout", "channels", "scale", "fit", "pad"):
        table.add_row(key, str(getattr(entry, key)))
    wide, high = entry.size_wh
    table.add_row("input", f"{wide}×{high}")
    table.add_row("classes", f"{len(labels)}: {', '.join(labels)}")
    table.add_row("licence", entry.licence)
    table.add_row("sha256", entry.sha256)
    table.add_row("size", f"{entry.size_bytes} bytes")
    table.add_row("from", "\n".join(entry.urls))
    table.add_row("here", str(path) if path else missing_text(entry, _searched(folder)))
    Console().print(table)


@cli.command("verify")
@FOLDER
def verify(folder: tuple[Path, ...]) -> None:
    """Compare every weights file that is here with the catalog; exit 1 where one differs."""
    try:
        entries = Catalog().entries
    except ModelError as error:
        raise click.ClickException(str(error)) from error
    wrong = 0
    for entry in entries:
        state = _state(entry, _searched(folder))
        wrong += state == "mismatch"
        click.echo(f"{entry.name}: {state}")
    if wrong:
        raise click.ClickException(f"{wrong} file(s) differ from the catalog: fetch them again")
