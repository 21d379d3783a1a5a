"""What travels to a phone is small: texts are packed with gzip, and what stands under the name of
its content is asked for once and kept for a year.

A page of somebody who is logged in goes as it is: from the length of a packed one that also holds
words of the address, others on the line could guess its secrets (BREACH). Nobody's has none.
"""

import gzip
import hashlib
from functools import lru_cache
from pathlib import Path
from typing import Any

from flask import Flask, Response, current_app, request
from flask_login import current_user

from web.neighbours import resident

TEXTS = {
    "text/html", "text/css", "text/javascript", "text/xml", "image/svg+xml", "application/json",
    "application/atom+xml",
}  # fmt: skip
PUBLIC = ("residents", "account", "walks", "open311")
LEAST = 500
"""Bytes; less fits into one packet anyhow."""
LEVEL = 6
YEAR_S = 365 * 86_400
DIGITS = 10


def install(app: Flask) -> None:
    """Name what never changes after its content, and pack what goes out."""
    app.url_defaults(_name)
    app.after_request(_pack)


def _name(endpoint: str, values: dict[str, Any]) -> None:
    if endpoint == "static" and (version := _version(values.get("filename", ""))):
        values.setdefault("v", version)


def _version(name: str) -> str:
    path = Path(current_app.static_folder or "") / name
    try:
        return _digest(path, path.stat().st_mtime_ns)
    except OSError:
        return ""


@lru_cache(maxsize=256)
def _digest(path: Path, _changed: int) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:DIGITS]


def _pack(response: Response) -> Response:
    fixed = request.endpoint == "static"
    if fixed and request.args.get("v") == _version((request.view_args or {}).get("filename", "")):
        response.headers["Cache-Control"] = f"public, max-age={YEAR_S}, immutable"
    if response.mimetype not in TEXTS or response.status_code == 304:
        return response
    if not fixed and not (request.blueprint in PUBLIC and _nobody()):
        return response
    response.vary.add("Accept-Encoding")
    if request.accept_encodings["gzip"] <= 0 or (response.content_length or 0) < LEAST:
        return response
    response.direct_passthrough = False
    text = response.get_data()
    response.set_data(_kept(text) if fixed else _packed(text))
    response.headers["Content-Encoding"] = "gzip"
    tag, _weak = response.get_etag()
    if tag is not None:
        response.set_etag(tag, weak=True)  # the same text, other bytes
    return response


def _packed(text: bytes) -> bytes:
    return gzip.compress(text, LEVEL, mtime=0)


_kept = lru_cache(maxsize=64)(_packed)
"""Of files: they are packed once."""


def _nobody() -> bool:
    return resident() is None and not current_user.is_authenticated
