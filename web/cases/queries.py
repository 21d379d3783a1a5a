"""Cases as the pages show them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from msgspec import Struct
from sqlalchemy import Connection, RowMapping, func, select

from hub.cases.family import origins, sources
from hub.cases.tables import ENDED, Case, CaseAlert, CaseEvent, CasePhoto, Reporter, SenderBlock
from hub.notify.tables import Delivery
from hub.state.tables import Alert

AROUND_MS = 2 * 3_600_000
"""Alerts this long before a report and after are shown beside it."""


class EventView(Struct, frozen=True):
    """A line of a case's story."""

    kind: str
    at: int
    actor: str
    note: str
    public: bool


@dataclass(frozen=True, slots=True)
class CaseView:
    """A case, ready to be drawn."""

    row: RowMapping
    others: int
    """How many said "me too"."""

    def __getattr__(self, name: str) -> Any:
        return self.row[name]

    @property
    def open(self) -> bool:
        return self.row["state"] not in ENDED

    @property
    def public_text(self) -> str:
        """Its words, once somebody has seen that they may be shown to all."""
        return "" if self.row["state"] == "received" else str(self.row["text"])

    def overdue(self, now: int) -> bool:
        """Whether its time is over, or nobody has answered in time."""
        late = self.row["answered_at"] is None and self.row["answer_due_at"] < now
        return self.open and (late or self.row["due_at"] < now)


def cases(
    connection: Connection, *where: Any, limit: int = 100, order: Any = None
) -> list[CaseView]:
    """Newest first."""
    others = (
        select(func.count())
        .where(Reporter.case == Case.id, Reporter.first.is_(False))
        .scalar_subquery()
    )
    query = (
        select(*Case.__table__.columns, others.label("others"))
        .where(*where)
        .order_by(order if order is not None else Case.created_at.desc(), Case.id)
        .limit(limit)
    )
    return [CaseView(row, row["others"]) for row in connection.execute(query).mappings()]


def story(connection: Connection, case_id: str, *, public: bool) -> list[EventView]:
    """What happened to a case, and before it was split off to the whole, oldest first;
    ``public`` leaves out what stays inside."""
    columns = (CaseEvent.kind, CaseEvent.at, CaseEvent.actor, CaseEvent.note, CaseEvent.public)
    mine = CaseEvent.case == case_id
    for whole, until in origins(connection, case_id):
        mine |= (CaseEvent.case == whole) & (CaseEvent.id < until)
    query = select(*columns).where(mine).order_by(CaseEvent.id)
    if public:
        query = query.where(CaseEvent.public)
    return [EventView(*row) for row in connection.execute(query)]


def changes(connection: Connection, found: Sequence[CaseView]) -> dict[str, int]:
    """When each of some cases last changed for all to see (ms): when it was closed, or the newest
    step or word that is not for staff alone."""
    ids = [case.id for case in found]
    query = select(CaseEvent.case, func.max(CaseEvent.at)).where(CaseEvent.case.in_(ids))
    rows = connection.execute(query.where(CaseEvent.public).group_by(CaseEvent.case)).all()
    newest = {row[0]: row[1] for row in rows}
    return {
        case.id: case.closed_at or max(newest.get(case.id, 0), case.created_at) for case in found
    }


def photos(connection: Connection, case_id: str) -> Sequence[RowMapping]:
    """Its photos, and those of what it was split off: case, ref, blurred, shown."""
    whole = [case_id, *(origin for origin, _ in origins(connection, case_id))]
    query = select(CasePhoto.__table__).where(CasePhoto.case.in_(whole))
    return connection.execute(query).mappings().all()


def shown_photos(connection: Connection, found: Sequence[CaseView]) -> dict[str, list[str]]:
    """The refs of photos that all may see, by case."""
    mine = CasePhoto.case.in_([case.id for case in found if not case.held])
    query = select(CasePhoto.case, CasePhoto.ref).where(mine, CasePhoto.shown, CasePhoto.blurred)
    refs: dict[str, list[str]] = {}
    for case_id, ref in connection.execute(query):
        refs.setdefault(case_id, []).append(ref)
    return refs


def tellings(connection: Connection, case_id: str) -> Sequence[RowMapping]:
    """What was sent about it: to staff, and letters to its reporters."""
    mine = [f"reporter-{number}" for number in _reporters(connection, case_id)]
    query = select(Delivery.__table__).where(Delivery.alert.in_([case_id, *mine]))
    rows = connection.execute(query.order_by(Delivery.id)).mappings()
    return [row for row in rows if row["payload"]["case"]["id"] == case_id]


def _reporters(connection: Connection, case_id: str) -> Sequence[int]:
    theirs = select(Reporter.id).where(Reporter.case.in_(sources(connection, case_id)))
    return connection.scalars(theirs).all()


def linked(connection: Connection, case_id: str) -> set[str]:
    """Alerts that are said to be about the same."""
    return set(connection.scalars(select(CaseAlert.alert).where(CaseAlert.case == case_id)))


def relatives(connection: Connection, case: CaseView) -> list[CaseView]:
    """What it was split off or merged into, and what was split off it or merged into it."""
    kin = (Case.split_from == case.id) | (Case.merged_into == case.id)
    return cases(connection, kin | Case.id.in_([case.split_from, case.merged_into]))


def count_appeals(connection: Connection, sites: Sequence[str], now: int) -> int:
    """How many who are blocked say that it is wrong."""
    standing = SenderBlock.site.in_(sites) & (SenderBlock.ends_at > now)
    query = select(func.count()).select_from(SenderBlock)
    return connection.scalar(query.where(standing, SenderBlock.appealed_at.is_not(None))) or 0


def near(case: CaseView) -> Any:
    """The alerts of a case's place and time."""
    end = case.closed_at or case.created_at + AROUND_MS
    return (
        (Alert.site == case.site)
        & (Alert.place == case.place)
        & Alert.fired_ts.between(case.created_at - AROUND_MS, max(end, case.created_at + AROUND_MS))
    )
