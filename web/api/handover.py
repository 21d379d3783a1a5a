"""The end of a shift: what is open, what happened, and notes to the next."""

from typing import Annotated

from flask import abort
from flask_login import current_user
from msgspec import Meta, Struct

from hub import desk
from web.api.alerts import AlertOut, alert_of
from web.api.part import does, reads
from web.api.patrols import PatrolOut, patrol_of
from web.api.places import TroubleOut, trouble_of
from web.api.rules import SilenceOut, silence_of
from web.api.shapes import Done, Id, Limit, Note, When, Words, moment_of
from web.console import console
from web.handover import HOURS, Shift, read
from web.handover.broken import Outage


class SeverityOut(Struct, frozen=True):
    """Alerts of a severity, of the whole shift, and how fast they were acknowledged."""

    severity: str
    alerts: int
    acknowledged: int
    slowest_ms: int | None


class NoteOut(Struct, frozen=True):
    """What was left to the next shift."""

    site: str
    at: int
    author: str
    text: str


class OutageOut(Struct, frozen=True):
    """Something that was broken in a shift, however often it came and went."""

    site: str
    node: str
    source: str
    """Empty: the node itself."""
    name: Words
    kind: str
    detail: str
    """A number at its worst, or the fault's name."""
    since: int
    """When it began first, also before the shift."""
    until: int | None
    """When it was mended last; null: it was not by the end of the shift."""
    times: int
    ms: int
    """How much of the shift it was broken."""


class UnknownOut(Struct, frozen=True):
    """A stretch of a shift of which the hub knows nothing of what was broken."""

    site: str
    start: int
    end: int
    kept: bool
    """The hub kept book and did not run; else it kept none yet, or it is past its retention."""


class HandoverOut(Struct, frozen=True):
    """A shift."""

    start: int
    end: int
    past: bool
    """It is over; else it ends now."""
    figures: list[SeverityOut]
    open: list[AlertOut]
    """What fires; of a shift that is over, what did as it ended."""
    during: list[AlertOut]
    """The newest that fired or ended in it; all are in the list of alerts."""
    broken: list[TroubleOut]
    """Now; empty for a shift that is over."""
    outages: list[OutageOut]
    """What was broken in the shift."""
    unknown: list[UnknownOut]
    quiet: list[SilenceOut]
    notes: list[NoteOut]
    """Of the shift and the one before, newest first."""
    missed: list[PatrolOut]
    """Walks with checkpoints that nobody reached."""


class HandoverQuery(Struct, frozen=True):
    """Which shift: how long it was, and when it ended; left out: now."""

    hours: Annotated[int, Meta(ge=1, le=24)] = HOURS[1]
    until: When = ""
    limit: Limit = 100


class HandedOver(Struct, frozen=True):
    """A note to the next shift."""

    site: Id
    note: Note


def outage_of(one: Outage) -> OutageOut:
    """As it is answered."""
    return OutageOut(
        one.site, one.node, one.source, Words.of(one.name), one.kind, one.detail, one.since,
        one.until, one.times, one.ms,
    )  # fmt: skip


@reads("/handover", HandoverOut, HandoverQuery)
def handover(asked: HandoverQuery) -> HandoverOut:
    """What is open, what happened in the shift, what is broken or quiet, and notes."""
    here, now = console(), console().now()
    until = moment_of(asked.until, here, here.sites[0].site.id)
    end = min(until if until is not None else now, now)
    shift = Shift(asked.hours, end, end < now)
    seen = read(here, shift, asked.limit)
    return HandoverOut(
        shift.start, end, shift.past,
        [SeverityOut(*one) for one in seen.figures],
        [alert_of(one) for one in seen.open], [alert_of(one) for one in seen.during],
        [trouble_of(one) for one in seen.broken],
        [outage_of(one) for one in seen.outages.outages],
        [UnknownOut(one.site, one.start, one.end, one.kept) for one in seen.outages.unknown],
        [silence_of(one) for one in seen.quiet],
        [NoteOut(*one) for one in seen.notes[: asked.limit]],
        [patrol_of(one) for one in seen.missed],
    )  # fmt: skip


@does("/handover/notes", HandedOver)
def hand_over(sent: HandedOver) -> Done:
    """Leave a note to the next shift."""
    here, me, now = console(), current_user.name, console().now()
    if here.site(sent.site) is None:
        abort(404)
    if not desk.hand_over(here.engine, sent.site, actor=me, text=sent.note, now=now):
        abort(400, "what was sent: the note is empty")
    return Done(True, "done", me, now)
