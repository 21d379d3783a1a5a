"""Deletes on request what a resident said of a case. That it was done stays in the log."""

from pathlib import Path

from sqlalchemy import Engine, delete, select, update

from hub import audit
from hub.cases.contacts import GONE
from hub.cases.desk import RESIDENT, Outcome, Verdict
from hub.cases.family import parts
from hub.cases.tables import Case, CaseEvent, CasePhoto, CaseSender, Reporter, SenderBlock
from hub.cases.write import say
from hub.patrols.tables import CheckIn
from hub.pictures import PictureFolder


def erase(engine: Engine, data: Path, case_id: str, *, actor: str, now: int) -> Outcome:
    """Delete the words, photos and contacts of those who reported a case, in what was split off
    it too and in the note of a walk that became it, and whence they came; its steps, times and
    rating stay, for the figures. Staff's words stay too. Raises OSError where a photo cannot be
    deleted; then nothing is.
    """
    with engine.begin() as connection:
        audit.lock(connection)
        found = select(Case.site, Case.state).where(Case.id == case_id)
        case = connection.execute(found).first()
        if case is None:
            return Outcome(Verdict.NO_SUCH_CASE)
        photos = connection.scalars(select(CasePhoto.ref).where(CasePhoto.case == case_id)).all()
        whole = parts(connection, case_id)
        connection.execute(update(Case).where(Case.id.in_(whole)).values(text="", spot=""))
        theirs = CaseEvent.case.in_(whole) & (CaseEvent.actor == RESIDENT)
        connection.execute(update(CaseEvent).where(theirs).values(note=""))
        connection.execute(update(Reporter).where(Reporter.case.in_(whole)).values(GONE))
        connection.execute(delete(CasePhoto).where(CasePhoto.case == case_id))
        connection.execute(delete(CaseSender).where(CaseSender.case.in_(whole)))
        noted = update(CheckIn).where(CheckIn.case.in_(whole))
        connection.execute(noted.values(note=""))
        answered = update(SenderBlock).where(SenderBlock.case.in_(whole))
        connection.execute(answered.values(appeal=""))
        folder = PictureFolder(data / "cases")
        for ref in photos:
            folder.remove(case.site, case_id, ref)
        say(connection, case_id, case.site, "erased", actor=actor, note="", public=True, now=now)
    return Outcome(Verdict.DONE, case.state)
