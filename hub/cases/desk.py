"""The verbs of those who work on cases, and the reporter's word at the end.

As in `hub.desk`, each is one transaction that decides by a conditional UPDATE: of two who
press at the same moment one wins, and the other is told where the case stands.

    received → verified → dispatched → handled → checked → closed → rated
                              ↑___________|__________|  not done: sent back
                 ↑______________________________________________|  not solved: open again
"""

import enum
from typing import Any

from msgspec import Struct
from sqlalchemy import Connection, Engine, Row, insert, select, update

from configs.rules import Severity
from configs.site import SiteFile
from hub import audit
from hub.cases.family import parts
from hub.cases.receive import token_hash
from hub.cases.tables import ENDED, Case, CaseAlert, CaseOutcome, CaseState, Reporter
from hub.cases.worktime import deadlines
from hub.cases.write import say
from hub.state.tables import Alert, Change

NAME_CHARS = 80
RESIDENT = "resident"


class Verdict(enum.StrEnum):
    """What became of a verb."""

    DONE = "done"
    NO_SUCH_CASE = "no such case"
    NOT_NOW = "the case stands elsewhere"
    NOTHING_SAID = "nothing said"
    NO_OWNER = "nobody to deal with it"
    SAME = "it was so already"
    NO_SENDER = "nobody knows any more whence it came"
    NO_SUCH_ALERT = "no such alert"


class Outcome(Struct, frozen=True):
    """What became of a verb, and where the case stands now."""

    verdict: Verdict
    state: str = ""

    @property
    def done(self) -> bool:
        return self.verdict is Verdict.DONE


class Step(enum.StrEnum):
    """What moves a case on."""

    VERIFY = "verify"
    DISPATCH = "dispatch"
    HANDLE = "handle"
    CHECK = "check"
    SEND_BACK = "send-back"
    CLOSE = "close"


S = CaseState
WALK: dict[Step, tuple[tuple[CaseState, ...], CaseState, str]] = {
    Step.VERIFY: ((S.RECEIVED,), S.VERIFIED, "verified"),
    Step.DISPATCH: ((S.VERIFIED,), S.DISPATCHED, "dispatched"),
    Step.HANDLE: ((S.DISPATCHED,), S.HANDLED, "handled"),
    Step.CHECK: ((S.HANDLED,), S.CHECKED, "checked"),
    Step.SEND_BACK: ((S.HANDLED, S.CHECKED), S.DISPATCHED, "sent-back"),
    Step.CLOSE: ((S.CHECKED,), S.CLOSED, "closed"),
}
"""Step → (from, to, the event's kind)."""
EARLY = (S.RECEIVED, S.VERIFIED, S.DISPATCHED, S.HANDLED, S.CHECKED)
"""From where a case may be closed that is not solved, with a reason."""


UNSEEN = (
    Case.looked_at.is_(None) & Case.answered_at.is_(None)
    & (Case.state == S.RECEIVED) & (Case.channel != "console")
)  # fmt: skip
"""Of cases that wait for a first look. One that staff wrote themselves has reached them already,
and of one that was answered before looks were noted nobody knows any more."""


def look(engine: Engine, case_id: str, *, actor: str, now: int) -> Outcome:
    """Note that a report has reached somebody who may act on it: the first who opens its page."""
    first, values = (Case.id == case_id) & UNSEEN, {"looked_at": now}
    return _set(engine, case_id, first, values, "looked", actor, "", now, public=True)


def walk(
    engine: Engine, case_id: str, step: Step, *, actor: str, now: int, note: str = "",
    owner: str = "",
) -> Outcome:  # fmt: skip
    """Move a case one step on; ``note`` is for the reporter too. ``owner`` deals with it from
    now on, and a dispatched case needs one. A closed one is solved."""
    before, after, kind = WALK[step]
    owner = owner.strip()[:NAME_CHARS]
    values: dict[str, Any] = {"state": after}
    if owner:
        values["owner"] = owner
    if after is S.CLOSED:
        # What a reporter said of an earlier end is not said of this one.
        values |= {"closed_at": now, "outcome": CaseOutcome.SOLVED, "solved": None}
    with engine.begin() as connection:
        case = _find(connection, case_id)
        if case is None:
            return Outcome(Verdict.NO_SUCH_CASE)
        if step is Step.DISPATCH and not (owner or case.owner):
            return Outcome(Verdict.NO_OWNER, case.state)
        if step is Step.VERIFY and case.answered_at is None:
            values["answered_at"] = now
        if not _move(connection, case_id, before, values):
            return Outcome(Verdict.NOT_NOW, case.state)
        say(connection, case_id, case.site, kind, actor=actor, note=note, public=True, now=now)
        if after is S.CLOSED:
            _tell_alerts(connection, case, CaseOutcome.SOLVED, actor, now)
        if owner and owner != case.owner:
            say(connection, case_id, case.site, "assigned", actor=actor, note=owner,
                public=False, now=now)  # fmt: skip
        return Outcome(Verdict.DONE, after)


def close_unsolved(
    engine: Engine, case_id: str, outcome: CaseOutcome, *, actor: str, now: int, note: str
) -> Outcome:
    """End a case that is not one, or that cannot be solved. The reason is the reporter's to read,
    so it must be given. One that was held back can only be found not to be one, and stays out of
    sight."""
    if not note.strip():
        return Outcome(Verdict.NOTHING_SAID)
    with engine.begin() as connection:
        case = _find(connection, case_id)
        if case is None:
            return Outcome(Verdict.NO_SUCH_CASE)
        return _close_early(connection, case, outcome, actor=actor, now=now, note=note)


def merge(engine: Engine, case_id: str, into_code: str, *, actor: str, now: int) -> Outcome:
    """Close a case as the same as another open one, named by its code; its reporters follow
    that one from now on, and the alerts about it are about that one."""
    with engine.begin() as connection:
        audit.lock(connection)  # before the look: nobody closes the other one in between
        wanted = select(Case.id, Case.code, Case.site).where(
            Case.code == into_code.strip().upper(), Case.id != case_id, Case.state.not_in(ENDED),
            Case.held == "",
        )  # fmt: skip
        other = connection.execute(wanted).first()
        mine = _find(connection, case_id)
        if mine is None or other is None or other.site != mine.site:
            return Outcome(Verdict.NO_SUCH_CASE)
        outcome = _close_early(
            connection, mine, CaseOutcome.DUPLICATE, actor=actor, now=now, note=f"→ {other.code}",
            into=other.id,
        )  # fmt: skip
        if outcome.done:
            say(connection, other.id, other.site, "merged", actor=actor, note=mine.code,
                public=True, now=now)  # fmt: skip
            _carry_alerts(connection, case_id, other.id, other.site, actor=actor, now=now)
        return outcome


def answer(engine: Engine, case_id: str, *, actor: str, text: str, now: int) -> Outcome:
    """Say something to the reporter."""
    return _add(engine, case_id, "answered", actor=actor, text=text, public=True, now=now)


def note(engine: Engine, case_id: str, *, actor: str, text: str, now: int) -> Outcome:
    """Say something to the others who work on it."""
    return _add(engine, case_id, "noted", actor=actor, text=text, public=False, now=now)


def ask_back(engine: Engine, case_id: str, *, text: str, now: int) -> Outcome:
    """The reporter adds something."""
    return _add(engine, case_id, "added", actor=RESIDENT, text=text, public=True, now=now)


def assign(engine: Engine, case_id: str, *, owner: str, actor: str, now: int) -> Outcome:
    """Make ``owner`` the one who deals with it; "" lets go of it."""
    owner = owner.strip()[:NAME_CHARS]
    change = (Case.id == case_id) & (Case.owner != owner)
    return _set(engine, case_id, change, {"owner": owner}, "assigned", actor, owner, now)


def grade(
    engine: Engine, site: SiteFile, case_id: str, severity: Severity, *, actor: str, now: int
) -> Outcome:
    """Give it another severity, and with it other deadlines, counted from when it came."""
    with engine.begin() as connection:
        case = _find(connection, case_id)
    if case is None:
        return Outcome(Verdict.NO_SUCH_CASE)
    answer_due, due = deadlines(site, case.kind, severity, case.created_at)
    values = {"severity": severity, "answer_due_at": answer_due, "due_at": due, "called": []}
    change = (Case.id == case_id) & (Case.severity != severity)
    return _set(engine, case_id, change, values, "graded", actor, str(severity), now)


def release(engine: Engine, case_id: str, *, actor: str, now: int) -> Outcome:
    """A report that was held back is a case like any other."""
    change = (Case.id == case_id) & (Case.held != "") & Case.state.not_in(ENDED)
    return _set(engine, case_id, change, {"held": ""}, "released", actor, "", now)


def link(engine: Engine, case_id: str, alert_id: str, *, actor: str, now: int) -> Outcome:
    """Say that an alert and the case are about the same. The reporter hears that the sensors
    confirmed what they said."""
    with engine.begin() as connection:
        audit.lock(connection)
        case = _find(connection, case_id)
        if case is None:
            return Outcome(Verdict.NO_SUCH_CASE)
        known = select(Alert.id).where(Alert.id == alert_id, Alert.site == case.site)
        if connection.scalar(known) is None:
            return Outcome(Verdict.NO_SUCH_ALERT, case.state)
        pair = (CaseAlert.case == case_id) & (CaseAlert.alert == alert_id)
        if connection.scalar(select(CaseAlert.case).where(pair)) is not None:
            return Outcome(Verdict.SAME, case.state)
        row = {"case": case_id, "alert": alert_id, "opened": False, "at": now}
        connection.execute(insert(CaseAlert).values(row))
        say(connection, case_id, case.site, "confirmed", actor=actor, note="", public=True, now=now)
        return Outcome(Verdict.DONE, case.state)


def rate(
    engine: Engine, site: SiteFile, token: str, *, solved: bool, rating: int | None, text: str,
    now: int, part: str = "",
) -> Outcome:  # fmt: skip
    """The word of the one who reported it first: solved or not, 1 to 5. Not solved opens it
    again, with new deadlines. ``part`` names one of the cases that it was split into."""
    if rating is not None and not 1 <= rating <= 5:
        return Outcome(Verdict.NOTHING_SAID)
    values: dict[str, Any] = {"solved": solved, "rating": rating, "rated_at": now}
    with engine.begin() as connection:
        mine = select(Reporter.case).where(Reporter.token_hash == token_hash(token), Reporter.first)
        own = connection.scalar(mine) or ""
        case = _find(connection, part or own)
        if case is None or case.id not in parts(connection, own):
            return Outcome(Verdict.NO_SUCH_CASE)
        if solved:
            values["state"] = S.RATED
        else:
            _, due = deadlines(site, case.kind, Severity(case.severity), now)
            values |= {"state": S.VERIFIED, "outcome": "", "closed_at": None, "due_at": due,
                       "called": [], "reopened": case.reopened + 1}  # fmt: skip
        said = (Case.outcome != CaseOutcome.DUPLICATE) & (Case.merged_into == "")
        if not _move(connection, case.id, (S.CLOSED,), values, said):
            return Outcome(Verdict.NOT_NOW, case.state)
        say(connection, case.id, case.site, "rated" if solved else "reopened", actor=RESIDENT,
            note=text, public=True, now=now)  # fmt: skip
        return Outcome(Verdict.DONE, values["state"])


def _close_early(
    connection: Connection, case: Row[Any], outcome: CaseOutcome, *, actor: str, now: int,
    note: str, into: str = "",
) -> Outcome:  # fmt: skip
    values = {
        "state": S.CLOSED,
        "outcome": outcome,
        "closed_at": now,
        "merged_into": into,
        "solved": None,
    }
    if not _move(connection, case.id, EARLY, values, held=outcome is CaseOutcome.INVALID):
        return Outcome(Verdict.NOT_NOW, case.state)
    answered = Case.answered_at.is_(None) & (Case.id == case.id)
    connection.execute(update(Case).where(answered).values(answered_at=now))
    say(connection, case.id, case.site, "closed", actor=actor, note=note, public=True, now=now)
    _tell_alerts(connection, case, outcome, actor, now)
    return Outcome(Verdict.DONE, S.CLOSED)


def _carry_alerts(
    connection: Connection, case_id: str, into: str, site: str, *, actor: str, now: int
) -> None:
    known = select(CaseAlert.alert).where(CaseAlert.case == into)
    mine = select(CaseAlert.alert).where(CaseAlert.case == case_id, CaseAlert.alert.not_in(known))
    new = connection.scalars(mine).all()
    rows = [{"case": into, "alert": alert, "opened": False, "at": now} for alert in new]
    if rows:
        connection.execute(insert(CaseAlert), rows)
        say(connection, into, site, "confirmed", actor=actor, note="", public=True, now=now)


def _tell_alerts(
    connection: Connection, case: Row[Any], outcome: CaseOutcome, actor: str, now: int
) -> None:
    """The story of each alert that is about the same says what became of the case."""
    mine = select(CaseAlert.alert).where(CaseAlert.case == case.id)
    for alert in connection.scalars(mine).all():
        note = f"{case.code} {outcome}"
        audit.enter_event(connection, alert, "case-closed", actor=actor, note=note, ts=now, now=now)
        news = {"kind": "alert", "site": case.site, "key": alert, "at": now}
        connection.execute(insert(Change).values(news))


def _add(
    engine: Engine, case_id: str, kind: str, *, actor: str, text: str, public: bool, now: int
) -> Outcome:
    if not text.strip():
        return Outcome(Verdict.NOTHING_SAID)
    with engine.begin() as connection:
        audit.lock(connection)
        case = _find(connection, case_id)
        if case is None:
            return Outcome(Verdict.NO_SUCH_CASE)
        if kind == "answered" and case.answered_at is None:
            connection.execute(update(Case).where(Case.id == case_id).values(answered_at=now))
        say(connection, case_id, case.site, kind, actor=actor, note=text, public=public, now=now)
        return Outcome(Verdict.DONE, case.state)


def _set(
    engine: Engine, case_id: str, where: Any, values: dict[str, Any], kind: str, actor: str,
    note: str, now: int, *, public: bool = False,
) -> Outcome:  # fmt: skip
    with engine.begin() as connection:
        audit.lock(connection)
        won = connection.execute(update(Case).where(where).values(values)).rowcount == 1
        case = _find(connection, case_id)
        if case is None:
            return Outcome(Verdict.NO_SUCH_CASE)
        if not won:
            return Outcome(Verdict.SAME, case.state)
        say(connection, case_id, case.site, kind, actor=actor, note=note, public=public, now=now)
        return Outcome(Verdict.DONE, case.state)


def _find(connection: Connection, case_id: str) -> Row[Any] | None:
    return connection.execute(select(*Case.__table__.columns).where(Case.id == case_id)).first()


def _move(
    connection: Connection, case_id: str, before: tuple[CaseState, ...], values: dict[str, Any],
    *more: Any, held: bool = False,
) -> bool:  # fmt: skip
    """``held``: one that was held back may move too."""
    audit.lock(connection)
    where = (Case.id == case_id) & Case.state.in_(before)
    if not held:
        where &= Case.held == ""
    return connection.execute(update(Case).where(where, *more).values(values)).rowcount == 1
