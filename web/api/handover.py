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
from web.api.shapes import Done, Id, Limit, Note, When, moment_of
from web.console import console
from web.handover import HOURS, Shift, read


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
    """Now; of a shift that is over nothing is known of it."""
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
        [trouble_of(one) for one in seen.broken], [silence_of(one) for one in seen.quiet],
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
