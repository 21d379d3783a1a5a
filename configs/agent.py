"""An edge agent's settings, as edge.yaml says them."""

import os
from pathlib import Path
from typing import Annotated, Final, Literal

from msgspec import Meta, Struct

from configs.servers import Port
from configs.values import Duration
from wire.mqtt import Broker
from wire.records import Id, Label

Part = Annotated[float, Meta(ge=0, le=1)]
Point = tuple[Part, Part]
"""(x, y) as fractions of the picture, from its top left."""
Pin = Annotated[int, Meta(ge=0, le=53)]
USUAL_FPS: Final = 5.0
"""Pictures of a camera that are analysed a second, unless its ``fps`` says otherwise, …"""
LINED_FPS: Final = 10.0
"""… and of one with lines: at five a second people who hide each other are counted worse."""
Polygon = Annotated[tuple[Point, ...], Meta(min_length=3)]


class Zone(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A polygon in a camera's picture; a box is inside when its bottom centre is."""

    id: Id
    polygon: Polygon
    labels: tuple[Label, ...] = ("person",)


class Line(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A directed line in a camera's picture, from the first point to the second."""

    id: Id
    points: tuple[Point, Point]
    labels: tuple[Label, ...] = ("person",)


class StreetSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The simulated street: a scene rendered for demos, tests and load."""

    seed: int = 1
    people: Annotated[int, Meta(ge=0, le=100)] = 4
    """How many walk through it at a time, on average."""
    size_wh: tuple[int, int] = (640, 480)
    fps: Annotated[float, Meta(gt=0, le=60)] = 10.0


SceneFaultName = Literal["dark", "blurred", "covered", "moved", "frozen"]


class MotionGate(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Spares the detector pictures in which nothing has moved."""

    enabled: bool = True
    sensitivity: Part = 0.5
    """Higher: smaller and fainter motion counts, wind and rain cost more looks."""
    hold: Duration = Duration(1_000)
    """How long pictures are looked at after the last motion."""
    full_look: Duration = Duration(5_000)
    """How often a picture is looked at though nothing moves. Higher: spares more."""


class Camera(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One camera. Exactly one of url, file, usb and street is given."""

    id: Id
    url: str = ""
    """rtsp:// or http://; a password goes in ``password_env``, never here."""
    username: str = ""
    password_env: str = ""
    file: str = ""
    usb: int | None = None
    street: StreetSettings | None = None
    pace: Literal["clock", "fast"] = "clock"
    """A file plays at its own frame rate, or as fast as it can be analysed."""
    loop: bool = False
    """A file starts again when it ends."""
    fps: Annotated[float, Meta(gt=0, le=60)] | None = None
    """Pictures analysed a second at most; left out: 5, and 10 where it has lines. Higher: faster
    alerts, better counts at lines, more CPU."""
    rotate: Literal[0, 90, 180, 270] = 0
    """Degrees clockwise that set its pictures upright: 180 where it hangs upside down, 90 or 270
    where it lies on its side. Zones, lines and masks are drawn on the upright picture."""
    motion_gate: MotionGate = MotionGate()
    scene_faults: tuple[SceneFaultName, ...] = ("dark", "blurred", "covered", "moved", "frozen")
    """What is reported of the picture itself; leave out dark where the lights go off at night."""
    zones: tuple[Zone, ...] = ()
    lines: tuple[Line, ...] = ()
    masks: tuple[Polygon, ...] = ()
    """Painted black in every picture that leaves the device."""
    blur: bool = True
    faces: str = ""
    """A YuNet ONNX: faces that it finds are blurred besides the heads of the person boxes."""
    unblurred_reason: str = ""
    """Why heads are not blurred; needed where blur is off."""
    picture_every: Duration = Duration(10_000)
    """How often a picture goes out while nothing happens."""

    @property
    def wanted_fps(self) -> float:
        """Pictures analysed a second at most."""
        if self.fps is not None:
            return self.fps
        return LINED_FPS if self.lines else USUAL_FPS


class DoorSensor(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A door contact."""

    id: Id
    kind: Literal["zigbee2mqtt", "gpio", "webhook", "simulated"]
    topic: str = ""
    """zigbee2mqtt: the device's topic, such as zigbee2mqtt/west gate."""
    pin: Pin | None = None
    """gpio: the pin's BCM number."""
    pull_up: bool = True
    """gpio: the contact connects the pin to ground; false: to 3.3 V."""
    inverted: bool = False
    """gpio: the contact is open while the door is closed."""
    camera: str = ""
    """simulated: the camera of the simulated street whose door this is."""
    debounce: Duration = Duration(300)
    """A contact must stay as it is this long to be believed."""
    silent_after: Duration = Duration(25 * 3_600_000)
    """A sensor that says nothing this long is not available; a wired one never is silent.
    Lower: noticed sooner; battery sensors report once a day at least."""


class AccessReader(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An access reader, or the door strike that it drives."""

    id: Id
    kind: Literal["mqtt", "gpio", "webhook"]
    door: str = ""
    """The door of this file that it opens: its access is reported as that door's. Left out:
    as of a door named like the reader."""
    topic: str = ""
    """mqtt: where it publishes, at the sensors' broker."""
    field: str = ""
    """mqtt: the field of a JSON object that says it; left out: the whole payload does."""
    granted_values: tuple[str, ...] = ("granted", "true", "ok", "1")
    """mqtt: what means that somebody was let in; anything else is a refusal."""
    pin: Pin | None = None
    """gpio: goes active when the strike is driven: somebody was let in."""
    pull_up: bool = True
    inverted: bool = False


class Webhooks(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where webhook sensors and readers call this node."""

    host: str = "0.0.0.0"  # noqa: S104 - devices on the network call it; the token guards it
    port: Port = 8788
    token_file: str = ""
    """Holds the token of at least 16 characters; this or token_env."""
    token_env: str = "LINLI_WEBHOOK_TOKEN"  # noqa: S105 - the variable's name

    def token(self) -> str:
        """The token; raises ValueError and OSError where there is none."""
        if self.token_file:
            return Path(self.token_file).read_text(encoding="utf-8").strip()
        if self.token_env not in os.environ:
            raise ValueError(f"set token_file, or the variable {self.token_env}")
        return os.environ[self.token_env]


class Model(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The detector."""

    name: str = "starter"
    """A name from the catalog, or the path of an ONNX whose file name is in it."""
    score: Part = 0.4
    """Boxes below it are not reported. Higher: fewer false sightings, more missed people."""
    iou: Part = 0.5
    """Of two boxes that overlap more than this, the weaker goes."""
    threads: Annotated[int, Meta(ge=1, le=64)] = 1
    provider: str = ""
    """onnxruntime's execution provider, such as CPU or CUDA; empty: the best here."""
    labels: tuple[Label, ...] = ("person", "bicycle", "car", "motorcycle", "bus", "truck", "dog")


class Outbox(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Records on disk that the broker has not acknowledged."""

    max_records: Annotated[int, Meta(ge=1000)] = 2_000_000
    """When full, the oldest zone.count go first, then the oldest of the rest."""
    drain_per_s: Annotated[int, Meta(ge=10, le=1000)] = 1000
    """Records a second at most of what is left of an outage longer than a minute; what happens
    now goes before them. Lower: kinder to a slow network, longer until the hub has it all."""


class Pictures(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The last days' pictures on the device's disk, blurred as they are sent."""

    max_mb: Annotated[int, Meta(ge=16, le=1_000_000)] = 1000
    """All cameras together, in millions of bytes; the oldest go first. A camera makes some 600 a
    day while `picture_every` is 10s. Lower: a longer outage loses pictures."""
    keep: Duration = Duration(7 * 86_400_000)
    """Older pictures are deleted whatever room there is."""


class HomeAssistant(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Tells a Home Assistant of this node's doors, zones and cameras by MQTT discovery."""

    mqtt: Broker | None = None
    """Home Assistant's broker; left out: the node's own."""
    prefix: Annotated[str, Meta(pattern=r"^[^#+]+$")] = "homeassistant"
    """Its discovery prefix."""
    topics: Annotated[str, Meta(pattern=r"^[^#+]+$")] = "linli-home"
    """States are published below it."""


class EdgeFile(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An edge.yaml."""

    site: Id
    node: Id
    data: str = "data"
    """Folder for the outbox and what else must survive a restart."""
    mqtt: Broker = Broker()
    sensors_mqtt: Broker | None = None
    """The broker that Zigbee2MQTT speaks to, where it is another."""
    model: Model = Model()
    cameras: tuple[Camera, ...] = ()
    doors: tuple[DoorSensor, ...] = ()
    readers: tuple[AccessReader, ...] = ()
    webhooks: Webhooks = Webhooks()
    outbox: Outbox = Outbox()
    pictures: Pictures = Pictures()
    home_assistant: HomeAssistant | None = None
    """Left out: nothing is told to any Home Assistant."""
    health_every: Duration = Duration(15_000)
    http_host: str = "127.0.0.1"
    http_port: Port = 0
