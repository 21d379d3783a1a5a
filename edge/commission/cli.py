"""``linli edge init``: an edge.yaml from questions, options, and what is found."""

import os
import re
import socket
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import click
from msgspec.structs import replace

from configs import ConfigError
from configs.agent import LINED_FPS, USUAL_FPS
from edge.commission import search, sensors, write
from edge.commission.ask import NO_ID, Asker
from edge.commission.plan import (
    CAMERA_PASSWORD_ENV,
    MQTT_PASSWORD_FILE,
    CameraPlan,
    DoorPlan,
    Plan,
    ReaderPlan,
    make_id,
    text,
)
from edge.commission.search import Login
from edge.sources.stream import without_credentials
from wire.mqtt import Broker
from wire.topics import is_id

CONFIG_WRONG, CANNOT_WRITE = 2, 1
ENV_FILE = "edge.env"
TLS_PORT: Final = 8883
"""IANA's secure-mqtt."""
CAMERAS: Final = "rtsp://…, http://…, onvif://<host>, usb:<number>, file:<path> or street"


def _ids(_ctx: click.Context, _param: click.Parameter, value: str | None) -> str | None:
    if value is not None and not is_id(value):
        raise click.BadParameter(NO_ID)
    return value


def _sources(
    _ctx: click.Context, _param: click.Parameter, value: tuple[str, ...]
) -> tuple[str, ...]:
    for each in value:
        _is_camera(each)
    return value


def _is_camera(words: str) -> None:
    name, source = search.split(words)
    if not search.is_source(source):
        raise click.BadParameter(f"{words!r}: give [id=]address, with {CAMERAS}")
    if name and not is_id(name):
        raise click.BadParameter(f"{name!r}: {NO_ID}")
    if "@" in source.partition("://")[2].partition("/")[0]:
        shown = without_credentials(source)
        raise click.BadParameter(
            f"{shown}: leave the login out of the address; the name is --camera-username, the "
            f"password is asked for or comes from {CAMERA_PASSWORD_ENV}"
        )


def _sensors(
    read: Callable[[str], object],
) -> Callable[[click.Context, click.Parameter, tuple[str, ...]], tuple[str, ...]]:
    def check(_ctx: click.Context, _param: click.Parameter, value: tuple[str, ...]) -> Any:
        try:
            for each in value:
                read(each)
        except sensors.NoSensor as error:
            raise click.BadParameter(str(error)) from None
        return value

    return check


@click.command("init")
@click.option("-o", "--output", type=click.Path(path_type=Path), default=Path("edge.yaml"))
@click.option("--site", callback=_ids, help="The site's id.")
@click.option("--node", callback=_ids, help="This node's id. Default: the host's name.")
@click.option("--broker", help="Host of the MQTT broker, or host:port.")
@click.option("--tls", is_flag=True, help=f"The broker speaks TLS; port {TLS_PORT} says so too.")
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
    "--door",
    "doors",
    multiple=True,
    callback=_sensors(sensors.door),
    help=f"{sensors.DOORS}; a pin may be followed by ,pull-down and ,inverted. Repeatable.",
)
@click.option(
    "--reader",
    "readers",
    multiple=True,
    callback=_sensors(sensors.reader),
    help=f"{sensors.READERS}; a topic may name a JSON field: acs/lobby#result@lobby. Repeatable.",
)
@click.option(
    "--sensors-broker", help="Host of the broker of Zigbee2MQTT and readers, if it is another."
)
@click.option("--webhook-port", type=click.IntRange(1, 65535), default=8788, show_default=True)
@click.option(
    "--webhook-token-file",
    default="",
    help="Holds what devices that call must say. Default: webhook.token is made.",
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

    Contacts on wires, devices that call (webhooks) and access readers cannot be found: name them.

    Asks for what is not given as an option. The file that it writes passes `linli check`.
    """
    if output.exists() and not given["force"]:
        raise click.ClickException(f"{output} is there already; --force overwrites it")
    ask = Asker(quiet=given["yes"])
    try:
        plan = _plan(given, output.parent, ask)
        write.checked(output, text(plan))
    except ConfigError as error:
        click.echo(f"edge: {error}", err=True)
        sys.exit(CONFIG_WRONG)
    except sensors.NoSensor as error:
        raise click.BadParameter(str(error), param_hint="--webhook-token-file") from None
    except OSError as error:
        click.echo(f"edge: cannot write in {output.parent}: {error.strerror}", err=True)
        sys.exit(CANNOT_WRITE)
    parts = {"camera": plan.cameras, "door": plan.doors, "reader": plan.readers}
    found = ", ".join(_counted(each, noun) for noun, each in parts.items())
    click.echo(f"wrote {output}: {found}")
    for words in sensors.calls(plan):
        click.echo(f"  {words}")
    click.echo(f"next: linli edge doctor -c {output}")


def _counted(things: Sequence[object], noun: str) -> str:
    return f"{len(things)} {noun}{'' if len(things) == 1 else 's'}"


def _plan(given: dict[str, Any], folder: Path, ask: Asker) -> Plan:
    """What to write; secrets that were asked for or drawn are in files in ``folder`` by then."""
    if ask.quiet and given["site"] is None:
        raise click.UsageError("--yes asks nothing, so give --site")
    site = ask.text(given["site"], "id of the site", "garden", plain=False)
    host_id = make_id(socket.gethostname().partition(".")[0], "node", ())
    node = ask.text(given["node"], "id of this node", host_id, plain=False)
    broker = _broker(given, folder, ask)
    near = replace(broker, password_file=_beside(folder, broker.password_file))
    if other := given["sensors_broker"]:
        host, port = _address(other, "--sensors-broker")
        near = Broker(host=host, port=port or 1883)
    cameras = _cameras(given, folder, ask)
    doors = _doors(given, near, node, ask)
    readers = _readers(given, doors, ask)
    parts: list[DoorPlan | ReaderPlan] = [*doors, *readers]
    calls = any(each.kind == sensors.WEBHOOK for each in parts)
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
        readers=tuple(readers),
        sensors_host=near.host if other else "",
        sensors_port=near.port,
        webhook_port=given["webhook_port"],
        webhook_token_file=sensors.token(folder, given["webhook_token_file"]) if calls else "",
    )


def _say(words: str) -> None:
    click.echo(f"  {words}")


def _cameras(given: dict[str, Any], folder: Path, ask: Asker) -> list[CameraPlan]:
    login = _login(given, folder, ask)
    cameras: list[CameraPlan] = []
    for each in given["cameras"]:
        named = search.named_camera(each, login, cameras, _say)
        cameras += [named] if named is not None else []
    if given["find"]:
        click.echo("looking for cameras and contacts …")
        found = search.found_cameras(login, cameras, _say)
        cameras += ask.keep(found, lambda each: f"{each.source} as {each.id}")

    def read(words: str) -> CameraPlan | None:
        _is_camera(words)
        return search.named_camera(words, login, cameras, _say)

    if not given["cameras"]:
        ask.more(cameras, "camera", f"[id=]{CAMERAS}", read)
    return cameras


def _doors(given: dict[str, Any], broker: Broker, node: str, ask: Asker) -> list[DoorPlan]:
    doors: list[DoorPlan] = []
    for each in given["doors"]:
        doors.append(sensors.door(each, [door.id for door in doors]))
    if given["find"]:
        contacts = search.found_doors(broker, node, doors, _say)
        doors += ask.keep(contacts, lambda each: f"{each.topic} as {each.id}")
    if not given["doors"]:
        ask.more(
            doors, "door contact", sensors.DOORS,
            lambda words: sensors.door(words, [door.id for door in doors]),
        )  # fmt: skip
    return doors


def _readers(given: dict[str, Any], doors: Sequence[DoorPlan], ask: Asker) -> list[ReaderPlan]:
    readers: list[ReaderPlan] = []
    for each in given["readers"]:
        readers.append(sensors.reader(each, [reader.id for reader in readers]))

    def read(words: str) -> ReaderPlan:
        found = sensors.reader(words, [reader.id for reader in readers])
        ids = [door.id for door in doors]
        if found.door and found.door not in ids:
            raise sensors.NoSensor(f"{found.door!r} is no door here; {', '.join(ids) or 'none is'}")
        return found

    if not given["readers"]:
        ask.more(readers, "access reader", sensors.READERS, read)
    return readers


def _beside(folder: Path, name: str) -> str:
    return str(folder / name) if name else ""


def _login(given: dict[str, Any], folder: Path, ask: Asker) -> Login:
    username = ask.text(given["camera_username"], "user name at the cameras, if any", "")
    login = Login.of_environment(username)
    if username and not login.password and (password := ask.secret("password at the cameras")):
        login = Login(username, password)
        write.secret(folder / ENV_FILE, f"{CAMERA_PASSWORD_ENV}={_env_quoted(password)}\n")
        click.echo(f"  the password is in {folder / ENV_FILE} (mode 600)")
    return login


def _broker(given: dict[str, Any], folder: Path, ask: Asker) -> Broker:
    where = ask.text(given["broker"], "MQTT broker (host or host:port)", "127.0.0.1")
    host, port = _address(where, "--broker")
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
        port=port or (TLS_PORT if given["tls"] else 1883),
        username=username,
        password_file=os.path.abspath(file) if given["password_file"] else file,  # noqa: PTH100 - stays a link
        tls=given["tls"] or port == TLS_PORT,
        ca_file=os.path.abspath(given["ca_file"]) if given["ca_file"] else "",  # noqa: PTH100
    )


def _address(where: str, option: str) -> tuple[str, int]:
    """Host, and port or 0."""
    host, _, port = where.rpartition(":") if where.count(":") == 1 else (where, "", "")
    if port and not port.isdigit():
        raise click.BadParameter(f"{where!r}: the port is no number", param_hint=option)
    return host, int(port or 0)


def _env_quoted(words: str) -> str:
    """For systemd's EnvironmentFile, and for a shell that sources it."""
    return '"' + re.sub(r'(["\\$`])', r"\\\1", words) + '"'
