"""The log: who did what, who looked at which picture."""

from typing import Annotated

from msgspec import Meta, Struct

from hub import audit as log
from web.api.part import reads
from web.api.shapes import Before, Limit, Name, When, filled, moment_of
from web.audit import entries
from web.console import console


class EntryOut(Struct, frozen=True):
    """An entry, and its hash in the chain."""

    id: int
    at: int
    actor: str
    action: str
    target: str
    detail: str
    hash: str


class Log(Struct, frozen=True):
    """A page of the log, newest first."""

    entries: list[EntryOut]
    next: int | None
    """Give it as ``before`` for the page after this one; null on the last."""
    head: str
    """Number and hash of the newest entry, for ``linli audit verify --head``."""


class LogQuery(Struct, frozen=True):
    """The filters of the page."""

    actor: Name = ""
    action: Annotated[str, Meta(description="Such as picture.view.")] = ""
    target: Annotated[str, Meta(description="Words that stand in it.")] = ""
    since: When = ""
    until: When = ""
    before: Before = None
    limit: Limit = 100


@reads("/audit", Log, LogQuery)
def audit(asked: LogQuery) -> Log:
    """Who did what, by the filters of the page, newest first."""
    here = console()
    site = here.sites[0].site.id
    span = (moment_of(asked.since, here, site), moment_of(asked.until, here, site, last=True))
    given = {"actor": asked.actor, "action": asked.action, "target": asked.target}
    with here.reader.connect() as connection:
        found = entries(connection, given, span, asked.before, asked.limit + 1)
    page = [filled(EntryOut, one._mapping) for one in found[: asked.limit]]
    more = page[-1].id if len(found) > asked.limit else None
    return Log(page, more, str(log.head(here.engine)))
