"""A second factor: set up, asked for at login, taken once, reset, and needed by role."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pyotp
import pytest
from click.testing import CliRunner
from flask import Flask
from sqlalchemy import Engine, select

from configs.servers import WebSettings
from hub.state.tables import Audit, User
from tests.web import seed
from tests.web.conftest import NOW, PASSWORD, Clock, Reader
from web import users
from web.app import close, create_app
from web.cli import cli
from web.login import HALF_MS
from web.totp import codes

Open = Callable[[str], Reader]


def set_up(browser: Reader, clock: Clock) -> tuple[pyotp.TOTP, list[str]]:
    """Switch it on as a phone would; the phone and the recovery codes."""
    page = browser.client.get("/me/code").text
    assert "<svg" in page
    secret = re.search(r"<code>([A-Z2-7]{32})</code>", page)
    assert secret is not None
    phone, sealed = pyotp.TOTP(secret[1]), draft(page)
    code = at(phone, clock)
    shown = browser.post("/me/code", page="/me", code=code, password=PASSWORD, draft=sealed)
    return phone, re.findall(r"<code>([a-z0-9-]{19})</code>", shown.text)


def draft(page: str) -> str:
    found = re.search(r'name="draft" value="([^"]+)"', page)
    assert found is not None
    return found[1]


def at(phone: pyotp.TOTP, clock: Clock) -> str:
    return phone.at(clock.ms // 1000)


def misfit(phone: pyotp.TOTP, clock: Clock) -> str:
    """A code that the phone does not show, nor did or will within the minute."""
    near = {phone.at(clock.ms // 1000 + 30 * step) for step in range(-2, 3)}
    return next(code for code in map("{:06}".format, range(9)) if code not in near)


def enter(app: Flask, code: str, name: str = "operator", **more: str) -> tuple[Reader, int]:
    """A new browser that has given the password and this code."""
    browser = Reader(app.test_client())
    first = browser.log_in(name, **more)
    assert first.status_code == 200
    assert browser.client.get("/alerts").status_code == 302  # half of a login is none
    return browser, browser.post("/login/code", page="/login/code", code=code, **more).status_code


def actions(engine: Engine) -> list[str]:
    with engine.connect() as connection:
        wanted = select(Audit.action).where(Audit.action.not_in(("login", "logout", "user.create")))
        return list(connection.scalars(wanted.order_by(Audit.id)))


def test_a_login_needs_the_code_once_it_is_switched_on(
    app: Flask, reader: Open, clock: Clock, engine: Engine
) -> None:
    browser, other = reader("operator"), reader("operator")
    phone, recovery = set_up(browser, clock)
    assert len(set(recovery)) == codes.RECOVERY
    assert browser.client.get("/alerts").status_code == 200
    assert other.client.get("/alerts").status_code == 302  # its session has ended
    used = at(phone, clock)
    assert enter(app, used)[1] == 401  # it was taken when it was set up
    clock.ms += 30_000
    fresh, status = enter(app, f" {at(phone, clock)[:3]} {at(phone, clock)[3:]} ")
    assert status == 302
    assert fresh.client.get("/alerts").status_code == 200
    assert enter(app, at(phone, clock))[1] == 401  # nor is it taken twice
    clock.ms += 60_000
    assert enter(app, phone.at(clock.ms // 1000 - 30))[1] == 302  # a phone that is behind
    assert actions(engine) == ["user.totp-on"]


def test_a_recovery_code_works_once_and_new_ones_replace_the_old(
    app: Flask, reader: Open, clock: Clock, engine: Engine
) -> None:
    _phone, recovery = set_up(reader("operator"), clock)
    browser, status = enter(app, recovery[0].upper())
    assert status == 302
    assert "Recovery codes left: 7." in browser.client.get("/").text
    assert enter(app, recovery[0])[1] == 401
    shown = browser.post("/me/code/recovery", page="/me", password=PASSWORD).text
    new = re.findall(r"<code>([a-z0-9-]{19})</code>", shown)
    assert enter(app, recovery[1])[1] == 401
    assert enter(app, new[0].replace("-", ""))[1] == 302
    assert actions(engine) == ["user.totp-on", "login.recovery", "user.recovery", "login.recovery"]


def test_neither_secret_nor_recovery_codes_stand_in_the_store(
    reader: Open, clock: Clock, engine: Engine
) -> None:
    phone, recovery = set_up(reader("operator"), clock)
    with engine.connect() as connection:
        row = connection.execute(select(User.__table__).where(User.name == "operator")).one()
    stored = repr(row)
    assert phone.secret not in stored
    assert all(code not in stored and code.replace("-", "") not in stored for code in recovery)


def test_codes_cannot_be_guessed_for_long_and_wait_only_some_minutes(
    app: Flask, reader: Open, clock: Clock
) -> None:
    phone, _recovery = set_up(reader("operator"), clock)
    clock.ms += 30_000
    slow = Reader(app.test_client())
    slow.log_in("operator")
    clock.ms += HALF_MS + 1
    late = slow.post("/login/code", page="/login/code", code=at(phone, clock))
    assert late.status_code == 400
    assert "That took too long. Log in again." in late.text
    browser = Reader(app.test_client())
    browser.log_in("operator")
    wrong = misfit(phone, clock)
    guesses = [
        browser.post("/login/code", page="/login/code", code=wrong).status_code for _ in range(6)
    ]
    assert guesses == [401] * 5 + [429]


def test_a_form_is_kept_through_both_halves_of_a_login(
    app: Flask, reader: Open, clock: Clock
) -> None:
    phone, _recovery = set_up(reader("operator"), clock)
    clock.ms += 30_000
    browser = Reader(app.test_client())
    fields = {"next": "/alerts/x/resolve", "kept.note": "it was a cat"}
    half = browser.log_in("operator", **fields)
    assert 'name="kept.note" value="it was a cat"' in half.text
    other = misfit(phone, clock)
    wrong = browser.post("/login/code", page="/login/code", code=other, **fields)
    assert 'name="kept.note" value="it was a cat"' in wrong.text
    whole = browser.post("/login/code", page="/login/code", code=at(phone, clock), **fields)
    assert "it was a cat</textarea>" in whole.text


def test_a_changed_password_ends_half_a_login_too(
    app: Flask, reader: Open, clock: Clock, engine: Engine
) -> None:
    phone, _recovery = set_up(reader("operator"), clock)
    clock.ms += 30_000
    browser = Reader(app.test_client())
    browser.log_in("operator")
    users.set_password(engine, "operator", "another password", actor="test", now=NOW)
    code = at(phone, clock)
    assert browser.post("/login/code", page="/login/code", code=code).status_code == 400


def test_switching_on_needs_the_password_and_a_code_that_fits(
    reader: Open, clock: Clock, engine: Engine
) -> None:
    browser = reader("operator")
    page = browser.client.get("/me/code").text
    sealed = draft(page)
    phone = pyotp.TOTP(re.search(r"<code>(.*?)</code>", page)[1])  # type: ignore[index]
    other = misfit(phone, clock)
    wrong = browser.post("/me/code", page="/me", code=other, password=PASSWORD, draft=sealed)
    assert "That code does not fit." in wrong.text
    assert phone.secret in wrong.text
    fits = {"code": at(phone, clock), "draft": sealed}
    refused = browser.post("/me/code", page="/me", password="x", **fits)
    assert (refused.status_code, "The password is not right." in refused.text) == (401, True)
    foreign = reader("viewer").post("/me/code", page="/me", password=PASSWORD, **fits)
    assert foreign.status_code == 401
    assert actions(engine) == []


def test_it_is_switched_off_with_the_password_and_reset_by_another_administrator(
    app: Flask, reader: Open, clock: Clock, engine: Engine
) -> None:
    browser = reader("operator")
    set_up(browser, clock)
    assert browser.post("/me/code/off", page="/me", password="x").status_code == 401
    browser.post("/me/code/off", page="/me", password=PASSWORD)
    assert Reader(app.test_client()).log_in("operator").status_code == 302
    set_up(browser, clock)
    admin = reader("admin")
    assert "with a code" in admin.client.get("/users").text
    admin.post("/users/change", page="/users", name="operator", do="totp")
    assert browser.client.get("/alerts").status_code == 302
    assert Reader(app.test_client()).log_in("operator").status_code == 302
    assert actions(engine)[-3:] == ["user.totp-off", "user.totp-on", "user.totp-reset"]


@pytest.fixture
def strict(engine: Engine, data: Path, clock: Clock) -> Iterator[Flask]:
    """A console whose operators need a second factor."""
    del engine
    settings = WebSettings(data=str(data), totp_required=("operator",))
    app = create_app(settings, [seed.site_file()], now_ms=clock)
    yield app
    close(app)


def test_who_needs_one_sets_it_up_before_anything_else(strict: Flask, clock: Clock) -> None:
    browser = Reader(strict.test_client())
    browser.log_in("operator")
    for path in ("/", "/alerts", "/live"):
        assert browser.client.get(path).headers["Location"] == "/me/code"
    json = {"Accept": "application/json"}
    assert browser.client.get("/api/v1/alerts", headers=json).status_code == 403
    assert browser.post("/me/sound", page="/me/code", sound="off").status_code == 302
    assert "Your role logs in with a code as well." in browser.client.get("/me/code").text
    set_up(browser, clock)
    assert browser.client.get("/alerts").status_code == 200
    browser.post("/me/code/off", page="/me", password=PASSWORD)
    assert "Your role needs it" in browser.client.get("/me/code").text
    other = Reader(strict.test_client())
    other.log_in("viewer")
    assert other.client.get("/alerts").status_code == 200


def test_the_command_line_resets_it_for_the_last_administrator(tmp_path: Path) -> None:
    path = tmp_path / "site.yaml"
    site = "site: {id: garden, name: G, timezone: UTC}\nnodes: [{id: n}]\nplaces: []\n"
    path.write_text(f"{site}web: {{data: data, totp_required: [admin]}}\n", encoding="utf-8")
    runner, name = CliRunner(), ["-c", str(path), "--name", "li"]
    runner.invoke(cli, ["create-admin", *name, "--generate"])
    told = runner.invoke(cli, ["reset-totp", *name])
    assert told.output == "li logs in with the password alone; open sessions have ended\n"
    assert runner.invoke(cli, ["reset-totp", "-c", str(path), "--name", "x"]).exit_code == 1
