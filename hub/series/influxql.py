"""Asks InfluxDB in InfluxQL over /query and reads the answer while it arrives.

Values stand in the query as quoted literals, because InfluxDB 3 ignores ``params``; and it is
a GET with all in the address, because 3 reads nothing else.
"""

import contextlib
from collections.abc import Iterable, Iterator
from typing import Any, Final

import msgspec
import urllib3

from configs.servers import SeriesSettings
from hub.series.influx_errors import FOREIGN_ERRORS, InfluxErrors
from hub.series.lines import NS_PER_MS, clean
from hub.series.points import SeriesRefused

ROWS_PER_CHUNK: Final = 1000
READ_BYTES: Final = 64 * 1024
MIN_NS: Final = -(2**63) + 2
MAX_NS: Final = 2**63 - 2


class _Series(msgspec.Struct):
    columns: list[str]
    name: str = ""
    tags: dict[str, str] = {}
    values: list[list[Any]] = []


class _Result(msgspec.Struct):
    series: list[_Series] = []
    error: str = ""


class _Answer(msgspec.Struct):
    results: list[_Result] = []
    error: str = ""


_answer: Final = msgspec.json.Decoder(_Answer)


class InfluxQl:
    """A pool of connections for queries. Safe to use from several threads."""

    def __init__(self, settings: SeriesSettings, token: str, errors: InfluxErrors) -> None:
        timeout_s = settings.timeout / 1000
        self._url = settings.url.rstrip("/") + "/query"
        self._bucket = settings.bucket
        self._errors = errors
        self._pool = urllib3.PoolManager(
            headers={"Authorization": f"Token {token}"} if token else {},
            timeout=urllib3.Timeout(connect=timeout_s, read=timeout_s),
            retries=False,
        )

    def select(
        self, what: str, start: int, end: int, *, group_by: str = "", **tags: str
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        """``what`` (from where) between two times in ms, the second excluded, where ``tags`` are
        so: (measurement, row by column name), times in nanoseconds. Raises `SeriesDown` or
        `SeriesRefused`, if need be after some rows."""
        first, last = (min(max(ms * NS_PER_MS, MIN_NS), MAX_NS) for ms in (start, end))
        where = [f'"{name}" = {literal(clean(text))}' for name, text in tags.items()]
        where += [f"time >= {first}", f"time < {last}"]
        text = f"SELECT {what} WHERE {' AND '.join(where)}"
        for line in self._lines(f"{text} GROUP BY {group_by}" if group_by else text):
            answer = self._decode(line)
            for result in answer.results:
                if result.error:
                    raise self._errors.of_query(result.error)
                for series in result.series:
                    for values in series.values:
                        row = dict(zip(series.columns, values, strict=True))
                        yield series.name, {**series.tags, **row}
            if answer.error:
                raise self._errors.of_query(answer.error)

    def _decode(self, line: bytes) -> _Answer:
        try:
            return _answer.decode(line)
        except msgspec.MsgspecError as error:
            raise SeriesRefused(
                f"{self._errors.server} does not answer as InfluxDB does ({error}): check url"
            ) from error

    def _lines(self, query: str) -> Iterator[bytes]:
        fields = {
            "db": self._bucket,
            "q": query,
            "epoch": "ns",
            "chunked": "true",
            "chunk_size": str(ROWS_PER_CHUNK),
        }
        try:
            response = self._pool.request("GET", self._url, fields=fields, preload_content=False)
            with contextlib.closing(response):
                if response.status != 200:
                    said = response.read(READ_BYTES).decode(errors="replace")
                    raise self._errors.of_status(response.status, said)
                yield from _split(response.stream(READ_BYTES))
        except FOREIGN_ERRORS as error:
            raise self._errors.translate(error) from error

    def close(self) -> None:
        """Let go of the connections."""
        self._pool.clear()


def literal(text: str) -> str:
    """``text`` as an InfluxQL string."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n")
    return f"'{escaped}'"


def _split(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The lines in a stream of bytes."""
    rest = b""
    for piece in pieces:
        *whole, rest = (rest + piece).split(b"\n")
        yield from filter(bytes.strip, whole)
    if rest.strip():
        yield rest
