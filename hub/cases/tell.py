"""Turns what happened to cases into deliveries: letters to those who reported them, and word
to who a case was given to.

An event that somebody may have to hear of waits (`CaseEvent.waits`) until it is planned here,
in one transaction with its deliveries; so each is planned once, by whichever hub has the site.
"""

from collections.abc import Sequence
from typing import Any

from msgspec.structs import replace
from sqlalchemy import Connection, Engine, Row, select, update

from configs.rules import Severity
from configs.site import SiteFile
from hub import audit
from hub.cases.family import sources
from hub.cases.tables import Case, CaseAlert, CaseEvent, CaseOutcome, Reporter
from hub.cases.write import say
from hub.notify.item import CaseStep, Item, Words
from hub.notify.planner import insert_once, row_of
from hub.notify.tables import DeliveryKind, DeliveryState
from hub.state.store import reading
from hub.state.tables import Alert, AlertState

BATCH = 200
COLUMNS: tuple[Any, ...] = (
    CaseEvent.id.label("event"), CaseEvent.kind.label("step"), CaseEvent.actor, CaseEvent.note,
    Case.id, Case.code, Case.site, Case.place, Case.kind, Case.severity, Case.owner,
    Case.created_at, Case.outcome, Case.held,
)  # fmt: skip


class Teller:
    """Plans for the sites of one hub."""

    def __init__(self, database: Engine, sites: Sequence[SiteFile]) -> None:
        self._database = database
        self.adopt(sites)

    def adopt(self, sites: Sequence[SiteFile]) -> None:
        """Plan by another configuration from now on."""
        self._sites = {file.site.id: file for file in sites}

    def plan(self, now: int) -> int:
        """Plan for what waits; how many events that were. An alert that has ended is told to the
        cases that are about the same."""
        self._ended(now)
        waiting = (
            select(*COLUMNS)
            .join(Case, Case.id == CaseEvent.case)
            .where(CaseEvent.waits, Case.site.in_(self._sites))
            .order_by(CaseEvent.id)
            .limit(BATCH)
        )
        with reading(self._database).connect() as connection:
            rows = connection.execute(waiting).all()
        if rows:
            with self._database.begin() as connection:
                for row in rows:
                    self._plan_one(connection, row, now)
                seen = CaseEvent.id.in_([row.event for row in rows])
                connection.execute(update(CaseEvent).where(seen).values(waits=False))
        return len(rows)

    def _ended(self, now: int) -> None:
        news = (
            select(CaseAlert.case, CaseAlert.alert, Case.site, Alert.details)
            .join(Case, Case.id == CaseAlert.case)
            .join(Alert, Alert.id == CaseAlert.alert)
            .where(CaseAlert.ended.is_(False), Alert.state == AlertState.RESOLVED)
            .where(Case.site.in_(self._sites))
            .limit(BATCH)
        )
        with reading(self._database).connect() as connection:
            rows = connection.execute(news).all()
        for row in rows:
            language = self._sites[row.site].site.language
            title = row.details.get("title", {}).get(language, "")
            pair = (CaseAlert.case == row.case) & (CaseAlert.alert == row.alert)
            with self._database.begin() as connection:
                audit.lock(connection)
                mine = update(CaseAlert).where(pair, CaseAlert.ended.is_(False))
                if connection.execute(mine.values(ended=True)).rowcount == 1:
                    say(connection, row.case, row.site, "alert-ended", actor="hub", note=title,
                        public=False, now=now)  # fmt: skip

    def _plan_one(self, connection: Connection, row: Row[Any], now: int) -> None:
        file = self._sites[row.site]
        step = CaseStep(id=row.id, code=row.code, owner=row.owner)
        if row.step == "assigned":
            route = file.residents.owners.get(row.note, "")
            if route and row.note != row.actor:
                kind = DeliveryKind.CASE_GIVEN
                deliver(connection, file, row, route, kind, step, n=str(row.event), now=now)
        elif file.residents.mail and not (row.held and row.step == "closed"):
            # Of what was turned away nobody is written to: the address may be a stranger's.
            asked = select(Reporter.id).where(
                Reporter.case.in_(sources(connection, row.id)), Reporter.mail_link.is_not(None)
            )
            for reporter in connection.scalars(asked).all():
                told = replace(step, event=_event(row), reporter=reporter, owner="")
                deliver(connection, file, row, file.residents.mail, DeliveryKind.LETTER, told,
                        n=str(row.event), now=now)  # fmt: skip


def _event(row: Row[Any]) -> str:
    """What a letter says happened."""
    if row.step != "closed" or row.outcome in ("", CaseOutcome.SOLVED):
        return str(row.step)
    return "joined" if row.outcome == CaseOutcome.DUPLICATE else "closed-unsolved"


def deliver(
    connection: Connection, file: SiteFile, case: Row[Any], route: str,
    kind: DeliveryKind, step: CaseStep, *, n: str, now: int,
) -> None:  # fmt: skip
    """Put one step of a case into the outbox, for one route; the same ``n`` is told once."""
    known = next((one for one in file.routes if one.id == route), None)
    if known is None:
        return
    name = file.residents.kind(case.kind)
    place = next((one.name for one in file.places if one.id == case.place), None)
    subject = f"reporter-{step.reporter}" if kind is DeliveryKind.LETTER else case.id
    item = Item(
        step=f"{subject}:{kind}:{route}:{n}",
        kind=kind,
        alert=subject,
        site=case.site,
        site_name=Words(file.site.name.en, file.site.name.zh),
        timezone=file.site.timezone,
        place=case.place,
        place_name=Words(place.en, place.zh) if place else Words(case.place, case.place),
        rule="",
        severity=Severity.INFO if kind is DeliveryKind.LETTER else Severity(case.severity),
        title=Words(name.name.en, name.name.zh) if name else Words(case.kind, case.kind),
        advice=Words(),
        values=[],
        pending_ts=case.created_at,
        fired_ts=case.created_at,
        at=now,
        case=step,
    )
    wait = known.group_wait if known.kind == "apprise" else 0
    row = row_of(item, route, created=now, due=now + wait)
    if kind is not DeliveryKind.LETTER and item.severity.rank < known.min_severity.rank:
        row |= {"state": DeliveryState.NEEDLESS, "why": f"below the route's {known.min_severity}"}
    insert_once(connection, [row])


def needless(connection: Connection, item: Item) -> str:
    """Why a step that waited need not be told any more; "" where it does."""
    step = item.case
    if step is None:
        return ""
    if step.reporter:
        link = select(Reporter.mail_link).where(Reporter.id == step.reporter)
        return "" if connection.scalar(link) else "the reporter's contact is deleted"
    found = select(Case.closed_at, Case.answered_at).where(Case.id == step.id)
    case = connection.execute(found).first()
    if case is None or case.closed_at is not None:
        return "it was closed before"
    if step.deadline == "answer" and case.answered_at is not None:
        return "it was answered before"
    return ""
