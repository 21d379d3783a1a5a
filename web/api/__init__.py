"""/api/v1: what the pages show, for scripts, with the document that describes it."""

from typing import Any

import msgspec
from flask import Blueprint, Response, abort, request, url_for

from hub import silences
from hub.state.tables import Alert
from web.alerts.filters import STATES, Filter, below
from web.api.shapes import (
    AlertOut,
    Alerts,
    Limit,
    NodeOut,
    Nodes,
    PlaceOut,
    Places,
    Problem,
    RuleOut,
    Rules,
    SilenceOut,
    Silences,
    ThereOut,
    Value,
    Words,
)
from web.console import console
from web.now.snapshot import AlertView, take
from web.now.snapshot import alerts as read_alerts
from web.rules.force import in_force

blueprint = Blueprint("api", __name__, url_prefix="/api/v1")
LIMIT = 100
FILTERS = {name: {"type": "string"} for name in Filter.__struct_fields__} | {
    "state": {"type": "string", "enum": list(STATES)}
}


@blueprint.get("/alerts")
def alerts() -> Response:
    """Alerts by the filters of the page; ``before`` goes on below an alert."""
    here, before = console(), request.args.get("before", "")
    with here.reader.connect() as connection:
        where = Filter.parse(request.args, here).where(here)
        if before:
            beneath = below(connection, before)
            if beneath is None:
                abort(404)
            where.append(beneath)
        found = read_alerts(connection, here, *where, limit=LIMIT + 1)
    more = found[LIMIT - 1].id if len(found) > LIMIT else None
    return _answer(Alerts([_alert(one) for one in found[:LIMIT]], more))


@blueprint.get("/alerts/<id:alert_id>")
def alert(alert_id: str) -> Response:
    """One alert."""
    here = console()
    with here.reader.connect() as connection:
        found = read_alerts(connection, here, Alert.id == alert_id)
    if not found:
        abort(404)
    return _answer(_alert(found[0]))


@blueprint.get("/places")
def places() -> Response:
    """All places as they are now."""
    here = console()
    with here.reader.connect() as connection:
        now = take(connection, here)
    cards = [now.card(file.site.id, place) for file in here.sites for place in file.places]
    return _answer(Places([
        PlaceOut(card.site, card.place, Words(card.name.en, card.name.zh), card.ts, card.stale,
                 card.severity, dict(card.signals), bool(card.offline))
        for card in cards
    ]))  # fmt: skip


@blueprint.get("/nodes")
def nodes() -> Response:
    """All nodes as they are now."""
    here = console()
    with here.reader.connect() as connection:
        now = take(connection, here)
    found = [now.node(file.site.id, node.id) for file in here.sites for node in file.nodes]
    return _answer(Nodes([
        NodeOut(one.site, one.node, one.online, one.last_rx, one.late, one.duplicate, one.lost,
                one.clock_ms, one.agent)
        for one in found
    ]))  # fmt: skip


@blueprint.get("/rules")
def rules() -> Response:
    """The rules in force, and what overrides change where."""
    found = [(file.site.id, one) for file in console().sites for one in in_force(file)]
    return _answer(Rules([
        RuleOut(
            site, one.rule.id, Words(one.rule.title.en, one.rule.title.zh), one.rule.severity,
            [place.id for place in one.places],
            [Limit(part.signal, part.text) for part in one.conditions],
            [ThereOut(other.place.id, dict(other.values)) for other in one.others], one.text,
        )
        for site, one in found
    ]))  # fmt: skip


@blueprint.get("/silences")
def quiet() -> Response:
    """What is muted, now or to come."""
    here = console()
    with here.reader.connect() as connection:
        found = silences.listed(connection, here.now())
    return _answer(Silences([
        SilenceOut(one.id, one.site, one.kind, one.rule, one.place, one.source, one.author,
                   one.reason, one.starts_at, one.ends_at)
        for one in found if here.site(one.site) is not None
    ]))  # fmt: skip


@blueprint.get("/openapi.json")
def document() -> Response:
    """What this API is, as OpenAPI 3.1."""
    shapes = (Alerts, AlertOut, Places, Nodes, Rules, Silences, Problem)
    _roots, components = msgspec.json.schema_components(
        shapes, ref_template="#/components/schemas/{name}"
    )
    asked = [
        {"name": name, "in": "query", "schema": schema}
        for name, schema in {**FILTERS, "before": {"type": "string"}}.items()
    ]
    one = {"name": "id", "in": "path", "required": True, "schema": {"type": "string"}}
    return _answer({
        "openapi": "3.1.0",
        "info": {"title": "Linli", "version": "1", "description": "Read what the console shows."},
        "security": [{"token": []}],
        "paths": {
            "/api/v1/alerts": {"get": _get("Alerts, newest first", "Alerts", asked)},
            "/api/v1/alerts/{id}": {"get": _get("One alert", "AlertOut", [one])},
            "/api/v1/places": {"get": _get("Places as they are now", "Places", [])},
            "/api/v1/nodes": {"get": _get("Nodes as they are now", "Nodes", [])},
            "/api/v1/rules": {"get": _get("Rules in force", "Rules", [])},
            "/api/v1/silences": {"get": _get("What is muted, now or to come", "Silences", [])},
        },
        "components": {
            "schemas": components,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    })  # fmt: skip


def _get(summary: str, shape: str, parameters: list[dict[str, Any]]) -> dict[str, Any]:
    def body(name: str) -> dict[str, Any]:
        return {"application/json": {"schema": {"$ref": f"#/components/schemas/{name}"}}}

    return {
        "summary": summary,
        "parameters": parameters,
        "responses": {
            "200": {"description": summary, "content": body(shape)},
            "401": {
                "description": "No token, or an unknown one",
                "content": body("Problem"),
            },
            "404": {"description": "There is no such alert", "content": body("Problem")},
        },
    }


def _alert(one: AlertView) -> AlertOut:
    picture = one.picture
    shown = picture is not None and picture.arrived
    return AlertOut(
        id=one.id, site=one.site, place=one.place, rule=one.rule, severity=one.severity,
        state=one.state, title=Words(one.title.en, one.title.zh), pending_ts=one.pending_ts,
        fired_ts=one.fired_ts, resolved_ts=one.resolved_ts, resolved_by=one.resolved_by,
        acknowledged_at=one.acknowledged_at, acknowledged_by=one.acknowledged_by, owner=one.owner,
        verdict=one.verdict, late=one.late,
        values=[Value(m.signal, m.value, m.text) for m in one.measures],
        picture=url_for("pictures.show", site=picture.site, node=picture.node, ref=picture.ref)
        if shown and picture is not None else None,
    )  # fmt: skip


def _answer(body: Any) -> Response:
    return Response(msgspec.json.encode(body), mimetype="application/json")
