"""The one place where errors of urllib3, influxdb_client and InfluxDB itself become ours."""

import re
from typing import Final

import msgspec
import urllib3
from influxdb_client.client.exceptions import InfluxDBError

from configs.servers import SeriesSettings
from hub.series.points import SeriesDown, SeriesError, SeriesRefused

FOREIGN_ERRORS: Final = (urllib3.exceptions.HTTPError, InfluxDBError, OSError, ValueError)
"""All that the two libraries raise for what a server, a network or an address does."""
_MISCONFIGURED: Final = (
    urllib3.exceptions.LocationValueError,
    urllib3.exceptions.SSLError,
    ValueError,
)
_PASSING_STATUS: Final = frozenset((408, 425, 429))
_PASSING: Final = re.compile(r"timeout|timed out|limit exceeded|clos(ed|ing)|interrupted", re.I)
_ABOUT_POINTS: Final = re.compile(
    r"partial write|unable to parse|pars(e|ing)|line protocol|field type|out of range", re.I
)
_SHOWN: Final = 300


class _Complaint(msgspec.Struct):
    error: str = ""
    message: str = ""


class InfluxErrors:
    """Names the server in each error, and what to check."""

    def __init__(self, settings: SeriesSettings) -> None:
        self._token_at = settings.token_file or f"${settings.token_env}"
        login, at, rest = settings.url.rpartition("@")  # a login in the url is not for logs
        shown = f"{login.partition('//')[0]}//{rest}" if at else settings.url
        self.server = f"InfluxDB at {shown} (bucket {settings.bucket!r})"

    def translate(self, error: BaseException) -> SeriesError:
        """What one of `FOREIGN_ERRORS` means for us."""
        status = getattr(error, "status", None)
        if isinstance(error, InfluxDBError) and status:
            return self.of_status(status, _said(error))
        reason = f"{type(error).__name__}: {error}".strip()[:_SHOWN]
        # The client hides a failed TLS handshake behind a status of 0.
        if isinstance(error, _MISCONFIGURED) or status == 0:
            return SeriesRefused(f"cannot use {self.server} ({reason}): check url and certificate")
        return SeriesDown(f"{self.server} cannot be reached ({reason}): is it running?")

    def of_status(self, status: int, said: str) -> SeriesError:
        """What an HTTP status means, with what the server said to it."""
        said = _reason(said)[:_SHOWN]
        if status >= 500 or status in _PASSING_STATUS:
            return SeriesDown(f"{self.server} is overloaded or failing (HTTP {status}: {said})")
        return SeriesRefused(
            f"{self.server} refuses (HTTP {status}: {said}): "
            f"check url, bucket, org and token ({self._token_at})"
        )

    def of_query(self, said: str) -> SeriesError:
        """What the error in an answer to a query means."""
        return self.of_status(503 if _PASSING.search(said) else 400, said)


def refused_points(error: BaseException) -> str:
    """The reason where a write was refused for its points and not for its sender, else "".

    Anything unknown counts as the sender's: then nothing is given up, and somebody is told.
    """
    if not isinstance(error, InfluxDBError):
        return ""
    status, said = getattr(error, "status", None), _said(error)
    if status in (413, 422) or (status == 400 and _ABOUT_POINTS.search(said)):
        return _reason(said) or f"HTTP {status}"
    return ""


def _said(error: InfluxDBError) -> str:
    return str(getattr(error, "body", None) or getattr(error, "reason", None) or error)


def _reason(said: str) -> str:
    """The sentence inside a JSON complaint; other text as it is."""
    try:
        complaint = msgspec.json.decode(said, type=_Complaint)
    except msgspec.MsgspecError:
        return " ".join(said.split())
    return complaint.error or complaint.message or said
