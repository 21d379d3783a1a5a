"""One-time codes by RFC 6238 and what stands in for them when a phone is lost.

The secret is sealed with the key of the data folder; of the recovery codes only hashes are kept,
which need not be slow ones, because the codes are long and random.
"""

import hashlib
import hmac
import secrets
from collections.abc import Mapping

import pyotp
from sqlalchemy import Engine, select, update

from hub import audit
from hub.cases.vault import Vault
from hub.state.store import reading
from hub.state.tables import User
from web.users import NO_TOTP

STEP_S = 30
DRIFT = 1
"""Steps that a phone's clock may be off. Higher: more patience, more codes that fit."""
RECOVERY = 8
"""Recovery codes of a user; each works once."""
GROUPS = 4
LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"
"""Without those that are taken for each other."""


def fits(secret: str, code: str, now: int) -> int | None:
    """The step whose code this is, around ``now`` (ms); None where it is of none."""
    digits = "".join(code.split())
    if not secret or len(digits) != 6 or not digits.isascii() or not digits.isdigit():
        return None
    totp, step = pyotp.TOTP(secret), now // 1000 // STEP_S
    steps = range(step - DRIFT, step + DRIFT + 1)
    found = [one for one in steps if hmac.compare_digest(totp.generate_otp(one), digits)]
    return found[-1] if found else None


def switch_on(
    engine: Engine, vault: Vault, user_id: int, secret: str, step: int, *, actor: str, now: int
) -> list[str]:
    """From now on the user logs in with a code too; returns recovery codes, to be shown once.
    Their other sessions end. ``step`` is that of the code that proved it."""
    made = _made()
    values = {
        "totp": vault.seal(secret), "totp_step": step, "recovery": [_hash(code) for code in made],
        "session_key": secrets.token_hex(16),
    }  # fmt: skip
    _change(engine, user_id, values, "user.totp-on", actor=actor, now=now)
    return made


def renew(engine: Engine, user_id: int, *, actor: str, now: int) -> list[str]:
    """New recovery codes; the old ones are of no use any more."""
    made = _made()
    values = {"recovery": [_hash(code) for code in made]}
    _change(engine, user_id, values, "user.recovery", actor=actor, now=now)
    return made


def switch_off(engine: Engine, user_id: int, *, actor: str, now: int) -> None:
    """The password alone is enough again; the user's sessions end."""
    values = {**NO_TOTP, "session_key": secrets.token_hex(16)}
    _change(engine, user_id, values, "user.totp-off", actor=actor, now=now)


def check(engine: Engine, vault: Vault, user_id: int, code: str, *, now: int) -> int | None:
    """Take a code, or a recovery code; how many of those are left, None where it is neither.

    A code is taken once: whoever saw it typed cannot type it again.
    """
    query = select(User.name, User.totp, User.recovery).where(User.id == user_id)
    with reading(engine).connect() as connection:
        row = connection.execute(query).first()
    if row is None or not row.totp:
        return None
    step = fits(vault.open(row.totp), code, now)
    if step is not None:
        newer = update(User).where(User.id == user_id, User.totp_step < step)
        with engine.begin() as connection:
            taken = connection.execute(newer.values(totp_step=step)).rowcount
        return len(row.recovery) if taken else None
    return _recover(engine, user_id, code, now)


def left(engine: Engine, user_id: int) -> int:
    """How many recovery codes a user has left."""
    with reading(engine).connect() as connection:
        found = connection.scalar(select(User.recovery).where(User.id == user_id))
    return len(found or ())


def _recover(engine: Engine, user_id: int, code: str, now: int) -> int | None:
    wanted = _hash(code)
    with engine.begin() as connection:
        audit.lock(connection)
        row = connection.execute(
            select(User.name, User.recovery).where(User.id == user_id)
        ).first()  # fmt: skip
        if row is None or wanted not in row.recovery:
            return None
        rest = [one for one in row.recovery if one != wanted]
        connection.execute(update(User).where(User.id == user_id).values(recovery=rest))
        audit.enter(connection, row.name, "login.recovery", row.name, f"{len(rest)} left", now)
    return len(rest)


def _change(
    engine: Engine, user_id: int, values: Mapping[str, object], action: str, *, actor: str, now: int
) -> None:
    with engine.begin() as connection:
        audit.lock(connection)
        name = connection.scalar(select(User.name).where(User.id == user_id)) or ""
        connection.execute(update(User).where(User.id == user_id).values(dict(values)))
        audit.enter(connection, actor, action, name, "", now)


def _made() -> list[str]:
    def code() -> str:
        return "-".join("".join(secrets.choice(LETTERS) for _ in range(4)) for _ in range(GROUPS))

    return [code() for _ in range(RECOVERY)]


def _hash(code: str) -> str:
    plain = "".join(letter for letter in code.casefold() if letter.isalnum())
    return hashlib.sha256(plain.encode()).hexdigest()
