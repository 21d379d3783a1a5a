"""Reports of residents as cases, with no word of who reported them."""

from typing import Annotated

from flask import abort, url_for
from msgspec import Meta, Struct
from sqlalchemy import Connection, RowMapping, and_, or_, select
from sqlalchemy.sql.elements import ColumnElement

from hub.cases.desk import WALK, Step
from hub.cases.tables import Case
from web.api.part import reads
from web.api.shapes import Id, Limit, Name, PlaceKey, filled
from web.cases import VIEWS, asked_for, fading_now
from web.cases.queries import CaseView, linked, photos, relatives, story, tellings
from web.cases.queries import cases as read_cases
from web.console import console


class CaseOut(Struct, frozen=True):
    """A case."""

    id: str
    code: str
    """What people say on the telephone."""
    site: str
    place: str
    spot: str
    """Where, in words."""
    kind: str
    severity: str
    state: str
    outcome: str
    owner: str
    channel: str
    text: str
    held: str
    """Why it waits for somebody to look at it; "" for the others."""
    created_at: int
    looked_at: int | None
    answer_due_at: int
    answered_at: int | None
    due_at: int
    closed_at: int | None
    overdue: bool
    reopened: int
    others: int
    """How many said "me too"."""
    solved: bool | None
    rating: int | None
    rated_at: int | None


class Cases(Struct, frozen=True):
    """A page of cases, newest first."""

    cases: list[CaseOut]
    next: str | None
    """Give it as ``before`` for the page after this one; null on the last."""


class CaseStep(Struct, frozen=True):
    """A step, or what was said."""

    kind: str
    at: int
    actor: str
    note: str
    public: bool
    """The reporter sees it."""


class PhotoOut(Struct, frozen=True):
    """A photo that came with it; whoever reads it is written down."""

    picture: str
    blurred: bool
    shown: bool
    """On the public board."""


class CaseTold(Struct, frozen=True):
    """A message about it."""

    route: str
    """"" for the reporter: how they are reached is told by ``contacts`` alone."""
    kind: str
    state: str
    why: str
    due_at: int
    sent_at: int | None


class CaseStory(Struct, frozen=True):
    """A case with what happened to it."""

    case: CaseOut
    steps: list[CaseStep]
    photos: list[PhotoOut]
    alerts: list[str]
    """Ids of those that are about the same."""
    relatives: list[str]
    """Ids of what it was split off or merged into, and of what was split off or merged into
    it."""
    next_steps: list[str]
    """What moves it on from where it stands."""
    deliveries: list[CaseTold]
    """Who was told of it."""
    contacts_end_at: int | None
    """When nobody will know any more how to reach its reporters, if that is soon."""


class CaseQuery(Struct, frozen=True):
    """The filters of the page; without a view, those that are open."""

    view: Annotated[str, Meta(extra_json_schema={"enum": list(VIEWS)})] = ""
    kind: Id = ""
    place: PlaceKey = ""
    owner: Name = ""
    words: Annotated[str, Meta(description="In its text; or its code.")] = ""
    before: Annotated[Id, Meta(description="A case: goes on below it.")] = ""
    limit: Limit = 100


@reads("/cases", Cases, CaseQuery)
def cases(asked: CaseQuery) -> Cases:
    """Cases by the filters of the page, newest first."""
    here = console()
    given = {name: getattr(asked, name) for name in ("view", "kind", "place", "owner", "words")}
    where = asked_for(given)
    with here.reader.connect() as connection:
        where += [_below(connection, asked.before)] if asked.before else []
        found = read_cases(connection, *where, limit=asked.limit + 1)
    more = found[asked.limit - 1].id if len(found) > asked.limit else None
    return Cases([_out(one) for one in found[: asked.limit]], more)


@reads("/cases/<id:case_id>", CaseStory)
def case(case_id: str) -> CaseStory:
    """One case with what happened to it."""
    with console().reader.connect() as connection:
        found = read_cases(connection, Case.id == case_id)
        if not found:
            abort(404)
        steps = story(connection, case_id, public=False)
        pictures, alerts = photos(connection, case_id), linked(connection, case_id)
        kin = relatives(connection, found[0])
        told = tellings(connection, case_id)
    ends = next((one.ends_at for one in fading_now() if one.case == case_id), None)
    return CaseStory(
        _out(found[0]),
        [CaseStep(one.kind, one.at, one.actor, one.note, one.public) for one in steps],
        [
            PhotoOut(url_for("cases.photo", case_id=one["case"], ref=one["ref"]), one["blurred"],
                     one["shown"])
            for one in pictures
        ],
        sorted(alerts), [one.id for one in kin],
        [step for step in Step if found[0].state in WALK[step][0]],
        [filled(CaseTold, {**one, "route": _route(one)}) for one in told], ends,
    )  # fmt: skip


def _below(connection: Connection, case_id: str) -> ColumnElement[bool]:
    """Those that the list has after this one; 404 where there is no such case."""
    at = connection.scalar(select(Case.created_at).where(Case.id == case_id))
    if at is None:
        abort(404)
    return or_(Case.created_at < at, and_(Case.created_at == at, Case.id > case_id))


def _route(told: RowMapping) -> str:
    return "" if told["kind"] == "letter" else str(told["route"])


def _out(one: CaseView) -> CaseOut:
    return filled(CaseOut, {**one.row, "overdue": one.overdue(console().now())})
