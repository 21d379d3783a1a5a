"""Working on residents' reports: the steps of a case, answers and notes, and who may not report.

The verbs are those of the page (`hub.cases.desk` and its neighbours). How a reporter can be
reached is told where the page tells it: when somebody asks for it, and that is written down.
"""

from typing import Annotated, Literal

from flask import abort
from flask_login import current_user
from msgspec import Meta, Struct

from configs.rules import Severity
from configs.site import SiteFile
from hub.cases import blocks, contacts, desk
from hub.cases.desk import Outcome, Step, Verdict
from hub.cases.erase import erase
from hub.cases.photos import show_photo
from hub.cases.receive import SPOT_CHARS, TEXT_CHARS, NewReport, ReportRefused
from hub.cases.split import split
from hub.cases.tables import Case, CaseOutcome
from web.api.part import does, reads
from web.api.shapes import Before, Id, Limit, Name, Note, filled
from web.blocks import standing_first
from web.cases import from_alert
from web.cases.queries import CaseView
from web.cases.queries import cases as read_cases
from web.console import console
from web.vault import vault

Text = Annotated[str, Meta(max_length=TEXT_CHARS)]


class CaseDone(Struct, frozen=True):
    """What became of it, and where the case stands now."""

    done: bool
    what: str
    """In a few words: done, the case stands elsewhere, nothing said …"""
    state: str


class CaseContacts(Struct, frozen=True):
    """How those who reported it can be reached, as they wrote it."""

    contacts: list[str]


class CaseOpened(Struct, frozen=True):
    """The case about an alert."""

    id: str
    code: str
    new: bool
    """False where there was one already."""


class BlockOut(Struct, frozen=True):
    """A sender from whom no reports are taken; nothing says who that is."""

    id: int
    site: str
    kind: str
    """device or address."""
    case: str
    """The report that it was blocked for."""
    code: str
    reason: str
    author: str
    created_at: int
    ends_at: int
    lifted_by: str
    appeal: str
    """What who is blocked says to it."""
    appealed_at: int | None


class BlocksQuery(Struct, frozen=True):
    """Where to go on."""

    before: Before = None
    limit: Limit = 100


class Blocks(Struct, frozen=True):
    """Those that hold first, then those that ended."""

    blocks: list[BlockOut]
    next: int | None
    """Give it as ``before`` for the page after this one; null on the last."""


class Stepped(Struct, frozen=True):
    """A step of the walk; the note is for the reporter too."""

    step: Step
    note: Note = ""
    owner: Name = ""
    """Who deals with it from now on; a case that is dispatched needs somebody."""


class Closed(Struct, frozen=True):
    """The end of a case that is not solved, with the reason, which the reporter reads."""

    outcome: Literal["unsolved", "invalid"]
    note: Note


class Told(Struct, frozen=True):
    """Words."""

    text: Note


class Owned(Struct, frozen=True):
    """Who is to deal with it; "" lets go of it."""

    owner: Name


class Graded(Struct, frozen=True):
    """How severe it is; its deadlines follow."""

    severity: Severity


class Merged(Struct, frozen=True):
    """The code of the open case that it repeats."""

    code: Annotated[str, Meta(max_length=12)]


class Part(Struct, frozen=True):
    """The second thing that a report tells of."""

    kind: Id
    text: Text
    place: Id = ""
    spot: Annotated[str, Meta(max_length=SPOT_CHARS)] = ""


class Linked(Struct, frozen=True):
    """The alert that is about the same."""

    alert: Id


class Shown(Struct, frozen=True):
    """Whether a photo is on the public board; only one whose faces are hidden can be."""

    ref: Id
    shown: bool


class Blocked(Struct, frozen=True):
    """By what the sender is blocked, and why, which they are told."""

    what: Literal["device", "address"]
    reason: Annotated[str, Meta(max_length=blocks.REASON_CHARS)]
    days: Annotated[int, Meta(ge=1, le=blocks.LONGEST_DAYS)]


class Opened(Struct, frozen=True):
    """What the case is to say; left out: the alert's title, as a hazard."""

    kind: Id = ""
    text: Text = ""


class Unsaid(Struct, frozen=True):
    """Nothing has to be said."""


@does("/cases/<id:case_id>/step", Stepped, CaseDone)
def case_step(sent: Stepped, case_id: str) -> CaseDone:
    """Move it one step on: verify, dispatch, handle, check, send-back or close (as solved)."""
    here, me = console(), current_user.name
    return _done(desk.walk(
        here.engine, case_id, sent.step, actor=me, now=here.now(), note=sent.note,
        owner=sent.owner,
    ))  # fmt: skip


@does("/cases/<id:case_id>/close", Closed, CaseDone)
def case_close(sent: Closed, case_id: str) -> CaseDone:
    """End one that is not solved."""
    here, me = console(), current_user.name
    return _done(desk.close_unsolved(
        here.engine, case_id, CaseOutcome(sent.outcome), actor=me, now=here.now(), note=sent.note
    ))  # fmt: skip


@does("/cases/<id:case_id>/answer", Told, CaseDone)
def case_answer(sent: Told, case_id: str) -> CaseDone:
    """Say something to the reporter."""
    here, me = console(), current_user.name
    return _done(desk.answer(here.engine, case_id, actor=me, text=sent.text, now=here.now()))


@does("/cases/<id:case_id>/note", Told, CaseDone)
def case_note(sent: Told, case_id: str) -> CaseDone:
    """Say something to the others who work on it."""
    here, me = console(), current_user.name
    return _done(desk.note(here.engine, case_id, actor=me, text=sent.text, now=here.now()))


@does("/cases/<id:case_id>/assign", Owned, CaseDone)
def case_assign(sent: Owned, case_id: str) -> CaseDone:
    """Give it to somebody, or let go of it."""
    here, me = console(), current_user.name
    return _done(desk.assign(here.engine, case_id, owner=sent.owner, actor=me, now=here.now()))


@does("/cases/<id:case_id>/severity", Graded, CaseDone)
def case_grade(sent: Graded, case_id: str) -> CaseDone:
    """Give it another severity, and with it other deadlines."""
    here, me, (file, _case) = console(), current_user.name, _one(case_id)
    return _done(desk.grade(here.engine, file, case_id, sent.severity, actor=me, now=here.now()))


@does("/cases/<id:case_id>/release", Unsaid, CaseDone)
def case_release(_sent: Unsaid, case_id: str) -> CaseDone:
    """Let in one that was held back."""
    here, me = console(), current_user.name
    return _done(desk.release(here.engine, case_id, actor=me, now=here.now()))


@does("/cases/<id:case_id>/merge", Merged, CaseDone)
def case_merge(sent: Merged, case_id: str) -> CaseDone:
    """Close it as the same as another open one; its reporters follow that one."""
    here, me = console(), current_user.name
    return _done(desk.merge(here.engine, case_id, sent.code, actor=me, now=here.now()))


@does("/cases/<id:case_id>/split", Part, CaseDone)
def case_split(sent: Part, case_id: str) -> CaseDone:
    """Make a part of it a case of its own; where it says no place, at the place of the whole."""
    here, me, (file, case) = console(), current_user.name, _one(case_id)
    part = NewReport(
        kind=sent.kind, text=sent.text, severity=Severity(case.severity),
        place=sent.place or ("" if sent.spot else case.place),
        spot=sent.spot or ("" if sent.place else case.spot),
    )  # fmt: skip
    return _done(split(here.engine, file, case_id, part, actor=me, now=here.now()))


@does("/cases/<id:case_id>/link", Linked, CaseDone)
def case_link(sent: Linked, case_id: str) -> CaseDone:
    """Say that an alert is about the same; the reporter hears that sensors confirm it."""
    here, me = console(), current_user.name
    return _done(desk.link(here.engine, case_id, sent.alert, actor=me, now=here.now()))


@does("/cases/<id:case_id>/photo", Shown, CaseDone)
def case_photo(sent: Shown, case_id: str) -> CaseDone:
    """Put a photo on the public board, or take it off."""
    here, me = console(), current_user.name
    return _done(show_photo(
        here.engine, case_id, sent.ref, shown=sent.shown, actor=me, now=here.now()
    ))  # fmt: skip


@does("/cases/<id:case_id>/block", Blocked, CaseDone)
def case_block(sent: Blocked, case_id: str) -> CaseDone:
    """Take no more reports from whence it came, for a while."""
    here, me = console(), current_user.name
    return _done(blocks.block(
        here.engine, case_id, sent.what, reason=sent.reason, days=sent.days, actor=me,
        now=here.now(),
    ))  # fmt: skip


@does("/cases/<id:case_id>/contacts", Unsaid, CaseContacts)
def case_contacts(_sent: Unsaid, case_id: str) -> CaseContacts:
    """Read how its reporters can be reached; that it was looked at is written down."""
    here, me = console(), current_user.name
    _one(case_id)
    return CaseContacts(contacts.show(here.engine, vault(), case_id, actor=me, now=here.now()))


@does("/cases/<id:case_id>/forget", Unsaid, CaseDone)
def case_forget(_sent: Unsaid, case_id: str) -> CaseDone:
    """Delete how its reporters can be reached, as they may ask."""
    here, me, (_file, case) = console(), current_user.name, _one(case_id)
    count = contacts.forget(here.engine, case_id, actor=me, now=here.now())
    return _done(Outcome(Verdict.DONE if count else Verdict.SAME, case.state))


@does("/cases/<id:case_id>/erase", Unsaid, CaseDone)
def case_erase(_sent: Unsaid, case_id: str) -> CaseDone:
    """Delete the words, photos and contacts of its reporters, as they may ask."""
    here, me = console(), current_user.name
    return _done(erase(here.engine, here.data, case_id, actor=me, now=here.now()))


@does("/alerts/<id:alert_id>/case", Opened, CaseOpened)
def case_from_alert(sent: Opened, alert_id: str) -> CaseOpened:
    """Open a case about what an alert saw."""
    try:
        got = from_alert(alert_id, sent.kind, sent.text)
    except ReportRefused as error:
        abort(400, f"what was sent: {error}")
    return CaseOpened(got.case, got.code, got.new)


@reads("/cases/blocks", Blocks, BlocksQuery)
def sender_blocks(asked: BlocksQuery) -> Blocks:
    """Who may not report for a while: why, until when, and what they say to it."""
    here = console()
    with here.reader.connect() as connection:
        found = standing_first(connection, here, asked.limit + 1, asked.before)
    shown = [filled(BlockOut, row) for row in found[: asked.limit]]
    return Blocks(shown, shown[-1].id if len(found) > asked.limit else None)


@does("/cases/blocks/<int(max=2147483647):block_id>/lift", Unsaid, CaseDone)
def lift_block(_sent: Unsaid, block_id: int) -> CaseDone:
    """End one before its time."""
    here, me = console(), current_user.name
    return _done(blocks.lift(here.engine, block_id, actor=me, now=here.now()))


def _one(case_id: str) -> tuple[SiteFile, CaseView]:
    here = console()
    with here.reader.connect() as connection:
        found = read_cases(connection, Case.id == case_id)
    file = here.site(found[0].site) if found else None
    if file is None:
        abort(404)
    return file, found[0]


def _done(outcome: Outcome) -> CaseDone:
    if outcome.verdict is Verdict.NO_SUCH_CASE:
        abort(404)
    return CaseDone(outcome.done, str(outcome.verdict), outcome.state)
