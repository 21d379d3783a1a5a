"""The link that makes the first administrator: of use once, for a day, while there is none."""

import hashlib
import secrets

from sqlalchemy import Connection, Engine, delete, func, insert, select

from hub import audit
from hub.state.store import reading
from hub.state.tables import FirstLink
from web import users
from web.roles import Role

LASTS_MS = 86_400_000


def make(engine: Engine, *, now: int) -> str | None:
    """A new token; an older one is of no use any more. None where there is an administrator."""
    token = secrets.token_urlsafe(32)
    with engine.begin() as connection:
        audit.lock(connection)
        connection.execute(delete(FirstLink))
        if _administrators(connection):
            return None
        row = {"hash": _hash(token), "expires_at": now + LASTS_MS}
        connection.execute(insert(FirstLink).values(row))
        audit.enter(connection, "linli", "user.first-link", "", "", now)
    return token


def good(engine: Engine, token: str, *, now: int) -> bool:
    """Whether it still makes an administrator."""
    with reading(engine).connect() as connection:
        return _good(connection, token, now)


def redeem(engine: Engine, token: str, name: str, password: str, *, now: int) -> bool:
    """Make the administrator; False where the link is of no use any more, or was used meanwhile.

    Raises `UserError` for a name that is taken and a password that is too short; the link stays.
    """
    if not good(engine, token, now=now):
        return False
    known = users.hashed(password)
    with engine.begin() as connection:
        audit.lock(connection)
        if not _good(connection, token, now):
            return False
        users.add(connection, name, Role.ADMIN, known, actor=name, now=now)
        connection.execute(delete(FirstLink))
    return True


def _good(connection: Connection, token: str, now: int) -> bool:
    known = select(FirstLink.hash).where(FirstLink.hash == _hash(token), FirstLink.expires_at > now)
    return connection.scalar(known) is not None and not _administrators(connection)


def _administrators(connection: Connection) -> int:
    return connection.scalar(select(func.count()).where(users.ADMINS)) or 0


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
