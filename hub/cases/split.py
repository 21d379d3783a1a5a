"""Splits a report that tells of two things: the second becomes a case of its own."""

import secrets

from sqlalchemy import Engine, insert, select

from configs.site import SiteFile
from hub import audit
from hub.cases.desk import EARLY, Outcome, Verdict
from hub.cases.receive import NewReport, ReportRefused, checked, free_code
from hub.cases.tables import Case, CaseState
from hub.cases.worktime import deadlines
from hub.cases.write import say


def split(
    engine: Engine, site: SiteFile, case_id: str, part: NewReport, *, actor: str, now: int
) -> Outcome:
    """Make ``part`` of an open case a case of its own, at the place of the whole where it names
    none. Its deadlines count from when the report came, and who reported or follows the whole
    follows both. Its words are for the reporter, and on the board, like those of any report.
    """
    try:
        part = checked(site, part)
    except ReportRefused:
        return Outcome(Verdict.NOTHING_SAID)
    with engine.begin() as connection:
        audit.lock(connection)
        whole = connection.execute(select(*COLUMNS).where(Case.id == case_id)).first()
        if whole is None or whole.site != site.site.id:
            return Outcome(Verdict.NO_SUCH_CASE)
        if whole.state not in EARLY or whole.held:
            return Outcome(Verdict.NOT_NOW, whole.state)
        answer_due, due = deadlines(site, part.kind, part.severity, whole.created_at)
        code, new = free_code(connection), secrets.token_hex(8)
        looked = whole.state != CaseState.RECEIVED
        row = {
            "id": new, "code": code, "site": whole.site, "place": part.place, "spot": part.spot,
            "kind": part.kind, "severity": part.severity, "text": part.text,
            "state": CaseState.VERIFIED if looked else CaseState.RECEIVED,
            "channel": whole.channel, "owner": whole.owner, "created_at": whole.created_at,
            "looked_at": whole.looked_at, "answered_at": whole.answered_at,
            "answer_due_at": answer_due, "due_at": due, "split_from": case_id,
        }  # fmt: skip
        row["split_event"] = say(connection, case_id, whole.site, "split", actor=actor, note=code,
                                 public=True, now=now)  # fmt: skip
        connection.execute(insert(Case).values(row))
        say(connection, new, whole.site, "split-off", actor=actor, note=whole.code, public=True,
            now=now)  # fmt: skip
        return Outcome(Verdict.DONE, whole.state)


COLUMNS = (
    Case.site, Case.code, Case.state, Case.held, Case.channel, Case.owner, Case.created_at,
    Case.looked_at, Case.answered_at,
)  # fmt: skip
