"""Who may not report for a while, as a page for staff: why, until when, what they say to it."""

from collections.abc import Sequence

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from flask_login import current_user
from sqlalchemy import Connection, RowMapping, func, select, tuple_
from sqlalchemy.orm import aliased

from hub.cases import blocks
from hub.cases.desk import Verdict
from hub.cases.tables import Case, SenderBlock
from web.cases.words import BLOCKS
from web.console import Console, console
from web.when import whole

blueprint = Blueprint("blocks", __name__, template_folder="templates")
PAGE = 100


@blueprint.get("/cases/blocks")
def page() -> ResponseReturnValue:
    """Those that hold first, then those that ended; ``?before=`` goes on below one."""
    here, before = console(), request.args.get("before", type=whole)
    mine = SenderBlock.site.in_([file.site.id for file in here.sites])
    with here.reader.connect() as connection:
        found = standing_first(connection, here, PAGE + 1, before)
        hold = connection.scalar(select(func.count()).where(mine, SenderBlock.ends_at > here.now()))
    return render_template(
        "blocks/page.html", blocks=found[:PAGE], now=here.now(), BLOCKS=BLOCKS, hold=hold,
        before=before, more=found[PAGE - 1]["id"] if len(found) > PAGE else None,
    )  # fmt: skip


@blueprint.post("/cases/blocks/<int(max=2147483647):block_id>/lift")
def lift(block_id: int) -> ResponseReturnValue:
    """End one before its time."""
    here = console()
    outcome = blocks.lift(here.engine, block_id, actor=current_user.name, now=here.now())
    if outcome.verdict is Verdict.NO_SUCH_CASE:
        abort(404)
    text = gettext("Lifted.") if outcome.done else gettext("It was so already.")
    flash(text, "ok" if outcome.done else "warn")
    return redirect(url_for("blocks.page"))


def standing_first(
    connection: Connection, here: Console, limit: int, before: int | None = None
) -> Sequence[RowMapping]:
    """The blocks of the console's sites, each with the code of its case, below the one ``before``;
    what ends last comes first."""
    query = (
        select(SenderBlock.__table__, Case.code)
        .join(Case, Case.id == SenderBlock.case)
        .where(SenderBlock.site.in_([file.site.id for file in here.sites]))
        .order_by(SenderBlock.ends_at.desc(), SenderBlock.id.desc())
        .limit(limit)
    )
    if before is not None:
        other = aliased(SenderBlock)
        last = select(other.ends_at).where(other.id == before).scalar_subquery()
        query = query.where(tuple_(SenderBlock.ends_at, SenderBlock.id) < tuple_(last, before))
    return connection.execute(query).mappings().all()
