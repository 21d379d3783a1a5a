"""What an edge.yaml shall hold, and the commented YAML that says so."""

import json
import re
from collections.abc import Collection, Iterator

from msgspec import Struct

CAMERA_PASSWORD_ENV = "LINLI_CAMERA_PASSWORD"  # noqa: S105 - the variable's name
MQTT_PASSWORD_FILE = "mqtt.password"  # noqa: S105 - the file's name
WEBHOOK_TOKEN_FILE = "webhook.token"  # noqa: S105 - the file's name


class CameraPlan(Struct, frozen=True, kw_only=True):
    """A camera that is to be watched."""

    id: str
    source: str
    """rtsp://…, http://…, usb:<number>, file:<path> or street."""
    username: str = ""
    about: str = ""
    """Make and model, for the comment."""


class Wire(Struct, frozen=True, kw_only=True):
    """A pin of the board, and what is wired to it."""

    pin: int
    pull_up: bool = True
    inverted: bool = False


class DoorPlan(Struct, frozen=True, kw_only=True):
    """A door contact: one that Zigbee2MQTT has paired, one on a wire, or one that calls."""

    id: str
    topic: str = ""
    wire: Wire | None = None
    about: str = ""

    @property
    def kind(self) -> str:
        """As the file says it."""
        return "gpio" if self.wire is not None else "zigbee2mqtt" if self.topic else "webhook"


class ReaderPlan(Struct, frozen=True, kw_only=True):
    """An access reader: one that publishes, one on a wire, or one that calls."""

    id: str
    topic: str = ""
    field: str = ""
    wire: Wire | None = None
    door: str = ""
    """The door that it opens."""

    @property
    def kind(self) -> str:
        """As the file says it."""
        return "gpio" if self.wire is not None else "mqtt" if self.topic else "webhook"


class Plan(Struct, frozen=True, kw_only=True):
    """Everything that was asked or given."""

    site: str
    node: str
    host: str = "127.0.0.1"
    port: int = 1883
    tls: bool = False
    ca_file: str = ""
    username: str = ""
    password_file: str = ""
    data: str = "data"
    model: str = "starter"
    fps: float | None = None
    """None: by what is drawn on the picture."""
    cameras: tuple[CameraPlan, ...] = ()
    doors: tuple[DoorPlan, ...] = ()
    readers: tuple[ReaderPlan, ...] = ()
    sensors_host: str = ""
    """Of the broker that Zigbee2MQTT and readers publish to, where it is another."""
    sensors_port: int = 1883
    webhook_port: int = 8788
    webhook_token_file: str = ""
    """Given where something calls this node."""


def make_id(words: str, kind: str, taken: Collection[str]) -> str:
    """An id of its own from a name that people gave, such as ``door-hall-west-gate``."""
    plain = re.sub(r"[^a-z0-9]+", "-", words.lower()).strip("-")[:50].rstrip("-")
    first = plain if plain.startswith(f"{kind}-") else f"{kind}-{plain}" if plain else f"{kind}-1"
    found, number = first, 2
    while found in taken:
        found = f"{first.removesuffix('-1')}-{number}"
        number += 1
    return found


def text(plan: Plan) -> str:
    """The file."""
    return "\n".join(_lines(plan)) + "\n"


def _lines(plan: Plan) -> Iterator[str]:
    yield "# What this node watches. `linli check` says what is wrong with it,"
    yield "# `linli edge doctor` what keeps it from working."
    yield f"site: {_quoted(plan.site)}"
    yield f"node: {_quoted(plan.node)}  # names it at the hub: no other node of the site has it"
    yield f"data: {_quoted(plan.data)}  # records wait here while the network is away"
    yield from _broker(plan)
    yield f"model: {{name: {_quoted(plan.model)}}}  # `linli models bench` compares"
    yield from _cameras(plan)
    yield from _doors(plan)
    yield from _readers(plan)
    if plan.webhook_token_file:
        file = _quoted(plan.webhook_token_file)
        yield "webhooks:  # where devices call this node"
        yield f"  port: {plan.webhook_port}"
        yield f"  token_file: {file}  # what every call must say; mode 600, the agent's user's"


def _broker(plan: Plan) -> Iterator[str]:
    yield "mqtt:"
    yield f"  host: {_quoted(plan.host)}"
    yield f"  port: {plan.port}"
    if plan.tls:
        yield "  tls: true"
    if plan.ca_file:
        yield f"  ca_file: {_quoted(plan.ca_file)}"
    if plan.username:
        yield f"  username: {_quoted(plan.username)}"
        yield f"  password_file: {_quoted(plan.password_file)}  # mode 600, the agent's user's"
    if plan.sensors_host:
        host = _quoted(plan.sensors_host)
        yield f"sensors_mqtt: {{host: {host}, port: {plan.sensors_port}}}  # Zigbee2MQTT's"


def _cameras(plan: Plan) -> Iterator[str]:
    if not plan.cameras:
        yield "cameras: []"
        return
    yield "cameras:"
    for camera in plan.cameras:
        yield f"  - id: {_quoted(camera.id)}{_comment(camera.about)}"
        yield f"    {_source(camera.source)}"
        if camera.username:
            yield f"    username: {_quoted(camera.username)}"
            yield f"    password_env: {CAMERA_PASSWORD_ENV}  # from edge.env"
        if plan.fps is not None:
            yield f"    fps: {plan.fps:g}  # pictures analysed a second"
        yield "    zones:  # `linli edge draw` draws zones, lines and privacy masks on the picture"
        yield "      - {id: view, polygon: [[0, 0], [1, 0], [1, 1], [0, 1]]}"


def _doors(plan: Plan) -> Iterator[str]:
    if not plan.doors:
        yield "doors: []"
        return
    yield "doors:"
    for door in plan.doors:
        yield f"  - id: {_quoted(door.id)}{_comment(door.about)}"
        yield f"    kind: {door.kind}"
        if door.topic:
            yield f"    topic: {_quoted(door.topic)}"
        yield from _wire(door.wire)


def _readers(plan: Plan) -> Iterator[str]:
    if not plan.readers:
        return
    yield "readers:"
    for reader in plan.readers:
        yield f"  - id: {_quoted(reader.id)}"
        yield f"    kind: {reader.kind}"
        if reader.topic:
            yield f"    topic: {_quoted(reader.topic)}"
        if reader.field:
            yield f"    field: {_quoted(reader.field)}"
        yield from _wire(reader.wire)
        if reader.door:
            yield f"    door: {_quoted(reader.door)}  # its access is that of this door"


def _wire(wire: Wire | None) -> Iterator[str]:
    if wire is None:
        return
    yield f"    pin: {wire.pin}  # BCM number"
    if not wire.pull_up:
        yield "    pull_up: false  # wired to 3.3 V, not to ground"
    if wire.inverted:
        yield "    inverted: true  # open while the door is closed"


def _source(source: str) -> str:
    if source == "street":
        return "street: {seed: 1, people: 4}  # simulated, for trials"
    kind, _, rest = source.partition(":")
    if kind == "usb":
        return f"usb: {int(rest)}"
    if kind == "file":
        return f"file: {_quoted(rest)}\n    loop: true  # begins again when it ends"
    return f"url: {_quoted(source)}"


def _comment(about: str) -> str:
    plain = "".join(letter for letter in about if letter.isprintable())
    return f"  # {plain}" if plain else ""


def _quoted(words: str) -> str:
    """A YAML scalar: bare where nothing in it means something else, else quoted as in JSON."""
    bare = re.fullmatch(r"[A-Za-z/][A-Za-z0-9_./-]*", words)
    if bare and words.lower() not in ("y", "n", "yes", "no", "on", "off", "true", "false", "null"):
        return words
    return json.dumps(words, ensure_ascii=False)
