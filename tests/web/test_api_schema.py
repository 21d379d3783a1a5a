"""The JSON API holds what its OpenAPI document promises, whatever it is asked."""

from typing import Any

import schemathesis
from flask import Flask
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import Case
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)
from sqlalchemy import Engine

from tests.web.conftest import NOW
from web import tokens
from web.roles import Role

CHECKS = [
    not_a_server_error, status_code_conformance, content_type_conformance,
    response_schema_conformance, unsupported_method,
]  # fmt: skip
EXAMPLES = 3
"""Requests for each operation. Higher: finds more, takes longer."""


def test_every_operation_answers_as_documented(app: Flask, engine: Engine) -> None:
    token = tokens.create(engine, "board", actor="x", now=NOW, role=Role.MAINTAINER)
    headers = {"Authorization": f"Bearer {token}"}
    schema = schemathesis.openapi.from_wsgi("/api/v1/openapi.json", app, headers=headers)
    operations = [found.ok() for found in schema.get_all_operations() if isinstance(found, Ok)]
    assert {one.label for one in operations} >= {"GET /api/v1/alerts", "GET /api/v1/places"}
    for operation in operations:
        quick = settings(
            max_examples=EXAMPLES, deadline=None, derandomize=True, database=None,
            phases=[Phase.generate], suppress_health_check=list(HealthCheck),
        )  # fmt: skip

        @quick
        @given(case=operation.as_strategy())
        def holds(case: Case[Any]) -> None:
            case.call_and_validate(headers=headers, checks=CHECKS)

        holds()


def test_without_a_token_the_answer_is_the_documented_one(app: Flask, engine: Engine) -> None:
    token = tokens.create(engine, "board", actor="x", now=NOW)
    headers = {"Authorization": f"Bearer {token}"}
    schema = schemathesis.openapi.from_wsgi("/api/v1/openapi.json", app, headers=headers)
    for path in ("/api/v1/alerts", "/api/v1/places", "/api/v1/nodes"):
        case = schema[path]["GET"].Case()
        answer = case.call_and_validate(checks=CHECKS)
        assert answer.status_code == 401
