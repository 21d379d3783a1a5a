"""/pictures: evidence, for those who are logged in; who looked is written down."""

import threading
from collections.abc import Iterable
from pathlib import Path

from flask import Blueprint, Response, abort, current_app, send_from_directory
from flask_login import current_user
from sqlalchemy import Connection, and_, or_, select
from werkzeug.routing import BaseConverter

from hub import audit
from hub.state.tables import Picture
from web.console import Console, console
from web.now.snapshot import PictureView
from wire.records import LIVE

blueprint = Blueprint("pictures", __name__)
COALESCE_MS = 60_000
"""Views of one picture by one user within this time are one line of the audit."""


class IdConverter(BaseConverter):
    """An id as the wire allows it: no dots, no slashes, so no way out of a folder."""

    regex = "[a-z0-9-]{1,63}"


class Viewings:
    """Who saw what lately."""

    def __init__(self) -> None:
        self._seen: dict[tuple[str, str], int] = {}
        self._lock = threading.Lock()

    def is_new(self, actor: str, target: str, now: int) -> bool:
        """Whether this view is to be written down."""
        with self._lock:
            if len(self._seen) > 10_000:
                self._seen = {k: at for k, at in self._seen.items() if now - at < COALESCE_MS}
            if now - self._seen.get((actor, target), -COALESCE_MS) < COALESCE_MS:
                return False
            self._seen[actor, target] = now
            return True

    def forget(self, actor: str, target: str) -> None:
        """It could not be written down: the next view is new again."""
        with self._lock:
            self._seen.pop((actor, target), None)


@blueprint.get("/pictures/<id:site>/<id:node>/<id:ref>.jpg")
def show(site: str, node: str, ref: str) -> Response:
    """One JPEG. 404 for what has no row, has not arrived, or was purged."""
    here = console()
    known = select(Picture.size).where(
        Picture.site == site, Picture.node == node, Picture.ref == ref
    )
    with here.reader.connect() as connection:
        size = connection.scalar(known)
    if here.site(site) is None or not size or not _path(here, site, node, ref).is_file():
        abort(404)
    _write_down(here, f"{site}/{node}/{ref}")
    return send(here, site, node, ref)


def newest(
    connection: Connection,
    site: str,
    sources: Iterable[tuple[str, str]],
    limit: int,
    *,
    live: bool = False,
    before: int | None = None,
) -> list[PictureView]:
    """The newest pictures of cameras (node, source) that have arrived: those that records named,
    or with ``live`` those that only showed somebody what was seen; where ``before`` is given, of
    what was seen before that moment (ms)."""
    mine = [and_(Picture.node == node, Picture.source == source) for node, source in sources]
    if not mine:
        return []
    asked = Picture.ref.startswith(LIVE, autoescape=True)
    query = (
        select(Picture.node, Picture.ref, Picture.ts)
        .where(Picture.site == site, Picture.size > 0, or_(*mine), asked if live else ~asked)
        .order_by(Picture.ts.desc())
        .limit(limit)
    )
    query = query if before is None else query.where(Picture.ts < before)
    return [PictureView(site, node, ref, ts, True) for node, ref, ts in connection.execute(query)]


def send(here: Console, site: str, node: str, ref: str) -> Response:
    """The file, 404 where it is gone; who may see it and what is written down of that is for
    the caller."""
    folder = here.data.resolve() / "pictures"
    response = send_from_directory(folder, f"{site}/{node}/{ref}.jpg", mimetype="image/jpeg")
    response.headers["Cache-Control"] = "private, max-age=3600, immutable"
    return response


def _path(here: Console, site: str, node: str, ref: str) -> Path:
    return here.data.resolve() / "pictures" / site / node / f"{ref}.jpg"


def _write_down(here: Console, target: str) -> None:
    viewings: Viewings = current_app.extensions["linli.viewings"]
    now = here.now()
    if not viewings.is_new(current_user.name, target, now):
        return
    try:
        with here.engine.begin() as connection:
            audit.enter(connection, current_user.name, "picture.view", target, "", now)
    except BaseException:
        viewings.forget(current_user.name, target)
        raise
