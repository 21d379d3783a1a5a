"""Saved views: filters of the list of alerts under a name, the token's own and shared ones."""

from typing import Annotated

from flask import abort
from flask_login import current_user
from msgspec import Meta, Struct

from web.alerts import views as kept
from web.alerts.filters import Filter
from web.alerts.views import NAME_CHARS, Kept
from web.api.alerts import AlertFilter
from web.api.part import does, reads
from web.api.shapes import Done
from web.console import console


class ViewOut(Struct, frozen=True):
    """A saved view."""

    id: int
    name: str
    owner: str
    shared: bool
    """Everybody sees it."""
    filters: dict[str, str]
    """What to ask ``/alerts`` for."""
    mine: bool
    """Who asks may delete it."""


class Views(Struct, frozen=True):
    """The views that who asks may open."""

    views: list[ViewOut]


class Keep(AlertFilter, frozen=True, kw_only=True):
    """A name for one filter or more; shared by those alone who answer alerts."""

    name: Annotated[str, Meta(min_length=1, max_length=NAME_CHARS)]
    shared: bool = False


class Dropped(Struct, frozen=True):
    """Nothing has to be said."""


@reads("/alerts/views", Views)
def views() -> Views:
    """The saved views of who asks, and those that others share."""
    here = console()
    with here.reader.connect() as connection:
        found = kept.known(connection, here)
    return Views([
        ViewOut(one.id, one.name, one.owner, one.shared, one.asked, one.mine) for one in found
    ])  # fmt: skip


@does("/alerts/views", Keep)
def keep_view(sent: Keep) -> Done:
    """Keep filters under a name; one's own of that name is changed."""
    here, me, now = console(), current_user.name, console().now()
    asked = Filter.parse({name: getattr(sent, name) for name in Filter.__struct_fields__}, here)
    said = kept.keep_as(here, sent.name, asked, shared=sent.shared)
    if said is Kept.NOTHING_SAID:
        abort(400, "what was sent: a view needs a name, and a filter that makes sense")
    return Done(said is Kept.DONE, str(said), me, now)


@does("/alerts/views/<int(max=2147483647):view_id>/delete", Dropped)
def drop_view(_sent: Dropped, view_id: int) -> Done:
    """Forget one of one's own."""
    here, me, now = console(), current_user.name, console().now()
    if kept.forget(here, view_id) is None:
        abort(404)
    return Done(True, "done", me, now)
