"""``linli edge pictures``: what the device has kept of the last days."""

import json
import shutil
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import click

from configs import ConfigError, load_edge
from edge.commands import NEAR_MS
from edge.picture_ring import FOLDER, Kept, kept_in

CONFIG_WRONG, NOTHING, CANNOT = 2, 1, 1


class _When(click.ParamType[int]):
    """A moment, as ms since the Unix epoch."""

    name = "time"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> int:
        if isinstance(value, int):
            return value
        try:
            return round(datetime.fromisoformat(str(value)).timestamp() * 1000)
        except ValueError:
            self.fail(f"{value!r} is no time such as 2026-03-01T22:15", param, ctx)


CONFIG = click.option(
    "-c", "--config", type=click.Path(path_type=Path), required=True, help="The edge.yaml."
)
CAMERA = click.option("--camera", default="", help="Of this one alone.")
SINCE = click.option("--since", type=_When(), default=0, help="From this time on.")
UNTIL = click.option("--until", type=_When(), default=2**53, help="Up to this time.")
cli = click.Group(
    "pictures",
    help="The pictures of the last days on this device, blurred as they were sent.\n\n"
    "A time is written 2026-03-01T22:15, in this device's time zone.",
)


@cli.command("list")
@CONFIG
@CAMERA
@SINCE
@UNTIL
@click.option("--json", "as_json", is_flag=True, help="For scripts, one object a line.")
def list_(config: Path, camera: str, since: int, until: int, *, as_json: bool) -> None:
    """Say what is kept, the oldest first."""
    found = _found(config, camera, since, until)
    for each in found:
        if as_json:
            click.echo(json.dumps({**each._asdict(), "at": _iso(each.ts)}))
        else:
            click.echo(f"{_iso(each.ts)}  {each.source:<20} {each.size / 1000:6.1f} kB  {each.ref}")
    if not as_json:
        size = sum(each.size for each in found) / 1e6
        click.echo(f"{_counted(len(found))}, {size:.1f} MB")


@cli.command()
@CONFIG
@CAMERA
@SINCE
@UNTIL
@click.option("--at", type=_When(), help="Each camera's nearest picture, a minute off at most.")
@click.option(
    "--to", type=click.Path(path_type=Path, file_okay=False), required=True, help="A folder."
)
def export(config: Path, camera: str, since: int, until: int, at: int | None, to: Path) -> None:
    """Copy pictures into a folder, named after camera and time."""
    found = _found(config, camera, since, until)
    if at is not None:
        found = _nearest(found, at)
    ring = _folder(config)
    copied = 0
    try:
        to.mkdir(parents=True, exist_ok=True)
        for each in found:
            name = f"{each.source}-{_iso(each.ts).replace(':', '-')}.jpg"
            try:
                shutil.copyfile(each.path(ring), to / name)
            except FileNotFoundError:
                continue  # the agent has let it go meanwhile
            copied += 1
    except OSError as error:
        click.echo(f"edge: {to} cannot be written: {error.strerror or error}", err=True)
        sys.exit(CANNOT)
    click.echo(f"{_counted(copied)} in {to}")
    if not copied:
        sys.exit(NOTHING)


def _nearest(found: Sequence[Kept], at: int) -> list[Kept]:
    """Each camera's picture of that moment; of those that have none it is said so."""
    chosen = []
    for name in sorted({each.source for each in found}):
        best = min((each for each in found if each.source == name), key=lambda e: abs(e.ts - at))
        if abs(best.ts - at) <= NEAR_MS:
            chosen.append(best)
        else:
            words = f"{name}: no picture from within a minute; the nearest is of {_iso(best.ts)}"
            click.echo(words, err=True)
    return chosen


def _counted(pictures: int) -> str:
    return f"{pictures} picture{'' if pictures == 1 else 's'}"


def _folder(config: Path) -> Path:
    try:
        return Path(load_edge(config).data) / FOLDER
    except ConfigError as error:
        click.echo(f"edge: {error}", err=True)
        sys.exit(CONFIG_WRONG)


def _found(config: Path, camera: str, since: int, until: int) -> list[Kept]:
    found = kept_in(_folder(config))
    of_it = [each for each in found if camera in ("", each.source)]
    if camera and not of_it:
        click.echo(f"edge: no picture of a camera {camera!r} is kept", err=True)
    return sorted((each for each in of_it if since <= each.ts <= until), key=lambda each: each.ts)


def _iso(ts: int) -> str:
    return datetime.fromtimestamp(ts / 1000, UTC).astimezone().isoformat(timespec="milliseconds")
