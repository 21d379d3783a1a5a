"""Alerts: the list, one, its story, and what an operator does to it."""

from typing import Annotated

from flask import abort
from flask_login import current_user
from msgspec import Meta, Struct
from sqlalchemy.sql.elements import ColumnElement

from hub import desk, silences
from hub.desk import Outcome
from hub.silences import SilenceError
from hub.state.tables import Alert
from web.alerts.filters import STATES, Filter, below
from web.alerts.pages import deliveries_of, events_of
from web.alerts.seen import Sighting, around
from web.alerts.verbs import MANY, acknowledge_all, may_have, where_of
from web.api.part import does, reads
from web.api.shapes import (
    Done,
    Id,
    Limit,
    Ms,
    Name,
    Note,
    PlaceKey,
    When,
    Words,
    address_of,
    filled,
)
from web.cases import of_alert
from web.console import Console, console
from web.now.snapshot import AlertView, PictureView
from web.now.snapshot import alerts as read_alerts


class Value(Struct, frozen=True):
    """What a signal was when the alert fired, and the rule's condition."""

    signal: str
    value: float | None
    text: str


class AlertOut(Struct, frozen=True):
    """An alert."""

    id: str
    site: str
    place: str
    rule: str
    severity: str
    state: str
    title: Words
    advice: Words
    pending_ts: int
    fired_ts: int | None
    resolved_ts: int | None
    resolved_by: str
    acknowledged_at: int | None
    acknowledged_by: str
    owner: str
    verdict: str
    verdict_by: str
    inhibited_by: str
    """The rule that fires at the same place and quiets it."""
    silence: int | None
    """What mutes it now, or did when it fired: the number of a silence."""
    late: bool
    values: list[Value]
    picture: str | None
    """The address of its picture, which the same token reads; null for none."""


class Alerts(Struct, frozen=True):
    """A page of alerts, newest first."""

    alerts: list[AlertOut]
    next: str | None
    """Give it as ``before`` for the page after this one; null on the last."""


class AlertStep(Struct, frozen=True):
    """A transition, or what somebody did."""

    kind: str
    ts: int
    """Event time."""
    at: int
    """When it was written."""
    actor: str
    note: str


class DeliveryOut(Struct, frozen=True):
    """A message about it."""

    route: str
    kind: str
    state: str
    why: str
    attempts: int
    created_at: int
    due_at: int
    first_try_at: int | None
    sent_at: int | None


class SightingOut(Struct, frozen=True):
    """What the place's cameras and sensors told around the moment."""

    ts: int
    name: Words
    """Of the camera or sensor."""
    text: str
    picture: str | None
    """Its address, if it was kept."""
    after: bool
    """After the alert fired."""


class CaseKey(Struct, frozen=True):
    """A case about the same."""

    id: str
    code: str
    state: str


class AlertStory(Struct, frozen=True):
    """All that an alert's page tells besides the alert."""

    alert: AlertOut
    rule: str
    """The rule's text when it began."""
    steps: list[AlertStep]
    deliveries: list[DeliveryOut]
    seen: list[SightingOut] | None
    """null where the series store did not answer."""
    cases: list[CaseKey]


class AlertFilter(Struct, frozen=True):
    """The filters of the page; what makes no sense counts as any."""

    state: Annotated[str, Meta(extra_json_schema={"enum": list(STATES)})] = ""
    site: Id = ""
    place: PlaceKey = ""
    rule: Id = ""
    severity: Id = ""
    verdict: Id = ""
    since: When = ""
    until: When = ""
    q: Annotated[str, Meta(description="Words that stand anywhere in it.")] = ""


class AlertQuery(AlertFilter, frozen=True):
    """Which alerts, and which page of them."""

    before: Annotated[Id, Meta(description="An alert: goes on below it.")] = ""
    limit: Limit = 100


@reads("/alerts", Alerts, AlertQuery)
def alerts(asked: AlertQuery) -> Alerts:
    """Alerts by the filters of the page, newest first; ``before`` goes on below an alert."""
    here = console()
    with here.reader.connect() as connection:
        where = _where(asked, here)
        if asked.before:
            beneath = below(connection, asked.before)
            if beneath is None:
                abort(404)
            where.append(beneath)
        found = read_alerts(connection, here, *where, limit=asked.limit + 1)
    more = found[asked.limit - 1].id if len(found) > asked.limit else None
    return Alerts([alert_of(one) for one in found[: asked.limit]], more)


@reads("/alerts/<id:alert_id>", AlertOut)
def alert(alert_id: str) -> AlertOut:
    """One alert."""
    return alert_of(_one(console(), alert_id))


@reads("/alerts/<id:alert_id>/story", AlertStory)
def story(alert_id: str) -> AlertStory:
    """One alert with what happened to it, who was told, and what was seen around it."""
    here = console()
    one = _one(here, alert_id)
    with here.reader.connect() as connection:
        events, told = events_of(connection, alert_id), deliveries_of(connection, alert_id)
    seen = around(here, one)
    return AlertStory(
        alert=alert_of(one),
        rule=str(one.details.get("rule", "")),
        steps=[filled(AlertStep, row) for row in events],
        deliveries=[filled(DeliveryOut, row) for row in told],
        seen=[_sighting(one.site, other) for other in seen.sightings] if seen.known else None,
        cases=[CaseKey(case.id, case.code, case.state) for case in of_alert(alert_id)],
    )


class Noted(Struct, frozen=True):
    """A note, which may be left out."""

    note: Note = ""


class Marked(Struct, frozen=True):
    """Alerts, and why all at once."""

    alert: Annotated[list[Id], Meta(min_length=1, max_length=MANY)]
    reason: Annotated[Note, Meta(min_length=1)]


class Acknowledged(Struct, frozen=True):
    """What became of each."""

    done: list[str]
    """Ids of those that are acknowledged now."""
    others: dict[str, str]
    """Id and what was in the way: already acknowledged, never fired, no such alert."""


class Assigned(Struct, frozen=True):
    """Who is to deal with it; "" lets go of it."""

    owner: Name
    before: Name | None = None
    """Who had it when you looked: where it is somebody else by now, nothing changes."""


class Said(Struct, frozen=True):
    """A note."""

    note: Note


class Judged(Struct, frozen=True):
    """What it turned out to be."""

    verdict: desk.Judgement
    note: Note = ""


class Muted(Struct, frozen=True):
    """Until when, and why."""

    ends_at: Ms
    reason: Annotated[str, Meta(max_length=500)]


@does("/alerts/<id:alert_id>/acknowledge", Noted)
def acknowledge(sent: Noted, alert_id: str) -> Done:
    """Say that somebody has seen it."""
    here, me = console(), current_user.name
    return _done(desk.acknowledge(here.engine, alert_id, actor=me, now=here.now(), note=sent.note))


@does("/alerts/acknowledge", Marked, Acknowledged)
def acknowledge_many(sent: Marked) -> Acknowledged:
    """Say of many that somebody has seen them, and why."""
    if not sent.reason.strip():
        abort(400, "what was sent: say why, in `reason`")
    found = acknowledge_all(sent.alert, sent.reason)
    return Acknowledged(
        [name for name, one in found.items() if one.done],
        {name: str(one.verdict) for name, one in found.items() if not one.done},
    )


@does("/alerts/<id:alert_id>/assign", Assigned)
def assign(sent: Assigned, alert_id: str) -> Done:
    """Take it over, give it to somebody, or let go of it."""
    here, me, owner = console(), current_user.name, sent.owner.strip()
    if owner not in ("", me) and not may_have(alert_id, owner):
        abort(400, f"{owner} answers no alerts here")
    return _done(desk.assign(
        here.engine, alert_id, owner=owner, actor=me, now=here.now(), before=sent.before
    ))  # fmt: skip


@does("/alerts/<id:alert_id>/note", Said)
def note(sent: Said, alert_id: str) -> Done:
    """Add to its story."""
    here, me = console(), current_user.name
    return _done(desk.note(here.engine, alert_id, actor=me, text=sent.note, now=here.now()))


@does("/alerts/<id:alert_id>/verdict", Judged)
def judge(sent: Judged, alert_id: str) -> Done:
    """Say what it turned out to be."""
    here, me = console(), current_user.name
    return _done(desk.judge(
        here.engine, alert_id, judgement=sent.verdict, actor=me, now=here.now(), text=sent.note
    ))  # fmt: skip


@does("/alerts/<id:alert_id>/resolve", Noted)
def resolve(sent: Noted, alert_id: str) -> Done:
    """End it by hand."""
    here, me = console(), current_user.name
    return _done(desk.resolve(here.engine, alert_id, actor=me, note=sent.note, now=here.now()))


@does("/alerts/<id:alert_id>/silence", Muted)
def silence(sent: Muted, alert_id: str) -> Done:
    """Mute the alert's rule at its place until a moment; it ends as any silence."""
    here, (site, place, rule) = console(), where_of(alert_id)
    try:
        made = silences.create(
            here.engine, site=site, place=place, rule=rule, author=current_user.name,
            reason=sent.reason, ends_at=sent.ends_at, now=here.now(),
        )  # fmt: skip
    except SilenceError as error:
        abort(400, str(error))
    return Done(True, f"silence {made.id}", made.author, made.created_at)


def _one(here: Console, alert_id: str) -> AlertView:
    with here.reader.connect() as connection:
        found = read_alerts(connection, here, Alert.id == alert_id)
    if not found:
        abort(404)
    return found[0]


def _where(asked: AlertQuery, here: Console) -> list[ColumnElement[bool]]:
    """As on the page, whose filter knows days and minutes alone."""
    given = {name: getattr(asked, name) for name in Filter.__struct_fields__}
    where = Filter.parse(given, here).where(here)
    where += [Alert.pending_ts >= int(asked.since)] if asked.since.isdigit() else []
    where += [Alert.pending_ts < int(asked.until)] if asked.until.isdigit() else []
    return where


def _done(outcome: Outcome) -> Done:
    if outcome.verdict is desk.Verdict.NO_SUCH_ALERT:
        abort(404)
    return Done(outcome.done, str(outcome.verdict), outcome.by, outcome.at)


def _sighting(site: str, one: Sighting) -> SightingOut:
    node, _slash, ref = one.picture.partition("/")
    picture = PictureView(site, node, ref, one.ts, True) if ref else None
    return SightingOut(one.ts, Words.of(one.name), one.text, address_of(picture), one.after)


def alert_of(one: AlertView) -> AlertOut:
    """As it is answered."""
    return AlertOut(
        id=one.id, site=one.site, place=one.place, rule=one.rule, severity=one.severity,
        state=one.state, title=Words.of(one.title), advice=Words.of(one.advice),
        pending_ts=one.pending_ts, fired_ts=one.fired_ts, resolved_ts=one.resolved_ts,
        resolved_by=one.resolved_by, acknowledged_at=one.acknowledged_at,
        acknowledged_by=one.acknowledged_by, owner=one.owner, verdict=one.verdict,
        verdict_by=one.verdict_by, inhibited_by=one.inhibited_by,
        silence=one.mute.id if one.mute is not None else None, late=one.late,
        values=[Value(m.signal, m.value, m.text) for m in one.measures],
        picture=address_of(one.picture),
    )  # fmt: skip
