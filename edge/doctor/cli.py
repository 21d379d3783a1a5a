"""``linli edge doctor``."""

import contextlib
import json
import logging
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import click
import msgspec
from rich.console import Console
from rich.markup import escape

from configs import ConfigError, load_edge
from edge.doctor.examine import Doctor
from edge.doctor.finding import Finding, Verdict

CONFIG_WRONG, SOMETHING_FAILED = 2, 1
MARKS = {
    Verdict.GOOD: "[green]✓ good   [/]",
    Verdict.WARNING: "[yellow]! warning[/]",
    Verdict.FAILED: "[red]✗ failed [/]",
}


@click.command("doctor")
@click.option(
    "-c", "--config", type=click.Path(path_type=Path), required=True, help="The edge.yaml."
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object with every finding.")
@click.option(
    "--seconds",
    type=click.FloatRange(0.5, 600),
    default=5.0,
    show_default=True,
    help="How long each camera is watched.",
)
@click.option(
    "--clock-url",
    default="",
    help="Compare the clock with this page's Date, such as the console's.",
)
@click.option("--strict", is_flag=True, help="Warnings fail too.")
def cli(config: Path, as_json: bool, seconds: float, clock_url: str, strict: bool) -> None:
    """Examine all that an edge.yaml needs: cameras, doors, model, broker, clock, device.

    Says a remedy for whatever is not good, and changes nothing; it may run beside the agent.
    Exits with 0 where nothing failed, 1 where something did, 2 where the file is wrong.
    """
    try:
        settings = load_edge(config)
    except ConfigError as error:
        click.echo(f"edge: {error}", err=True)
        sys.exit(CONFIG_WRONG)
    doctor = Doctor(settings, seconds=seconds, clock_url=clock_url)
    console = Console(highlight=False)
    found: list[Finding] = []
    with _silent_sources():
        for finding in doctor.examine():
            found.append(finding)
            if not as_json:
                show(console, finding)
    counts = Counter(finding.verdict for finding in found)
    bad = counts[Verdict.FAILED] + (counts[Verdict.WARNING] if strict else 0)
    if as_json:
        print_json(config, found, ok=not bad)
    else:
        console.print(", ".join(f"{counts[each]} {each}" for each in Verdict))
    sys.exit(SOMETHING_FAILED if bad else 0)


@contextlib.contextmanager
def _silent_sources() -> Iterator[None]:
    """What a source logs of each attempt is a finding here, said once and with its remedy."""
    log = logging.getLogger("edge.sources")
    before = log.level
    log.setLevel(logging.ERROR)
    try:
        yield
    finally:
        log.setLevel(before)


def show(console: Console, finding: Finding) -> None:
    """One finding for people: verdict, part, what it is; below it what to do."""
    console.print(
        f"{MARKS[finding.verdict]} [bold]{escape(finding.part)}[/]: {escape(finding.says)}"
    )
    if finding.remedy:
        console.print(f"          → {escape(finding.remedy)}")


def print_json(config: Path, found: list[Finding], *, ok: bool) -> None:
    """All of them for scripts."""
    whole = {"config": str(config), "ok": ok, "findings": msgspec.to_builtins(found)}
    click.echo(json.dumps(whole, indent=2, ensure_ascii=False))
