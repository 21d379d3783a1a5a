"""Planning patrols: what the page of patrols lets staff do, with who walks where it is asked for.

Who signed up is personal: it is told where the page tells it, and that is written down.
"""

from collections.abc import Sequence
from typing import Annotated

from flask import abort
from flask_login import current_user
from msgspec import Meta, Struct
from sqlalchemy import select

from configs.site import SiteFile
from hub.patrols import change, plans, signup
from hub.patrols.plans import CAPACITY, MAX_MS, MIN_MS, STOPS, TITLE_CHARS, NewPlan, PlanRefused
from hub.patrols.tables import Patrol, PatrolPlan
from hub.patrols.walks import found
from web.api.part import does, reads
from web.api.shapes import Done, Id, Key, Ms, filled
from web.console import console
from web.patrols import letters, people_of

MINUTE_MS = 60_000


class PlanOut(Struct, frozen=True):
    """A weekly plan that goes on."""

    id: str
    site: str
    title: str
    route: list[str]
    first_at: int
    length_ms: int
    capacity: int
    made_by: str
    made_at: int


class Plans(Struct, frozen=True):
    """Weekly plans, the oldest first."""

    plans: list[PlanOut]


class Planned(Struct, frozen=True):
    """The plan that was made."""

    plan: str


class Volunteer(Struct, frozen=True):
    """Somebody who signed up."""

    resident: int
    name: str
    contact: str
    """As they wrote it; "" for none."""
    waits: bool
    """For a place."""


class Volunteers(Struct, frozen=True):
    """Who walks, and who waits for a place."""

    people: list[Volunteer]


Title = Annotated[str, Meta(min_length=1, max_length=TITLE_CHARS)]
Route = Annotated[list[Id], Meta(min_length=STOPS.start, max_length=STOPS.stop - 1)]
Minutes = Annotated[int, Meta(ge=MIN_MS // MINUTE_MS, le=MAX_MS // MINUTE_MS)]
Capacity = Annotated[int, Meta(ge=CAPACITY.start, le=CAPACITY.stop - 1)]


class Changed(Struct, frozen=True, kw_only=True):
    """When the next walk begins, how long it takes, past which places, and room for how many;
    those of the weeks after begin a week later each."""

    title: Title
    route: Route
    first_at: Ms
    minutes: Minutes
    capacity: Capacity


class Plan(Changed, frozen=True, kw_only=True):
    """A walk, once or every week."""

    site: Id
    weekly: bool = False


class Off(Struct, frozen=True):
    """Nothing has to be said."""


class Removed(Struct, frozen=True):
    """Who is taken off."""

    resident: Key


@reads("/patrols/plans", Plans)
def patrol_plans() -> Plans:
    """Weekly plans that go on."""
    here = console()
    mine = PatrolPlan.site.in_([file.site.id for file in here.sites])
    query = select(*PatrolPlan.__table__.columns).where(mine, PatrolPlan.ended_at.is_(None))
    with here.reader.connect() as connection:
        rows = connection.execute(query.order_by(PatrolPlan.made_at)).mappings().all()
    return Plans([filled(PlanOut, row) for row in rows])


@does("/patrols", Plan, Planned)
def plan_patrol(sent: Plan) -> Planned:
    """Plan a walk; residents see it on the public board."""
    here, me = console(), current_user.name
    file = here.site(sent.site)
    if file is None:
        abort(404)
    try:
        return Planned(plans.plan(
            here.engine, file, _new(sent, weekly=sent.weekly), actor=me, now=here.now()
        ))  # fmt: skip
    except PlanRefused as error:
        abort(400, f"what was sent: {error}")


@does("/patrols/plans/<id:plan_id>", Changed)
def change_plan(sent: Changed, plan_id: str) -> Done:
    """Change a plan and its walks to come; those who signed up are told."""
    here, me, now, file = console(), current_user.name, console().now(), _site_of(plan_id)
    try:
        count = change.change(
            here.engine, file, plan_id, _new(sent), actor=me, now=now, tell=letters(file.site.id)
        )
    except PlanRefused as error:
        abort(400, f"what was sent: {error}")
    return Done(bool(count), f"{count} walks changed", me, now)


@does("/patrols/plans/<id:plan_id>/end", Off)
def end_plan(_sent: Off, plan_id: str) -> Done:
    """No more walks of a plan; those to come are called off."""
    here, me, now, file = console(), current_user.name, console().now(), _site_of(plan_id)
    off = plans.end_plan(here.engine, plan_id, actor=me, now=now, tell=letters(file.site.id))
    return _done(off is not None)


@does("/patrols/<id:patrol_id>/cancel", Off)
def cancel_patrol(_sent: Off, patrol_id: str) -> Done:
    """Call one walk off; those who signed up are told."""
    here, me = console(), current_user.name
    tell = letters(_walk_site(patrol_id))
    return _done(plans.cancel(here.engine, patrol_id, actor=me, now=here.now(), tell=tell))


@does("/patrols/<id:patrol_id>/people", Off, Volunteers)
def patrol_people(_sent: Off, patrol_id: str) -> Volunteers:
    """Read who signed up and how to reach them; that it was looked at is written down."""
    _walk_site(patrol_id)
    return Volunteers([
        Volunteer(one["id"], one["name"], one["contact"], one["waits"])
        for one in people_of(patrol_id)
    ])  # fmt: skip


@does("/patrols/<id:patrol_id>/remove", Removed)
def patrol_remove(sent: Removed, patrol_id: str) -> Done:
    """Take somebody off a walk."""
    here, me = console(), current_user.name
    _walk_site(patrol_id)
    return _done(signup.withdraw(here.engine, patrol_id, sent.resident, actor=me, now=here.now()))


def _new(sent: Changed, *, weekly: bool = False) -> NewPlan:
    route: Sequence[str] = sent.route
    return NewPlan(
        title=sent.title, route=route, first_at=sent.first_at,
        length_ms=sent.minutes * MINUTE_MS, capacity=sent.capacity, weekly=weekly,
    )  # fmt: skip


def _site_of(plan_id: str) -> SiteFile:
    here = console()
    with here.reader.connect() as connection:
        site = connection.scalar(select(PatrolPlan.site).where(PatrolPlan.id == plan_id))
    file = here.site(site or "")
    if file is None:
        abort(404)
    return file


def _walk_site(patrol_id: str) -> str:
    with console().reader.connect() as connection:
        walks = found(connection, Patrol.id == patrol_id)
    if not walks:
        abort(404)
    return str(walks[0].site)


def _done(done: bool) -> Done:
    me, now = current_user.name, console().now()
    return Done(True, "done", me, now) if done else Done(False, "it was so already, or it is over")
