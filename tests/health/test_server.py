"""Health over HTTP."""

import logging
from collections.abc import Iterator

import pytest
import urllib3
from prometheus_client import CollectorRegistry, Counter

from health import HealthServer
from tests.servers import free_port

REGISTRY = CollectorRegistry()
Counter("linli_test_things", "Things", registry=REGISTRY).inc(3)


class Service:
    """Says why it is not ready, until it is."""

    reason: str | None = "the broker is away"

    def ready(self) -> str | None:
        return self.reason


@pytest.fixture
def service() -> Service:
    return Service()


@pytest.fixture
def server(service: Service) -> Iterator[HealthServer]:
    with HealthServer("127.0.0.1", 0, REGISTRY, service.ready) as running:
        yield running


def get(server: HealthServer, path: str, method: str = "GET") -> urllib3.BaseHTTPResponse:
    return urllib3.request(method, f"http://127.0.0.1:{server.port}{path}", retries=False)


def test_alive_even_when_not_ready(server: HealthServer) -> None:
    assert get(server, "/healthz").status == 200


def test_not_ready_says_why_until_it_is(server: HealthServer, service: Service) -> None:
    answer = get(server, "/readyz")
    assert (answer.status, answer.data) == (503, b"the broker is away\n")
    service.reason = None
    assert get(server, "/readyz?verbose=1").status == 200


def test_metrics_are_prometheus_text(server: HealthServer) -> None:
    answer = get(server, "/metrics")
    assert answer.headers["Content-Type"].startswith("text/plain")
    assert b"linli_test_things_total 3.0" in answer.data


def test_other_paths_say_what_there_is(server: HealthServer) -> None:
    answer = get(server, "/etc/passwd")
    assert (answer.status, answer.data) == (404, b"try /healthz, /readyz or /metrics\n")


def test_head_has_no_body_and_posting_is_not_for_here(server: HealthServer) -> None:
    assert get(server, "/healthz", "HEAD").data == b""
    assert get(server, "/healthz", "POST").status == 501


def test_a_ready_check_that_fails_is_not_ready_and_is_logged(
    server: HealthServer,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken() -> str | None:
        raise RuntimeError("no idea")

    monkeypatch.setattr(server, "_ready", broken)
    with caplog.at_level(logging.WARNING):
        answer = get(server, "/readyz")
    assert (answer.status, answer.data) == (503, b"the check itself failed: no idea\n")
    assert "readiness" in caplog.text


def test_closing_frees_the_port() -> None:
    first = HealthServer("127.0.0.1", free_port(), REGISTRY, lambda: None)
    first.close()
    HealthServer("127.0.0.1", first.port, REGISTRY, lambda: None).close()
