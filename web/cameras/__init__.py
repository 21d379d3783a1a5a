"""One camera: how it does, its pictures, and on request what it sees now."""

from dataclasses import dataclass

from flask import Blueprint, Response, abort, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from flask_login import current_user
from msgspec import Struct
from sqlalchemy import select

from configs.site import Place
from hub import live
from hub.live import Camera, Look
from hub.state.tables import Picture
from web import pictures
from web.console import Console, console
from web.now.snapshot import PictureView, Snapshot, faults_of, sources_of, take
from web.roles import acting

blueprint = Blueprint("cameras", __name__, template_folder="templates")
PICTURES = 12
CLOCK_MS = 5_000
"""How far a picture's time may lie before the view that it was made for: clocks differ."""
AFTER_MS = 10_000
"""A view's last pictures may still be loading when it has ended."""
QUIET_HUB_MS = 4_000
"""A request that the hub has not passed on for so long is told of."""


class LiveState(Struct, frozen=True):
    """What a live view shows besides the picture."""

    look: Look | None
    """None while the reader does not look."""
    trouble: str = ""
    """A key of `web.language.LIVE`; "" while all is well."""
    since: int = 0
    """Since when, ms."""
    detail: str = ""
    """What the node said."""


@dataclass(frozen=True, slots=True)
class Watched:
    """A camera with what its reader may see of it."""

    now: Snapshot
    places: list[Place]
    state: LiveState
    newest: PictureView | None
    fresh: bool
    """The newest was made for the reader's look."""
    pictures: list[PictureView]
    """Kept with what was seen; none while its reader looks."""
    looked: list[PictureView]
    """Those that only showed somebody what was seen."""


@blueprint.get("/cameras/<id:site>/<id:node>/<id:source>")
def page(site: str, node: str, source: str) -> ResponseReturnValue:
    """The camera as it is; while its reader looks live, as it was some seconds ago."""
    here = console()
    seen = watched(here, (site, node, source))
    now = seen.now
    row = now.sources.get((site, node, source))
    return render_template(
        "cameras/page.html",
        mark=now.mark,
        site=site,
        node=now.node(site, node),
        source=source,
        name=here.source_name(site, node, source),
        places=seen.places,
        row=row,
        faults=faults_of(row) if row is not None else [],
        newest=seen.newest,
        fresh=seen.fresh,
        state=seen.state,
        pictures=seen.pictures,
        looked=seen.looked,
        lasts=live.LASTS_MS // 1000,
        may_act=site in acting(),
    )


def watched(here: Console, camera: Camera) -> Watched:
    """A camera as its reader sees it; 404 for what is no camera of the configuration."""
    site, node, source = camera
    places = places_of(here, *camera)
    with here.reader.connect() as connection:
        now = take(connection, here)
        look = live.looking(connection, camera, current_user.name, here.now())
        newest = _newest(now, camera)
        shown, looked = (
            [] if look is not None else pictures.newest(connection, site, [(node, source)],
                                                        PICTURES, live=live_)
            for live_ in (False, True)
        )  # fmt: skip
    fresh = look is not None and newest is not None and newest.ts >= look.started_at - CLOCK_MS
    return Watched(now, places, _state(now, camera, look), newest, fresh, shown, looked)


@blueprint.post("/cameras/<id:site>/<id:node>/<id:source>/watch")
def watch(site: str, node: str, source: str) -> ResponseReturnValue:
    """Look for a minute, or for another one."""
    here = console()
    places_of(here, site, node, source)
    camera = (site, node, source)
    if not live.watch(here.engine, camera, viewer=current_user.name, now=here.now()):
        text = gettext(
            "%(n)d cameras of this node are being looked at already; that is all it can do. "
            "Try again in a minute.",
            n=live.CAMERAS_AT_ONCE,
        )
        flash(text, "warn")
    return redirect(url_for("cameras.page", site=site, node=node, source=source))


@blueprint.post("/cameras/<id:site>/<id:node>/<id:source>/stop")
def stop(site: str, node: str, source: str) -> ResponseReturnValue:
    """Look no longer."""
    here = console()
    camera = (site, node, source)
    live.stop_watching(here.engine, camera, viewer=current_user.name, now=here.now())
    return redirect(url_for("cameras.page", site=site, node=node, source=source))


@blueprint.get("/cameras/<id:site>/<id:node>/<id:source>/<id:ref>.jpg")
def snapshot(site: str, node: str, source: str, ref: str) -> Response:
    """A picture of a live view: who looked for how long is in the audit already. Every other
    picture is had, and written down, at `/pictures`."""
    here = console()
    now = here.now()
    known = select(Picture.ts).where(
        Picture.site == site, Picture.node == node, Picture.ref == ref, Picture.source == source
    )
    with here.reader.connect() as connection:
        ts = connection.scalar(known)
        look = live.looking(connection, (site, node, source), current_user.name, now - AFTER_MS)
    if ts is None or look is None or ts < look.started_at - CLOCK_MS:
        abort(404)
    return pictures.send(here, site, node, ref)


def places_of(here: Console, site: str, node: str, source: str) -> list[Place]:
    """The places that the camera sees; 404 for what is no camera of the configuration."""
    file = here.site(site)
    found = [
        place
        for place in (file.places if file is not None else ())
        if (node, source) in sources_of(place, doors=False)
    ]
    if not found:
        abort(404)
    return found


def _newest(now: Snapshot, camera: Camera) -> PictureView | None:
    row = now.sources.get(camera)
    if row is None or not row["evidence"]:
        return None
    return PictureView(camera[0], camera[1], row["evidence"], row["evidence_ts"], True)


def _state(now: Snapshot, camera: Camera, look: Look | None) -> LiveState:
    """What keeps a live view from being live, the nearest cause first."""
    if look is None:
        return LiveState(None)
    time = now.console.now()
    node = now.node(*camera[:2])
    if not node.online:
        return LiveState(look, "offline", node.since)
    if look.asked_at is None:
        late = time - look.started_at > QUIET_HUB_MS
        return LiveState(look, "unasked" if late else "", look.started_at)
    answered = look.answered_at is not None and look.answered_at >= look.asked_at
    if not answered and time - look.asked_at > live.PATIENCE_MS:
        return LiveState(look, "unanswered", look.asked_at)
    if look.refusal:
        return LiveState(look, "refused", look.answered_at or look.asked_at, look.refusal)
    return LiveState(look)
