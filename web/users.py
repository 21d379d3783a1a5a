"""Who may log in: argon2 passwords, roles, and the key that ends sessions."""

import secrets
import time
import unicodedata
from collections.abc import Mapping
from types import MappingProxyType

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError, VerifyMismatchError
from msgspec import Struct, field
from sqlalchemy import Connection, Engine, RowMapping, func, insert, select, update

from hub import audit
from hub.state.store import reading
from hub.state.tables import User
from web.roles import ACT, Role, Sites

MIN_PASSWORD = 10
MAX_PASSWORD = 1000
"""Hashing a longer one would only cost time."""
_hasher = PasswordHasher()
_NOBODY = _hasher.hash(secrets.token_hex())
"""Verified for names that do not exist, so that they take as long as those that do."""


NO_TOTP: Mapping[str, object] = MappingProxyType({"totp": None, "totp_step": 0, "recovery": []})
"""Columns of a user whose password is enough."""
NOWHERE_ELSE: Mapping[str, Role] = MappingProxyType({})
ADMINS = (User.role == Role.ADMIN) & User.disabled.is_(False)


RESERVED = ("command line", "hub", "linli", "resident")
"""Who is no user, and yet does what the log tells of; nor are scripts: "token <name>"."""
LEFT = "left"
"""Among a user's settings: the sessions that ended before their time."""
LEFT_MOST = 200


class UserError(Exception):
    """An account cannot be made or changed; the text says why."""


class Account(Struct, frozen=True):
    """A user who is logged in, as Flask-Login wants one."""

    id: int
    name: str
    role: Role
    """The highest that the user has anywhere."""
    language: str
    session_key: str
    sites: dict[str, Role] = field(default_factory=dict)
    """The role at each of some sites, and none elsewhere; empty: ``role`` holds everywhere."""
    totp: bool = False
    """Logs in with a code as well."""
    keys: bool = True
    """Whether letters typed outside a field do something."""
    sound: bool = True
    """Whether new alerts are heard, and counted in the page's title."""
    theme: str = ""
    """"dark" or "light"; "" is the browser's."""
    session: str = ""
    """Which of the user's sessions it is."""
    is_active: bool = True
    is_authenticated: bool = True
    is_anonymous: bool = False

    def where(self, least: Role) -> Sites:
        """The sites where the user may do what ``least`` may."""
        if not self.sites:
            return Sites(None if self.role.includes(least) else frozenset())
        return Sites(frozenset(s for s, role in self.sites.items() if role.includes(least)))

    def get_id(self) -> str:
        """What the session carries: a new key ends every session of the user."""
        return f"{self.id}:{self.session_key}:{self.session}"


def find(engine: Engine, session_id: str) -> Account | None:
    """Whom a session belongs to; None when disabled, when the key has changed, or when the session
    was ended: whoever kept a copy of its cookie has nothing."""
    number, _, rest = session_id.partition(":")
    key, _, session = rest.partition(":")
    if not number.isdecimal():
        return None
    query = select(*User.__table__.columns).where(User.id == int(number))
    with reading(engine).connect() as connection:
        row = connection.execute(query).mappings().one_or_none()
    if row is None or row["disabled"] or not secrets.compare_digest(row["session_key"], key):
        return None
    return None if session in row["settings"].get(LEFT, ()) else _account(row, session)


def by_id(engine: Engine, number: int) -> Account | None:
    """The account of a number; None where there is none, or it is disabled."""
    query = select(*User.__table__.columns).where(User.id == number, User.disabled.is_(False))
    with reading(engine).connect() as connection:
        row = connection.execute(query).mappings().one_or_none()
    return None if row is None else _account(row)


def verify(engine: Engine, name: str, password: str) -> Account | None:
    """The account if the password is right and it is not disabled. Rehashes an old hash."""
    query = select(*User.__table__.columns).where(User.name == tidy(name))
    with reading(engine).connect() as connection:
        row = connection.execute(query).mappings().one_or_none()
    right = matches(row["password_hash"] if row is not None else None, password)
    if row is None or not right or row["disabled"]:
        return None
    if outdated(row["password_hash"]):
        better = hashed(password[:MAX_PASSWORD], least=0)
        with engine.begin() as connection:
            connection.execute(
                update(User).where(User.id == row["id"]).values(password_hash=better)
            )
    return _account(row)


def matches(known: str | None, password: str) -> bool:
    """Whether a password is the one that was hashed; of nobody (None) none is, and finding that
    out takes as long. Raises `UserError` where the hash cannot be read."""
    try:
        _hasher.verify(known or _NOBODY, password[:MAX_PASSWORD])
    except VerifyMismatchError:
        return False
    except (VerificationError, InvalidHashError) as error:
        raise UserError(f"a stored password cannot be read: {error}") from error
    return known is not None


def outdated(known: str) -> bool:
    """Whether it was hashed more cheaply than passwords are now."""
    return _hasher.check_needs_rehash(known)


def hashed(password: str, *, least: int = MIN_PASSWORD) -> str:
    """What is kept of a password; raises `UserError` for one that is too short or too long."""
    if len(password) < least:
        raise UserError(f"a password has at least {least} characters")
    if len(password) > MAX_PASSWORD:
        raise UserError(f"a password has at most {MAX_PASSWORD} characters")
    return _hasher.hash(password)


def create(
    engine: Engine, name: str, role: Role, password: str, *, actor: str, now: int | None = None,
    sites: Mapping[str, Role] = NOWHERE_ELSE,
) -> None:  # fmt: skip
    """Make an account; raises `UserError` where the name is taken or the password too short.

    ``sites`` are its roles where it has some at single sites alone, instead of ``role``.
    """
    known = hashed(password)  # takes a while, so not while the store is locked
    with engine.begin() as connection:
        add(connection, name, role, known, actor=actor, now=_at(now), sites=sites)


def add(
    connection: Connection, name: str, role: Role, password_hash: str, *, actor: str, now: int,
    sites: Mapping[str, Role] = NOWHERE_ELSE,
) -> None:  # fmt: skip
    """`create` in the caller's transaction, of a password that is hashed already."""
    name = tidy(name)
    if not name or not name.isprintable():
        raise UserError("a name is words that can be read, on one line")
    if name.casefold() in RESERVED or name.casefold().startswith("token "):
        raise UserError(f"{name!r} would stand in the log for somebody else: take another name")
    row = {"name": name, "language": "", "disabled": False, "created_at": now, "settings": {}}
    row |= _roles(role, sites)
    row |= {"password_hash": password_hash, "session_key": secrets.token_hex(16)}
    audit.lock(connection)
    if connection.scalar(select(User.id).where(User.name == name)) is not None:
        raise UserError(f"there is a user {name!r} already; set-password changes its password")
    connection.execute(insert(User).values(row))
    audit.enter(connection, actor, "user.create", name, _said(role, sites), now)


def ensure_user(
    engine: Engine, name: str, role: Role, password: str, *, now: int | None = None
) -> None:
    """Make the account unless its name exists; one that does keeps its password."""
    with reading(engine).connect() as connection:
        if connection.scalar(select(User.id).where(User.name == tidy(name))) is not None:
            return
    create(engine, name, role, password, actor="linli", now=now)


def set_password(
    engine: Engine, name: str, password: str, *, actor: str, now: int | None = None
) -> None:
    """A new password; ends every session of the user. Raises `UserError`."""
    values = {"password_hash": hashed(password), "session_key": secrets.token_hex(16)}
    _change(engine, name, values, "user.password", actor=actor, now=now)


def set_disabled(
    engine: Engine, name: str, disabled: bool, *, actor: str, now: int | None = None
) -> None:
    """Shut an account, or open it again; ends its sessions. Raises `UserError`."""
    values = {"disabled": disabled, "session_key": secrets.token_hex(16)}
    action = "user.disable" if disabled else "user.enable"
    _change(engine, name, values, action, actor=actor, now=now)


def set_language(engine: Engine, user_id: int, language: str) -> None:
    """Remember what the user reads."""
    with engine.begin() as connection:
        connection.execute(update(User).where(User.id == user_id).values(language=language))


class Known(Struct, frozen=True):
    """A user, for the page that looks after them."""

    name: str
    role: Role
    sites: dict[str, Role]
    disabled: bool
    created_at: int
    totp: bool


def listed(engine: Engine) -> list[Known]:
    """Everybody, by name."""
    columns = (
        User.name,
        User.role,
        User.sites,
        User.disabled,
        User.created_at,
        User.totp.is_not(None),
    )
    with reading(engine).connect() as connection:
        rows = connection.execute(select(*columns).order_by(User.name)).all()
    return [
        Known(name, Role(role), _sites(sites), disabled, at, totp)
        for name, role, sites, disabled, at, totp in rows
    ]


def acting_at(connection: Connection, site: str) -> list[str]:
    """Names of those who may answer alerts of a site now, by name."""
    query = select(User.name, User.role, User.sites).where(User.disabled.is_(False))
    return [
        name
        for name, role, sites in connection.execute(query.order_by(User.name))
        if Role(sites.get(site, Role.VIEWER) if sites else role).includes(ACT)
    ]


def set_role(
    engine: Engine, name: str, role: Role, *, actor: str, now: int | None = None,
    sites: Mapping[str, Role] = NOWHERE_ELSE,
) -> None:  # fmt: skip
    """Let a user do more, or less, from the next request on: ``role`` everywhere, or what
    ``sites`` say at those alone. Raises `UserError`."""
    values = _roles(role, sites) | {"session_key": secrets.token_hex(16)}
    _change(engine, name, values, "user.role", actor=actor, now=now, detail=_said(role, sites))


def _roles(role: Role, sites: Mapping[str, Role]) -> dict[str, object]:
    if Role.ADMIN in sites.values():
        raise UserError("an administrator is one everywhere: users are of no single site")
    highest = max(sites.values(), key=list(Role).index) if sites else role
    return {"role": highest, "sites": dict(sites)}


def _said(role: Role, sites: Mapping[str, Role]) -> str:
    return ", ".join(f"{own} at {site}" for site, own in sorted(sites.items())) or role


def _sites(stored: Mapping[str, str]) -> dict[str, Role]:
    return {site: Role(role) for site, role in sorted(stored.items())}


def end_sessions(engine: Engine, name: str, *, actor: str, now: int | None = None) -> None:
    """Log a user out everywhere. Raises `UserError`."""
    values = {"session_key": secrets.token_hex(16)}
    _change(engine, name, values, "user.logout", actor=actor, now=now)


def leave(engine: Engine, account: Account) -> None:
    """End one session; the user's others go on."""
    with engine.begin() as connection:
        mine = User.id == account.id
        known = connection.scalar(select(User.settings).where(mine)) or {}
        left = [*known.get(LEFT, ()), account.session][-LEFT_MOST:]
        connection.execute(update(User).where(mine).values(settings={**known, LEFT: left}))


def reset_totp(engine: Engine, name: str, *, actor: str, now: int | None = None) -> None:
    """Let a user log in with the password alone, whose phone is lost. Raises `UserError`."""
    values = {**NO_TOTP, "session_key": secrets.token_hex(16)}
    _change(engine, name, values, "user.totp-reset", actor=actor, now=now)


def set_setting(engine: Engine, user_id: int, name: str, value: bool | str) -> None:
    """Remember one thing that the user wants of the console."""
    with engine.begin() as connection:
        known = connection.scalar(select(User.settings).where(User.id == user_id)) or {}
        changed = update(User).where(User.id == user_id).values(settings={**known, name: value})
        connection.execute(changed)


def _change(
    engine: Engine,
    name: str,
    values: Mapping[str, object],
    action: str,
    *,
    actor: str,
    now: int | None,
    detail: str = "",
) -> None:
    name = tidy(name)
    with engine.begin() as connection:
        audit.lock(connection)
        admin = connection.scalar(select(func.count()).where(ADMINS, User.name == name))
        changed = connection.execute(update(User).where(User.name == name).values(dict(values)))
        if changed.rowcount != 1:
            raise UserError(f"there is no user {name!r}; create-user makes one")
        if admin and not connection.scalar(select(func.count()).where(ADMINS)):
            raise UserError(f"{name!r} is the last administrator: make another one first")
        audit.enter(connection, actor, action, name, detail, _at(now))


def _at(now: int | None) -> int:
    return time.time_ns() // 1_000_000 if now is None else now


def tidy(name: str) -> str:
    """A name as it is kept and looked for."""
    return unicodedata.normalize("NFC", name.strip())[:80]


def _account(row: RowMapping, session: str = "") -> Account:
    """``session`` "": a new one, which begins where it logs in."""
    settings = row["settings"]
    return Account(
        id=row["id"],
        name=row["name"],
        role=Role(row["role"]),
        language=row["language"],
        session_key=row["session_key"],
        sites=_sites(row["sites"]),
        totp=bool(row["totp"]),
        keys=settings.get("keys", True) is True,
        sound=settings.get("sound", True) is True,
        theme=str(settings.get("theme", "")),
        session=session or secrets.token_hex(8),
    )
