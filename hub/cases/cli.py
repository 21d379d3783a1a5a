"""``linli report``: the figures of sites as a page, or for other programs."""

import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import click
import msgspec

from configs.site import SiteFile
from hub.alerts_cli import config_option, opened
from hub.cases.change import compare
from hub.cases.figures import figures, read
from hub.cases.groups import groupings
from hub.cases.printed import page
from hub.cases.report import Report, cells, changed, make
from hub.moments import moment


@click.command("report")
@config_option
@click.option(
    "--from", "since", required=True,
    help="2025-06-01, 2025-06-01T08:00 (the site's time zone), or 30d: so long ago.",
)  # fmt: skip
@click.option("--to", "until", default="0s", help="The same; left out: now.")
@click.option("--change", default="", help="Compare what came before this date and after it.")
@click.option(
    "--site", "name", default="", help="One of several; left out: all, beside each other."
)
@click.option("--language", type=click.Choice(["en", "zh"]), help="Left out: the site's.")
@click.option("--out", type=click.Path(path_type=Path), help="Write a page that prints here.")
@click.option("--json", "as_json", is_flag=True, help="Print everything for other programs.")
def cli(
    path: Path, since: str, until: str, change: str, name: str, language: str | None,
    out: Path | None, *, as_json: bool,
) -> None:  # fmt: skip
    """Say how well reports and alerts were dealt with, and whether it became better."""
    with opened(path) as (engine, _settings, sites):
        chosen = _chosen(sites, name)
        now, zone = time.time_ns() // 1_000_000, chosen[0].site.timezone
        start, end = moment(since, zone, now), moment(until, zone, now)
        if end <= start:
            raise click.UsageError("--to is not after --from")
        seen = read(engine, chosen, start, end, now)
        halves = None
        if change:
            date = moment(change, zone, now)
            if not start < date < end:
                raise click.UsageError("--change is not between --from and --to")
            halves = read(engine, chosen, start, date, now), read(engine, chosen, date, end, now)
        report = make(chosen, seen, (start, end), language or chosen[0].site.language, halves)
        if out is not None:
            out.write_text(page(report), encoding="utf-8")
            click.echo(f"written: {out}")
        if as_json:
            told = {
                "figures": figures(seen), "changes": compare(*halves) if halves else [],
                "by": {one.key: one for one in groupings(chosen, seen, halves)},
            }  # fmt: skip
            click.echo(msgspec.json.encode(told).decode())
        elif out is None:
            click.echo("\n".join(_lines(report)))


def _lines(report: Report) -> Iterator[str]:
    for row in report.rows:
        yield f"{row.name}: {row.value}"
    for line in report.changes:
        yield " | ".join(line)
    for table in report.tables:
        yield f"\n{table.title}"
        for name, found in table.groups:
            _, *values = cells(name, found, table.columns, report.language)
            words = [f"{report.word(c)} {v}" for c, v in zip(table.columns, values, strict=True)]
            yield f"{name}: {' | '.join(words)}"
        if table.compared:
            yield f"\n{table.changed}"
        for name, changes in table.changes:
            for key in table.compared:
                value, interval = changed(changes.get(key), report.language)
                yield f"{name} | {report.word(key)} | {value} | {interval}"


def _chosen(sites: Sequence[SiteFile], name: str) -> Sequence[SiteFile]:
    found = [site for site in sites if name in ("", site.site.id)]
    if not found:
        names = ", ".join(site.site.id for site in sites)
        raise click.UsageError(f"--site: name one of {names}")
    return found
