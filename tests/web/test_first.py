"""The link that makes the first administrator: once, for a day, while there is none."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import Engine, select

from configs.servers import WebSettings
from hub.state import store
from hub.state.tables import Audit, FirstLink, User
from tests.web import seed
from tests.web.conftest import NOW, PASSWORD, Clock, Reader
from web import users
from web.app import close, create_app
from web.first import links
from web.roles import Role

FIELDS = {"name": "li", "password": PASSWORD, "again": PASSWORD}


@pytest.fixture
def app(tmp_path: Path, clock: Clock) -> Iterator[Flask]:
    """A console that nobody can log in to."""
    app = create_app(WebSettings(data=str(tmp_path)), [seed.site_file()], now_ms=clock)
    yield app
    close(app)


@pytest.fixture
def engine(app: Flask, tmp_path: Path) -> Iterator[Engine]:
    del app
    engine = store.connect(store.address("", tmp_path))
    yield engine
    engine.dispose()


def link(engine: Engine) -> str:
    token = links.make(engine, now=NOW)
    assert token is not None
    return f"/first/{token}"


def test_it_makes_an_administrator_who_is_logged_in_and_works_once(
    app: Flask, engine: Engine
) -> None:
    browser, other, path = Reader(app.test_client()), Reader(app.test_client()), link(engine)
    assert "Make the account" in browser.client.get(path).text
    answer = browser.post(path, page=path, **FIELDS)
    assert answer.headers["Location"] == "/"
    welcome = browser.client.get("/").text
    assert "Welcome." in welcome
    assert "Photos of reports stay with the staff here" in welcome
    assert "linli models pull yunet" in welcome
    assert browser.client.get("/users").status_code == 200
    again = other.post(path, page="/login", **FIELDS | {"name": "eve"})
    assert again.status_code == 404
    assert "This link is of no use any more" in again.text
    with engine.connect() as connection:
        assert connection.scalars(select(User.name)).all() == ["li"]
        assert connection.scalars(select(Audit.action)).all() == ["user.first-link", "user.create"]
        assert connection.scalars(select(FirstLink.hash)).all() == []


@pytest.mark.parametrize(
    ("fields", "says"),
    [({"name": " "}, "Give a name."),
     ({"again": "another battery"}, "The two passwords differ."),
     ({"password": "short", "again": "short"}, "A password has 10 characters or more")],
)  # fmt: skip
def test_what_does_not_fit_leaves_the_link_good(
    app: Flask, engine: Engine, fields: dict[str, str], says: str
) -> None:
    browser, path = Reader(app.test_client()), link(engine)
    answer = browser.post(path, page=path, **{**FIELDS, **fields})
    assert answer.status_code == 422
    assert says in answer.text
    assert browser.post(path, page=path, **FIELDS).status_code == 302


def test_it_is_over_after_a_day_and_a_newer_one_takes_its_place(
    app: Flask, engine: Engine, clock: Clock
) -> None:
    client, old = app.test_client(), link(engine)
    new = link(engine)
    assert [client.get(path).status_code for path in (old, new)] == [404, 200]
    clock.ms += links.LASTS_MS
    assert client.get(new).status_code == 404
    assert Reader(client).post(new, page="/login", **FIELDS).status_code == 404


def test_there_is_none_while_there_is_an_administrator(app: Flask, engine: Engine) -> None:
    path = link(engine)
    users.create(engine, "wang", Role.VIEWER, PASSWORD, actor="test", now=NOW)
    assert app.test_client().get(path).status_code == 200
    users.create(engine, "root", Role.ADMIN, PASSWORD, actor="test", now=NOW)
    assert app.test_client().get(path).status_code == 404
    assert links.make(engine, now=NOW) is None


def test_the_token_is_not_in_the_store(engine: Engine, tmp_path: Path) -> None:
    token = link(engine).rpartition("/")[2]
    engine.dispose()
    assert all(token.encode() not in path.read_bytes() for path in tmp_path.glob("state.db*"))
