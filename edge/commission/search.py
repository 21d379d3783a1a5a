"""What is there to watch: cameras that were named, cameras and door contacts that are found."""

import os
from collections.abc import Callable, Sequence
from urllib.parse import urlsplit

from msgspec import Struct

from edge.commission import discovery, onvif
from edge.commission.plan import CAMERA_PASSWORD_ENV, CameraPlan, DoorPlan, make_id
from edge.doctor import network
from edge.doors import bridge
from edge.sources.stream import without_credentials
from wire import mqtt
from wire.errors import LinkError

Say = Callable[[str], None]
ONVIF_PATH = "/onvif/device_service"
SOURCES = ("rtsp://", "rtsps://", "http://", "https://", "usb:", "file:", "onvif://")


class Login(Struct, frozen=True):
    """Of the cameras; the same for all of them."""

    username: str = ""
    password: str = ""

    @classmethod
    def of_environment(cls, username: str) -> "Login":
        """The password from where the agent will take it."""
        return cls(username, os.environ.get(CAMERA_PASSWORD_ENV, ""))


def is_source(words: str) -> bool:
    """Whether a camera can be told by this: an address, usb:0, file:…, onvif://…, street."""
    if words.startswith("usb:"):
        return words.removeprefix("usb:").isdigit()
    return words == "street" or words.startswith(SOURCES)


def named_camera(
    given: str, login: Login, taken: Sequence[CameraPlan], say: Say
) -> CameraPlan | None:
    """``[id=]address``; the address is tried, and what stands against it is said."""
    name, source = split(given)
    if source.startswith("file:"):  # the edge.yaml may lie elsewhere
        source = f"file:{os.path.abspath(source.removeprefix('file:'))}"  # noqa: PTH100 - stays a link
    if source.startswith("onvif://"):
        source = _asked(f"http://{source.removeprefix('onvif://')}{ONVIF_PATH}", login, say)
    if not source:
        return None
    _try(source, login, say)
    return _camera(name, source, login, "", taken)


def _camera(
    name: str, source: str, login: Login, about: str, taken: Sequence[CameraPlan]
) -> CameraPlan:
    host = urlsplit(source).hostname or "" if "://" in source else source.partition(":")[0]
    made = name or make_id(about or host, "cam", [each.id for each in taken])
    username = login.username if "://" in source else ""
    return CameraPlan(id=made, source=source, username=username, about=about)


def split(given: str) -> tuple[str, str]:
    """The id that was given, or "", and the address."""
    head, equals, tail = given.partition("=")
    return (head, tail) if equals and is_source(tail) else ("", given)


def _asked(service: str, login: Login, say: Say) -> str:
    try:
        return onvif.stream_url(service, login.username, login.password)
    except onvif.OnvifError as error:
        say(f"{urlsplit(service).hostname}: {error}; name its address with --camera")
        return ""


def _try(source: str, login: Login, say: Say) -> None:
    host, port = network.address_of(source) if "://" in source else ("", 0)
    if not host:
        return
    shown = without_credentials(source)  # cameras behind one recorder share its host
    wrong = network.obstacle(host, port)
    if wrong is not None:
        say(f"{shown}: {wrong[0]}; {wrong[1]}")
        return
    status = network.rtsp_status(source) if source.startswith("rtsp://") else 200
    if status == 401 and not login.username:
        say(f"{shown}: wants a login; give --camera-username")
    elif status == 404:
        say(f"{shown}: has no stream at this path")


def found_cameras(login: Login, taken: Sequence[CameraPlan], say: Say) -> list[CameraPlan]:
    """Every camera that answers on the network or sits on USB and was not named already."""
    known = {urlsplit(each.source).hostname for each in taken if "://" in each.source}
    found: list[CameraPlan] = []
    for camera in discovery.network_cameras():
        if camera.host in known:
            continue
        about = " ".join(part for part in (camera.name, camera.hardware) if part)
        say(f"found {about or 'a camera'} at {camera.host}")
        if url := _asked(camera.service, login, say):
            found.append(_camera("", url, login, about, [*taken, *found]))
    for usb in discovery.usb_cameras():
        source = f"usb:{usb.number}"
        if source not in {each.source for each in taken}:
            say(f"found {usb.name} on USB")
            found.append(_camera("", source, login, usb.name, [*taken, *found]))
    return found


def found_doors(
    broker: mqtt.Broker, node: str, taken: Sequence[DoorPlan], say: Say
) -> list[DoorPlan]:
    """Every contact that Zigbee2MQTT has paired and that was not named already."""
    try:
        devices = bridge.devices(broker, f"linli-init-{node}"[:60], patience_s=2.0)
    except (LinkError, bridge.BridgeSilent) as error:
        say(str(error))
        return []
    found: list[DoorPlan] = []
    known = {each.topic for each in taken}
    for device in devices:
        if device.is_contact and device.topic not in known:
            say(f"found the contact {device.name} ({device.model})")
            ids = [each.id for each in (*taken, *found)]
            made = make_id(device.name, "door", ids)
            found.append(DoorPlan(id=made, topic=device.topic, about=device.model))
    return found
