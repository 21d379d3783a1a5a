"""``linli rules …``"""

import contextlib
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import NoReturn
from zoneinfo import ZoneInfo

import click
import msgspec
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

import configs
from configs.rules import Rule, RulesFile
from configs.servers import HubSettings
from configs.site import SiteFile
from configs.values import Duration
from hub.backtest import compare, page, scenario, tune, workers
from hub.backtest.observed import observed
from hub.backtest.replayer import WARM_UP_MS, Found, Near
from hub.backtest.verdicts import read_verdicts
from hub.downs import Down
from hub.moments import moment
from hub.series.points import SeriesError
from hub.state.store import StateError

console = Console()
GAPS_SHOWN = 5
PATH = click.Path(path_type=Path)
CONFIG = click.option(
    "-c", "--config", "path", required=True, type=PATH, help="A site.yaml or hub.yaml."
)
SINCE = click.option(
    "--from", "since", required=True,
    help="2025-06-01, 2025-06-01T08:00 (the site's time zone), or 7d: so long ago.",
)  # fmt: skip
UNTIL = click.option("--to", "until", default="0s", help="The same; left out: now.")
SITE = click.option("--site", "name", default="", help="Where the hub has several.")
WARM_UP = click.option(
    "--warm-up", default=f"{WARM_UP_MS // 3_600_000}h", show_default=True,
    help="Records are read this much earlier, so that the state is right.",
)  # fmt: skip
JOBS = click.option(
    "--jobs", default=0, type=click.IntRange(0), help="Processes; left out: one for each core."
)


def target(_context: click.Context, _option: click.Parameter, path: Path | None) -> Path | None:
    """A file to write, refused before minutes of replay rather than after them."""
    if path is not None and (path.is_dir() or not os.access(path.parent, os.W_OK)):
        raise click.BadParameter(f"{path} cannot be written: name a file in a folder that is there")
    return path


PLOT = click.option(
    "--plot", type=PATH, callback=target, help="Draw it into this HTML file."
)  # fmt: skip


@click.group("rules")
def cli() -> None:
    """Try rules on stored records, tune them, test them on scenarios."""


@cli.command()
@CONFIG
@click.option("--rules", "rules_path", required=True, type=PATH, help="The new rules.")
@click.option("--keep", is_flag=True, help="Rules that the new file does not name stay.")
@SINCE
@UNTIL
@SITE
@WARM_UP
@JOBS
@click.option("--json", "json_file", type=PATH, callback=target, help="Write everything there.")
@PLOT
def backtest(
    path: Path, rules_path: Path, *, keep: bool, since: str, until: str, name: str, warm_up: str,
    jobs: int, json_file: Path | None, plot: Path | None,
) -> None:  # fmt: skip
    """Show what new rules would have done over stored records, beside today's."""
    with failing_plainly():
        settings, site = choose_site(path, name)
        new = _new_rules(rules_path, site, keep=keep)
        stretch = _stretch(settings, site, since, until, warm_up)
        judged = read_verdicts(settings, site.site.id, stretch.start, stretch.end)
        found, records = _replay(settings, compare.both(site, new), stretch, jobs, None)
    now, then = compare.split(found.fired, site.rules, new)
    result = compare.Comparison(
        site=site.site.id, timezone=site.site.timezone, start=stretch.start, end=stretch.end,
        records=records, pairs=tuple(compare.compare(now, then)),
        rules=tuple(compare.by_rule(now, then, judged, stretch.days)), judged=len(judged),
        gaps=stretch.gaps,
    )  # fmt: skip
    _show_comparison(result)
    if json_file is not None:
        json_file.write_bytes(msgspec.json.format(msgspec.json.encode(result)) + b"\n")
    if plot is not None:
        plot.write_text(page.draw_comparison(result), encoding="utf-8")


@cli.command("tune")
@click.argument("rule_id", metavar="RULE")
@CONFIG
@click.option("--field", required=True, type=click.Choice(tune.FIELDS), help="Which number.")
@click.option("--condition", default=0, type=click.IntRange(0), help="Of which condition, from 0.")
@SINCE
@UNTIL
@SITE
@WARM_UP
@JOBS
@click.option("--values", default="", help="low:high:steps; left out: half to double of today's.")
@click.option("--cost", default=1.0, show_default=True, help="False alarms a day you would bear.")
@PLOT
def tune_rule(
    rule_id: str, path: Path, field: tune.Field, condition: int, since: str, until: str,
    name: str, warm_up: str, jobs: int, values: str, cost: float, plot: Path | None,
) -> None:  # fmt: skip
    """Sweep one number of RULE over stored records, and show what almost fired.

    Lengths of time (for, over) are in seconds.
    """
    with failing_plainly():
        settings, site = choose_site(path, name)
        rule = tune.find_rule(site, rule_id)
        today = tune.read_field(rule, field, condition)
        chosen = _values(values, today)
        stretch = _stretch(settings, site, since, until, warm_up)
        judged = read_verdicts(settings, site.site.id, stretch.start, stretch.end)
        varied = tune.prepare(site, rule, field, condition, chosen)
        near = Near(tune.variant(rule.id, today), rule.when[condition])
        found, _ = _replay(settings, varied, stretch, jobs, near)
    points = tune.sweep(rule, chosen, found.fired, judged, stretch.days)
    result = tune.Sweep(
        rule=rule.id, field=field, condition=condition, signal=rule.when[condition].signal,
        today=today, points=tuple(points), best=tune.best(points, cost), cost=cost,
        judged=sum(verdict.rule == rule.id for verdict in judged), misses=found.misses,
        gaps=stretch.gaps,
    )  # fmt: skip
    _show_sweep(result, site.site.timezone)
    if plot is not None:
        plot.write_text(page.draw_sweep(result), encoding="utf-8")


@cli.command("test")
@click.argument("files", nargs=-1, required=True, type=PATH)
def run_scenarios(files: tuple[Path, ...]) -> None:
    """Play the scenarios in FILES; exits with 1 where one fails, with 2 where one is wrong."""
    failed = wrong = 0
    for file in files:
        try:
            timeline = scenario.load_scenario(file)
        except configs.ConfigError as error:
            wrong += 1
            click.echo(str(error), err=True)
            continue
        verdict = scenario.run(timeline)
        failed += not verdict.passed
        click.echo(f"{'pass' if verdict.passed else 'FAIL'}  {file}: {timeline.title}")
        if not verdict.passed:
            for heading, lines in (
                ("as expected", verdict.kept), ("expected, did not come", verdict.missing),
                ("came, not expected", verdict.extra),
            ):  # fmt: skip
                for line in lines:
                    click.echo(f"      {heading}: {line}")
    if failed or wrong:
        click.echo(f"{failed} failed, {wrong} could not be read, of {len(files)}", err=True)
        sys.exit(2 if wrong else 1)


@contextlib.contextmanager
def failing_plainly() -> Iterator[None]:
    try:
        yield
    except configs.ConfigError as error:
        _stop(str(error), 2)
    except (SeriesError, StateError, tune.TuneError) as error:
        _stop(str(error), 1)


def _stop(text: str, code: int) -> NoReturn:
    click.echo(text, err=True)
    sys.exit(code)


def choose_site(path: Path, name: str) -> tuple[HubSettings, SiteFile]:
    settings, sites = configs.load_hub(path)
    chosen = [site for site in sites if name in ("", site.site.id)]
    if len(chosen) != 1:
        known = ", ".join(site.site.id for site in sites)
        raise click.UsageError(f"name one with --site: {known}")
    return settings, chosen[0]


def _new_rules(path: Path, site: SiteFile, *, keep: bool) -> tuple[Rule, ...]:
    file = configs.load_any(path)
    if not isinstance(file, RulesFile):
        raise click.UsageError(f"{path} is no file of rules (a list under rules:)")
    for rule in file.rules:
        if not any(place.answers_to(rule.places) for place in site.places):
            click.echo(f"{path}: {rule.id} concerns no place of {site.site.id}", err=True)
    named = {rule.id for rule in file.rules}
    kept = [rule for rule in site.rules if keep and rule.id not in named]
    return (*file.rules, *kept)


def _stretch(
    settings: HubSettings, site: SiteFile, since: str, until: str, warm_up: str
) -> workers.Stretch:
    now = time.time_ns() // 1_000_000
    start, end = (moment(text, site.site.timezone, now) for text in (since, until))
    if end <= start:
        raise click.UsageError("--to is not after --from")
    try:
        stretch = workers.Stretch(start, end, int(Duration.parse(warm_up)))
    except ValueError as error:
        raise click.UsageError(f"--warm-up: {error}") from None
    return observed(settings, site.site.id, stretch)


def _values(text: str, today: float) -> tuple[float, ...]:
    if not text:
        size = today or 1.0
        return tune.spread(min(size / 2, size * 2), max(size / 2, size * 2), 21, today)
    try:
        low, high, steps = text.split(":")
        return tune.spread(float(low), float(high), max(2, int(steps)), today)
    except ValueError:
        raise click.UsageError(
            f"--values {text!r}: write low:high:steps, such as 0.2:0.9:15"
        ) from None


def _replay(
    settings: HubSettings, site: SiteFile, stretch: workers.Stretch, jobs: int, near: Near | None
) -> tuple[Found, int]:
    total = workers.count(settings, site, stretch)
    columns = (
        TextColumn("{task.completed:,.0f} of {task.total:,.0f} records"), BarColumn(),
        TextColumn("{task.fields[rate]}"), TimeElapsedColumn(), TimeRemainingColumn(),
    )  # fmt: skip
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        progress.add_task("", total=total, rate="")
        found = workers.replay(
            settings, site, stretch, near=near, jobs=jobs, advance=_teller(progress)
        )
    if not total:
        click.echo("no records are stored for this time: nothing could have fired", err=True)
    if found.failed:
        click.echo(f"the engine failed on {found.failed} records; see the log", err=True)
    return found, total


def _teller(progress: Progress) -> Callable[[int], None]:
    def tell(records: int) -> None:
        shown = progress.tasks[0]
        rate = f"{shown.speed:,.0f} records/s" if shown.speed else ""
        progress.update(shown.id, advance=records, rate=rate)

    return tell


def _show_comparison(found: compare.Comparison) -> None:
    table = Table(title=f"{found.site}: {found.records:,} records")
    table.add_column("rule", overflow="fold")
    for heading in ("alerts", "a day", "precision", "recall"):
        table.add_column(f"{heading}\nnow → new", justify="right", no_wrap=True)
    for rule in found.rules:
        now, then = rule.score_now, rule.score_then
        table.add_row(
            rule.rule,
            f"{rule.alerts_now} → {rule.alerts_then}",
            f"{rule.now_a_day:.2f} → {rule.then_a_day:.2f}",
            f"{_share(now.precision)} → {_share(then.precision)}",
            f"{_share(now.recall)} → {_share(then.recall)}",
        )
    console.print(table)
    zone = ZoneInfo(found.timezone)
    for pair in found.pairs:
        if pair.change is not compare.Change.UNCHANGED:
            at = datetime.fromtimestamp(pair.shown.fired_ts / 1000, zone)
            shown = pair.shown
            click.echo(f"{pair.change:<9} {at:%Y-%m-%d %H:%M:%S} {shown.rule} at {shown.place}")
    click.echo(", ".join(f"{found.count(change)} {change}" for change in compare.Change))
    _show_gaps(found.gaps, zone)
    if not found.judged:
        click.echo("no verdicts in this time: precision and recall are not known")


def _show_gaps(gaps: Sequence[Down], zone: ZoneInfo) -> None:
    """What is not known, the longest first: nothing fired then, and nothing was silent."""
    for gap in sorted(gaps, key=lambda one: -one.ms)[:GAPS_SHOWN]:
        click.echo(f"{gap.in_words(zone)}")
    if len(gaps) > GAPS_SHOWN:
        click.echo(f"and {len(gaps) - GAPS_SHOWN} shorter times like these")
    if gaps:
        click.echo("numbers a day leave these times out")


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.0%}"


def _show_sweep(found: tune.Sweep, timezone: str) -> None:
    table = Table(title=f"{found.rule}: {found.signal} {found.field}")
    for heading in (found.field, "alerts a day", "false a day", "precision", "recall", ""):
        table.add_column(heading, justify="right")
    for point in found.points:
        marks = [name for name, value in (("today", found.today), ("best", found.best))
                 if value == point.value]  # fmt: skip
        table.add_row(
            f"{point.value:g}", f"{point.alerts_a_day:.2f}", f"{point.false_a_day:.2f}",
            _share(point.score.precision), _share(point.score.recall), ", ".join(marks),
        )  # fmt: skip
    console.print(table)
    if not found.judged:
        click.echo("no verdicts on this rule in this time: every alert counts as a false one")
    if found.best is None:
        click.echo(f"no value keeps to {found.cost:g} false alarms a day")
    zone = ZoneInfo(timezone)
    _show_gaps(found.gaps, zone)
    for miss in found.misses:
        at = datetime.fromtimestamp(miss.peak_ts / 1000, zone)
        click.echo(f"almost    {at:%Y-%m-%d %H:%M:%S} {miss.place}: {miss.peak:g}, {miss.why}")
