"""``linli edge``: runs an agent, and the commands of the rooms beside it."""

import json
import logging
import resource
import signal
import sys
from pathlib import Path
from typing import NoReturn

import click
from msgspec.structs import replace

from configs import ConfigError, load_edge
from configs.agent import EdgeFile
from configs.values import Duration
from edge.agent import Agent
from edge.commission.cli import cli as init
from edge.commission.service_cli import cli as install_service
from edge.detect import Detector
from edge.doctor.cli import cli as doctor
from edge.draw.cli import cli as draw
from edge.evidence import BLUR_SCORE
from edge.outbox import OutboxError
from edge.pictures_cli import cli as pictures
from edge.shared_detector import AnyDetector
from edge.track import TrackSettings
from edge.watch.cli import cli as watch
from models.catalog import ModelError, folders, resolve
from wire.errors import LinkRefused
from wire.records import ModelAbout

log = logging.getLogger(__name__)

CONFIG_WRONG = 2
CANNOT_RUN = 1
LEVELS = ["debug", "info", "warning", "error"]

cli = click.Group("edge", help="The agent on a camera or gateway.")
cli.add_command(doctor)
cli.add_command(draw)
cli.add_command(init)
cli.add_command(install_service)
cli.add_command(pictures)
cli.add_command(watch)


class _Length(click.ParamType[Duration]):
    """A length of time, such as 90s."""

    name = "duration"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> Duration:
        try:
            return Duration.parse(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


@cli.command()
@click.option(
    "-c", "--config", type=click.Path(path_type=Path), required=True, help="The edge.yaml."
)
@click.option("--for", "for_", type=_Length(), help="Stop after this long, such as 90s.")
@click.option(
    "--report",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the final counters there, as JSON.",
)
@click.option("--log-level", type=click.Choice(LEVELS), default="info", show_default=True)
def run(config: Path, for_: Duration | None, report: Path | None, log_level: str) -> None:
    """Watch the cameras and doors of an edge.yaml until stopped.

    Ends by itself once every camera was a file and has ended.
    """
    logging.basicConfig(
        level=log_level.upper(),
        stream=sys.stderr,
        format="%(asctime)s %(levelname)-7s %(threadName)s: %(message)s",
    )
    try:
        settings = load_edge(config)
        detector, model = make_detector(settings)
    except (ConfigError, ModelError) as error:
        _fail(error, CONFIG_WRONG)
    try:
        _run(config, settings, detector, model, for_, report)
    except (OutboxError, LinkRefused, OSError) as error:
        _fail(error, CANNOT_RUN)


def make_detector(settings: EdgeFile) -> tuple[AnyDetector, ModelAbout]:
    """The detector of an edge.yaml, and what to tell the hub of it; raises `ModelError`.

    It reports boxes that are too unsure to count too: they keep tracks alive, and heads are
    blurred in them.
    """
    found = resolve(settings.model.name, folders())
    floor = min(settings.model.score, BLUR_SCORE, TrackSettings().low)
    detector = Detector(found, replace(settings.model, score=floor))
    name = found.entry.name
    about = ModelAbout(name=name, sha256=found.sha256, provider=detector.provider)
    log.info("model %s on %s", name, detector.provider)
    return detector, about


def _run(
    config: Path,
    settings: EdgeFile,
    detector: AnyDetector,
    model: ModelAbout,
    for_: Duration | None,
    report: Path | None,
) -> None:
    agent = Agent(settings, detector, model=model, config=config, make_detector=make_detector)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: agent.ask_to_stop())
    signal.signal(signal.SIGHUP, lambda *_: agent.ask_to_reload())
    try:
        agent.start()
        agent.wait(None if for_ is None else for_.seconds)
    finally:
        log.info("stopping")
        agent.stop()
    if report is not None:
        report.write_text(json.dumps({**agent.report(), "rss_peak_bytes": _rss_peak()}, indent=2))


def _rss_peak() -> int:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def _fail(error: Exception, code: int) -> NoReturn:
    click.echo(f"edge: {error}", err=True)
    sys.exit(code)
