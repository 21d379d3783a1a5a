"""Tells of deadlines before they are missed, and after, as the site's `residents` say.

What is told goes through the same outbox as alerts: in one transaction the case notes which
step was told, its story gets a line, and each route a delivery.
"""

from collections.abc import Callable, Sequence
from typing import Any

from msgspec import Struct
from sqlalchemy import Connection, Engine, Row, select, update

from configs.residents import OWNER
from configs.site import SiteFile
from hub import audit
from hub.cases.tables import ENDED, Case
from hub.cases.tell import deliver
from hub.cases.worktime import after, between
from hub.cases.write import say
from hub.notify.item import CaseStep
from hub.notify.tables import DeliveryKind
from hub.state.store import reading

ANSWER, SOLVE = "answer", "solve"
COLUMNS: tuple[Any, ...] = (
    Case.id, Case.code, Case.site, Case.place, Case.kind, Case.severity, Case.owner,
    Case.created_at, Case.answered_at, Case.answer_due_at, Case.due_at, Case.reopened,
    Case.rated_at, Case.called,
)  # fmt: skip


class Call(Struct, frozen=True):
    """A step of a deadline, and when it is time for it (ms)."""

    deadline: str
    percent: int
    at: int
    to: tuple[str, ...]

    @property
    def key(self) -> str:
        """What a case notes once it was told."""
        return f"{self.deadline}:{self.percent}"


class Escalator:
    """Of one hub's sites. When steps are due is worked out once for each case."""

    def __init__(self, database: Engine, sites: Callable[[], Sequence[SiteFile]]) -> None:
        self._database = database
        self._sites = sites
        self._known: dict[tuple[str, int, int], tuple[Call, ...]] = {}
        self._of: Sequence[SiteFile] = ()

    def run(self, now: int) -> int:
        """Tell what is due at ``now`` (ms); of how many cases something was."""
        sites = self._sites()
        if sites is not self._of:
            self._known, self._of = {}, sites
        files = {file.site.id: file for file in sites}
        open_ = Case.state.not_in(ENDED) & (Case.held == "") & Case.site.in_(files)
        with reading(self._database).connect() as connection:
            rows = connection.execute(select(*COLUMNS).where(open_)).all()
        self._known = {_key(row): self._steps(files[row.site], row) for row in rows}
        told = 0
        for row in rows:
            due = [call for call in self._known[_key(row)] if _is_due(call, row, now)]
            if due:
                with self._database.begin() as connection:
                    told += _tell(connection, files[row.site], row, due, now)
        return told

    def _steps(self, file: SiteFile, row: Row[Any]) -> tuple[Call, ...]:
        known = self._known.get(_key(row))
        if known is not None:
            return known
        start = row.rated_at if row.reopened and row.rated_at else row.created_at
        return tuple(
            Call(deadline, step.percent, _moment(file, start, due, step.percent), step.to)
            for deadline, due in ((ANSWER, row.answer_due_at), (SOLVE, row.due_at))
            for step in file.residents.escalate
        )


def _key(row: Row[Any]) -> tuple[str, int, int]:
    return row.id, row.answer_due_at, row.due_at


def _moment(file: SiteFile, start: int, due: int, percent: int) -> int:
    if percent == 100:
        return due
    return after(file, start, round(between(file, start, due) * percent / 100))


def _is_due(call: Call, row: Row[Any], now: int) -> bool:
    if call.at > now or call.key in row.called:
        return False
    return call.deadline == SOLVE or row.answered_at is None


def _tell(
    connection: Connection, file: SiteFile, row: Row[Any], due: Sequence[Call],
    now: int,
) -> bool:  # fmt: skip
    """Whether it was ours to tell: somebody may have changed the case since it was read."""
    audit.lock(connection)
    same = (Case.id == row.id) & (Case.answer_due_at == row.answer_due_at)
    same &= (Case.due_at == row.due_at) & Case.state.not_in(ENDED)
    called = sorted({*row.called, *(call.key for call in due)})
    if connection.execute(update(Case).where(same).values(called=called)).rowcount != 1:
        return False
    for deadline, at in ((ANSWER, row.answer_due_at), (SOLVE, row.due_at)):
        mine = [call for call in due if call.deadline == deadline]
        if not mine:
            continue
        latest = max(mine, key=lambda call: call.percent)
        say(connection, row.id, row.site, "warned", actor="hub", note=latest.key, public=False,
            now=now)  # fmt: skip
        kind = DeliveryKind.CASE_DUE if now < at else DeliveryKind.CASE_LATE
        step = CaseStep(id=row.id, code=row.code, deadline=deadline, due=at, owner=row.owner)
        for route in _routes(file, row.owner, mine):
            n = f"{latest.key}:{at}"
            deliver(connection, file, row, route, kind, step, n=n, now=now)
    return True


def _routes(file: SiteFile, owner: str, calls: Sequence[Call]) -> list[str]:
    named = [name for call in calls for name in call.to]
    reached = [file.residents.owners.get(owner, "") if name == OWNER else name for name in named]
    return list(dict.fromkeys(name for name in reached if name))
