"""``linli analyse``"""

import time
from contextlib import closing
from pathlib import Path

import click
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from configs.site import SiteFile
from hub.analysis import digest, export
from hub.analysis.words import Words
from hub.moments import moment
from hub.rules_cli import (
    CONFIG,
    PATH,
    SITE,
    UNTIL,
    choose_site,
    failing_plainly,
    target,
)
from hub.series.open import open_series


@click.command("analyse")
@CONFIG
@click.option(
    "--from", "since", default="7d", show_default=True,
    help="2025-06-01, 2025-06-01T08:00 (the site's time zone), or 7d: so long ago.",
)  # fmt: skip
@UNTIL
@SITE
@click.option("--out", type=PATH, default="digest.html", show_default=True, help="The digest.")
@click.option(
    "--measure", "measures", multiple=True, metavar="PLACE@TIME",
    help="Something was changed at a place then: what did it do to the alerts there?",
)  # fmt: skip
@click.option(
    "--json", "json_file", type=PATH, callback=target, help="Write all findings there as well."
)  # fmt: skip
@click.option("--language", type=click.Choice(["en", "zh"]), help="Left out: the site's.")
def cli(
    path: Path, since: str, until: str, name: str, out: Path, measures: tuple[str, ...],
    json_file: Path | None, language: str | None,
) -> None:  # fmt: skip
    """Write a digest: what was unusual, what comes next, and where small things pile up."""
    with failing_plainly():
        settings, site = choose_site(path, name)
        now = time.time_ns() // 1_000_000
        start, end = (moment(text, site.site.timezone, now) for text in (since, until))
        if end <= start:
            raise click.UsageError("--to is not after --from")
        taken = [_measure(text, site, now) for text in measures]
        columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
        with (
            closing(open_series(settings.series, Path(settings.data))) as series,
            Progress(*columns, console=Console(stderr=True), transient=True) as progress,
        ):
            task = progress.add_task("reading")
            found = digest.analyse(
                settings, site, series, start, end, taken,
                lambda place: progress.update(task, description=f"looking at {place}"),
            )  # fmt: skip
    try:
        out.write_text(digest.page(found, language or ""), encoding="utf-8")
        if json_file is not None:
            json_file.write_bytes(export.document(found))
    except OSError as error:
        where = error.filename or out
        raise click.ClickException(f"cannot write {where}: {error.strerror}") from error
    _show(found, Words(site.site, language or ""))
    click.echo(str(out))


def _measure(text: str, site: SiteFile, now: int) -> tuple[str, int]:
    place, _, when = text.partition("@")
    if not when:
        raise click.UsageError(
            f"--measure {text!r}: write PLACE@TIME, such as west-gate@2025-06-01"
        )
    if place not in {known.id for known in site.places}:
        known_ids = ", ".join(known.id for known in site.places)
        raise click.UsageError(
            f"--measure: {site.site.id} has no place {place!r}; it has {known_ids}"
        )
    return place, moment(when, site.site.timezone, now)


def _show(found: digest.Digest, words: Words) -> None:
    lines = digest.anomalies(found, words)
    lines += [
        words("hazard-look", told=told, look=look)
        for told, look in digest.hazard_lines(found, words)
    ]
    note = digest.hazard_note(found, words)
    lines += [note] if note else []
    lines += digest.repeat_lines(found, words) + digest.follow_lines(found, words)
    lines += digest.patrols_ahead(found, words) + digest.patrols(found, words)
    lines += digest.effects(found, words)
    for line in lines:
        click.echo(f"- {line}")
