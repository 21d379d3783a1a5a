"""Filters of the list that somebody gave a name, for themselves or for everybody."""

import enum
from typing import Any

from flask import abort, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from flask_login import current_user
from msgspec import Struct
from sqlalchemy import Connection, delete, func, insert, or_, select, update

from hub.state.tables import SavedView
from web.alerts.filters import Filter
from web.alerts.part import blueprint
from web.console import Console, console
from web.roles import Role, acting

NAME_CHARS = 60
MOST = 30
"""Views that one user may keep."""


class Kept(enum.StrEnum):
    """What became of a filter that somebody wanted to keep."""

    DONE = "done"
    NOTHING_SAID = "nothing said"
    FULL = "there is room for no more"


class View(Struct, frozen=True):
    """A view that the reader may open."""

    id: int
    name: str
    owner: str
    shared: bool
    asked: dict[str, str]
    """For its address."""
    mine: bool
    """The reader may delete it."""


def known(connection: Connection, here: Console) -> list[View]:
    """The reader's own and those that others share; none that is about a site not here."""
    rows = connection.execute(
        select(*SavedView.__table__.columns)
        .where(or_(SavedView.owner == current_user.name, SavedView.shared))
        .order_by(SavedView.name, SavedView.id)
    )
    found = []
    for row in rows:
        asked = Filter.parse(row.filters, here).asked
        if asked == row.filters:
            own = row.owner == current_user.name
            mine = own or current_user.where(Role.ADMIN).names is None
            found.append(View(row.id, row.name, row.owner, row.shared, asked, mine))
    return found


@blueprint.post("/alerts/views")
def keep() -> ResponseReturnValue:
    """Keep the filters of the form under a name; one of that name is changed."""
    here, form = console(), request.form
    asked = Filter.parse(form, here)
    name = tidy(form.get("name", ""))
    words = {
        Kept.DONE: gettext("Kept as %(name)s.", name=name),
        Kept.NOTHING_SAID: gettext("Choose a filter, and give it a name."),
        Kept.FULL: gettext("Delete one first: there is room for %(n)d.", n=MOST),
    }
    said = keep_as(here, name, asked, shared=bool(form.get("shared")))
    flash(words[said], "ok" if said is Kept.DONE else "warn")
    back: dict[str, Any] = {**asked.asked}
    return redirect(url_for("alerts.listing", **back))


@blueprint.post("/alerts/views/<int(max=2147483647):view_id>/delete")
def drop(view_id: int) -> ResponseReturnValue:
    """Forget one of one's own; an administrator also what others share."""
    name = forget(console(), view_id)
    if name is None:
        abort(404)
    flash(gettext("%(name)s is deleted.", name=name), "ok")
    return redirect(url_for("alerts.listing"))


def tidy(name: str) -> str:
    """A name as it is kept."""
    return " ".join(name.split())[:NAME_CHARS]


def keep_as(here: Console, name: str, asked: Filter, *, shared: bool) -> Kept:
    """Keep a filter for the reader under a name; one of that name is changed. Shared by those
    alone who act on alerts."""
    name = tidy(name)
    if not name or not asked.asked:
        return Kept.NOTHING_SAID
    values = {"filters": asked.asked, "shared": shared and bool(acting())}
    own = SavedView.owner == current_user.name
    with here.engine.begin() as connection:
        same = update(SavedView).where(own, SavedView.name == name).values(values)
        if not connection.execute(same).rowcount:
            if (connection.scalar(select(func.count()).where(own)) or 0) >= MOST:
                return Kept.FULL
            row = {"owner": current_user.name, "name": name, **values}
            connection.execute(insert(SavedView).values(row))
    return Kept.DONE


def forget(here: Console, view_id: int) -> str | None:
    """Forget a view that the reader may delete; its name, None where there is none."""
    with here.engine.begin() as connection:
        mine = next((one for one in known(connection, here) if one.id == view_id), None)
        if mine is None or not mine.mine:
            return None
        connection.execute(delete(SavedView).where(SavedView.id == view_id))
    return mine.name
