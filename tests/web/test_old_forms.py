"""A form that was left open: it is still sent, or says why not, and nothing typed is lost."""

import re
from collections.abc import Callable
from html.parser import HTMLParser

import pytest
from itsdangerous import TimestampSigner
from sqlalchemy import Engine
from werkzeug.test import TestResponse

from hub import desk
from tests.web import seed
from tests.web.conftest import NOW, PASSWORD, Clock, Reader
from web import users
from web.roles import Role

Open = Callable[[str], Reader]
Form = tuple[str, dict[str, str]]
HOUR_MS = 3_600_000
TYPED = {"note": "a cat", "reason": "painters", "hours": "1", "owner": "admin", "verdict": "false"}
ACTS = {
    "acknowledge": "acknowledged by operator",
    "assign": "admin deals with it",
    "judge": "false alarm (operator)",
    "note": "note operator a cat",
    "silence": "notifications muted by operator: painters",
    "resolve": "ended operator a cat",
}
"""Of an alert's page, and what its story says then."""


class Forms(HTMLParser):
    """The forms of a page that change something: where they go, and their fields as they are."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[Form] = []
        self.feed(page.partition("<main")[2].partition("</main>")[0])

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form" and given.get("method") == "post":
            self.found.append((given["action"], {}))
        elif self.found and "name" in given and given.get("type") != "checkbox":
            self.found[-1][1].setdefault(given["name"], given.get("value", ""))

    def handle_data(self, data: str) -> None:
        if self.lasttag == "textarea" and self.found and data.strip():
            self.found[-1][1]["note"] = data

    def one(self, verb: str) -> Form:
        return [one for one in self.found if one[0].endswith(f"/{verb}")][-1]


@pytest.fixture
def turned(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Clock:
    """A clock that sessions go by too."""
    monkeypatch.setattr(TimestampSigner, "get_timestamp", lambda _self: clock.ms // 1000)
    return clock


@pytest.fixture
def alert(engine: Engine) -> str:
    with engine.begin() as connection:
        return seed.alert(connection, NOW, "courtyard")


def _open(browser: Reader, page: str, verb: str) -> Form:
    """The form as it stands there, filled in."""
    action, fields = Forms(browser.client.get(page).text).one(verb)
    return action, fields | {name: text for name, text in TYPED.items() if name in fields}


def _send(browser: Reader, form: Form) -> TestResponse:
    return browser.client.post(form[0], data=form[1])


def _send_again(browser: Reader, answer: TestResponse, form: Form) -> TestResponse:
    """Go on from the page that says why, through the login where it asks for one."""
    if answer.status_code == 401:
        assert "You were logged out while this form was open" in answer.text
        kept = Forms(answer.text).one("login")[1]
        answer = browser.client.post("/login", data=kept | {"name": "operator",
                                                            "password": PASSWORD})  # fmt: skip
    action, fields = Forms(answer.text).found[-1]
    assert action == form[0]
    shown = {"verdict": "false alarm", "owner": "<b>admin</b>", "hours": "1\xa0h"}
    assert all(words in answer.text for name, words in shown.items() if name in fields)
    assert fields.items() >= {k: v for k, v in form[1].items() if k != "csrf_token"}.items()
    return _send(browser, (action, fields))


def _story(browser: Reader, alert: str) -> str:
    html = browser.client.get(f"/alerts/{alert}").text
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html))


def test_after_an_hour_every_form_of_an_alert_is_taken(
    reader: Open, turned: Clock, alert: str
) -> None:
    browser, page = reader("operator"), f"/alerts/{alert}"
    for verb, says in ACTS.items():
        form = _open(browser, page, verb)
        turned.ms += HOUR_MS
        assert _send(browser, form).status_code == 302, verb
        assert says in _story(browser, alert)


def test_when_the_session_is_over_every_form_goes_on_after_the_login(
    reader: Open, turned: Clock, alert: str
) -> None:
    browser, page = reader("operator"), f"/alerts/{alert}"
    for verb, says in ACTS.items():
        form = _open(browser, page, verb)
        turned.ms += 13 * HOUR_MS
        asked = _send(browser, form)
        assert asked.status_code == 401, verb
        assert _send_again(browser, asked, form).status_code == 302
        assert says.partition(":")[0] in _story(browser, alert)


def test_a_form_from_before_the_last_login_says_so_and_is_sent_by_one_more_press(
    reader: Open, turned: Clock, alert: str
) -> None:
    browser, page = reader("operator"), f"/alerts/{alert}"
    for verb, says in ACTS.items():
        form = _open(browser, page, verb)
        turned.ms += HOUR_MS
        browser.post("/logout", page="/")
        browser.log_in("operator")
        asked = _send(browser, form)
        assert asked.status_code == 400
        assert "This form was opened before you last logged in" in asked.text
        assert _send_again(browser, asked, form).status_code == 302
        assert says in _story(browser, alert)


def test_what_was_typed_over_an_alert_that_another_has_ended_can_go_into_its_story(
    reader: Open, engine: Engine, turned: Clock, alert: str
) -> None:
    browser = reader("operator")
    form = _open(browser, f"/alerts/{alert}", "resolve")
    turned.ms += HOUR_MS
    desk.resolve(engine, alert, actor="wang", note="", now=turned.ms)
    answer = _send(browser, form)
    assert answer.status_code == 409
    assert "wang had resolved it already" in answer.text
    note = Forms(answer.text).one("note")
    assert note[1]["note"] == "a cat"
    assert _send(browser, note).status_code == 302
    assert "note operator a cat" in _story(browser, alert)


def test_of_an_alert_that_another_has_taken_meanwhile_it_is_said_who(
    reader: Open, engine: Engine, turned: Clock, alert: str
) -> None:
    browser, page = reader("operator"), f"/alerts/{alert}"
    taken, given = (_open(browser, page, verb) for verb in ("acknowledge", "assign"))
    turned.ms += HOUR_MS
    desk.acknowledge(engine, alert, actor="wang", now=turned.ms)
    desk.assign(engine, alert, owner="wang", actor="wang", now=turned.ms)
    _send(browser, taken)
    assert "wang had acknowledged it already" in _story(browser, alert)
    _send(browser, given)
    assert "wang has it already." in _story(browser, alert)


def test_a_name_that_answers_no_alerts_there_is_refused_and_those_who_do_are_offered(
    reader: Open, engine: Engine, alert: str
) -> None:
    users.create(engine, "elsewhere", Role.VIEWER, PASSWORD, actor="test", now=NOW,
                 sites={"river": Role.OPERATOR})  # fmt: skip
    users.create(engine, "gone", Role.OPERATOR, PASSWORD, actor="test", now=NOW)
    users.set_disabled(engine, "gone", True, actor="test", now=NOW)
    browser, page = reader("operator"), f"/alerts/{alert}"
    offered = browser.client.get(page).text.partition('id="owner-here"')[2].partition("</select>")
    names = re.findall("<option>([^<]+)", offered[0])
    assert names == ["admin", "maintainer", "operator"]
    for name in ("viewer", "elsewhere", "gone", "nobody"):
        browser.post(f"{page}/assign", page=page, owner=name, before="")
        story = _story(browser, alert)
        assert f"{name} answers no alerts here. Choose somebody of the list." in story
        assert "deals with it" not in story


def test_a_reason_for_many_is_there_again_where_none_was_marked(reader: Open) -> None:
    browser = reader("operator")
    for back in ("/alerts?", "/alerts?state=open"):
        answer = browser.post("/alerts/acknowledge", page="/alerts", back=back, reason="siren test")
        html = browser.client.get(answer.headers["Location"]).text
        assert "Mark some alerts first." in html
        assert 'value="siren test"' in html


@pytest.mark.parametrize(
    ("page", "verb", "typed", "says"),
    [("/handover", "notes", {"note": "the shed key is back"}, "the shed key is back"),
     ("/rules", "silences", {"scope": "garden/place:courtyard", "ends": "2026-12-24T06:00",
                             "reason": "painters", "kind": "maintenance"}, "operator: painters")],
)  # fmt: skip
def test_notes_to_the_next_shift_and_planned_work_outlive_the_session_too(
    reader: Open, turned: Clock, page: str, verb: str, typed: dict[str, str], says: str
) -> None:
    browser = reader("operator")
    action, fields = Forms(browser.client.get(page).text).one(verb)
    form = action, fields | typed
    turned.ms += 13 * HOUR_MS
    assert _send_again(browser, _send(browser, form), form).status_code == 302
    assert says in browser.client.get(page).text
