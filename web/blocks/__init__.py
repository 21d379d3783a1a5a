"""Who may not report for a while, as a page for staff: why, until when, what they say to it."""

from collections.abc import Sequence

from flask import Blueprint, abort, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from flask_login import current_user
from sqlalchemy import Connection, RowMapping, select

from hub.cases import blocks
from hub.cases.desk import Verdict
from hub.cases.tables import Case, SenderBlock
from web.cases.words import BLOCKS
from web.console import Console, console

blueprint = Blueprint("blocks", __name__, template_folder="templates")
MOST = 200


@blueprint.get("/cases/blocks")
def page() -> ResponseReturnValue:
    """Those that hold first, then those that ended."""
    here = console()
    with here.reader.connect() as connection:
        found = standing_first(connection, here, MOST)
    return render_template("blocks/page.html", blocks=found, now=here.now(), BLOCKS=BLOCKS)


@blueprint.post("/cases/blocks/<int:block_id>/lift")
def lift(block_id: int) -> ResponseReturnValue:
    """End one before its time."""
    here = console()
    outcome = blocks.lift(here.engine, block_id, actor=current_user.name, now=here.now())
    if outcome.verdict is Verdict.NO_SUCH_CASE:
        abort(404)
    text = gettext("Lifted.") if outcome.done else gettext("It was so already.")
    flash(text, "ok" if outcome.done else "warn")
    return redirect(url_for("blocks.page"))


def standing_first(connection: Connection, here: Console, limit: int) -> Sequence[RowMapping]:
    """The blocks of the console's sites, each with the code of its case."""
    query = (
        select(SenderBlock.__table__, Case.code)
        .join(Case, Case.id == SenderBlock.case)
        .where(SenderBlock.site.in_([file.site.id for file in here.sites]))
        .order_by((SenderBlock.ends_at > here.now()).desc(), SenderBlock.created_at.desc())
        .limit(limit)
    )
    return connection.execute(query).mappings().all()
