"""``linli up`` and ``linli demo``"""

import logging
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import NoReturn

import click
from rich.console import Console

from configs.problems import ConfigError
from configs.values import Duration
from hub.series.points import SeriesError
from hub.state.store import StateError
from launch import demo as demonstration
from launch import up as site
from launch.supervisor import LaunchError


@click.command()
@click.option(
    "-c", "--config", "path", required=True, type=click.Path(path_type=Path), help="A site.yaml."
)
def up(path: Path) -> None:
    """Run broker (where the site asks for one), hub and console of a site."""
    _prepare()
    try:
        site.run(path, Console())
    except ConfigError as error:
        _fail(str(error), 2)
    except (LaunchError, StateError, SeriesError) as error:
        _fail(str(error), 1)


@click.command()
@click.option("--video", type=click.Path(path_type=Path), help="A video instead of the street.")
@click.option(
    "--model", default="starter", show_default=True, help="A name of the catalog, or an ONNX file."
)
@click.option("--for", "duration", help="Stop after so long, such as 60s.")
@click.option("--report", type=click.Path(path_type=Path), help="Write what came of it, as JSON.")
@click.option(
    "--data", default=Path("data/demo"), show_default=True, type=click.Path(path_type=Path),
    help="Folder for all it keeps; emptied first.",
)  # fmt: skip
@click.option(
    "--port", default=8080, show_default=True, type=click.IntRange(1, 65535),
    help="Of the console; another is taken where it is not free.",
)  # fmt: skip
@click.option("--loop", is_flag=True, help="Start the video again when it ends.")
@click.option(
    "--pace", default="clock", show_default=True, type=click.Choice(["clock", "fast"]),
    help="Play the video at its own frame rate, or as fast as it can be analysed.",
)  # fmt: skip
def demo(
    video: Path | None, model: str, duration: str | None, report: Path | None, data: Path,
    port: int, loop: bool, pace: str,
) -> None:  # fmt: skip
    """Run the whole system here, with nothing to install or to configure."""
    _prepare()
    try:
        seconds = None if duration is None else Duration.parse(duration).seconds
    except ValueError as error:
        _fail(f"--for: {error}", 2)
    if video is not None and not video.is_file():
        _fail(f"--video: there is no file {video}", 2)
    if Path(model).suffix == ".onnx":
        model = str(Path(model).resolve())
    wish = demonstration.Wish(data.resolve(), video, model, seconds, report, port, loop, pace)
    try:
        demonstration.run(wish, Console())
    except (ConfigError, LaunchError, StateError, SeriesError) as error:
        _fail(str(error), 1)


def _prepare() -> None:
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s: %(message)s")
    # Also where a shell started us in the background, with Ctrl-C ignored.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupt)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _fail(text: str, code: int) -> NoReturn:
    click.echo(text, err=True)
    sys.exit(code)
