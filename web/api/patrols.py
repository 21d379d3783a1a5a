"""Patrols: what they reached and missed, with no word of who came."""

from typing import Annotated

from flask import abort
from msgspec import Meta, Struct
from sqlalchemy.sql.elements import ColumnElement

from hub.patrols.tables import Patrol
from hub.patrols.walks import WalkView, found
from web.api.part import reads
from web.api.shapes import Id, Key, Limit, When, filled, moment_of
from web.console import console
from web.patrols import LATELY_MS, seen_on


class CheckpointOut(Struct, frozen=True):
    """A place that a walk passes."""

    place: str
    reached_at: int | None
    missed_at: int | None


class PatrolOut(Struct, frozen=True):
    """A walk."""

    id: str
    plan: str
    site: str
    title: str
    starts_at: int
    ends_at: int
    capacity: int
    signed: int
    """How many have signed up, those who wait too."""
    cancelled_at: int | None
    changed_at: int | None
    """When staff last changed it."""
    was_at: int | None
    """When it was to begin before it was moved."""
    checkpoints: list[CheckpointOut]


class Patrols(Struct, frozen=True):
    """A page of walks, the latest first."""

    patrols: list[PatrolOut]
    next: int | None
    """Give it as ``before`` for the page after this one; null on the last."""


class CheckInOut(Struct, frozen=True):
    """A volunteer was at a checkpoint."""

    place: str
    at: int
    note: str
    case: str | None
    """The code of the report that the note became."""


class PatrolStory(Struct, frozen=True):
    """A walk, and what was seen on it."""

    patrol: PatrolOut
    seen: list[CheckInOut]


class PatrolQuery(Struct, frozen=True):
    """Walks that begin since then: left out, 90 days ago."""

    site: Id = ""
    since: When = ""
    before: Annotated[Key | None, Meta(description="That begin before this moment.")] = None
    limit: Limit = 100


@reads("/patrols", Patrols, PatrolQuery)
def patrols(asked: PatrolQuery) -> Patrols:
    """Walks to come and of before, the latest first."""
    here = console()
    sites = [file.site.id for file in here.sites if asked.site in ("", file.site.id)]
    if not sites:
        abort(404)
    since = moment_of(asked.since, here, sites[0])
    where: list[ColumnElement[bool]] = [Patrol.site.in_(sites)]
    where.append(Patrol.starts_at >= (since if since is not None else here.now() - LATELY_MS))
    where += [Patrol.starts_at < asked.before] if asked.before is not None else []
    with here.reader.connect() as connection:
        order, limit = Patrol.starts_at.desc(), asked.limit + 1
        walks = found(connection, *where, order=order, limit=limit)
    page, rest = walks[: asked.limit], walks[asked.limit :]
    if rest:  # a page ends between two moments: two walks may begin at one
        page = [one for one in page if one.starts_at > rest[0].starts_at] or page
    return Patrols([patrol_of(one) for one in page], page[-1].starts_at if rest else None)


@reads("/patrols/<id:patrol_id>", PatrolStory)
def patrol(patrol_id: str) -> PatrolStory:
    """One walk, and what volunteers saw on it."""
    here = console()
    with here.reader.connect() as connection:
        walks = found(connection, Patrol.id == patrol_id)
        seen = seen_on(connection, patrol_id)
    if not walks:
        abort(404)
    told = [CheckInOut(one.place, one.at, one.note, one.code) for one in seen]
    return PatrolStory(patrol_of(walks[0]), told)


def patrol_of(one: WalkView) -> PatrolOut:
    """As it is answered."""
    stops = [CheckpointOut(stop.place, stop.reached_at, stop.missed_at) for stop in one.stops]
    return filled(PatrolOut, {**one.row, "signed": one.signed, "checkpoints": stops})
