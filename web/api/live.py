"""One camera, and for a minute what it sees now, in single pictures that are blurred there.

As on its page: whoever looks is written down, and the look ends by itself.
"""

from flask import url_for
from flask_login import current_user
from msgspec import Struct

from hub import live
from web.api.part import does, reads
from web.api.places import CameraOut, camera_of
from web.api.shapes import Done, address_of
from web.cameras import Watched, places_of, watched
from web.console import console
from web.now.snapshot import PictureView


class LookOut(Struct, frozen=True):
    """The look of who asks, while it lasts; ask again every two seconds."""

    started_at: int
    ends_at: int
    picture: str | None
    """The newest that came for it, which the same token reads; null before the first."""
    picture_ts: int
    trouble: str
    """What keeps it from being live: offline, unasked, unanswered, refused; "" for nothing."""
    since: int
    """Since when, ms; 0 where nothing does."""
    detail: str
    """What the node said."""


class CameraPicture(Struct, frozen=True):
    """A picture; whoever reads it is written down."""

    ts: int
    picture: str | None
    live: bool
    """It only showed somebody what was seen."""


class CameraStory(Struct, frozen=True):
    """A camera with its pictures, newest first, and the look of who asks."""

    camera: CameraOut
    pictures: list[CameraPicture]
    """None while who asks looks."""
    look: LookOut | None


class Look(Struct, frozen=True):
    """Nothing has to be said."""


@reads("/cameras/<id:site>/<id:node>/<id:source>", CameraStory)
def camera(site: str, node: str, source: str) -> CameraStory:
    """One camera, its pictures, and what it sees now while who asks looks."""
    here, key = console(), (site, node, source)
    seen = watched(here, key)
    kept = [(False, one) for one in seen.pictures] + [(True, one) for one in seen.looked]
    kept.sort(key=lambda one: one[1].ts, reverse=True)
    return CameraStory(
        camera_of(here, seen.now, key, [place.id for place in seen.places]),
        [CameraPicture(one.ts, address_of(one), live) for live, one in kept],
        _look(seen, source),
    )


@does("/cameras/<id:site>/<id:node>/<id:source>/watch", Look)
def watch(_sent: Look, site: str, node: str, source: str) -> Done:
    """Look for a minute, or for another one. That somebody does is written down."""
    here, me, now = console(), current_user.name, console().now()
    places_of(here, site, node, source)
    if not live.watch(here.engine, (site, node, source), viewer=me, now=now):
        return Done(False, f"{live.CAMERAS_AT_ONCE} cameras of the node are looked at already")
    return Done(True, "done", me, now)


@does("/cameras/<id:site>/<id:node>/<id:source>/stop", Look)
def stop_watching(_sent: Look, site: str, node: str, source: str) -> Done:
    """Look no longer."""
    here, me, now = console(), current_user.name, console().now()
    places_of(here, site, node, source)
    live.stop_watching(here.engine, (site, node, source), viewer=me, now=now)
    return Done(True, "done", me, now)


def _look(seen: Watched, source: str) -> LookOut | None:
    look, state = seen.state.look, seen.state
    if look is None:
        return None
    picture = seen.newest if seen.fresh else None
    return LookOut(
        look.started_at, look.ends_at, _address(picture, source),
        picture.ts if picture is not None else 0, state.trouble, state.since, state.detail,
    )  # fmt: skip


def _address(one: PictureView | None, source: str) -> str | None:
    """Where the look's picture is had: that somebody looks is in the audit already."""
    if one is None:
        return None
    return url_for("cameras.snapshot", site=one.site, node=one.node, source=source, ref=one.ref)
