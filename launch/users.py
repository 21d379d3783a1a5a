"""Somebody must be able to log in: makes the first user of a site's console."""

import secrets
import time
from pathlib import Path

from sqlalchemy import func, select

from configs.servers import WebSettings
from hub.state import store
from hub.state.tables import User
from web.roles import Role
from web.users import create, set_password


def first_login(web: WebSettings, name: str, *, renew: bool = False) -> str | None:
    """A generated password for ``name``; None where the console has users already.

    With ``renew`` the user gets a new password each time, as a demonstration does.
    """
    data = Path(web.data)
    data.mkdir(parents=True, exist_ok=True, mode=0o700)
    database = store.connect(store.address(web.state_url, data))
    try:
        store.migrate(database)
        with store.reading(database).begin() as connection:
            users = connection.scalar(select(func.count()).select_from(User)) or 0
        if users and not renew:
            return None
        password, now = secrets.token_urlsafe(9), time.time_ns() // 1_000_000
        if users:
            set_password(database, name, password, actor="linli", now=now)
        else:
            create(database, name, Role.ADMIN, password, actor="linli", now=now)
        return password
    finally:
        database.dispose()
