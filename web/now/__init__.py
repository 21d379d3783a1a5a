"""The live page: what fires, what each place is like, what is broken, which nodes are there."""

from flask import Blueprint, Response, abort, render_template, send_file
from flask.typing import ResponseReturnValue
from flask_login import current_user

from configs.plan import Drawing, drawing
from configs.site import SiteFile
from web.console import console
from web.language import said
from web.now.names import Name, names
from web.now.snapshot import firing_alerts, take
from web.now.spots import spots
from web.now.troubles import troubles
from web.roles import Role, acting

blueprint = Blueprint("now", __name__, template_folder="templates")
SHOWN = 100
"""Active alerts that the page holds: the worst. Higher: a slower page that nobody reads down."""


@blueprint.get("/")
def page() -> ResponseReturnValue:
    """Everything as it is in one instant; `/live` goes on from there."""
    here = console()
    with here.reader.connect() as connection:
        now = take(connection, here)
        worst = firing_alerts(connection, here, SHOWN)
    plans = {file.site.id: drawing(file.site.plan) for file in here.sites}
    sites = [
        {
            "site": file.site,
            "plan": plans[file.site.id],
            "names": _names(plans[file.site.id], file),
            "spots": spots(now, file),
            "places": {place.id: place for place in file.places},
            "cards": [now.card(file.site.id, place) for place in file.places],
            "nodes": [now.node(file.site.id, node.id) for node in file.nodes],
        }
        for file in here.sites
    ]
    return render_template(
        "now/page.html",
        sites=sites,
        firing=now.firing,
        worst=worst,
        shown=SHOWN,
        notices=now.notices,
        silent=now.silent,
        broken=troubles(now),
        mark=now.mark,
        may_act=acting(),
        may_draw=current_user.where(Role.MAINTAINER),
    )


def _names(plan: Drawing | None, file: SiteFile) -> dict[str, Name]:
    """Of the places on the plan, as they have room."""
    if plan is None:
        return {}
    return names(plan, file.places, {place.id: said(place.name) for place in file.places})


@blueprint.get("/plans/<id:site>")
def plan(site: str) -> Response:
    """The drawing of a site."""
    file = console().site(site)
    found = drawing(file.site.plan) if file is not None else None
    if found is None:
        abort(404)
    return send_file(found.path.resolve(), mimetype=found.mimetype, max_age=300)
