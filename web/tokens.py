"""Tokens with which scripts read what the pages show, and do what their role may do there."""

import hashlib
import secrets
import time
from collections.abc import Sequence

from flask import Request
from sqlalchemy import Engine, delete, insert, select

from hub import audit
from hub.state.store import reading
from hub.state.tables import ApiToken
from web.roles import Role
from web.users import Account, UserError

SCHEME = "Bearer "
API = "/api/"
PICTURES = ("pictures.show", "cases.photo", "cameras.snapshot", "now.plan")
"""What answers of the API name, and a token reads too."""
ROLES = (Role.VIEWER.value, Role.OPERATOR.value, Role.MAINTAINER.value)
"""Users and their roles are looked after by people."""


def create(
    engine: Engine, name: str, *, actor: str, now: int | None = None, sites: Sequence[str] = (),
    role: Role = Role.VIEWER,
) -> str:  # fmt: skip
    """A new token, for the script ``name``; raises `UserError` where it has one. It has its role
    at ``sites`` alone; none given: at all."""
    name = name.strip()[:80]
    token, at = f"linli_{secrets.token_urlsafe(32)}", _at(now)
    with engine.begin() as connection:
        audit.lock(connection)
        known = select(ApiToken.name).where(ApiToken.name == name)
        if not name or connection.scalar(known) is not None:
            raise UserError(f"there is a token {name!r} already; revoke-token takes it back")
        row = {"name": name, "hash": _hash(token), "created_at": at, "sites": list(sites)}
        connection.execute(insert(ApiToken).values(**row, role=str(role)))
        said = f"{role} at {', '.join(sites)}" if sites else str(role)
        audit.enter(connection, actor, "token.create", name, said, at)
    return token


def revoke(engine: Engine, name: str, *, actor: str, now: int | None = None) -> None:
    """Take a token back at once; raises `UserError` where there is none."""
    with engine.begin() as connection:
        audit.lock(connection)
        gone = connection.execute(delete(ApiToken).where(ApiToken.name == name.strip()))
        if not gone.rowcount:
            raise UserError(f"there is no token {name!r}; create-token makes one")
        audit.enter(connection, actor, "token.revoke", name.strip(), "", _at(now))


def bearer(engine: Engine, asked: Request) -> Account | None:
    """The script that asks, with its role; None where it carries no token that is known.

    Tokens are taken for the API and for the pictures that it names, not for pages.
    """
    given = asked.headers.get("Authorization", "")
    if not given.startswith(SCHEME) or not (is_api(asked) or asked.endpoint in PICTURES):
        return None
    found = select(ApiToken.name, ApiToken.sites, ApiToken.role).where(
        ApiToken.hash == _hash(given.removeprefix(SCHEME).strip())
    )
    with reading(engine).connect() as connection:
        row = connection.execute(found).first()
    if row is None:
        return None
    return Account(
        id=0, name=f"token {row.name}", role=Role(row.role), language="en", session_key="",
        sites=dict.fromkeys(row.sites, Role(row.role)),
    )  # fmt: skip


def is_api(asked: Request) -> bool:
    """Whether a script is to be answered, which can do nothing with a page."""
    return asked.path.startswith(API)


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _at(now: int | None) -> int:
    return time.time_ns() // 1_000_000 if now is None else now
