"""``linli report``: the figures of a site as a page, or for other programs."""

import time
from collections.abc import Sequence
from pathlib import Path

import click
import msgspec

from configs.site import SiteFile
from hub.alerts_cli import config_option, opened
from hub.cases.figures import compare, figures, read
from hub.cases.report import make, page
from hub.moments import moment


@click.command("report")
@config_option
@click.option(
    "--from", "since", required=True,
    help="2025-06-01, 2025-06-01T08:00 (the site's time zone), or 30d: so long ago.",
)  # fmt: skip
@click.option("--to", "until", default="0s", help="The same; left out: now.")
@click.option("--change", default="", help="Compare what came before this date and after it.")
@click.option("--site", "name", default="", help="Where the hub has several.")
@click.option("--language", type=click.Choice(["en", "zh"]), help="Left out: the site's.")
@click.option("--out", type=click.Path(path_type=Path), help="Write a page that prints here.")
@click.option("--json", "as_json", is_flag=True, help="Print everything for other programs.")
def cli(
    path: Path, since: str, until: str, change: str, name: str, language: str | None,
    out: Path | None, *, as_json: bool,
) -> None:  # fmt: skip
    """Say how well reports and alerts were dealt with, and whether it became better."""
    with opened(path) as (engine, _settings, sites):
        site = _one(sites, name)
        now, zone = time.time_ns() // 1_000_000, site.site.timezone
        start, end = moment(since, zone, now), moment(until, zone, now)
        if end <= start:
            raise click.UsageError("--to is not after --from")
        seen = read(engine, site, start, end, now)
        halves = None
        if change:
            date = moment(change, zone, now)
            if not start < date < end:
                raise click.UsageError("--change is not between --from and --to")
            halves = read(engine, site, start, date, now), read(engine, site, date, end, now)
        report = make(site, seen, (start, end), language or site.site.language, halves)
        if out is not None:
            out.write_text(page(report), encoding="utf-8")
            click.echo(f"written: {out}")
        if as_json:
            told = {"figures": figures(seen), "changes": compare(*halves) if halves else []}
            click.echo(msgspec.json.encode(told).decode())
        elif out is None:
            for row in report.rows:
                click.echo(f"{row.name}: {row.value}")
            for line in report.changes:
                click.echo(" | ".join(line))


def _one(sites: Sequence[SiteFile], name: str) -> SiteFile:
    found = [site for site in sites if name in ("", site.site.id)]
    if len(found) != 1:
        names = ", ".join(site.site.id for site in sites)
        raise click.UsageError(f"--site: name one of {names}")
    return found[0]
