"""The control room's verbs: what an operator does to an alert.

Each verb is one transaction that decides by a conditional UPDATE: of two operators who
press at the same moment one wins, and the other is told who did. The hub's process
notices by the new ``alert_event`` row, and `hub.audit` chains that into the log.
"""

import enum

from msgspec import Struct
from sqlalchemy import Connection, Engine, Row, Update, insert, select, update
from sqlalchemy.sql.elements import ColumnElement

from hub import audit
from hub.state.tables import Alert, AlertState, Change, HandoverNote

NAME_CHARS = 80
NOTE_CHARS = 2000
"""A note is cut to this many characters."""


class Verdict(enum.StrEnum):
    """What became of a verb."""

    DONE = "done"
    ALREADY_ACKNOWLEDGED = "already acknowledged"
    ALREADY_RESOLVED = "already resolved"
    NEVER_FIRED = "never fired"
    NO_SUCH_ALERT = "no such alert"
    ALREADY_OWNED = "already owned"
    ALREADY_JUDGED = "already judged so"
    NOTHING_SAID = "nothing said"


class Judgement(enum.StrEnum):
    """What an alert turned out to be: the verdict that the backtest learns from."""

    TRUE = "true"
    FALSE = "false"
    TEST = "test"
    UNCLEAR = "unclear"


class Outcome(Struct, frozen=True):
    """What became of a verb, and who had been there before."""

    verdict: Verdict
    by: str = ""
    """Who acknowledged, resolved, owns or judged it, now or before."""
    at: int = 0
    """When, in milliseconds since the epoch."""

    @property
    def done(self) -> bool:
        """Whether this call changed the alert."""
        return self.verdict is Verdict.DONE

    @property
    def text(self) -> str:
        """A line for logs; the console has its own words in the reader's language."""
        who = f" by {self.by}" if self.by else ""
        who += f" at {self.at} ms" if self.by and self.at else ""
        return f"{self.verdict}{who}"


def acknowledge(engine: Engine, alert_id: str, *, actor: str, now: int, note: str = "") -> Outcome:
    """Say that ``actor`` has seen an alert that fired, ended or not. ``now`` in ms."""
    change = (
        update(Alert)
        .where(Alert.id == alert_id, Alert.fired_ts.is_not(None), Alert.acknowledged_at.is_(None))
        .values(acknowledged_at=now, acknowledged_by=actor)
    )
    with engine.begin() as connection:
        won, alert = _try(connection, change, alert_id)
        if alert is None:
            return Outcome(Verdict.NO_SUCH_ALERT)
        if won:
            _note(connection, alert, "acknowledged", actor=actor, note=note, now=now)
            return Outcome(Verdict.DONE, actor, now)
        if alert.acknowledged_at is not None:
            return Outcome(
                Verdict.ALREADY_ACKNOWLEDGED, alert.acknowledged_by, alert.acknowledged_at
            )
        return Outcome(Verdict.NEVER_FIRED)


def resolve(engine: Engine, alert_id: str, *, actor: str, note: str, now: int) -> Outcome:
    """End a firing alert by hand. ``note`` says why; ``now`` in ms is also the event time."""
    change = (
        update(Alert)
        .where(Alert.id == alert_id, Alert.state == AlertState.FIRING)
        .values(state=AlertState.RESOLVED, resolved_ts=now, resolved_by=actor)
    )
    with engine.begin() as connection:
        won, alert = _try(connection, change, alert_id)
        if alert is None:
            return Outcome(Verdict.NO_SUCH_ALERT)
        if won:
            _note(connection, alert, "resolved", actor=actor, note=note, now=now)
            return Outcome(Verdict.DONE, actor, now)
        if alert.state == AlertState.RESOLVED and alert.fired_ts is not None:
            return Outcome(Verdict.ALREADY_RESOLVED, alert.resolved_by, alert.resolved_ts or 0)
        return Outcome(Verdict.NEVER_FIRED)


def assign(
    engine: Engine, alert_id: str, *, owner: str, actor: str, now: int, before: str | None = None
) -> Outcome:
    """Make ``owner`` the one who deals with it; "" lets go of it.

    ``before`` is the owner that ``actor`` saw: where it is another by now, nothing changes.
    """
    owner = owner.strip()[:NAME_CHARS]
    expected = Alert.owner != owner if before is None else Alert.owner == before
    change = (
        update(Alert)
        .where(Alert.id == alert_id, Alert.fired_ts.is_not(None), Alert.owner != owner, expected)
        .values(owner=owner)
    )
    with engine.begin() as connection:
        won, alert = _try(connection, change, alert_id)
        if alert is None:
            return Outcome(Verdict.NO_SUCH_ALERT)
        if alert.fired_ts is None:
            return Outcome(Verdict.NEVER_FIRED)
        if not won:
            return Outcome(Verdict.ALREADY_OWNED, alert.owner)
        _note(connection, alert, "taken", actor=actor, note=owner, now=now)
        return Outcome(Verdict.DONE, owner, now)


def note(engine: Engine, alert_id: str, *, actor: str, text: str, now: int) -> Outcome:
    """Add a note to an alert's story."""
    if not text.strip():
        return Outcome(Verdict.NOTHING_SAID)
    with engine.begin() as connection:
        audit.lock(connection)
        alert = _find(connection, Alert.id == alert_id)
        if alert is None:
            return Outcome(Verdict.NO_SUCH_ALERT)
        if alert.fired_ts is None:
            return Outcome(Verdict.NEVER_FIRED)
        _note(connection, alert, "noted", actor=actor, note=text, now=now)
        return Outcome(Verdict.DONE, actor, now)


def judge(
    engine: Engine, alert_id: str, *, judgement: Judgement, actor: str, now: int, text: str = ""
) -> Outcome:
    """Say what an alert turned out to be; the last word counts, the log keeps all of them."""
    change = (
        update(Alert)
        .where(Alert.id == alert_id, Alert.fired_ts.is_not(None), Alert.verdict != judgement)
        .values(verdict=str(judgement), verdict_by=actor, verdict_at=now)
    )
    with engine.begin() as connection:
        won, alert = _try(connection, change, alert_id)
        if alert is None:
            return Outcome(Verdict.NO_SUCH_ALERT)
        if alert.fired_ts is None:
            return Outcome(Verdict.NEVER_FIRED)
        if not won:
            return Outcome(Verdict.ALREADY_JUDGED, alert.verdict_by, alert.verdict_at or 0)
        said = f"{judgement}: {text.strip()}" if text.strip() else str(judgement)
        _note(connection, alert, "judged", actor=actor, note=said, now=now)
        return Outcome(Verdict.DONE, actor, now)


def hand_over(engine: Engine, site: str, *, actor: str, text: str, now: int) -> bool:
    """Leave a note to the next shift; False where it says nothing. ``now`` in ms."""
    text = text.strip()[:NOTE_CHARS]
    if not text:
        return False
    row = {"site": site, "at": now, "author": actor, "text": text}
    with engine.begin() as connection:
        audit.lock(connection)
        connection.execute(insert(HandoverNote).values(row))
        audit.enter(connection, actor, "handover.note", site, text, now)
    return True


def _try(
    connection: Connection, change: Update, alert_id: str
) -> tuple[bool, Row[tuple[object, ...]] | None]:
    """Whether the conditional change found its condition, and the alert after it."""
    audit.lock(connection)
    won = connection.execute(change).rowcount == 1
    return won, _find(connection, Alert.id == alert_id)


def _find(connection: Connection, which: ColumnElement[bool]) -> Row[tuple[object, ...]] | None:
    return connection.execute(select(*Alert.__table__.columns).where(which)).one_or_none()


def _note(
    connection: Connection,
    alert: Row[tuple[object, ...]],
    kind: str,
    *,
    actor: str,
    note: str,
    now: int,
) -> None:
    note = note.strip()[:NOTE_CHARS]
    audit.enter_event(connection, alert.id, kind, actor=actor, note=note, ts=now, now=now)
    news = {"kind": "alert", "site": alert.site, "key": alert.id, "at": now}
    connection.execute(insert(Change).values(news))
