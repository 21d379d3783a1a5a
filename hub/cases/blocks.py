"""Who may not report for a while: a device or an address from which abuse came."""

from collections.abc import Iterable

from sqlalchemy import Connection, Engine, RowMapping, delete, insert, select, update

from hub import audit
from hub.cases.desk import RESIDENT, Outcome, Verdict
from hub.cases.senders import ADDRESS, DEVICE, Marks
from hub.cases.tables import Case, CaseSender, SenderBlock
from hub.cases.write import say
from hub.state.store import reading

KINDS = (DEVICE, ADDRESS)
LONGEST_DAYS = 365
REASON_CHARS = 500
DAY_MS = 86_400_000


def block(
    engine: Engine, case_id: str, kind: str, *, reason: str, days: int, actor: str, now: int
) -> Outcome:
    """Take no more reports at the case's site from the device or address that it came from.
    ``reason`` is told to who is blocked."""
    reason = reason.strip()[:REASON_CHARS]
    if not reason or kind not in KINDS or not 1 <= days <= LONGEST_DAYS:
        return Outcome(Verdict.NOTHING_SAID)
    with engine.begin() as connection:
        audit.lock(connection)
        case = connection.execute(select(Case.site, Case.state).where(Case.id == case_id)).first()
        if case is None:
            return Outcome(Verdict.NO_SUCH_CASE)
        column = CaseSender.device if kind == DEVICE else CaseSender.address
        mark = connection.scalar(select(column).where(CaseSender.case == case_id))
        if not mark:
            return Outcome(Verdict.NO_SENDER, case.state)
        if _standing(connection, {case.site}, Marks(mark, mark), now):
            return Outcome(Verdict.SAME, case.state)
        row = {"site": case.site, "kind": kind, "mark": mark, "case": case_id, "reason": reason,
               "author": actor, "created_at": now, "ends_at": now + days * DAY_MS}  # fmt: skip
        connection.execute(insert(SenderBlock).values(row))
        say(connection, case_id, case.site, "blocked", actor=actor, public=False, now=now,
            note=reason)  # fmt: skip
    return Outcome(Verdict.DONE, case.state)


def lift(engine: Engine, block_id: int, *, actor: str, now: int) -> Outcome:
    """End a block before its time."""
    with engine.begin() as connection:
        audit.lock(connection)
        standing = (SenderBlock.id == block_id) & (SenderBlock.ends_at > now)
        change = update(SenderBlock).where(standing).values(ends_at=now, lifted_by=actor)
        won = connection.execute(change).rowcount == 1
        found = select(SenderBlock.site, SenderBlock.case).where(SenderBlock.id == block_id)
        row = connection.execute(found).first()
        if row is None:
            return Outcome(Verdict.NO_SUCH_CASE)
        if not won:
            return Outcome(Verdict.SAME)
        say(connection, row.case, row.site, "unblocked", actor=actor, note="", public=False,
            now=now)  # fmt: skip
    return Outcome(Verdict.DONE)


def appeal(engine: Engine, sites: Iterable[str], sender: Marks, *, text: str, now: int) -> bool:
    """Say why a block is wrong, once for each; whether it was taken."""
    text, taken = text.strip()[:REASON_CHARS], False
    if not text:
        return False
    with engine.begin() as connection:
        audit.lock(connection)
        for row in _standing(connection, sites, sender, now):
            if row["appealed_at"] is None:
                change = update(SenderBlock).where(SenderBlock.id == row["id"])
                connection.execute(change.values(appeal=text, appealed_at=now))
                say(connection, row["case"], row["site"], "appealed", actor=RESIDENT, note="",
                    public=False, now=now)  # fmt: skip
                taken = True
    return taken


def standing(engine: Engine, sites: Iterable[str], sender: Marks, now: int) -> list[RowMapping]:
    """The blocks that hold for a sender now, the longest first."""
    with reading(engine).connect() as connection:
        return _standing(connection, sites, sender, now)


def purge(engine: Engine, site: str, before: int) -> int:
    """Forget whence the reports of ``site`` from before ``before`` (ms) came, and the blocks that
    ended before it; how many reports that were."""
    with engine.begin() as connection:
        mine = select(Case.id).where(Case.site == site)
        old = delete(CaseSender).where(CaseSender.at < before, CaseSender.case.in_(mine))
        count: int = connection.execute(old).rowcount
        ended = (SenderBlock.site == site) & (SenderBlock.ends_at < before)
        connection.execute(delete(SenderBlock).where(ended))
    return count


def _standing(
    connection: Connection, sites: Iterable[str], sender: Marks, now: int
) -> list[RowMapping]:
    theirs = [mark for mark in (sender.device, sender.address) if mark]
    query = (
        select(SenderBlock.__table__)
        .where(SenderBlock.mark.in_(theirs), SenderBlock.site.in_(sites), SenderBlock.ends_at > now)
        .order_by(SenderBlock.ends_at.desc())
    )
    return list(connection.execute(query).mappings())
