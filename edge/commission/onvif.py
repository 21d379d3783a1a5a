"""Asks an ONVIF camera for the RTSP address of the stream that suits detection best.

Three SOAP calls: GetCapabilities (where the media service is), GetProfiles, GetStreamUri; with
a WS-Security UsernameToken, whose digest needs no clear password on the wire.
"""

import base64
import hashlib
import html
import http.client
import re
import secrets
import ssl
from datetime import UTC, datetime
from typing import Final
from urllib.parse import urlsplit

from msgspec import Struct

from edge.commission.discovery import cut

TIMEOUT_S: Final = 5.0
MAX_ANSWER_BYTES: Final = 512 * 1024
ENOUGH_WIDE_PX: Final = 640
"""Detection gains little from more; the narrowest stream of at least this width is taken."""
_DEVICE: Final = "http://www.onvif.org/ver10/device/wsdl"
_MEDIA: Final = "http://www.onvif.org/ver10/media/wsdl"
_SECURITY: Final = (
    "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
)
_UTILITY: Final = (
    "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd"
)
_PROFILE: Final = (
    "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-username-token-profile-1.0"
)


class OnvifError(Exception):
    """The camera gave no address; the text says why."""


class Profile(Struct, frozen=True):
    """One stream that a camera offers."""

    token: str
    width: int


def stream_url(service: str, username: str = "", password: str = "") -> str:
    """The rtsp:// address, without a login; raises `OnvifError`."""
    login = (username, password)
    said = _call(
        service, _DEVICE, "<GetCapabilities><Category>Media</Category></GetCapabilities>", login
    )
    media = _media_service(said) or service
    profiles = read_profiles(_call(media, _MEDIA, "<GetProfiles/>", login))
    if not profiles:
        raise OnvifError("the camera names no stream")
    chosen = choose(profiles)
    answer = _call(
        media,
        _MEDIA,
        '<GetStreamUri><StreamSetup><Stream xmlns="http://www.onvif.org/ver10/schema">'
        'RTP-Unicast</Stream><Transport xmlns="http://www.onvif.org/ver10/schema"><Protocol>RTSP'
        f"</Protocol></Transport></StreamSetup><ProfileToken>{html.escape(chosen.token)}"
        "</ProfileToken></GetStreamUri>",
        login,
    )
    url = html.unescape(cut(answer, "Uri"))
    if not url.startswith(("rtsp://", "rtsps://")):
        raise OnvifError("the camera names no RTSP address")
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def _media_service(capabilities: str) -> str:
    """A camera behind a port forwarding names an address of its own: the host stays as asked."""
    match = re.search(r"<(?:[\w.-]+:)?Media(?:\s[^<>]*)?>.*?XAddr>([^<]+)<", capabilities, re.S)
    return html.unescape(match[1].strip()) if match else ""


def read_profiles(answer: str) -> list[Profile]:
    """The profiles of a GetProfiles answer, with the width of their pictures (0: unknown)."""
    found = []
    for match in re.finditer(
        r'<(?:[\w.-]+:)?Profiles\s[^<>]*?token="([^"]*)"[^<>]*>(.*?)</(?:[\w.-]+:)?Profiles>',
        answer,
        re.S,
    ):
        encoder = re.search(r"VideoEncoderConfiguration.*", match[2], re.S)
        width = cut(encoder[0], "Width") if encoder else ""
        found.append(Profile(html.unescape(match[1]), int(width) if width.isdigit() else 0))
    return found


def choose(profiles: list[Profile]) -> Profile:
    """The narrowest that is wide enough; else the widest."""
    enough = [each for each in profiles if each.width >= ENOUGH_WIDE_PX]
    return (
        min(enough, key=lambda each: each.width)
        if enough
        else max(profiles, key=lambda each: each.width)
    )


def _call(url: str, namespace: str, body: str, login: tuple[str, str]) -> str:
    head = _header(*login) if login[0] else ""
    verb, tail = re.match(r"<(\w+)", body), body.partition(">")
    name = verb[1] if verb else ""
    first = f'{tail[0].rstrip("/")} xmlns="{namespace}"{"/" if tail[0].endswith("/") else ""}>'
    envelope = (
        '<?xml version="1.0" encoding="UTF-8"?>'
        '<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope">'
        f"{head}<s:Body>{first}{tail[2]}</s:Body></s:Envelope>"
    )
    action = f'application/soap+xml; charset=utf-8; action="{namespace}/{name}"'
    status, answer = _post(url, envelope.encode(), action)
    fault = cut(answer, "Text") or cut(answer, "Value")
    if status in (400, 401, 403) or "NotAuthorized" in answer:
        raise OnvifError(f"the camera refuses the login ({fault or status})")
    if status != 200:
        raise OnvifError(f"the camera answers {status} to {name}: {fault or 'no reason given'}")
    return answer


def _post(url: str, body: bytes, kind: str) -> tuple[int, str]:
    parts = urlsplit(url)
    try:
        link = _connection(parts.scheme, parts.hostname or "", parts.port)
        try:
            link.request("POST", parts.path or "/", body, {"Content-Type": kind})
            answer = link.getresponse()
            return answer.status, answer.read(MAX_ANSWER_BYTES).decode("utf-8", "replace")
        finally:
            link.close()
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise OnvifError(f"{parts.hostname} gives no ONVIF answer: {error}") from None


def _connection(scheme: str, host: str, port: int | None) -> http.client.HTTPConnection:
    if scheme != "https":
        return http.client.HTTPConnection(host, port, timeout=TIMEOUT_S)
    # Cameras sign their own certificates; the password goes over as a digest in any case.
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return http.client.HTTPSConnection(host, port, timeout=TIMEOUT_S, context=context)


def _header(username: str, password: str) -> str:
    nonce = secrets.token_bytes(16)
    created = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    digest = base64.b64encode(
        hashlib.sha1(nonce + created.encode() + password.encode()).digest()  # noqa: S324 - the standard's
    ).decode()
    return (
        f'<s:Header><Security s:mustUnderstand="1" xmlns="{_SECURITY}"><UsernameToken>'
        f"<Username>{html.escape(username)}</Username>"
        f'<Password Type="{_PROFILE}#PasswordDigest">{digest}</Password>'
        f"<Nonce>{base64.b64encode(nonce).decode()}</Nonce>"
        f'<Created xmlns="{_UTILITY}">{created}</Created>'
        "</UsernameToken></Security></s:Header>"
    )
