"""Photos of reports on disk, and their end."""

from pathlib import Path

from sqlalchemy import Engine, delete, select

from hub import audit
from hub.cases.tables import Case, CasePhoto
from hub.pictures import PictureFolder

PURGE_CHUNK = 500


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
