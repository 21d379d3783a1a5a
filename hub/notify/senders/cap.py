"""CAP 1.2, the Common Alerting Protocol, as files or by POST.

The elements, their order and their words are those of OASIS CAP-v1.2-os.
"""

import os
import re
from datetime import datetime
from pathlib import Path
from xml.etree import ElementTree
from zoneinfo import ZoneInfo

from configs.notify import Route
from configs.rules import Severity
from hub.notify.item import Item, Message, Sent
from hub.notify.senders.base import SendLater
from hub.notify.senders.http import Poster
from hub.notify.tables import DeliveryKind
from hub.notify.text import causes, headline, link

NAMESPACE = "urn:oasis:names:tc:emergency:cap:1.2"
CONTENT_TYPE = "application/cap+xml"
LANGUAGES = {"en": "en-GB", "zh": "zh-CN"}
SEVERITIES = {
    Severity.INFO: "Unknown",
    Severity.LOW: "Minor",
    Severity.MEDIUM: "Moderate",
    Severity.HIGH: "Severe",
    Severity.CRITICAL: "Extreme",
}
URGENT = {Severity.HIGH, Severity.CRITICAL}
_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class CapSender:
    """One CAP message for each step: Alert, then Updates, then Cancel."""

    def __init__(self, route: Route) -> None:
        self._route = route
        self._poster = None if route.folder else Poster(route)

    def send(self, message: Message) -> None:
        """Write or POST each item; a file that is written again is the same file."""
        for item in message.items:
            body = cap(item, self._route, message.earlier)
            if self._poster is not None:
                self._poster.post(body, CONTENT_TYPE)
            else:
                _write(Path(self._route.folder) / f"{identifier(item.step)}.xml", body)


def _write(path: Path, body: bytes) -> None:
    part = path.with_suffix(".part")  # whoever watches the folder sees whole files alone
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with part.open("wb") as file:
            file.write(body)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        raise SendLater(f"cannot write {path}: {error.strerror}; check the folder") from None


def identifier(step: str) -> str:
    """CAP forbids spaces, commas, < and & in identifiers; files forbid more."""
    return re.sub(r"[^A-Za-z0-9.-]", ".", step)


def cap(item: Item, route: Route, earlier: tuple[Sent, ...] = ()) -> bytes:
    """A step as a CAP 1.2 document, with an info block for each language."""
    ElementTree.register_namespace("", NAMESPACE)
    alert = ElementTree.Element(f"{{{NAMESPACE}}}alert")
    _add(alert, "identifier", identifier(item.step))
    _add(alert, "sender", route.sender)
    _add(alert, "sent", _time(item.at, item.timezone))
    _add(alert, "status", "Test" if item.kind is DeliveryKind.TEST else "Actual")
    _add(alert, "msgType", _type(item, earlier))
    _add(alert, "scope", "Restricted")
    _add(alert, "restriction", f"Staff of {item.site_name.en}")
    if earlier:
        told = (
            f"{route.sender},{identifier(sent.step)},{_time(sent.at, item.timezone)}"
            for sent in earlier
        )
        _add(alert, "references", " ".join(told))
    for language in LANGUAGES:
        _info(alert, item, route, language)
    found: bytes = ElementTree.tostring(alert, encoding="UTF-8", xml_declaration=True)
    return found


def _type(item: Item, earlier: tuple[Sent, ...]) -> str:
    if not earlier:  # Update and Cancel must name what they update
        return "Alert"
    return "Update" if item.active else "Cancel"


def _info(alert: ElementTree.Element, item: Item, route: Route, language: str) -> None:
    info = ElementTree.SubElement(alert, f"{{{NAMESPACE}}}info")
    _add(info, "language", LANGUAGES[language])
    _add(info, "category", "Security")
    _add(info, "event", item.title.in_(language))
    _add(info, "responseType", "Assess" if item.active else "AllClear")
    urgency = "Immediate" if item.severity in URGENT else "Expected"
    _add(info, "urgency", urgency if item.active else "Past")
    _add(info, "severity", SEVERITIES[item.severity])
    _add(info, "certainty", "Observed")
    _add(info, "effective", _time(item.at, item.timezone))
    _add(info, "onset", _time(item.fired_ts, item.timezone))
    _add(info, "senderName", item.site_name.in_(language))
    _add(info, "headline", headline(item, language))
    _add(info, "description", "; ".join(causes(item, language)))
    _add(info, "instruction", item.advice.in_(language))
    _add(info, "web", link(route.base_url, item))
    for name, value in (("alert", item.alert), ("rule", item.rule), ("place", item.place)):
        parameter = ElementTree.SubElement(info, f"{{{NAMESPACE}}}parameter")
        _add(parameter, "valueName", f"linli:{name}")
        _add(parameter, "value", value)
    area = ElementTree.SubElement(info, f"{{{NAMESPACE}}}area")
    _add(area, "areaDesc", f"{item.place_name.in_(language)}, {item.site_name.in_(language)}")


def _add(parent: ElementTree.Element, name: str, text: str) -> None:
    """An element with ``text``; none where there is none to say."""
    if text:
        ElementTree.SubElement(parent, f"{{{NAMESPACE}}}{name}").text = _NOT_XML.sub("�", text)


def _time(ts: int, timezone: str) -> str:
    """As CAP wants it: seconds, and an offset that is never Z; UTC is -00:00."""
    local = datetime.fromtimestamp(ts // 1000, ZoneInfo(timezone))
    text = local.isoformat(timespec="seconds")
    return text[:-6] + "-00:00" if text.endswith("+00:00") else text
