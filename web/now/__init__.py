"""The live page: what fires, what each place is like, which nodes are there."""

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue
from flask_login import current_user

from web.console import console
from web.now.snapshot import take
from web.roles import ACT

blueprint = Blueprint("now", __name__, template_folder="templates")


@blueprint.get("/")
def page() -> ResponseReturnValue:
    """Everything as it is in one instant; `/live` goes on from there."""
    here = console()
    with here.reader.connect() as connection:
        now = take(connection, here)
    sites = [
        {
            "site": file.site,
            "cards": [now.card(file.site.id, place) for place in file.places],
            "nodes": [now.node(file.site.id, node.id) for node in file.nodes],
        }
        for file in here.sites
    ]
    return render_template(
        "now/page.html",
        sites=sites,
        firing=now.firing,
        notices=now.notices,
        mark=now.mark,
        may_act=current_user.role.includes(ACT),
    )
