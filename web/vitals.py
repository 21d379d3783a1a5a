"""Signs of life of the console: /healthz, /readyz and /metrics, and the meters behind them."""

from dataclasses import dataclass, field

from flask import Blueprint, Response, abort, current_app, jsonify, request
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
)
from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError

from hub.state.tables import NodeState, PlaceState

blueprint = Blueprint("vitals", __name__)
LOOPBACK = ("127.0.0.1", "::1")
FORWARDED = ("Forwarded", "X-Forwarded-For", "X-Real-IP")


def _counter(name: str, text: str, *labels: str) -> Counter:
    return Counter(f"linli_web_{name}", text, labels, registry=None)


@dataclass(slots=True)
class Meters:
    """What the console counts; each console has its own, so that two never meet."""

    requests: Counter = field(
        default_factory=lambda: _counter("requests", "Requests", "endpoint", "status")
    )
    request_seconds: Histogram = field(
        default_factory=lambda: Histogram(
            "linli_web_request_seconds", "Time to answer a request", ("endpoint",), registry=None
        )
    )
    logins: Counter = field(default_factory=lambda: _counter("logins", "Logins", "result"))
    failures: Counter = field(
        default_factory=lambda: _counter("failures", "Failures that a page survived", "part")
    )
    live_refused: Counter = field(
        default_factory=lambda: _counter("live_refused", "Live connections over the limit")
    )
    live_resyncs: Counter = field(
        default_factory=lambda: _counter("live_resyncs", "Readers told to load the page anew")
    )
    live_seconds: Histogram = field(
        default_factory=lambda: Histogram(
            "linli_web_live_seconds",
            "From a change's row to the readers' queues",
            buckets=(0.05, 0.1, 0.2, 0.3, 0.5, 1, 2, 5, 10),
            registry=None,
        )
    )
    listeners: Gauge = field(
        default_factory=lambda: Gauge(
            "linli_web_live_listeners", "Open live connections", registry=None
        )
    )

    def text(self) -> bytes:
        """All of them in Prometheus' text format."""
        registry = CollectorRegistry()
        for name in self.__slots__:
            registry.register(getattr(self, name))
        return generate_latest(registry)


@blueprint.get("/healthz")
def healthz() -> Response:
    """The process answers."""
    return Response("ok\n", mimetype="text/plain")


@blueprint.get("/readyz")
def readyz() -> tuple[Response, int]:
    """The state store can be read. How long the hub has been quiet is news, not a failure."""
    console = current_app.extensions["linli"]
    try:
        with console.reader.connect() as connection:
            place_ts = connection.scalar(select(func.max(PlaceState.ts)))
            node_rx = connection.scalar(select(func.max(NodeState.last_rx)))
    except SQLAlchemyError as error:
        console.meters.failures.labels("readyz").inc()
        current_app.logger.warning("the state store does not answer: %s", error)
        return jsonify(ready=False, state_store="does not answer"), 503
    newest = max(place_ts or 0, node_rx or 0)
    quiet_s = round((console.now() - newest) / 1000, 1) if newest else None
    return jsonify(ready=True, state_store="ok", hub_quiet_s=quiet_s), 200


@blueprint.get("/metrics")
def metrics() -> Response:
    """For a scraper on this machine; what came through a proxy is refused."""
    proxied = any(name in request.headers for name in FORWARDED)
    if request.remote_addr not in LOOPBACK or proxied:
        abort(404)
    found: Meters = current_app.extensions["linli"].meters
    return Response(found.text(), content_type=CONTENT_TYPE_LATEST)
