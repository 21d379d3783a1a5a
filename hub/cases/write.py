"""Writes down a step of a case: its event, the log's entry for it, and news for the pages."""

import hashlib

from sqlalchemy import Connection, insert

from hub import audit
from hub.cases.tables import CaseEvent
from hub.state.tables import Change

NOTE_CHARS = 2000
LETTERS = ("verified", "dispatched", "handled", "closed", "answered", "confirmed", "split")
"""What a reporter who asked for it is written of."""
TOLD = (*LETTERS, "assigned")
"""What somebody may have to be told of."""


def say(
    connection: Connection, case_id: str, site: str, kind: str, *,
    actor: str, note: str, public: bool, now: int,
) -> int:  # fmt: skip
    """In the caller's transaction; returns the event's id. The log gets the note's SHA-256 and
    not its words: it vouches for them while they are there, and they can still be deleted. The
    hub looks at what staff did and tells who should hear of it (`hub.cases.tell`)."""
    note = note.strip()[:NOTE_CHARS]
    row = {"case": case_id, "kind": kind, "at": now, "actor": actor, "note": note,
           "public": public, "waits": kind in TOLD}  # fmt: skip
    made = connection.execute(insert(CaseEvent).values(row)).inserted_primary_key
    assert made is not None  # noqa: S101 - an insert of one row has a key
    digest = f" sha256:{hashlib.sha256(note.encode()).hexdigest()}" if note else ""
    audit.enter(connection, actor, f"case.{kind}", case_id, f"event {made[0]}{digest}", now)
    news = {"kind": "case", "site": site, "key": case_id, "at": now}
    connection.execute(insert(Change).values(news))
    return int(made[0])
