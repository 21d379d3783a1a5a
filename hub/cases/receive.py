"""Takes residents' reports in: each becomes a case once, however often it is sent."""

import hashlib
import secrets
import unicodedata
from collections.abc import Callable, Sequence
from difflib import SequenceMatcher
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace
from sqlalchemy import Connection, Engine, func, insert, select
from sqlalchemy.exc import IntegrityError

from configs.rules import Severity
from configs.site import SiteFile
from hub import audit
from hub.cases import family
from hub.cases.contacts import mail_address
from hub.cases.senders import Marks, remember
from hub.cases.tables import (
    ENDED,
    Case,
    CaseAlert,
    CaseEvent,
    CasePhoto,
    CaseState,
    Reporter,
)
from hub.cases.worktime import deadlines
from hub.cases.write import NOTE_CHARS, say
from hub.pictures import PictureFolder
from hub.state.store import reading

if TYPE_CHECKING:  # the hub has use for a part of this, and loads no cryptography for that
    from hub.cases.vault import Vault

TEXT_CHARS = 4000
SPOT_CHARS = 200
CONTACT_CHARS = 200
KEY_CHARS = (16, 64)
ALPHABET = "ABCDEFGHJKLMNPQRTUVWXY2346789"
"""Of codes: nothing that is read for something else."""
ALIKE, ALIKE_CHARS = 1.3, 300
"""Of a report's words and 1 each for its kind and its place, and how many letters are compared."""
SIMILAR_DAYS_MS = 30 * 86_400_000


class OpenCase(Struct, frozen=True):
    """A case that a new report may be about."""

    id: str
    code: str
    text: str
    state: str
    created_at: int
    place: str
    kind: str


class ReportRefused(Exception):
    """A report cannot be taken; ``field`` says which part of it and the text why."""

    def __init__(self, field: str, why: str) -> None:
        super().__init__(why)
        self.field = field


class NewReport(Struct, frozen=True, kw_only=True):
    """What somebody tells us."""

    kind: str
    text: str
    place: str = ""
    spot: str = ""
    contact: str = ""
    mail: bool = False
    """Write to the e-mail address in ``contact`` when something happens."""
    language: str = "en"
    """In which to write."""
    severity: Severity = Severity.MEDIUM
    channel: str = "page"
    actor: str = "resident"
    request_key: str = ""
    """16 to 64 characters that the sender made up; "" where it is sent once anyhow."""
    photos: Sequence[bytes] = ()
    """JPEGs, already re-encoded."""
    blurred: bool = False
    """Faces in them are hidden already."""
    held: str = ""
    """Why it should wait for somebody to look at it."""
    alert: str = ""
    """The alert that it is opened from."""
    sender: Marks = Marks()
    """Whence it came."""


class Received(Struct, frozen=True):
    """A report that is ours now."""

    case: str
    code: str
    token: str
    """For the link of the reporter."""
    new: bool
    """False where the same had been sent before."""


Then = Callable[[Connection, Received], None]
"""What else is written down with a report, in the same transaction; the same may come again."""


def nothing_else(_connection: Connection, _got: Received) -> None:
    """The report alone."""


def receive(
    engine: Engine, site: SiteFile, report: NewReport, *, vault: "Vault", data: Path, now: int,
    then: Then = nothing_else,
) -> Received:  # fmt: skip
    """Keep a report, and what ``then`` writes; one that came before and comes again with other
    words adds them to it. Raises `ReportRefused`, and OSError where a picture cannot be kept."""
    report = checked(site, report)
    token = vault.derive(report.request_key) if report.request_key else secrets.token_hex(20)
    case_id = secrets.token_hex(8)
    photos = [(secrets.token_hex(8), jpeg) for jpeg in report.photos]
    if _known(engine, report.request_key):
        return _again(engine, report, token, now, then)
    folder = PictureFolder(data / "cases")
    for ref, jpeg in photos:
        folder.put(site.site.id, case_id, ref, jpeg)
    try:
        return _write(engine, site, report, case_id, token, photos, vault, now, then)
    except BaseException as error:
        for ref, _ in photos:
            folder.remove(site.site.id, case_id, ref)
        known = isinstance(error, IntegrityError) and _known(engine, report.request_key)
        if known:  # two came at once
            return _again(engine, report, token, now, then)
        raise


def _again(engine: Engine, report: NewReport, token: str, now: int, then: Then) -> Received:
    """The answer got lost, and what was said was changed before it came again."""
    query = select(Case.id, Case.code, Case.site, Case.text, Case.held)
    with engine.begin() as connection:
        audit.lock(connection)
        case = connection.execute(query.where(Case.request_key == report.request_key)).one()
        story = select(CaseEvent.kind, CaseEvent.note).where(CaseEvent.case == case.id)
        events = connection.execute(story).all()
        known = {"", case.text[:NOTE_CHARS], *(note for kind, note in events if kind == "added")}
        erased = any(kind == "erased" for kind, _note in events)
        if report.text[:NOTE_CHARS] not in known and not erased:
            say(connection, case.id, case.site, "added", actor=report.actor, note=report.text,
                public=not case.held, now=now)  # fmt: skip
        got = Received(case.id, case.code, token, new=False)
        then(connection, got)
    return got


def me_too(
    engine: Engine, case_id: str, *, contact: str, vault: "Vault", request_key: str, now: int,
    mail: bool = False, language: str = "en", then: Then = nothing_else,
) -> Received | None:  # fmt: skip
    """One more who sees the same, and what ``then`` writes; None where the case is not open. The
    same key counts once. With ``mail`` the address in ``contact`` is written to when something
    happens."""
    own = f"me-too:{case_id}:{request_key}"
    token = vault.derive(own) if request_key else secrets.token_hex(20)
    digest = token_hash(token)
    with engine.begin() as connection:
        audit.lock(connection)
        open_ = Case.state.not_in(ENDED) & (Case.id == case_id) & (Case.held == "")
        case = connection.execute(select(Case.code, Case.site).where(open_)).first()
        if case is None:
            return None
        again = select(Reporter.id).where(Reporter.token_hash == digest)
        new = connection.scalar(again) is None
        got = Received(case_id, case.code, token, new=new)
        then(connection, got)
        if not new:
            return got
        sealed = vault.seal(contact.strip()[:CONTACT_CHARS])
        link = vault.seal(token) if mail and mail_address(contact) else None
        _follow(connection, case_id, token, sealed, now, first=False, link=link, language=language)
        say(connection, case_id, case.site, "me-too", actor="resident", note="", public=True,
            now=now)  # fmt: skip
    return got


def followed(engine: Engine, token: str) -> list[str]:
    """The cases that a link leads to, the oldest first: more than one where it was split, and
    where it was merged that which it went to. None of no link."""
    query = select(Reporter.case).where(Reporter.token_hash == token_hash(token))
    with reading(engine).connect() as connection:
        found = connection.scalar(query)
        return [] if found is None else family.followed(connection, found)


def rateable(engine: Engine, token: str) -> set[str]:
    """The cases of which the holder of a link has the last word: who reported it first."""
    mine = (Reporter.token_hash == token_hash(token)) & Reporter.first
    with reading(engine).connect() as connection:
        found = connection.scalar(select(Reporter.case).where(mine))
        return set() if found is None else set(family.parts(connection, found))


def similar(
    engine: Engine, site: str, *, place: str, kind: str, text: str, now: int, limit: int = 3
) -> list[OpenCase]:
    """Open cases that may be the same: of the kind or place, the most alike first."""
    query = (
        select(Case.id, Case.code, Case.text, Case.state, Case.created_at, Case.place, Case.kind)
        .where(Case.site == site, Case.state.not_in(ENDED), Case.held == "")
        .where(Case.created_at > now - SIMILAR_DAYS_MS)
        .where((Case.kind == kind) | (Case.place == place))
        .order_by(Case.created_at.desc())
        .limit(200)
    )
    with reading(engine).connect() as connection:
        rows = [OpenCase(*row) for row in connection.execute(query)]

    matcher = SequenceMatcher(b=text[:ALIKE_CHARS].lower())

    def alike(row: OpenCase) -> float:
        matcher.set_seq1(row.text[:ALIKE_CHARS].lower())
        same = int(place != "" and row.place == place) + int(row.kind == kind)
        most = same + matcher.quick_ratio()  # which is never less, and much sooner known
        return most if most < ALIKE else same + matcher.ratio()

    likely = [(alike(row), row) for row in rows]
    likely = sorted((one for one in likely if one[0] >= ALIKE), key=lambda it: -it[0])
    return [row for _, row in likely[:limit]]


def token_hash(token: str) -> str:
    """What is kept of a link's token."""
    return hashlib.sha256(token.encode()).hexdigest()


def checked(site: SiteFile, report: NewReport) -> NewReport:
    """The report as it is kept. Raises `ReportRefused` with the part that is wrong."""
    places = {place.id for place in site.places}
    key = report.request_key
    text, spot = _plain(report.text)[:TEXT_CHARS], _plain(report.spot)[:SPOT_CHARS]
    if site.residents.kind(report.kind) is None:
        raise ReportRefused("kind", f"{report.kind!r} is no kind of report here")
    if report.place and report.place not in places:
        raise ReportRefused("place", f"{report.place!r} is no place here")
    if not report.place and not spot:
        raise ReportRefused("place", "says nowhere: choose a place or write where it is")
    if not text and not report.photos:
        raise ReportRefused("text", "says nothing: write a few words or add a photo")
    if key and not KEY_CHARS[0] <= len(key) <= KEY_CHARS[1]:
        raise ReportRefused("request_key", "a request key has 16 to 64 characters")
    words = f"{text} {spot}".casefold()
    spam = next((word for word in site.residents.spam if word.casefold() in words), "")
    held = report.held or (f"spam: {spam}"[:80] if spam else "")
    contact = report.contact.strip()[:CONTACT_CHARS]
    if report.mail and not mail_address(contact):
        raise ReportRefused("contact", "has no e-mail address to write to")
    return replace(report, text=text, spot=spot, held=held, contact=contact)


def _plain(text: str) -> str:
    """Without what is no character for people, and cannot stand in XML either."""
    kept = (c for c in text if c in "\n\t" or unicodedata.category(c) not in ("Cc", "Cs", "Cn"))
    return "".join(kept).strip()


def _known(engine: Engine, request_key: str) -> bool:
    """Whether a report came with the key before."""
    if not request_key:
        return False
    with reading(engine).connect() as connection:
        return connection.scalar(select(Case.id).where(Case.request_key == request_key)) is not None


def _write(
    engine: Engine, site: SiteFile, report: NewReport, case_id: str, token: str,
    photos: Sequence[tuple[str, bytes]], vault: "Vault", now: int, then: Then,
) -> Received:  # fmt: skip
    answer_due, due = deadlines(site, report.kind, report.severity, now)
    with engine.begin() as connection:
        audit.lock(connection)
        code = free_code(connection)
        row = {
            "id": case_id, "code": code, "request_key": report.request_key or None,
            "site": site.site.id, "place": report.place, "spot": report.spot,
            "kind": report.kind, "severity": report.severity, "state": CaseState.RECEIVED,
            "text": report.text, "channel": report.channel, "held": report.held,
            "created_at": now, "answer_due_at": answer_due, "due_at": due,
        }  # fmt: skip
        connection.execute(insert(Case).values(row))
        rows = [
            {"case": case_id, "ref": ref, "size": len(jpeg), "blurred": report.blurred}
            for ref, jpeg in photos
        ]
        if rows:
            connection.execute(insert(CasePhoto), rows)
        mail_link = vault.seal(token) if report.mail else None
        _follow(connection, case_id, token, vault.seal(report.contact), now, first=True,
                link=mail_link, language=report.language)  # fmt: skip
        remember(connection, case_id, report.sender, now)
        if report.alert:
            link = {"case": case_id, "alert": report.alert, "opened": True, "at": now}
            connection.execute(insert(CaseAlert).values(link))
        say(connection, case_id, site.site.id, "received", actor=report.actor,
            note=report.held, public=not report.held, now=now)  # fmt: skip
        got = Received(case_id, code, token, new=True)
        then(connection, got)
    return got


def _follow(
    connection: Connection, case_id: str, token: str, contact: bytes, now: int, *, first: bool,
    link: bytes | None, language: str,
) -> None:  # fmt: skip
    row = {"case": case_id, "token_hash": token_hash(token), "first": first, "contact": contact,
           "at": now, "mail_link": link, "language": language}  # fmt: skip
    connection.execute(insert(Reporter).values(row))


def free_code(connection: Connection) -> str:
    """A code that no case has."""
    while True:
        letters = "".join(secrets.choice(ALPHABET) for _ in range(6))
        code = f"{letters[:3]}-{letters[3:]}"
        taken = select(func.count()).select_from(Case).where(Case.code == code)
        if not connection.scalar(taken):
            return code
