"""/api/v1/openapi.json: the declared operations as OpenAPI 3.1."""

from typing import Any

import msgspec
from flask import Response
from msgspec import Struct

from web.api.part import OPERATIONS, PART, Operation, blueprint, reply
from web.api.shapes import Problem
from web.roles import LEAST

ID = {"type": "string", "pattern": "^[a-z0-9-]{1,63}$"}
NUMBER = {"type": "integer", "minimum": 0, "maximum": 2**31 - 1}
REF = "#/components/schemas/{name}"
PROBLEMS = {
    "400": "What was asked or sent makes no sense",
    "401": "No token, or an unknown one",
    "403": "The token's role, or its sites, do not reach",
    "404": "There is no such thing",
    "413": "That is too much",
    "503": "The series store does not answer now",
}


@blueprint.get("/openapi.json")
def document() -> Response:
    """What this API is, as OpenAPI 3.1."""
    shapes = {one.answer for one in OPERATIONS} | {one.body for one in OPERATIONS if one.body}
    _roots, components = msgspec.json.schema_components(
        [Problem, *sorted(shapes, key=lambda shape: shape.__name__)], ref_template=REF
    )
    paths: dict[str, dict[str, Any]] = {}
    for one in OPERATIONS:
        paths.setdefault(_path(one), {})[one.method] = _operation(one, components)
    return reply({
        "openapi": "3.1.0",
        "info": {"title": "Linli", "version": "1", "description": "What the console shows."},
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "schemas": dict(sorted(components.items())),
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    })  # fmt: skip


def _path(one: Operation) -> str:
    return blueprint.url_prefix + PART.sub(r"{\2}", one.path)  # type: ignore[operator]


def _operation(one: Operation, components: dict[str, Any]) -> dict[str, Any]:
    least = LEAST[f"{blueprint.name}.{one.endpoint}"]
    found: dict[str, Any] = {
        "operationId": one.endpoint,
        "summary": one.summary,
        "description": f"Role: {least}.",
        "parameters": [*_parts(one), *_query(one, components)],
        "responses": _responses(one),
    }
    if one.body is not None:
        found["requestBody"] = {"required": True, "content": _content(one.body)}
    return found


def _parts(one: Operation) -> list[dict[str, Any]]:
    return [
        {"name": name, "in": "path", "required": True,
         "schema": ID if converter == "id" else NUMBER}
        for converter, name in PART.findall(one.path)
    ]  # fmt: skip


def _query(one: Operation, components: dict[str, Any]) -> list[dict[str, Any]]:
    if one.query is None:
        return []
    _roots, found = msgspec.json.schema_components([one.query], ref_template=REF)
    own = found.pop(one.query.__name__)
    components |= found  # what its fields name, such as a choice of words
    return [
        {"name": name, "in": "query", "required": name in own.get("required", ()),
         "schema": schema}
        for name, schema in own["properties"].items()
    ]  # fmt: skip


def _responses(one: Operation) -> dict[str, Any]:
    codes = ["401", "403"]
    codes += ["400"] if one.query or one.body else []
    codes += ["404"] if PART.search(one.path) or one.query or one.body else []
    codes += ["413"] if one.body else []
    codes += ["503"] if one.series else []
    found = {"200": {"description": one.summary, "content": _content(one.answer)}}
    found |= {
        code: {"description": PROBLEMS[code], "content": _content(Problem)}
        for code in sorted(codes)
    }
    if one.body is not None:
        words = "Somebody was faster, or it is not its time: nothing was done"
        found["409"] = {"description": words, "content": _content(one.answer)}
    return found


def _content(shape: type[Struct]) -> dict[str, Any]:
    return {"application/json": {"schema": {"$ref": REF.format(name=shape.__name__)}}}
