"""Silences and maintenance windows: what they cover is raised as ever, and nobody is told.

A silence names a rule, a place, a source, or several of them; an alert that fits all that
it names is muted while it lasts. An alert is of a source when one of its rule's signals
comes from there.
"""

import enum
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from msgspec import Struct
from sqlalchemy import Connection, Engine, insert, select, update
from sqlalchemy.sql.elements import ColumnElement

from configs.site import Place
from hub import audit
from hub.state.tables import Alert, AlertState, Change, Silence

MAX_MS = 90 * 86_400_000
"""Nothing is muted for longer: what nobody looks at for a season is forgotten."""
REASON_CHARS = 500
FEEDS = {
    "occupancy": ("views",),
    "presence": ("views",),
    "dwell": ("views",),
    "stationary": ("views",),
    "flow": ("lines",),
    "door": ("doors",),
    "tailgating": ("lines", "doors"),
    "scene": ("views", "lines"),
}
"""What of a place the signals of a family come from; of others: all of it. What surprises of
something comes from where that comes from."""


class Refusal(enum.StrEnum):
    """Why a silence cannot be."""

    REASON = "say why: whoever misses an alert will want to know"
    ENDS = "it would be over before it begins"
    LONG = f"it may last {MAX_MS // 86_400_000} days at most"


class SilenceError(Exception):
    """A silence that cannot be; the text says why, and ``refusal`` for a page."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(str(refusal))
        self.refusal = refusal


class Kind(enum.StrEnum):
    """Why it is quiet."""

    SILENCE = "silence"
    MAINTENANCE = "maintenance"


class Ended(enum.StrEnum):
    """What became of ending one early."""

    DONE = "done"
    ALREADY_OVER = "already over"
    NO_SUCH_SILENCE = "no such silence"


class Quiet(Struct, frozen=True):
    """A silence as it is stored; times in ms, "" is any."""

    id: int
    site: str
    rule: str
    place: str
    source: str
    kind: str
    author: str
    reason: str
    created_at: int
    starts_at: int
    ends_at: int
    ended_early_by: str

    def covers(self, site: str, place: str, rule: str, sources: Iterable[str]) -> bool:
        """Whether an alert of these is what it mutes."""
        return (
            self.site == site
            and self.place in ("", place)
            and self.rule in ("", rule)
            and (not self.source or self.source in sources)
        )

    def lasts(self, now: int) -> bool:
        return self.starts_at <= now < self.ends_at


def create(
    engine: Engine, *, site: str, rule: str = "", place: str = "", source: str = "",
    kind: Kind = Kind.SILENCE, author: str, reason: str, starts_at: int | None = None,
    ends_at: int, now: int,
) -> Quiet:  # fmt: skip
    """Mute what fits all that is given, from ``starts_at`` (ms; now) to ``ends_at``.

    Raises `SilenceError`.
    """
    start = now if starts_at is None else starts_at
    reason = reason.strip()[:REASON_CHARS]
    if not reason:
        raise SilenceError(Refusal.REASON)
    if ends_at <= max(start, now):
        raise SilenceError(Refusal.ENDS)
    if ends_at - start > MAX_MS:
        raise SilenceError(Refusal.LONG)
    row = {
        "site": site, "rule": rule, "place": place, "source": source, "kind": str(kind),
        "author": author, "reason": reason, "created_at": now, "starts_at": start,
        "ends_at": ends_at, "ended_early_by": "",
    }  # fmt: skip
    with engine.begin() as connection:
        audit.lock(connection)
        made = connection.execute(insert(Silence).values(row)).inserted_primary_key
        assert made is not None  # noqa: S101 - an insert of one row has a key
        quiet = Quiet(int(made[0]), **row)  # type: ignore[arg-type]
        audit.enter(connection, author, "silence.create", _name(quiet), _said(quiet), now)
        if quiet.lasts(now):
            _mark(connection, quiet, now)
    return quiet


def end(engine: Engine, silence: int, *, actor: str, now: int) -> Ended:
    """End a silence before its time; ``now`` in ms."""
    change = (
        update(Silence)
        .where(Silence.id == silence, Silence.ends_at > now)
        .values(ends_at=now, ended_early_by=actor)
    )
    with engine.begin() as connection:
        audit.lock(connection)
        done = connection.execute(change).rowcount == 1
        found = _read(connection, Silence.id == silence)
        if not found:
            return Ended.NO_SUCH_SILENCE
        if not done:
            return Ended.ALREADY_OVER
        audit.enter(connection, actor, "silence.end", _name(found[0]), "", now)
        muted = (Alert.muted_by == silence) & (Alert.state == AlertState.FIRING)
        _tell(connection, muted, "unmuted", actor=actor, note="", now=now, muted_by=None)
    return Ended.DONE


def current(connection: Connection, now: int) -> list[Quiet]:
    """Those that last at ``now`` (ms)."""
    return _read(connection, Silence.starts_at <= now, Silence.ends_at > now)


def listed(connection: Connection, now: int, *, over: bool = False) -> list[Quiet]:
    """Those that last or are to come; with ``over`` also those of before."""
    return _read(connection) if over else _read(connection, Silence.ends_at > now)


def named(connection: Connection, ids: Iterable[int]) -> dict[int, Quiet]:
    """Silences by their ids, over or not."""
    wanted = set(ids)
    found = _read(connection, Silence.id.in_(wanted)) if wanted else []
    return {quiet.id: quiet for quiet in found}


def muting(connection: Connection, alert: Any, now: int) -> Quiet | None:
    """What mutes an alert's notifications at ``now`` (ms). ``alert`` is a row of `Alert`."""
    sources = alert.details.get("sources", ())
    return among(current(connection, now), alert.site, alert.place, alert.rule, sources)


def among(
    silences: Sequence[Quiet], site: str, place: str, rule: str, sources: Iterable[str]
) -> Quiet | None:
    """Of silences that last the one that mutes such an alert the longest."""
    known = tuple(sources)
    fitting = [quiet for quiet in silences if quiet.covers(site, place, rule, known)]
    return max(fitting, key=lambda quiet: quiet.ends_at, default=None)


def sources_of(place: Place, signals: Iterable[str]) -> list[str]:
    """Where these signals of a place come from, as <node>/<source>."""
    parts: dict[str, list[Any]] = {
        "views": [view for group in place.views for view in group],
        "lines": list(place.lines),
        "doors": list(place.doors),
    }
    families = (name.removeprefix("surprise.").partition(".")[0] for name in signals)
    kinds = {kind for family in families for kind in FEEDS.get(family, tuple(parts))}
    return sorted({f"{part.node}/{part.source}" for kind in kinds for part in parts[kind]})


def _read(connection: Connection, *where: ColumnElement[bool]) -> list[Quiet]:
    query = select(*Silence.__table__.columns).where(*where).order_by(Silence.id)
    return [Quiet(**row) for row in connection.execute(query).mappings()]


def _mark(connection: Connection, quiet: Quiet, now: int) -> None:
    """Let the alerts that fire and fit say that they are muted."""
    where: list[ColumnElement[bool]] = [Alert.site == quiet.site]
    where += [Alert.state == AlertState.FIRING]
    rows = connection.execute(
        select(Alert.id, Alert.place, Alert.rule, Alert.details).where(*where)
    )
    ids = [
        row.id
        for row in rows
        if quiet.covers(quiet.site, row.place, row.rule, row.details.get("sources", ()))
    ]
    for alert in ids:
        _tell(connection, Alert.id == alert, "muted", actor=quiet.author, note=quiet.reason,
              now=now, muted_by=quiet.id)  # fmt: skip


def _tell(
    connection: Connection, which: ColumnElement[bool], kind: str, *, actor: str, note: str,
    now: int, muted_by: int | None,
) -> None:  # fmt: skip
    for alert, site in connection.execute(select(Alert.id, Alert.site).where(which)).all():
        mute: Mapping[str, Any] = {"muted_by": muted_by}
        connection.execute(update(Alert).where(Alert.id == alert).values(**mute))
        audit.enter_event(connection, alert, kind, actor=actor, note=note, ts=now, now=now)
        news = {"kind": "alert", "site": site, "key": alert, "at": now}
        connection.execute(insert(Change), news)


def _name(quiet: Quiet) -> str:
    return f"silence/{quiet.id}"


def _said(quiet: Quiet) -> str:
    parts = [f"site={quiet.site}"]
    parts += [
        f"{name}={value}"
        for name, value in (("rule", quiet.rule), ("place", quiet.place), ("source", quiet.source))
        if value
    ]
    span = f"{quiet.starts_at}..{quiet.ends_at} ms"
    return f"{quiet.kind} {' '.join(parts)} {span}: {quiet.reason}"
