"""Residents' accounts: names, argon2 passwords, and a session apart from that of staff.

The session is a signed cookie of its own that lasts for weeks: a phone at a checkpoint is to
know its volunteer. Nothing that staff may do looks at it, and nothing of residents at theirs.
"""

import secrets
import unicodedata
from typing import TYPE_CHECKING

from flask import Response, current_app, g, request
from itsdangerous import BadData, URLSafeTimedSerializer
from msgspec import Struct
from sqlalchemy import Connection, Engine, insert, select, update
from sqlalchemy.exc import IntegrityError

from hub import audit
from hub.neighbours.tables import Resident, ResidentReport
from hub.state.store import reading
from web.console import console
from web.users import MAX_PASSWORD, hashed, matches, outdated

if TYPE_CHECKING:
    from hub.cases.receive import Received, Then
    from hub.cases.vault import Vault

COOKIE = "linli-resident"
LASTS_S = 60 * 86_400
NAME_CHARS = range(2, 41)
CONTACT_CHARS = 200
DAY_MS = 86_400_000
SELF = "resident"
COLUMNS = (Resident.id, Resident.name, Resident.session_key, Resident.seen_at)
"""Those of `Neighbour`."""


class NameRefused(Exception):
    """No account can have such a name."""


class NameTaken(Exception):
    """Somebody has that name, or one that looks the same."""


class Neighbour(Struct, frozen=True):
    """A resident who is logged in."""

    id: int
    name: str
    session_key: str
    seen_at: int


def create(
    engine: Engine, vault: "Vault", name: str, password: str, contact: str, now: int
) -> Neighbour:
    """Make an account. Raises `NameRefused`, `NameTaken`, and `web.users.UserError` for a
    password that is too short."""
    name = unicodedata.normalize("NFC", " ".join(name.split()))
    if len(name) not in NAME_CHARS or not name.isprintable():
        raise NameRefused(f"a name has {NAME_CHARS[0]} to {NAME_CHARS[-1]} characters")
    if named(engine, name) is not None:  # before a password is hashed, which takes its time
        raise NameTaken(name)
    row = {
        "name": name, "name_key": key_of(name), "password_hash": hashed(password),
        "session_key": secrets.token_hex(16), "created_at": now, "seen_at": now,
        "contact": vault.seal(contact.strip()[:CONTACT_CHARS]),
    }  # fmt: skip
    try:
        with engine.begin() as connection:
            audit.lock(connection)
            made = connection.execute(insert(Resident).values(row).returning(*COLUMNS)).one()
            audit.enter(connection, SELF, "resident.create", f"resident {made.id}", "", now)
    except IntegrityError:  # two of one name at the same moment
        raise NameTaken(name) from None
    return Neighbour(*made)


def verify(engine: Engine, name: str, password: str) -> Neighbour | None:
    """Whose name and password these are; says no as slowly for a name that nobody has."""
    columns = Resident.__table__.columns
    query = select(*columns).where(Resident.name_key == key_of(name))
    with reading(engine).connect() as connection:
        row = connection.execute(query).first()
    if not matches(row.password_hash if row is not None else None, password) or row is None:
        return None
    if outdated(row.password_hash):
        better = {"password_hash": hashed(password[:MAX_PASSWORD], least=0)}
        with engine.begin() as connection:
            connection.execute(update(Resident).where(Resident.id == row.id).values(**better))
    return Neighbour(row.id, row.name, row.session_key, row.seen_at)


def is_password(engine: Engine, resident: int, password: str) -> bool:
    """Whether it is theirs."""
    query = select(Resident.password_hash).where(Resident.id == resident)
    with reading(engine).connect() as connection:
        return matches(connection.scalar(query), password)


def named(engine: Engine, name: str) -> int | None:
    """The number of the account with a name."""
    query = select(Resident.id).where(Resident.name_key == key_of(name))
    with reading(engine).connect() as connection:
        return connection.scalar(query)


def set_password(
    engine: Engine, resident: int, password: str, *, now: int, actor: str = SELF
) -> Neighbour:
    """A new password, which ends every other session. Raises `web.users.UserError`."""
    values = {"password_hash": hashed(password), "session_key": secrets.token_hex(16)}
    with engine.begin() as connection:
        audit.lock(connection)
        changed = update(Resident).where(Resident.id == resident).values(**values)
        row = connection.execute(changed.returning(Resident.name, Resident.seen_at)).one()
        audit.enter(connection, actor, "resident.password", f"resident {resident}", "", now)
    return Neighbour(resident, row.name, values["session_key"], row.seen_at)


def set_contact(engine: Engine, vault: "Vault", resident: int, contact: str) -> None:
    """How they can be reached from now on; "" deletes it."""
    sealed = vault.seal(contact.strip()[:CONTACT_CHARS])
    with engine.begin() as connection:
        connection.execute(update(Resident).where(Resident.id == resident).values(contact=sealed))


def contact_of(engine: Engine, vault: "Vault", resident: int) -> str:
    """How they can be reached."""
    with reading(engine).connect() as connection:
        sealed = connection.scalar(select(Resident.contact).where(Resident.id == resident))
    return vault.open(sealed or b"")


def keeps(vault: "Vault", now: int) -> "Then":
    """What puts a report on the page of who sends it, where they are logged in; for `receive`."""
    mine = resident()

    def keep(connection: Connection, got: "Received") -> None:
        if mine is None:
            return
        known = (ResidentReport.resident == mine.id) & (ResidentReport.case == got.case)
        if connection.scalar(select(ResidentReport.case).where(known)) is None:
            row = {"resident": mine.id, "case": got.case, "token": vault.seal(got.token), "at": now}
            connection.execute(insert(ResidentReport).values(row))

    return keep


def resident() -> Neighbour | None:
    """Who asks; None for everybody without an account, staff included."""
    if "neighbour" not in g:
        g.neighbour = _find()
    found: Neighbour | None = g.neighbour
    return found


def log_in(response: Response, who: Neighbour) -> Response:
    """Let the browser come back as them."""
    response.set_cookie(
        COOKIE, _signer().dumps([who.id, who.session_key]), max_age=LASTS_S, httponly=True,
        samesite="Lax", secure=console().settings.secure_cookies,
    )  # fmt: skip
    return response


def log_out(response: Response) -> Response:
    """Let the browser forget them."""
    response.delete_cookie(COOKIE)
    return response


def key_of(name: str) -> str:
    """What two names share that look the same."""
    return unicodedata.normalize("NFKC", " ".join(name.split())).casefold()[:160]


def _signer() -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(current_app.config["SECRET_KEY"], salt="resident")


def _find() -> Neighbour | None:
    try:
        number, key = _signer().loads(request.cookies.get(COOKIE, ""), max_age=LASTS_S)
    except (BadData, ValueError, TypeError):
        return None
    here = console()
    with here.reader.connect() as connection:
        row = connection.execute(select(*COLUMNS).where(Resident.id == number)).first()
    if row is None or not secrets.compare_digest(row.session_key, str(key)):
        return None
    if here.now() - row.seen_at > DAY_MS:
        with here.engine.begin() as connection:
            seen = update(Resident).where(Resident.id == row.id).values(seen_at=here.now())
            connection.execute(seen)
    return Neighbour(*row)
