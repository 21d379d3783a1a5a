"""What an operator does on an alert's page beyond acknowledging, without JavaScript."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import Engine, insert, select

from hub import audit, silences
from hub.notify.tables import Delivery
from hub.series.points import Stored
from hub.state.tables import Alert, Silence
from tests.web import seed
from tests.web.conftest import NOW, Clock, Reader
from web.alerts import seen
from wire.records import NodeHealth

Open = Callable[[str], Reader]


@pytest.fixture
def alert(engine: Engine) -> str:
    with engine.begin() as connection:
        return seed.alert(connection, NOW, "courtyard")


def _story(browser: Reader, alert: str) -> str:
    html = browser.client.get(f"/alerts/{alert}").text
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html))


def test_an_operator_takes_over_lets_go_and_hands_on(reader: Open, alert: str) -> None:
    browser, page = reader("operator"), f"/alerts/{alert}"
    browser.post(f"{page}/assign", page=page, owner="operator", before="")
    story = _story(browser, alert)
    assert "operator deals with it" in story
    assert "Take over" not in story
    browser.post(f"{page}/assign", page=page, owner="maintainer", before="operator")
    assert "maintainer deals with it" in _story(browser, alert)
    browser.post(f"{page}/assign", page=page, owner="operator", before="operator")
    assert "maintainer has it already." in _story(browser, alert)
    browser.post(f"{page}/assign", page=page, owner="", before="maintainer")
    assert "Nobody has it now." in _story(browser, alert)


def test_who_resolves_may_say_at_once_what_it_was(reader: Open, alert: str) -> None:
    browser = reader("operator")
    page = browser.post(f"/alerts/{alert}/resolve", page="/", verdict="false", note="a cat")
    assert page.status_code == 302
    assert "Resolved. Verdict kept." in browser.client.get("/").text
    text = browser.client.get(f"/alerts/{alert}").text
    assert 'value="false" class="quiet" id="verdict-false" aria-pressed="true"' in text
    # Somebody who was slower to end it still says what it was.
    second = reader("admin")
    page = second.post(f"/alerts/{alert}/resolve", page="/", verdict="true", note="a fox")
    assert page.status_code == 409
    assert "operator had resolved it already" in page.text
    assert "Verdict kept." in page.text
    third = reader("maintainer")
    third.post(f"/alerts/{alert}/resolve", page="/", verdict="nonsense")
    assert "Verdict kept." not in third.client.get("/").text


def test_a_verdict_and_notes_are_shown_with_who_gave_them(reader: Open, alert: str) -> None:
    browser, page = reader("operator"), f"/alerts/{alert}"
    browser.post(f"{page}/judge", page=page, verdict="false")
    browser.post(f"{page}/note", page=page, note="<b>a cat</b>")
    html = browser.client.get(page).text
    assert "&lt;b&gt;a cat&lt;/b&gt;" in html
    story = _story(browser, alert)
    assert "false alarm (operator)" in story
    assert "verdict operator false alarm" in story
    browser.post(f"{page}/judge", page=page, verdict="nonsense")
    assert "Choose a verdict." in _story(browser, alert)
    browser.post(f"{page}/note", page=page, note=" ")
    assert "The note was empty." in _story(browser, alert)


def test_a_rule_is_muted_from_its_alert_and_list_and_page_say_so(
    reader: Open, engine: Engine, alert: str, clock: Clock
) -> None:
    browser, page = reader("operator"), f"/alerts/{alert}"
    browser.post(f"{page}/silence", page=page, hours="1", reason="")
    assert "Say why" in _story(browser, alert)
    browser.post(f"{page}/silence", page=page, hours="1", reason="painters in the yard")
    with engine.connect() as connection:
        row = connection.execute(select(Silence.__table__)).one()
    assert (row.site, row.place, row.rule) == ("garden", "courtyard", "night-intrusion")
    assert (row.author, row.ends_at) == ("operator", NOW + 3_600_000)
    words = "notifications muted by operator: painters in the yard"
    assert f"{words}, until 03:53:20" in _story(browser, alert)
    assert words in browser.client.get("/alerts").text
    assert words in browser.client.get("/").text
    clock.ms += 3_600_000
    assert words not in browser.client.get("/alerts").text


def test_a_silence_is_ended_from_the_page(reader: Open, engine: Engine, alert: str) -> None:
    browser, page = reader("operator"), f"/alerts/{alert}"
    browser.post(f"{page}/silence", page=page, hours="4", reason="painters")
    with engine.connect() as connection:
        (quiet,) = silences.current(connection, NOW)
    browser.post(f"{page}/unsilence", page=page, silence=str(quiet.id))
    story = _story(browser, alert)
    assert "Notifications are on again." in story
    assert "notifications muted by" not in story
    browser.post(f"{page}/unsilence", page=page, silence=str(quiet.id))
    assert "It was over already." in _story(browser, alert)


def test_viewers_read_and_cannot_answer(reader: Open, engine: Engine, alert: str) -> None:
    browser, page = reader("viewer"), f"/alerts/{alert}"
    assert "/judge" not in browser.client.get(page).text
    for verb in ("assign", "note", "judge", "silence", "unsilence"):
        assert browser.post(f"{page}/{verb}", page=page, note="x").status_code == 403
    with engine.connect() as connection:
        row = connection.execute(select(Alert.__table__).where(Alert.id == alert)).one()
    assert (row.owner, row.verdict, row.muted_by) == ("", "", None)


def test_what_is_done_on_the_page_is_in_the_chained_log(
    reader: Open, engine: Engine, alert: str
) -> None:
    before = audit.head(engine).id
    browser, page = reader("operator"), f"/alerts/{alert}"
    browser.post(f"{page}/judge", page=page, verdict="true")
    browser.post(f"{page}/silence", page=page, hours="24", reason="painters")
    assert audit.head(engine).id == before + 1 + 1 + 2  # login, verdict, silence and its mark


def _critical(engine: Engine) -> str:
    with engine.connect() as connection:
        return str(connection.scalar(select(Alert.id).where(Alert.severity == "critical")))


def test_the_page_tells_what_was_seen_before_and_after_and_nothing_of_other_places(
    reader: Open, engine: Engine, data: Path
) -> None:
    seed.stored(data, NOW)
    html = reader("viewer").client.get(f"/alerts/{_critical(engine)}").text
    story = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html)).replace("\xa0", " ")
    seen = story[story.index("What was seen") :]
    order = [
        seen.index(words)
        for words in ("the door opened", "person came into view (93% sure)", "person: 1 there",
                      "The alert", "person has been there for 46 s", "person left after 1 min 26 s")
    ]  # fmt: skip
    assert order == sorted(order)
    assert seen.count("person: 1 there") == 1
    assert "dog" not in seen
    assert '<rect x="0.42" y="0.35" width="0.1" height="0.4"/>' in html
    assert 'class="limit"' in html


def test_a_store_of_records_that_is_gone_is_told_and_the_page_stays(
    reader: Open, engine: Engine
) -> None:
    text = _story(reader("viewer"), _critical(engine))
    assert "The store of records does not answer now." in text


def test_the_page_says_who_was_told_and_how_that_went(
    reader: Open, engine: Engine, alert: str
) -> None:
    assert "Nobody: the rule names no route" in _story(reader("viewer"), alert)
    base = {
        "site": "garden", "alert": alert, "place": "courtyard", "severity": "high", "payload": {},
        "created_at": NOW, "due_at": NOW, "kind": "firing", "digest": False, "message": "",
    }  # fmt: skip
    with engine.begin() as connection:
        connection.execute(insert(Delivery), [
            {**base, "step": "1", "route": "control-room", "state": "sent", "sent_at": NOW + 900,
             "attempts": 1, "why": ""},
            {**base, "step": "2", "route": "manager", "state": "failed", "sent_at": None,
             "attempts": 4, "why": "the server said no"},
        ])  # fmt: skip
    text = _story(reader("viewer"), alert)
    assert "control-room · fired · sent 02:53:20" in text
    assert "manager · fired · failed 4 tries the server said no" in text


def test_next_and_previous_stay_within_what_was_asked_for(
    reader: Open, engine: Engine, alert: str
) -> None:
    client = reader("viewer").client
    with engine.connect() as connection:
        rows = connection.execute(
            select(Alert.id).where(Alert.state == "firing").order_by(Alert.pending_ts.desc())
        )
        firing = [row.id for row in rows]
    seen, path = [alert], f"/alerts/{alert}?state=firing"
    while True:
        html = client.get(path).text
        older = re.search(r'href="(/alerts/(\w+)\?state=firing)" rel="next"', html)
        if older is None:
            break
        path, last = older[1], older[2]
        seen.append(last)
    assert seen == firing
    assert 'rel="prev"' in html
    assert 'rel="prev"' not in client.get(f"/alerts/{alert}").text


def test_how_a_camera_works_is_no_news_while_it_does() -> None:
    told = [(True, "watching"), (True, ""), (False, "lost"), (False, "lost"), (True, "watching")]
    stored = [
        Stored("garden", "a", "e", ts, ts, NodeHealth(seq=ts, ts=ts, source="cam", ok=ok,
                                                      detail=detail))
        for ts, (ok, detail) in enumerate(told, 1)
    ]  # fmt: skip
    assert [one.record.ts for one in seen._news(stored)] == [3, 5]
