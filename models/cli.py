"""``linli models``: what the catalog holds, and the weights that are here.

What runs a model is in `models.cli_run`; this half needs no inference library.
"""

import os
from collections.abc import Sequence
from pathlib import Path

import click
from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.table import Table

from models.catalog import CATALOG, Catalog, ModelError, find, missing_text, sha256_of
from models.cli_run import add_model, bench, eval_model, quantize_model
from models.entries import Entry, Measured
from models.options import FOLDER, catalog_of, entry_of, searched_folders, two_columns
from models.pull import MIRROR, Puller, Source, WrongFile, advice, mirror_url, sources

cli = click.Group("models", help="The model catalog, and the weights that are here.")
for command in (eval_model, bench, add_model, quantize_model):
    cli.add_command(command)

SETTINGS = (
    "decoder", "layout", "dtype", "channels", "scale", "mean", "std", "fit", "pad", "first_class",
)  # fmt: skip


def _state(entry: Entry, searched: Sequence[Path]) -> str:
    """missing, ok, mismatch, or unverified where the catalog has no checksum to compare with."""
    path = find(entry, searched)
    if path is None:
        return "missing"
    if entry.unverified:
        return "unverified"
    return "ok" if sha256_of(path) in entry.files else "mismatch"


@cli.command("list")
@FOLDER
def list_models(folder: tuple[Path, ...]) -> None:
    """Every model of the catalog, and whether its weights are here."""
    table = Table("name", "task", "input", "MB", "licence", "weights", "what it is")
    searched = searched_folders(folder)
    for entry in catalog_of(searched).entries:
        wide, high = entry.size_wh
        table.add_row(
            entry.name,
            entry.task,
            f"{wide}×{high}",
            f"{entry.size_bytes / 1e6:.1f}" if entry.size_bytes else "?",
            entry.licence,
            _state(entry, searched),
            entry.title,
        )
    Console().print(table)


@cli.command("info")
@click.argument("name")
@FOLDER
def info(name: str, folder: tuple[Path, ...]) -> None:
    """All that the catalog says about the model NAME."""
    catalog = catalog_of(searched_folders(folder))
    entry = entry_of(catalog, name)
    labels = catalog.labels(entry)
    path = find(entry, searched_folders(folder))
    table = two_columns(f"{entry.name}: {entry.title}")
    table.add_row("here", str(path) if path else missing_text(entry, searched_folders(folder)))
    table.add_row("licence", entry.licence)
    table.add_row("for", "objects" if entry.task == "detect" else entry.task)
    for measured in entry.measured:
        table.add_row("measured", _told(measured))
    if not any(each.ap50_person is not None for each in entry.measured) and entry.task == "detect":
        table.add_row("measured", "accuracy: not by Linli; `linli models eval` does it")
    if entry.note:
        table.add_row("note", entry.note)
    wide, high = entry.size_wh
    table.add_row("input", f"{wide}×{high}")
    table.add_row("classes", f"{len(labels)}: {', '.join(labels)}")
    for key in SETTINGS:
        table.add_row(key, str(getattr(entry, key)))
    table.add_row("file", Path(entry.file).name)
    table.add_row("sha256", entry.sha256 or "nobody has computed it for this catalog")
    table.add_row("size", f"{entry.size_bytes} bytes" if entry.size_bytes else "not known")
    if entry.published:
        told = f"{entry.published.sha256}, {entry.published.size_bytes} bytes: another export of it"
        table.add_row("published", told)
    ships = CATALOG.parent / entry.file == path
    table.add_row("from", "\n".join(entry.urls) or ("ships with Linli" if ships else "added here"))
    Console().print(table)


def _told(measured: Measured) -> str:
    numbers = [
        f"person AP50 {measured.ap50_person:.3f}" if measured.ap50_person is not None else "",
        f"AP {measured.ap_person:.3f}" if measured.ap_person is not None else "",
        f"{measured.ms:g} ms a picture on one thread" if measured.ms is not None else "",
        measured.by,
    ]
    return f"{measured.pictures}: {', '.join(number for number in numbers if number)}"


@cli.command("verify")
@FOLDER
def verify(folder: tuple[Path, ...]) -> None:
    """Compare every weights file that is here with the catalog; exit 1 where one differs."""
    searched = searched_folders(folder)
    catalog = catalog_of(searched)
    wrong = 0
    for entry in catalog.entries:
        state = _state(entry, searched)
        wrong += state == "mismatch"
        click.echo(f"{entry.name}: {state}{_compared(entry, state, searched)}")
    for path in _strangers(catalog, searched):
        click.echo(f"{path}: in no catalog; `linli models add {path}` makes it known")
    if wrong:
        raise click.ClickException(
            f"{wrong} file(s) differ from the catalog: `linli models pull NAME` gets the right one"
        )


def _compared(entry: Entry, state: str, searched: Sequence[Path]) -> str:
    """What there is to say of a file that is not simply right."""
    path = find(entry, searched)
    if path is None or state == "ok":
        return ""
    found = sha256_of(path)
    if state == "unverified":
        return f", no checksum to compare with; its sha256 is {found}"
    return f": the sha256 of {path} is {found}, expected {' or '.join(entry.files)}"


def _strangers(catalog: Catalog, searched: Sequence[Path]) -> list[Path]:
    """Model files in the folders that no entry names."""
    known = {Path(entry.file).name for entry in catalog.entries}
    return [
        path
        for folder in searched
        for path in sorted(folder.glob("*.onnx"))
        if path.name not in known
    ]


@cli.command("pull")
@click.argument("name")
@click.option("--sha256", default="", help="Of a file whose checksum the catalog does not know.")
@click.option(
    "--timeout",
    "timeout_s",
    type=click.FloatRange(min=0.1),
    default=30.0,
    show_default=True,
    help="Seconds without anything before a connection is given up.",
)
@FOLDER
def pull(name: str, sha256: str, timeout_s: float, folder: tuple[Path, ...]) -> None:
    """Download the weights of the model NAME into the first folder, and check them.

    LINLI_MODELS_MIRROR names a folder, or an https:, http: or file: URL, to use instead of the
    internet; in it each file lies by its sha256.
    """
    searched = searched_folders(folder)
    catalog = catalog_of(searched)
    entry = entry_of(catalog, name)
    wanted = _wanted(entry, sha256.lower())
    path = find(entry, searched)
    if path is not None and sha256_of(path) in wanted:
        click.echo(f"{entry.name} is here already: {path}")
        return
    target = searched[0] / Path(entry.file).name
    try:
        mirror = mirror_url(os.environ.get(MIRROR, ""))
    except ModelError as error:
        raise click.ClickException(str(error)) from error
    before = sha256_of(target) if target.is_file() else ""
    failures: list[ModelError] = []
    for source in sources(entry, wanted, mirror):
        try:
            _download(entry, source, timeout_s, target)
        except ModelError as error:
            failures.append(error)
        else:
            click.echo(f"{entry.name}: {target}, sha256 {source.sha256}")
            if before:
                click.echo(f"it took the place of another file, whose sha256 was {before}")
            return
    wrong = any(isinstance(error, WrongFile) for error in failures)
    told = "\n  ".join(str(error) for error in failures)
    raise click.ClickException(
        f"{entry.name} could not be fetched:\n  {told}\n"
        f"{advice(entry, wanted, target, mirror=mirror, wrong=wrong)}"
    )


def _wanted(entry: Entry, given: str) -> dict[str, int]:
    """The sha256 of each file that would do, and its size in bytes (0: not known)."""
    if given and len(given.strip("0123456789abcdef")) + abs(len(given) - 64):
        raise click.ClickException("--sha256 takes 64 hexadecimal digits")
    known = entry.files
    if given and known and given not in known:
        raise click.ClickException(
            f"--sha256 is {given}, but the catalog says {' or '.join(known)}"
        )
    if not given and not known:
        raise click.ClickException(
            f"{entry.name} has no checksum in the catalog: nobody could compute it where the "
            f"catalog was written. Get the file's sha256 from someone you trust (it comes from "
            f"{', '.join(entry.urls)}) and give it with --sha256"
        )
    return {given: known.get(given, entry.size_bytes)} if given else known


def _download(entry: Entry, source: Source, timeout_s: float, target: Path) -> None:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(entry.name, total=source.size_bytes or None)
        Puller(
            source.urls,
            sha256=source.sha256,
            size_bytes=source.size_bytes,
            timeout_s=timeout_s,
            progress=lambda here, whole: bar.update(task, completed=here, total=whole or None),
        ).pull(target)
