"""A console over a seeded store, and readers of it."""

import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from flask import Flask
from flask.testing import FlaskClient
from jinja2.bccache import Bucket, BytecodeCache
from sqlalchemy import Engine
from werkzeug.test import TestResponse

from configs.servers import WebSettings
from hub.state import store
from tests.web import seed
from web import users
from web.app import close, create_app
from web.roles import Role

NOW = 1_795_460_000_000
PASSWORD = "correct horse battery"


@dataclass
class Clock:
    """A clock that tests turn."""

    ms: int = NOW

    def __call__(self) -> int:
        return self.ms


@dataclass
class Reader:
    """A browser without JavaScript."""

    client: FlaskClient
    name: str = ""

    def token(self, path: str = "/login") -> str:
        """The CSRF token that the page carries."""
        text = self.client.get(path, follow_redirects=True).text
        found = re.search(r'name="csrf-token" content="([^"]+)"', text)
        assert found is not None
        return found[1]

    def post(self, path: str, page: str = "/login", **fields: str) -> TestResponse:
        """Send a form as a page would."""
        return self.client.post(path, data={"csrf_token": self.token(page), **fields})

    def log_in(self, name: str, password: str = PASSWORD, **fields: str) -> TestResponse:
        self.name = name
        return self.post("/login", name=name, password=password, **fields)


@pytest.fixture(autouse=True)
def cheap_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hashing that takes no second of each test."""
    _cheapen(monkeypatch)


def _cheapen(patch: pytest.MonkeyPatch) -> None:
    hasher = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    patch.setattr(users, "_hasher", hasher)
    patch.setattr(users, "_NOBODY", hasher.hash("nobody"))


class _Compiled(BytecodeCache):
    """Templates that were compiled, for all consoles of a run."""

    def __init__(self) -> None:
        self._code: dict[str, bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        if bucket.key in self._code:
            bucket.bytecode_from_string(self._code[bucket.key])

    def dump_bytecode(self, bucket: Bucket) -> None:
        self._code[bucket.key] = bucket.bytecode_to_string()


@pytest.fixture(scope="session", autouse=True)
def compiled_once() -> Iterator[None]:
    """To compile its templates takes a console longer than most tests take."""
    with pytest.MonkeyPatch.context() as patch:
        options = {**Flask.jinja_options, "bytecode_cache": _Compiled()}
        patch.setattr(Flask, "jinja_options", options)
        yield


@pytest.fixture(scope="session")
def seeded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with the seeded moment and a user of each role, made once and copied."""
    data = tmp_path_factory.mktemp("seeded")
    engine = store.connect(store.address("", data))
    with pytest.MonkeyPatch.context() as patch:
        _cheapen(patch)
        store.migrate(engine)
        seed.fill(engine, data, NOW)
        for role in Role:
            users.ensure_user(engine, role.value, role, PASSWORD, now=NOW)
    engine.dispose()
    return data


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture(autouse=True)
def models(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder of models: what a developer has fetched changes nothing here."""
    folder = tmp_path_factory.mktemp("models")
    monkeypatch.setenv("LINLI_MODELS", str(folder))
    return folder


@pytest.fixture
def engine(data: Path, seeded: Path) -> Iterator[Engine]:
    """The hub's hand on the store, with a user of each role named after it."""
    shutil.copytree(seeded, data)
    engine = store.connect(store.address("", data))
    yield engine
    engine.dispose()


@pytest.fixture
def app(engine: Engine, data: Path, clock: Clock) -> Iterator[Flask]:
    del engine  # it has made the store
    app = create_app(WebSettings(data=str(data), threads=12), [seed.site_file()], now_ms=clock)
    yield app
    close(app)


@pytest.fixture
def reader(app: Flask) -> Callable[[str], Reader]:
    """A new browser, logged in under the name, or not at all for ""."""

    def open_(name: str) -> Reader:
        found = Reader(app.test_client())
        if name:
            assert found.log_in(name).status_code == 302
        return found

    return open_
