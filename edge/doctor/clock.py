"""This device's clock against one on the broker's side.

MQTT says nothing of time, so another service there is asked: its NTP server (SNTP, RFC 4330),
or the Date of any HTTP answer, such as the console's. A hub tells it too, see `edge.doctor.broker`.
"""

import http.client
import socket
import struct
import time
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

from edge.doctor.finding import Finding, failed, good, warning

NTP_PORT = 123
NTP_EPOCH_S = 2_208_988_800
"""Seconds from 1900, where NTP begins, to 1970."""
PATIENCE_S = 2.0
NOTICEABLE_S, WRONG_S = 2.0, 30.0
"""The hub puts a clock right that is off by more than 5 s, at the price of exactness."""


def examine(
    host: str, url: str = "", *, ntp_port: int = NTP_PORT, now: Callable[[], float] = time.time
) -> list[Finding]:
    """``url``: whose Date to believe; left out, the broker's host is asked for NTP."""
    off = http_offset_s(url, now) if url else ntp_offset_s(host, ntp_port, now)
    if off is None and url:
        return [
            warning(
                "clock", f"{url} tells no time", "check --clock-url: any page of the hub will do"
            )
        ]
    if off is None:
        return []
    return [judged(off, str(urlsplit(url).hostname) if url else host)]


def unknown() -> Finding:
    """Nobody was there to compare with, and the system does not say who sets its clock."""
    return warning(
        "clock",
        "compared with nobody: no hub answers over the broker, and the broker's host serves no NTP",
        "once the hub runs, ask again, or name a page of the console in --clock-url",
    )


def judged(off: float, where: str) -> Finding:
    """What it means to be ``off`` seconds behind ``where``."""
    says = f"{abs(off):.1f} s {'behind' if off > 0 else 'ahead of'} {where}"
    remedy = "`timedatectl set-ntp true`, and the same NTP server for both"
    if abs(off) > WRONG_S:
        return failed("clock", says, remedy, offset_s=round(off, 3))
    if abs(off) > NOTICEABLE_S:
        return warning("clock", says, remedy, offset_s=round(off, 3))
    return good("clock", says, offset_s=round(off, 3))


def ntp_offset_s(host: str, port: int, now: Callable[[], float]) -> float | None:
    """How far this clock is behind the host's NTP server; None where there is none."""
    ask = b"\x23" + bytes(47)  # version 4, client
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0]
        with socket.socket(family[0], socket.SOCK_DGRAM) as link:
            link.settimeout(PATIENCE_S)
            link.connect(family[4])
            sent = now()
            link.send(ask)
            answer = link.recv(512)
            received = now()
    except OSError:
        return None
    if len(answer) < 48 or answer[0] & 7 != 4 or answer[1] == 0:  # a server that has the time
        return None
    theirs_in, theirs_out = (
        whole + part / 2**32 - NTP_EPOCH_S
        for whole, part in struct.iter_unpack("!II", answer[32:48])
    )
    return float(((theirs_in - sent) + (theirs_out - received)) / 2)


def http_offset_s(url: str, now: Callable[[], float]) -> float | None:
    """How far this clock is behind the Date of an HTTP answer, to half a second; or None."""
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    try:
        link = kind(parts.hostname or "", parts.port, timeout=PATIENCE_S)
        try:
            sent = now()
            link.request("HEAD", parts.path or "/")
            said = link.getresponse().headers.get("Date", "")
            received = now()
        finally:
            link.close()
        there = parsedate_to_datetime(said).timestamp()
    except (OSError, ValueError, http.client.HTTPException):
        return None
    return there + 0.5 - (sent + received) / 2  # Date is cut to whole seconds
