"""Finds cameras: on the network by WS-Discovery, as ONVIF has it, and on USB.

Answers come from whoever is on the network, so no XML parser sees them: the few texts that
are wanted are cut out of a bounded answer.
"""

import re
import socket
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from msgspec import Struct

GROUP: Final = ("239.255.255.250", 3702)
MAX_ANSWER_BYTES: Final = 65_535
_PROBE: Final = """<?xml version="1.0" encoding="UTF-8"?>
<e:Envelope xmlns:e="http://www.w3.org/2003/05/soap-envelope"
 xmlns:w="http://schemas.xmlsoap.org/ws/2004/08/addressing"
 xmlns:d="http://schemas.xmlsoap.org/ws/2005/04/discovery"
 xmlns:n="http://www.onvif.org/ver10/network/wsdl">
<e:Header><w:MessageID>uuid:{id}</w:MessageID>
<w:To>urn:schemas-xmlsoap-org:ws:2005:04:discovery</w:To>
<w:Action>http://schemas.xmlsoap.org/ws/2005/04/discovery/Probe</w:Action></e:Header>
<e:Body><d:Probe><d:Types>n:NetworkVideoTransmitter</d:Types></d:Probe></e:Body></e:Envelope>"""
_SCOPE: Final = "onvif://www.onvif.org/"


class NetworkCamera(Struct, frozen=True, order=True):
    """A camera that answered."""

    host: str
    service: str
    """Where its ONVIF device service is: http://…/onvif/device_service."""
    name: str = ""
    hardware: str = ""


class UsbCamera(Struct, frozen=True, order=True):
    """A camera on USB."""

    number: int
    """Of /dev/video<number>."""
    name: str


def network_cameras(
    seconds: float = 3.0,
    *,
    group: tuple[str, int] = GROUP,
    clock: Callable[[], float] = time.monotonic,
) -> list[NetworkCamera]:
    """Every camera that answers within so many seconds; none where there is no network."""
    found: dict[str, NetworkCamera] = {}
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as link:
        link.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 1)
        try:
            link.sendto(_PROBE.format(id=uuid.uuid4()).encode(), group)
        except OSError:
            return []
        end = clock() + seconds
        while (left := end - clock()) > 0:
            link.settimeout(left)
            try:
                answer, (sender, _) = link.recvfrom(MAX_ANSWER_BYTES)
            except OSError:
                break
            camera = read_answer(answer, sender)
            if camera is not None:
                found[camera.host] = camera
    return sorted(found.values())


def read_answer(answer: bytes, sender: str) -> NetworkCamera | None:
    """The camera of a ProbeMatch from ``sender``; None where it is none.

    Of several service addresses the one at the sender's own is taken: cameras also list ones
    that lead nowhere, such as their link-local.
    """
    text = answer.decode("utf-8", "replace")
    addresses = [each for each in cut(text, "XAddrs").split() if _is_service(each)]
    if not addresses:
        return None
    service = next((each for each in addresses if urlsplit(each).hostname == sender), addresses[0])
    scopes = cut(text, "Scopes").split()
    return NetworkCamera(
        host=urlsplit(service).hostname or sender,
        service=service,
        name=_scope(scopes, "name"),
        hardware=_scope(scopes, "hardware"),
    )


def cut(text: str, tag: str) -> str:
    """The text of the first element ``tag`` of any namespace; "" where there is none."""
    match = re.search(rf"<(?:[\w.-]+:)?{tag}(?:\s[^<>]*)?>([^<]*)<", text)
    return match[1].strip() if match else ""


def _is_service(address: str) -> bool:
    try:
        parts = urlsplit(address)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _scope(scopes: list[str], kind: str) -> str:
    head = f"{_SCOPE}{kind}/"
    words = next((each[len(head) :] for each in scopes if each.startswith(head)), "")
    return "".join(letter for letter in unquote(words) if letter.isprintable())[:60]


def usb_cameras(devices: Path = Path("/sys/class/video4linux")) -> list[UsbCamera]:
    """Every USB camera's first stream: a camera has several devices, only one gives pictures."""
    found = []
    for folder in devices.glob("video*") if devices.is_dir() else ():
        try:
            index = (folder / "index").read_text().strip()
            name = (folder / "name").read_text(errors="replace").strip()
        except OSError:
            continue
        if index == "0" and folder.name.removeprefix("video").isdigit():
            found.append(UsbCamera(int(folder.name.removeprefix("video")), name))
    return sorted(found)
