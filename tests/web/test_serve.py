"""The console as a process: listening, stopping, the command line."""

import http.client
import re
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import pytest
import urllib3
import yaml
from click.testing import CliRunner
from sqlalchemy import Engine, select

import configs
from configs.servers import WebSettings
from hub.state import store
from hub.state.tables import User
from tests.web import seed
from tests.web.conftest import PASSWORD, Reader
from web import users
from web.app import close, create_app
from web.cli import cli, watching
from web.console import Console, WebError
from web.roles import Role
from web.serve import MAX_BODY_BYTES, serve

Start = Callable[..., str]
Connect = Callable[[str, str, str], "Page"]


@pytest.fixture
def stop() -> threading.Event:
    return threading.Event()


@pytest.fixture
def start(engine: Engine, data: Path, stop: threading.Event) -> Iterator[Start]:
    """Starts the console and says where it is."""
    del engine
    threads: list[threading.Thread] = []

    def run(count: int = 12, **more: str) -> str:
        listening: list[str] = []
        ready = threading.Event()

        def on_listening(address: str) -> None:
            listening.append(address)
            ready.set()

        settings = WebSettings(data=str(data), port=0, threads=count, **more)  # type: ignore[arg-type]
        thread = threading.Thread(
            target=serve,
            args=(settings, [seed.site_file()]),
            kwargs={"stop": stop, "on_listening": on_listening},
        )
        thread.start()
        threads.append(thread)
        assert ready.wait(60)
        return listening[0]

    run.threads = threads  # type: ignore[attr-defined]
    yield run
    stop.set()
    for thread in threads:
        thread.join(60)


def cookie(data: Path, name: str = "viewer") -> str:
    """A session, made with the console's own secret."""
    app = create_app(WebSettings(data=str(data)), [seed.site_file()])
    account = users.verify(app.extensions["linli"].engine, name, PASSWORD)
    app.extensions["linli"].engine.dispose()
    assert account is not None
    serializer = app.session_interface.get_signing_serializer(app)  # type: ignore[attr-defined]
    signed: str = serializer.dumps({"_user_id": account.get_id(), "_fresh": True})
    return f"linli={signed}"


class Page:
    """A page that a browser holds open."""

    def __init__(self, address: str, path: str, session: str) -> None:
        parts = urlsplit(address)
        self._line = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=60)
        headers = {"Cookie": session, "Accept": "text/event-stream"}
        self._line.request("GET", path, headers=headers)
        self.answer = self._line.getresponse()
        self.status = self.answer.status

    def close(self) -> None:
        self.answer.close()
        self._line.close()


@pytest.fixture
def connect() -> Iterator[Callable[[str, str, str], Page]]:
    """Opens pages; closes them in the end."""
    pages: list[Page] = []

    def open_(address: str, path: str, session: str) -> Page:
        pages.append(Page(address, path, session))
        return pages[-1]

    yield open_
    for page in pages:
        page.close()


def test_it_stops_with_live_pages_open_and_tells_them(
    start: Start, stop: threading.Event, data: Path, connect: Connect
) -> None:
    address, session = start(), cookie(data)
    pages = [connect(address, "/live", session) for _ in range(3)]
    assert all(page.answer.readline() == b"retry: 1000\n" for page in pages)
    stop.set()
    ends = [page.answer.read() for page in pages]
    start.threads[0].join(60)  # type: ignore[attr-defined]
    assert not start.threads[0].is_alive()  # type: ignore[attr-defined]
    assert all(b"event: bye" in end for end in ends)


def test_sixty_four_threads_serve_fifty_six_live_pages_and_the_rest_a_503_and_pages_still_open(
    start: Start, data: Path, connect: Connect
) -> None:
    address, session = start(64), cookie(data)
    pages = [connect(address, "/live", session) for _ in range(60)]
    assert [page.status for page in pages] == [200] * 56 + [503] * 4
    page = connect(address, "/", session)
    assert page.status == 200
    assert b"live-alerts" in page.answer.read()


def test_a_live_page_that_is_closed_gives_its_place_back(
    start: Start, data: Path, connect: Connect
) -> None:
    address, session = start(9), cookie(data)  # room for one
    first = connect(address, "/live", session)
    assert connect(address, "/live", session).status == 503
    first.close()
    deadline = time.monotonic() + 60
    while (again := connect(address, "/live", session)).status == 503:
        assert time.monotonic() < deadline
        again.close()


def test_a_port_that_is_taken_says_what_to_do(start: Start, data: Path) -> None:
    port = urlsplit(start()).port
    assert port is not None
    settings = WebSettings(data=str(data), port=port)
    with pytest.raises(WebError, match=rf"cannot listen on 127\.0\.0\.1:{port}: .*web\.port"):
        serve(settings, [], stop=threading.Event(), on_listening=lambda _address: None)


def test_what_is_larger_than_any_form_is_refused_before_it_is_sent(start: Start) -> None:
    parts = urlsplit(start())
    line = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=60)
    line.putrequest("POST", "/report")
    line.putheader("Content-Length", str(MAX_BODY_BYTES + 1))
    line.endheaders()
    assert line.getresponse().status == 413
    line.close()


@pytest.mark.parametrize(("trusted", "believed"), [("127.0.0.1", "203.0.113.9"), ("", "127.0.0.1")])
def test_only_a_trusted_proxy_says_who_asks(
    start: Start, caplog: pytest.LogCaptureFixture, trusted: str, believed: str
) -> None:
    address = start(trusted_proxy=trusted)
    through = {"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "https"}
    assert urllib3.request("GET", f"{address}/metrics").status == 200
    assert urllib3.request("GET", f"{address}/metrics", headers=through).status == 404
    page = urllib3.request("GET", f"{address}/login", headers=through)
    token = re.search(r'name="csrf-token" content="([^"]+)"', page.data.decode())
    assert token is not None
    fields = {"name": "viewer", "password": "a guess", "csrf_token": token[1]}
    more = {
        "Content-Type": "application/x-www-form-urlencoded",
        "Cookie": page.headers["Set-Cookie"].partition(";")[0],
        "Referer": f"{address.replace('http:', 'https:')}/login",
    }
    urllib3.request("POST", f"{address}/login", headers={**through, **more}, body=urlencode(fields))
    assert f"login refused for 'viewer' from {believed}" in caplog.text


@pytest.fixture
def web_yaml(tmp_path: Path) -> Path:
    site = {
        "site": {"id": "garden", "name": "Garden", "timezone": "Asia/Shanghai"},
        "nodes": [{"id": "gate-1"}],
        "places": [{"id": "yard", "name": "Yard"}],
    }
    (tmp_path / "site.yaml").write_text(yaml.safe_dump(site))
    path = tmp_path / "web.yaml"
    path.write_text(yaml.safe_dump({"web": {"data": "data"}, "sites": ["site.yaml"]}))
    return path


def test_a_changed_site_is_shown_without_a_restart_and_a_broken_one_is_not(
    web_yaml: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings, sites = configs.load_web(web_yaml)
    app = create_app(settings, sites)
    console: Console = app.extensions["linli"]
    try:
        users.ensure_user(console.engine, "wang", Role.VIEWER, PASSWORD, now=1)
        visitor = Reader(app.test_client())
        visitor.log_in("wang")
        watcher = watching(web_yaml, console)
        site_yaml = web_yaml.parent / "site.yaml"
        site = yaml.safe_load(site_yaml.read_text())
        site["places"].append({"id": "bike-shed", "name": "Bike shed"})
        site_yaml.write_text(yaml.safe_dump(site))
        assert "Bike shed" not in visitor.client.get("/").text
        watcher.check()
        assert "Bike shed" in visitor.client.get("/").text
        site_yaml.write_text("site: [")
        watcher.check()
        assert "the changed configuration is not used" in caplog.text
        assert "Bike shed" in visitor.client.get("/").text
    finally:
        close(app)


def accounts(web_yaml: Path) -> dict[str, tuple[str, bool]]:
    engine = store.connect(store.address("", web_yaml.parent / "data"))
    with engine.connect() as connection:
        rows = connection.execute(select(User.name, User.role, User.disabled)).all()
    engine.dispose()
    return {name: (role, disabled) for name, role, disabled in rows}


def test_the_command_line_looks_after_accounts(web_yaml: Path) -> None:
    runner, config = CliRunner(), ["-c", str(web_yaml)]
    typed = f"{PASSWORD}\n{PASSWORD}\n"
    made = runner.invoke(cli, ["create-admin", *config, "--name", "王伟"], input=typed)
    assert (made.exit_code, "王伟 may log in as admin" in made.output) == (0, True)
    made = runner.invoke(cli, ["create-user", *config, "--name", "lihua", "--generate"])
    assert "password (shown this once): " in made.output
    runner.invoke(cli, ["disable-user", *config, "--name", "lihua"])
    assert accounts(web_yaml) == {"王伟": ("admin", False), "lihua": ("operator", True)}
    twice = runner.invoke(cli, ["create-admin", *config, "--name", "王伟"], input=typed)
    assert twice.exit_code == 1
    assert "there is a user '王伟' already" in twice.output
    nobody = runner.invoke(cli, ["set-password", *config, "--name", "x", "--generate"])
    assert "there is no user 'x'; create-user makes one" in nobody.output


def test_the_command_line_makes_a_script_its_token_and_takes_it_back(web_yaml: Path) -> None:
    runner, config = CliRunner(), ["-c", str(web_yaml), "--name", "board"]
    made = runner.invoke(cli, ["create-token", *config, "--role", "operator"])
    assert made.output.startswith("linli_")
    assert runner.invoke(cli, ["create-token", *config, "--role", "admin"]).exit_code == 2
    assert runner.invoke(cli, ["create-token", *config]).exit_code == 1
    assert "board may read no more" in runner.invoke(cli, ["revoke-token", *config]).output
    assert "there is no token 'board'" in runner.invoke(cli, ["revoke-token", *config]).output


def test_the_command_line_refuses_a_short_password(web_yaml: Path) -> None:
    arguments = ["create-admin", "-c", str(web_yaml), "--name", "x"]
    answer = CliRunner().invoke(cli, arguments, input="short\nshort\n")
    assert answer.exit_code == 1
    assert "a password has at least 10 characters" in answer.output
