"""What somebody reads from whom no reports are taken for now, and where they answer it."""

from collections.abc import Sequence

from flask import jsonify, render_template, session
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from flask_limiter.util import get_remote_address
from sqlalchemy import RowMapping

from configs.site import SiteFile
from hub.cases import blocks
from hub.cases.senders import Marks, marks
from hub.cases.vault import Vault
from web.cases.words import BLOCKS
from web.console import console
from web.language import clock
from web.roles import wants_json


def sender(vault: Vault) -> Marks:
    """Whence the request comes."""
    return marks(vault, str(session.get("device", "")), get_remote_address())


def standing(vault: Vault, files: Sequence[SiteFile]) -> list[RowMapping]:
    """The blocks that hold at sites for who asks."""
    here = console()
    names = [file.site.id for file in files]
    return blocks.standing(here.engine, names, sender(vault), here.now())


def told(found: RowMapping, files: Sequence[SiteFile]) -> ResponseReturnValue:
    """Why nothing is taken, until when, and what can be done."""
    file = next(one for one in files if one.site.id == found["site"])
    until = clock(found["ends_at"], found["site"], seconds=False)
    if wants_json():
        text = gettext(
            "No reports are taken from here until %(until)s: %(why)s. Load this page again to "
            "answer that.",
            until=until,
            why=found["reason"],
        )
        return jsonify(error=text), 403
    page = render_template(
        "residents/blocked.html", found=found, site=file.site, until=until, BLOCKS=BLOCKS,
        appeal=file.residents.appeal,
    )  # fmt: skip
    return page, 403
