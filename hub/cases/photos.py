"""Photos of reports on disk, and their end."""

from pathlib import Path

from sqlalchemy import Engine, delete, select, update

from hub import audit
from hub.cases.desk import Outcome, Verdict
from hub.cases.tables import Case, CasePhoto
from hub.cases.write import say
from hub.pictures import PictureFolder

PURGE_CHUNK = 500


def show_photo(
    engine: Engine, case_id: str, ref: str, *, shown: bool, actor: str, now: int
) -> Outcome:
    """Put a photo on the public board, or take it off. Only one whose faces are hidden can be."""
    with engine.begin() as connection:
        audit.lock(connection)
        case = connection.execute(select(Case.site, Case.state).where(Case.id == case_id)).first()
        if case is None:
            return Outcome(Verdict.NO_SUCH_CASE)
        mine = (CasePhoto.case == case_id) & (CasePhoto.ref == ref)
        may = CasePhoto.blurred if shown else CasePhoto.ref == ref
        change = update(CasePhoto).where(mine, may, CasePhoto.shown != shown)
        if connection.execute(change.values(shown=shown)).rowcount != 1:
            return Outcome(Verdict.NOT_NOW, case.state)
        kind = "photo-shown" if shown else "photo-hidden"
        say(connection, case_id, case.site, kind, actor=actor, note="", public=False, now=now)
    return Outcome(Verdict.DONE, case.state)


def purge_photos(engine: Engine, data: Path, site: str, before: int, *, now: int) -> int:
    """Delete the photos of the reports of ``site`` that came before ``before`` (ms); how many."""
    folder, count = PictureFolder(data / "cases"), 0
    old = (
        select(CasePhoto.case, CasePhoto.ref)
        .join(Case, Case.id == CasePhoto.case)
        .where(Case.site == site, Case.created_at < before)
        .limit(PURGE_CHUNK)
    )
    while True:
        with engine.begin() as connection:
            rows = connection.execute(old).all()
            for case_id, ref in rows:
                folder.remove(site, case_id, ref)
                one = (CasePhoto.case == case_id) & (CasePhoto.ref == ref)
                connection.execute(delete(CasePhoto).where(one))
            if rows:
                audit.enter(connection, "hub", "case.photos.delete", site, str(len(rows)), now)
        count += len(rows)
        if len(rows) < PURGE_CHUNK:
            return count
