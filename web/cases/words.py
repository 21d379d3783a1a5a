"""What steps, outcomes and events of a case are called."""

from typing import Any

from flask_babel import gettext
from flask_babel import lazy_gettext as _

from configs.values import Text
from web.cases.queries import EventView
from web.console import console
from web.language import SEVERITIES

STATES = {
    "received": _("Received"),
    "verified": _("Verified"),
    "dispatched": _("Somebody is sent"),
    "handled": _("Handled"),
    "checked": _("Checked"),
    "closed": _("Closed"),
    "rated": _("Rated"),
}
OUTCOMES = {
    "solved": _("solved"),
    "unsolved": _("not possible here"),
    "invalid": _("not confirmed"),
    "duplicate": _("reported before"),
}
EVENTS: dict[str, Any] = {
    **STATES,
    "sent-back": _("Not done yet, sent again"),
    "reopened": _("Not solved: open again"),
    "looked": _("Opened by staff"),
    "answered": _("Answer"),
    "added": _("Added by the reporter"),
    "me-too": _("Somebody else sees it too"),
    "confirmed": _("Sensors confirm it"),
    "alert-ended": _("The alert about the same has ended"),
    "merged": _("Another report of the same was added"),
    "split": _("A part of it goes on as a report of its own"),
    "split-off": _("Split off another report"),
    "noted": _("Note"),
    "assigned": _("Owner"),
    "graded": _("Severity"),
    "released": _("Let in"),
    "erased": _("The reporter's words and photos were deleted"),
    "blocked": _("Its sender was blocked"),
    "unblocked": _("The block of its sender was lifted"),
    "appealed": _("The blocked sender says that it is wrong"),
    "photo-shown": _("A photo was put on the board"),
    "photo-hidden": _("A photo was taken off the board"),
    "warned": _("Time is nearly over"),
}
BLOCKS = {"device": _("device"), "address": _("internet address")}
DEADLINES = {"answer": _("answer"), "solve": _("solution")}
STEPS = {
    "verify": _("Verify"),
    "dispatch": _("Dispatch"),
    "handle": _("Handled"),
    "check": _("Checked: it is done"),
    "send-back": _("Not done: send again"),
    "close": _("Close as solved"),
}


def told(event: EventView) -> str:
    """What an event says besides its kind."""
    if event.kind == "graded":
        return str(SEVERITIES.get(event.note, event.note))
    if event.kind == "warned" and event.note:
        deadline, _colon, percent = event.note.partition(":")
        words = {"what": DEADLINES.get(deadline, deadline), "percent": percent}
        return str(gettext("%(what)s: %(percent)s %% of the time is over", **words))
    return event.note


def kind_name(site: str, kind: str) -> Text:
    """What a kind of report is called at its site."""
    file = console().site(site)
    found = file.residents.kind(kind) if file is not None else None
    return found.name if found is not None else Text(kind, kind)


def place_name(site: str, place: str, spot: str = "") -> Text:
    """Where a case is: the place, what was written about it, or both."""
    found = console().place(site, place)
    name = found.name if found is not None else Text(place, place)
    if not spot:
        return name
    return Text(f"{name.en} · {spot}".strip(" ·"), f"{name.zh} · {spot}".strip(" ·"))
