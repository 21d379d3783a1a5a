"""What InfluxDB alone does: refusals, bad points, logins, and what its library raises."""

import gzip
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
import urllib3
from influxdb_client.client.exceptions import InfluxDBError
from influxdb_client.rest import ApiException

from configs.servers import SeriesSettings
from configs.values import Duration
from hub.series.influx import InfluxSeries
from hub.series.influx_errors import FOREIGN_ERRORS, InfluxErrors, refused_points
from hub.series.open import open_series
from hub.series.points import (
    Entry,
    PointsRejected,
    SeriesDown,
    SeriesError,
    SeriesRefused,
    SignalPoint,
)
from hub.series.sqlite import SqliteSeries
from tests.hub.series.samples import FOREVER, T0, counts, entry, seqs
from tests.servers import Influx, free_port, influxdb

HOUR_MS = 3_600_000


class _Scripted(BaseHTTPRequestHandler):
    """Answers as it is told, and keeps what it was asked."""

    def _answer(self) -> None:
        server = self.server
        assert isinstance(server, _Scripting)
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        server.asked.append((self.path, dict(self.headers), body))
        self.send_response(server.status)
        self.send_header("Content-Length", str(len(server.said) + server.held_back))
        self.end_headers()
        self.wfile.write(server.said)

    do_GET = do_POST = _answer  # noqa: N815 - http.server's names

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
        """Keeps quiet."""


class _Scripting(HTTPServer):
    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Scripted)
        self.status = 204
        self.said = b""
        self.held_back = 0
        self.asked: list[tuple[str, dict[str, str], bytes]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


@pytest.fixture
def scripted() -> Iterator[_Scripting]:
    with _Scripting() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def to_scripted(scripted: _Scripting, tmp_path: Path) -> Iterator[InfluxSeries]:
    token = tmp_path / "token"
    token.write_text("s3cret\n")
    store = InfluxSeries(
        SeriesSettings(
            kind="influxdb", url=scripted.url, org="o", bucket="b", token_file=str(token)
        )
    )
    yield store
    store.close()


def test_a_write_carries_bucket_precision_and_token_and_is_packed_when_large(
    scripted: _Scripting, to_scripted: InfluxSeries
) -> None:
    to_scripted.write([entry(1)])
    to_scripted.write([entry(200)])
    (path, headers, small), (_, packed_headers, large) = scripted.asked
    assert path == "/api/v2/write?org=o&bucket=b&precision=ns"
    assert headers["Authorization"] == "Token s3cret"
    assert small.startswith(b"record,")
    assert packed_headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(large).count(b"\n") == 400


def test_a_query_carries_the_token(scripted: _Scripting, to_scripted: InfluxSeries) -> None:
    scripted.status, scripted.said = 200, b'{"results":[{}]}\r\n'
    to_scripted.ping()
    path, headers, _ = scripted.asked[0]
    assert path.startswith("/query?db=b&q=SELECT+value+FROM+signal")
    assert headers["Authorization"] == "Token s3cret"


def test_the_token_is_not_shown(to_scripted: InfluxSeries) -> None:
    assert "s3cret" not in repr(to_scripted)
    errors = InfluxErrors(SeriesSettings(url="http://me:s3cret@influx:8086"))
    assert errors.server == "InfluxDB at http://influx:8086 (bucket 'linli')"


@pytest.mark.parametrize(
    ("status", "said", "kind"),
    [
        (401, b'{"message":"unauthorized access"}', SeriesRefused),
        (403, b"", SeriesRefused),
        (404, b'{"error":"bucket \\"b\\" not found"}', SeriesRefused),
        (400, b'{"message":"organization is missing"}', SeriesRefused),
        (302, b"", SeriesRefused),
        (429, b"", SeriesDown),
        (500, b'{"error":"engine: closed"}', SeriesDown),
        (503, b"", SeriesDown),
    ],
)
def test_a_status_says_whether_trying_again_helps(
    scripted: _Scripting,
    to_scripted: InfluxSeries,
    status: int,
    said: bytes,
    kind: type[SeriesError],
) -> None:
    scripted.status, scripted.said = status, said
    for ask in (to_scripted.ping, lambda: to_scripted.write([entry(1)])):
        with pytest.raises(SeriesError) as caught:
            ask()
        assert type(caught.value) is kind
    assert len(scripted.asked) == 2  # a refusal that is not about points is not asked in halves


def test_a_refusal_says_what_to_check(scripted: _Scripting, to_scripted: InfluxSeries) -> None:
    scripted.status, scripted.said = 401, b'{"message":"unauthorized access"}'
    with pytest.raises(
        SeriesRefused,
        match=r"HTTP 401: unauthorized access\): check url, bucket, org and token \(/.*/token\)",
    ):
        to_scripted.write([entry(1)])


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        (b'{"results":[{"error":"database not found: b"}]}', SeriesRefused),
        (b'{"results":[{"error":"query-timeout limit exceeded"}]}', SeriesDown),
        (b'{"error":"not authorized"}', SeriesRefused),
        (b"<html>a router's page</html>", SeriesRefused),
    ],
)
def test_an_error_inside_an_answer_is_an_error(
    scripted: _Scripting, to_scripted: InfluxSeries, said: bytes, kind: type[SeriesError]
) -> None:
    scripted.status, scripted.said = 200, said
    with pytest.raises(SeriesError) as caught:
        to_scripted.count_records("garden", 0, FOREVER)
    assert type(caught.value) is kind


def test_points_that_disagree_on_a_fields_type_are_named_and_the_rest_kept(
    influx: InfluxSeries,
) -> None:
    influx.write([entry(1)])
    poison = SignalPoint("garden", "court", "risk", FOREVER, 1.0)
    with pytest.raises(PointsRejected) as caught:
        influx.write([entry(20), Entry((), (poison,)), entry(20, first=20)])
    assert [point.point for point in caught.value.points] == [
        f"signal,name=risk,place=court,site=garden value=1.0 {FOREVER}000000"
    ]
    assert "out of range" in caught.value.points[0].reason
    assert seqs(influx) == list(range(40))


def test_a_field_that_somebody_wrote_with_another_type_rejects_only_what_has_it(
    influx: InfluxSeries, influx_server: Influx
) -> None:
    bucket = influx._bucket
    urllib3.request(
        "POST",
        f"{influx_server.url}/api/v2/write?bucket={bucket}&precision=ns",
        body=f'record,site=other count="many" {T0}000000',
        retries=False,
    )
    with pytest.raises(PointsRejected) as caught:
        influx.write([entry(2)])
    assert len(caught.value.points) == 2
    assert "field type conflict" in caught.value.points[0].reason
    assert len(influx.signal("garden", "court", "occupancy.person", 0, FOREVER)) == 2


def test_points_older_than_the_buckets_retention_count_as_taken(
    bucket_with: Callable[[str], InfluxSeries], caplog: pytest.LogCaptureFixture
) -> None:
    store = bucket_with("DURATION 1h")
    store.write([Entry((), (SignalPoint("garden", "court", "risk", HOUR_MS, 1.0),))])
    assert "keeps no points that old" in caplog.text
    store.close()


def test_a_bucket_that_does_not_exist_is_refused_by_its_name(influx_server: Influx) -> None:
    store = InfluxSeries(SeriesSettings(kind="influxdb", url=influx_server.url, bucket="nope"))
    for ask in (store.ping, lambda: store.write([entry(1)])):
        with pytest.raises(SeriesRefused, match=r"bucket 'nope'.*database not found.*: check url"):
            ask()
    store.close()


def test_quotes_in_a_query_are_text(influx: InfluxSeries) -> None:
    influx.write([entry(3)])
    assert influx.signal("garden", "court' OR '1'='1", "occupancy.person", 0, FOREVER) == []
    assert influx.count_records("x\\' OR site='garden", 0, FOREVER) == 0


def test_a_server_that_is_away_is_down_and_comes_back(tmp_path: Path) -> None:
    with influxdb(tmp_path) as server:
        store = InfluxSeries(SeriesSettings(kind="influxdb", url=server.url))
        store.write([entry(3)])
        server.kill()
        for ask in (store.ping, lambda: store.write([entry(3)])):
            with pytest.raises(SeriesDown, match="HTTP 502"):
                ask()
        server.start()
        assert seqs(store) == [0, 1, 2]
        server.front.kill()
        for ask in (store.ping, lambda: store.write([entry(3)])):
            with pytest.raises(SeriesDown, match=r"cannot be reached.*is it running\?"):
                ask()
        store.close()


def test_a_server_that_never_answers_is_down() -> None:
    with _Scripting() as deaf:  # it listens, but nobody serves
        store = InfluxSeries(SeriesSettings(kind="influxdb", url=deaf.url, timeout=Duration(100)))
        for ask in (store.ping, lambda: store.write([entry(1)])):
            with pytest.raises(SeriesDown, match="cannot be reached"):
                ask()
        store.close()


def test_an_answer_that_breaks_off_is_down_and_gives_nothing(
    scripted: _Scripting, to_scripted: InfluxSeries
) -> None:
    scripted.status, scripted.said, scripted.held_back = 200, b'{"results":[{}]}\n', 100
    with pytest.raises(SeriesDown, match="IncompleteRead"):
        list(to_scripted.records("garden", 0, FOREVER))


def test_a_point_of_somebody_else_in_the_bucket_is_refused_by_name(
    scripted: _Scripting, to_scripted: InfluxSeries
) -> None:
    scripted.status = 200
    scripted.said = (
        b'{"results":[{"series":[{"name":"record","columns":["time"],"values":[[1]]}]}]}\n'
    )
    with pytest.raises(SeriesRefused, match="give Linli a bucket of its own"):
        list(to_scripted.records("garden", 0, FOREVER))


def _api_error(status: int, reason: str = "") -> ApiException:
    return ApiException(status=status, reason=reason)  # type: ignore[no-untyped-call]


def _all_kinds(kind: type[BaseException]) -> Iterator[type[BaseException]]:
    yield kind
    for child in kind.__subclasses__():
        yield from _all_kinds(child)


@pytest.mark.parametrize(
    "kind",
    sorted(
        {*_all_kinds(urllib3.exceptions.HTTPError), *_all_kinds(InfluxDBError)},
        key=repr,
    ),
)
def test_no_error_of_the_libraries_is_missed(kind: type[BaseException]) -> None:
    # Made without their many constructors, and given what some need to say what they are.
    error = _api_error(500) if issubclass(kind, ApiException) else kind.__new__(kind)
    vars(error).update(partial=0, expected=1, length=0)
    assert isinstance(error, FOREIGN_ERRORS)
    translated = InfluxErrors(SeriesSettings()).translate(error)
    assert type(translated) in (SeriesDown, SeriesRefused)
    assert refused_points(error) == ""


def test_a_failed_tls_handshake_is_refused() -> None:
    error = _api_error(0, "SSLError: certificate verify failed")
    translated = InfluxErrors(SeriesSettings()).translate(error)
    assert type(translated) is SeriesRefused
    assert "certificate verify failed" in str(translated)


def test_an_unusable_url_or_token_file_is_refused_at_once(tmp_path: Path) -> None:
    missing = str(tmp_path / "token")
    with pytest.raises(SeriesRefused, match=r"cannot read series token_file .*: make it"):
        InfluxSeries(SeriesSettings(kind="influxdb", token_file=missing))
    store = InfluxSeries(SeriesSettings(kind="influxdb", url="ftp://127.0.0.1"))
    for ask in (store.ping, lambda: store.write([entry(1)])):
        with pytest.raises(SeriesRefused, match="check url"):
            ask()
    store.close()


def test_the_settings_choose_the_home(tmp_path: Path) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    embedded = open_series(SeriesSettings(), tmp_path)
    remote = open_series(SeriesSettings(kind="influxdb", url=url), tmp_path)
    assert isinstance(embedded, SqliteSeries)
    assert isinstance(remote, InfluxSeries)
    assert remote.purge(T0) == -1
    embedded.write([Entry(counts(1))])
    assert (tmp_path / "series.db").exists()
    embedded.close()
    remote.close()
