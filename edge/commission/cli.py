"""``linli edge init``: an edge.yaml from questions, options, and what is found."""

import os
import re
import socket
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click
from msgspec.structs import replace

from configs import ConfigError
from configs.agent import LINED_FPS, USUAL_FPS
from edge.commission import search, write
from edge.commission.plan import (
    CAMERA_PASSWORD_ENV,
    MQTT_PASSWORD_FILE,
    CameraPlan,
    DoorPlan,
    Plan,
    make_id,
    text,
)
from edge.commission.search import Login
from wire.mqtt import Broker
from wire.topics import is_id

CONFIG_WRONG, CANNOT_WRITE = 2, 1
ENV_FILE = "edge.env"
T = TypeVar("T", CameraPlan, DoorPlan)


def _ids(_ctx: click.Context, _param: click.Parameter, value: str | None) -> str | None:
    if value is not None and not is_id(value):
        raise click.BadParameter("lower-case letters, digits and -, at most 63")
    return value


def _sources(
    _ctx: click.Context, _param: click.Parameter, value: tuple[str, ...]
) -> tuple[str, ...]:
    for each in value:
        if not search.is_source(each) and not search.is_source(each.partition("=")[2]):
            kinds = "rtsp://…, http://…, onvif://<host>, usb:<number>, file:<path> or street"
            raise click.BadParameter(f"{each!r}: give [id=]address, with {kinds}")
    return value


def _doors(_ctx: click.Context, _param: click.Parameter, value: tuple[str, ...]) -> tuple[str, ...]:
    for each in value:
        if "/" not in each:
            raise click.BadParameter(f"{each!r}: give [id=]topic, such as zigbee2mqtt/west gate")
    return value


@click.command("init")
@click.option("-o", "--output", type=click.Path(path_type=Path), default=Path("edge.yaml"))
@click.option("--site", callback=_ids, help="The site's id.")
@click.option("--node", callback=_ids, help="This node's id. Default: the host's name.")
@click.option("--broker", help="Host of the MQTT broker, or host:port.")
@click.option("--tls", is_flag=True, help="The broker speaks TLS.")
@click.option("--ca-file", default="", help="The authority that signed its certificate.")
@click.option("--username", help="At the broker.")
@click.option("--password-file", default="", help="Holds the password for the broker.")
@click.option(
    "--camera",
    "cameras",
    multiple=True,
    callback=_sources,
    help="[id=]address; also onvif://<host>, usb:<number>, file:<path>, street. Repeatable.",
)
@click.option(
    "--camera-username", help=f"At the cameras; the password comes from {CAMERA_PASSWORD_ENV}."
)
@click.option(
    "--door", "doors", multiple=True, callback=_doors, help="[id=]topic of a Zigbee2MQTT contact."
)
@click.option(
    "--find/--no-find", default=True, show_default=True, help="Look for cameras and contacts."
)
@click.option("--model", default="starter", show_default=True, help="A name of the catalog.")
@click.option(
    "--fps",
    type=click.FloatRange(0.1, 60),
    help=f"Pictures analysed a second. Default: {USUAL_FPS:g}, and {LINED_FPS:g} where lines are "
    "drawn.",
)
@click.option("--data", default="data", show_default=True, help="Folder of the outbox.")
@click.option("--yes", is_flag=True, help="Ask nothing; take all that is found.")
@click.option("--force", is_flag=True, help="Overwrite a file that is there.")
def cli(output: Path, **given: Any) -> None:
    """Write an edge.yaml: finds ONVIF and USB cameras and Zigbee2MQTT contacts.

    Asks for what is not given as an option. The file that it writes passes `linli check`.
    """
    if output.exists() and not given["force"]:
        raise click.ClickException(f"{output} is there already; --force overwrites it")
    ask = _Asker(quiet=given["yes"])
    try:
        plan = _plan(given, output.parent, ask)
        write.checked(output, text(plan))
    except ConfigError as error:
        click.echo(f"edge: {error}", err=True)
        sys.exit(CONFIG_WRONG)
    except OSError as error:
        click.echo(f"edge: cannot write in {output.parent}: {error.strerror}", err=True)
        sys.exit(CANNOT_WRITE)
    found = f"{_counted(plan.cameras, 'camera')}, {_counted(plan.doors, 'door')}"
    click.echo(f"wrote {output}: {found}")
    click.echo(f"next: linli edge doctor -c {output}")


def _counted(things: Sequence[object], noun: str) -> str:
    return f"{len(things)} {noun}{'' if len(things) == 1 else 's'}"


class _Asker:
    """Asks people, or takes the default where nobody is to be asked."""

    def __init__(self, *, quiet: bool) -> None:
        self.quiet = quiet

    def text(self, given: str | None, question: str, default: str, *, plain: bool = True) -> str:
        if given is not None:
            return given
        if self.quiet:
            return default
        while True:
            said: str = click.prompt(question, default=default, type=str).strip()
            if plain or is_id(said):
                return said
            click.echo("lower-case letters, digits and -, at most 63")

    def secret(self, question: str) -> str:
        if self.quiet:
            return ""
        return str(click.prompt(question, default="", hide_input=True, show_default=False))

    def keep(self, found: Sequence[T], name: Callable[[T], str]) -> list[T]:
        return [each for each in found if self.quiet or click.confirm(f"take {name(each)}?", True)]


def _plan(given: dict[str, Any], folder: Path, ask: _Asker) -> Plan:
    """What to write; passwords that were asked for are in files in ``folder`` by then."""
    if ask.quiet and given["site"] is None:
        raise click.UsageError("--yes asks nothing, so give --site")
    site = ask.text(given["site"], "id of the site", "garden", plain=False)
    host_id = make_id(socket.gethostname().partition(".")[0], "node", ())
    node = ask.text(given["node"], "id of this node", host_id, plain=False)
    broker = _broker(given, folder, ask)
    login = _login(given, folder, ask)
    say: search.Say = lambda words: click.echo(f"  {words}")  # noqa: E731 - one line is enough
    cameras = search.named_cameras(given["cameras"], login, say)
    doors = search.named_doors(given["doors"])
    if given["find"]:
        click.echo("looking for cameras and contacts …")
        found = search.found_cameras(login, cameras, say)
        cameras += ask.keep(found, lambda each: f"{each.source} as {each.id}")
        near = replace(broker, password_file=_beside(folder, broker.password_file))
        contacts = search.found_doors(near, node, doors, say)
        doors += ask.keep(contacts, lambda each: f"{each.topic} as {each.id}")
    return Plan(
        site=site,
        node=node,
        host=broker.host,
        port=broker.port,
        tls=broker.tls,
        ca_file=broker.ca_file,
        username=broker.username,
        password_file=broker.password_file,
        data=given["data"],
        model=given["model"],
        fps=given["fps"],
        cameras=tuple(cameras),
        doors=tuple(doors),
    )


def _beside(folder: Path, name: str) -> str:
    return str(folder / name) if name else ""


def _login(given: dict[str, Any], folder: Path, ask: _Asker) -> Login:
    username = ask.text(given["camera_username"], "user name at the cameras, if any", "")
    login = Login.of_environment(username)
    if username and not login.password and (password := ask.secret("password at the cameras")):
        login = Login(username, password)
        write.secret(folder / ENV_FILE, f"{CAMERA_PASSWORD_ENV}={_env_quoted(password)}\n")
        click.echo(f"  the password is in {folder / ENV_FILE} (mode 600)")
    return login


def _broker(given: dict[str, Any], folder: Path, ask: _Asker) -> Broker:
    where = ask.text(given["broker"], "MQTT broker (host or host:port)", "127.0.0.1")
    host, _, port = where.rpartition(":") if where.count(":") == 1 else (where, "", "")
    if port and not port.isdigit():
        raise click.BadParameter(f"{where!r}: the port is no number", param_hint="--broker")
    username = ask.text(given["username"], "user name at the broker, if any", "")
    file = given["password_file"]
    if username and not file:
        if ask.quiet:
            raise click.UsageError("--yes asks nothing, so give --password-file with --username")
        file = MQTT_PASSWORD_FILE
        write.secret(folder / file, f"{ask.secret('password at the broker')}\n")
        click.echo(f"  the password is in {folder / file} (mode 600)")
    return Broker(
        host=host,
        port=int(port) if port else 8883 if given["tls"] else 1883,
        username=username,
        password_file=os.path.abspath(file) if given["password_file"] else file,  # noqa: PTH100 - stays a link
        tls=given["tls"],
        ca_file=os.path.abspath(given["ca_file"]) if given["ca_file"] else "",  # noqa: PTH100
    )


def _env_quoted(words: str) -> str:
    """For systemd's EnvironmentFile, and for a shell that sources it."""
    return '"' + re.sub(r'(["\\$`])', r"\\\1", words) + '"'
