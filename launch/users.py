"""Somebody must be able to log in: the first user of a site's console."""

import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Engine, func, select

from configs.servers import WebSettings
from hub.state import store
from hub.state.tables import User
from web.first import links
from web.roles import Role
from web.users import create, set_password


def first_link(web: WebSettings) -> str | None:
    """The path at which the first administrator is made, once; None where there is one."""
    with _store(web) as database:
        token = links.make(database, now=time.time_ns() // 1_000_000)
    return None if token is None else f"/first/{token}"


def demo_login(web: WebSettings, name: str) -> str:
    """A new password for ``name``, each time, as a demonstration gives one."""
    with _store(web) as database:
        with store.reading(database).begin() as connection:
            users = connection.scalar(select(func.count()).select_from(User)) or 0
        password, now = secrets.token_urlsafe(9), time.time_ns() // 1_000_000
        if users:
            set_password(database, name, password, actor="linli", now=now)
        else:
            create(database, name, Role.ADMIN, password, actor="linli", now=now)
        return password


@contextmanager
def _store(web: WebSettings) -> Iterator[Engine]:
    data = Path(web.data)
    data.mkdir(parents=True, exist_ok=True, mode=0o700)
    database = store.connect(store.address(web.state_url, data))
    try:
        store.migrate(database)
        yield database
    finally:
        database.dispose()
