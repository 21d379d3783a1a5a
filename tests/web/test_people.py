"""Who may log in: what an administrator does on the page, and one's own password."""

import re
from collections.abc import Callable

import pytest
from flask import Flask
from sqlalchemy import Engine, select

from hub.state.tables import Audit
from tests.web.conftest import NOW, PASSWORD, Reader
from web import users
from web.roles import Role

Open = Callable[[str], Reader]


def change(browser: Reader, name: str, verb: str, **more: str) -> str:
    browser.post("/users/change", page="/users", name=name, do=verb, **more)
    return browser.client.get("/users").text


def test_a_user_is_made_with_a_password_that_is_shown_once_and_works(
    app: Flask, reader: Open
) -> None:
    admin = reader("admin")
    admin.post("/users", page="/users", name="lihua", role="operator")
    text = admin.client.get("/users").text
    password = re.search(r"The password of lihua, shown this once: (\S+?)<", text)
    assert password is not None
    assert password[1] not in admin.client.get("/users").text
    fresh = Reader(app.test_client())
    assert fresh.log_in("lihua", password[1]).status_code == 302
    admin.post("/users", page="/users", name="lihua", role="viewer")
    assert "There is a user of that name already." in admin.client.get("/users").text
    admin.post("/users", page="/users", name=" ", role="king")
    assert "Give a name and a role." in admin.client.get("/users").text


@pytest.mark.parametrize("verb", ["disable", "logout", "password", "role"])
def test_what_changes_a_user_ends_their_sessions_at_once_and_is_audited(
    reader: Open, engine: Engine, verb: str
) -> None:
    admin, other = reader("admin"), reader("operator")
    assert other.client.get("/alerts").status_code == 200
    change(admin, "operator", verb, role="viewer")
    assert other.client.get("/alerts").status_code == 302
    with engine.connect() as connection:
        last = connection.execute(select(Audit.__table__).order_by(Audit.id.desc())).first()
    assert last is not None
    assert (last.actor, last.target) == ("admin", "operator")
    assert last.action == f"user.{verb}"


def test_a_disabled_user_is_let_in_again_and_a_role_changes_what_they_may(reader: Open) -> None:
    admin = reader("admin")
    assert "shut out" in change(admin, "operator", "disable")
    assert "shut out" not in change(admin, "operator", "enable")
    change(admin, "operator", "role", role="viewer")
    assert "Handover" in reader("operator").client.get("/").text
    assert reader("operator").post("/handover/notes", page="/").status_code == 403
    assert "Nothing was changed." in change(admin, "operator", "role", role="king")


def test_nobody_shuts_themselves_out_and_one_administrator_stays(
    reader: Open, engine: Engine
) -> None:
    admin = reader("admin")
    assert "Another administrator has to do that" in change(admin, "admin", "disable")
    assert "there is no such user" in change(admin, "nobody", "disable")
    last = "'admin' is the last administrator"
    with pytest.raises(users.UserError, match=last):
        users.set_role(engine, "admin", Role.VIEWER, actor="x", now=NOW)
    with pytest.raises(users.UserError, match=last):
        users.set_disabled(engine, "admin", True, actor="x", now=NOW)
    assert admin.client.get("/users").status_code == 200


def test_ones_own_password_is_changed_and_this_session_alone_goes_on(
    app: Flask, reader: Open
) -> None:
    here, there = reader("viewer"), reader("viewer")
    new = "a longer battery of horses"
    answer = here.post("/me/password", page="/me", old="wrong", new=new, again=new)
    assert answer.status_code == 401
    assert "The old password is not right." in answer.text
    for fields, words in (
        ({"new": new, "again": "x"}, "The two new passwords differ."),
        ({"new": "short", "again": "short"}, "A password has at least 10 characters."),
        ({"new": new, "again": new}, "You have a new password"),
    ):
        here.post("/me/password", page="/me", old=PASSWORD, **fields)
        assert words in here.client.get("/me").text
    assert there.client.get("/alerts").status_code == 302
    fresh = Reader(app.test_client())
    assert fresh.log_in("viewer", new).status_code == 302


def test_an_open_session_does_not_serve_to_guess_its_password(reader: Open) -> None:
    browser = reader("viewer")
    token = browser.token("/")
    codes = [
        browser.client.post("/me/password", data={"csrf_token": token, "old": "x"}).status_code
        for _ in range(9)
    ]
    assert codes == [401] * 8 + [429]
