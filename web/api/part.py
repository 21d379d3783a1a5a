"""The blueprint of the API, and how an operation is declared: its address, what it takes, what it
answers. Checks, codes and the document (`web.api.document`) all follow from the declaration.
"""

import re
from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

import msgspec
from flask import Blueprint, Response, abort, current_app, request
from flask_login import current_user
from flask_wtf.csrf import CSRFProtect
from msgspec import Struct

from web.api.shapes import Done

blueprint = Blueprint("api", __name__, url_prefix="/api/v1")
T = TypeVar("T", bound=Struct)
NUL = rb"\u0000"
"""As JSON spells it; the stores take none."""
View = Callable[..., Struct]
PART = re.compile(r"<([^:>]+):([^>]+)>")
"""A part of an address as Flask writes it: converter and name."""


class Operation(Struct, frozen=True):
    """One address and method."""

    method: str
    path: str
    """As Flask writes it."""
    endpoint: str
    summary: str
    answer: type[Struct]
    query: type[Struct] | None = None
    body: type[Struct] | None = None
    series: bool = False
    """It asks the series store, which may not answer now: 503."""


OPERATIONS: list[Operation] = []


def reads(
    path: str, answer: type[Struct], query: type[Struct] | None = None, *, series: bool = False
) -> Callable[[View], View]:
    """Declare what a GET of ``path`` answers. The view is given ``query`` first, if there is one,
    filled from the address, then the parts of the path by name."""

    def declare(view: View) -> View:
        @wraps(view)
        def respond(**parts: Any) -> Response:
            return reply(view(**parts) if query is None else view(_query(query), **parts))

        _add(Operation("get", path, view.__name__, _says(view), answer, query, series=series),
             respond)  # fmt: skip
        return view

    return declare


def does(path: str, body: type[Struct], answer: type[Struct] = Done) -> Callable[[View], View]:
    """Declare what a POST to ``path`` does. The view is given ``body`` first, read from the JSON
    that was sent. Where it answers that nothing was ``done``, the code is 409."""

    def declare(view: View) -> View:
        @wraps(view)
        def respond(**parts: Any) -> Response:
            done = view(_body(body), **parts)
            return reply(done, 409 if getattr(done, "done", True) is False else 200)

        _add(Operation("post", path, view.__name__, _says(view), answer, body=body), respond)
        return view

    return declare


def reply(body: Any, status: int = 200) -> Response:
    """As JSON."""
    return Response(msgspec.json.encode(body), status, mimetype="application/json")


@blueprint.before_request
def _no_other_page() -> None:
    """A script shows its token with each request. Who is logged in in a browser may be led here
    by the page of somebody else, and shows what only Linli's own pages have."""
    request.get_data()  # before anybody takes it for a form, as curl says that it is
    if request.method == "POST" and current_user.id != 0:
        guard: CSRFProtect = current_app.extensions["csrf"]
        guard.protect()


def _add(operation: Operation, view: Callable[..., Response]) -> None:
    OPERATIONS.append(operation)
    blueprint.add_url_rule(
        operation.path, operation.endpoint, view, methods=[operation.method.upper()]
    )


def _says(view: View) -> str:
    return (view.__doc__ or "").partition("\n\n")[0].replace("\n    ", " ").rstrip(".")


def _query(kind: type[T]) -> T:
    try:
        return msgspec.convert(request.args.to_dict(), kind, strict=False)
    except msgspec.ValidationError as error:
        abort(400, f"the address: {error}")


def _body(kind: type[T]) -> T:
    sent = request.get_data() or b"{}"
    if NUL in sent:
        abort(400, "what was sent: a text holds a NUL")
    try:
        return msgspec.json.decode(sent, type=kind)
    except msgspec.DecodeError as error:
        abort(400, f"what was sent: {error}")
