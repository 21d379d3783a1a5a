"""Measures Linli: ``python -m tests.bench``, or ``make bench``.

Each part runs the real programs as processes of their own, on loopback, in a folder that is
gone afterwards; interrupted, none of them is left.
"""

import contextlib
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

import click
import pytest
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from launch.supervisor import LaunchError
from models.catalog import ModelError
from tests.bench import (
    analysis,
    auckland,
    backtest,
    console,
    crossings,
    edge,
    gate,
    gateway,
    hub,
    latency,
    peers,
    residents,
    rules,
)
from tests.bench.progress import Steps
from tests.bench.rig import Stuck
from tests.bench.table import Figure, show, write_json
from tests.servers import influxdb

PARTS = (
    "analysis", "backtest", "console", "crossings", "edge", "gate", "gateway", "hub",
    "influxdb", "latency", "peers", "residents", "rules", "soak",
)  # fmt: skip


@dataclass(frozen=True)
class Wish:
    """What was asked for on the command line."""

    video: Path | None
    model: str
    rounds: int
    messages: int
    probes: int
    records: int
    alerts: int
    minutes: float
    footage: float


@click.command()
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Also write it there.")
@click.option("--only", type=click.Choice(PARTS), multiple=True, help="These parts alone.")
@click.option(
    "--video", type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="For the edge; left out: real footage beside the checkout, or the simulated street.",
)  # fmt: skip
@click.option("--model", default="", help="For the edge; left out: the starter model.")
@click.option("--rounds", default=5, show_default=True, type=click.IntRange(1, 100))
@click.option(
    "--messages", default=12_000, show_default=True, type=click.IntRange(100),
    help="Of ten records each, in a round of the hub.",
)  # fmt: skip
@click.option(
    "--probes", default=400, show_default=True, type=click.IntRange(40), help="Of the latency."
)
@click.option(
    "--records", default=5_000_000, show_default=True, type=click.IntRange(10_000),
    help="Of the backtest.",
)  # fmt: skip
@click.option(
    "--alerts", default=60, show_default=True, type=click.IntRange(2), help="Of the console."
)
@click.option(
    "--minutes", default=10.0, show_default=True, type=click.FloatRange(0.5),
    help="Of the soak; 60 for what the bar means.",
)  # fmt: skip
@click.option(
    "--footage", default=60.0, show_default=True, type=click.FloatRange(1),
    help="Minutes of looping footage in which the gateway's memory must not grow.",
)  # fmt: skip
def main(
    json_file: Path | None, only: tuple[str, ...], video: Path | None, model: str,
    rounds: int, messages: int, probes: int, records: int, alerts: int, minutes: float,
    footage: float,
) -> None:  # fmt: skip
    """Measure, and hold what was measured against its bars."""
    signal.signal(signal.SIGTERM, _interrupt)
    screen = Console()
    wish = Wish(video, model, rounds, messages, probes, records, alerts, minutes, footage)
    chosen = only or PARTS
    try:
        figures, skipped = _measure(chosen, wish, screen)
    except KeyboardInterrupt:
        sys.exit(130)
    except (Stuck, LaunchError) as error:
        raise click.ClickException(str(error)) from error
    show(figures, skipped, screen)
    if json_file is not None:
        write_json(json_file, figures, skipped)


def _measure(parts: tuple[str, ...], wish: Wish, screen: Console) -> tuple[list[Figure], list[str]]:
    figures: list[Figure] = []
    skipped: list[str] = []
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=screen, transient=True) as progress:
        steps = Steps(progress, _count_steps(parts, wish))
        for part in parts:
            folder = Path(tempfile.mkdtemp(prefix=f"linli-bench-{part}-"))
            try:
                figures += _PARTS[part](folder, wish, steps)
            except (ModelError, pytest.skip.Exception) as error:
                skipped.append(f"{part}: {error}")
            finally:
                shutil.rmtree(folder, ignore_errors=True)
        steps.finish()
    return figures, skipped


def _edge(folder: Path, wish: Wish, steps: Steps) -> Iterator[Figure]:
    model = edge.choose_model(wish.model)
    video = edge.choose_video(wish.video, folder, steps)
    return edge.measure(folder, video=video, model=model, rounds=wish.rounds, steps=steps)


def _gate(folder: Path, wish: Wish, steps: Steps) -> Iterator[Figure]:
    model = edge.choose_model(wish.model)
    video = edge.choose_video(wish.video, folder, steps)
    return gate.measure(video=video, model=model, steps=steps)


def _crossings(_folder: Path, wish: Wish, steps: Steps) -> Iterator[Figure]:
    return crossings.measure(model=edge.choose_model(wish.model), steps=steps)


def _gateway(folder: Path, wish: Wish, steps: Steps) -> Iterator[Figure]:
    model = edge.choose_model(wish.model)
    video = edge.choose_video(wish.video, folder, steps)
    yield from gateway.measure_four(folder, video=video, model=model, steps=steps)
    yield from gateway.measure_long(
        folder, video=video, model=model, minutes=wish.footage, steps=steps
    )


def _hub(folder: Path, wish: Wish, steps: Steps) -> Iterator[Figure]:
    return hub.measure(folder, rounds=wish.rounds, messages=wish.messages, steps=steps)


def _influxdb(folder: Path, wish: Wish, steps: Steps) -> Iterator[Figure]:
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(influxdb(folder))
        series = {"kind": "influxdb", "url": server.url, "bucket": "linli"}
        yield from hub.measure_influx(folder, series, messages=wish.messages, steps=steps)


def _latency(folder: Path, wish: Wish, steps: Steps) -> Iterator[Figure]:
    return latency.measure(folder, probes=wish.probes, steps=steps)


def _backtest(folder: Path, wish: Wish, steps: Steps) -> Iterator[Figure]:
    return backtest.measure(folder, records=wish.records, steps=steps)


def _analysis(folder: Path, _wish: Wish, steps: Steps) -> Iterator[Figure]:
    return analysis.measure(folder, steps)


def _peers(_folder: Path, _wish: Wish, steps: Steps) -> Iterator[Figure]:
    return peers.measure(auckland.load(), steps)


def _residents(folder: Path, _wish: Wish, steps: Steps) -> Iterator[Figure]:
    return residents.measure(folder, steps)


def _rules(folder: Path, wish: Wish, steps: Steps) -> Iterator[Figure]:
    return rules.measure(folder, rounds=wish.rounds, steps=steps)


def _console(folder: Path, wish: Wish, steps: Steps) -> Iterator[Figure]:
    return console.measure(folder, probes=wish.alerts, steps=steps)


def _soak(folder: Path, wish: Wish, steps: Steps) -> Iterator[Figure]:
    return console.soak(folder, minutes=wish.minutes, steps=steps)


_PARTS = {
    "analysis": _analysis,
    "backtest": _backtest,
    "console": _console,
    "crossings": _crossings,
    "edge": _edge,
    "gate": _gate,
    "gateway": _gateway,
    "hub": _hub,
    "influxdb": _influxdb,
    "latency": _latency,
    "peers": _peers,
    "residents": _residents,
    "rules": _rules,
    "soak": _soak,
}


def _count_steps(parts: tuple[str, ...], wish: Wish) -> int:
    rounds = 2 * wish.rounds
    steps = {
        "analysis": 6, "backtest": 2, "edge": rounds, "gate": 2, "hub": rounds + 1,
        "influxdb": 2, "latency": 2, "peers": 2, "residents": 1, "rules": wish.rounds,
        "console": 3, "soak": 2,
        "gateway": 1 + gateway.PARTS, "crossings": len(crossings.SEEDS),
    }  # fmt: skip
    return sum(steps[part] for part in parts)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    main()
