"""News for open pages: order, replay, slow readers, ends."""

import itertools
import json
import re
import threading
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Engine, delete, insert, update

from hub import desk
from hub.state.tables import Alert, Change, HubRun, NodeState
from tests.web import seed
from tests.web.conftest import NOW, Clock, Reader
from web import users
from web.news import Heard, View
from web.roles import Sites
from web.stream import Event
from web.tail import BYE, QUEUE, RESYNC, ChangeTail, Listener
from web.vitals import Meters

Open = Callable[[str], Reader]
VIEW = View("en", Sites(), may_act=Sites())
CHINESE = View("zh", Sites(), may_act=Sites(frozenset()))


def ids_drawn(changes: Any, views: Collection[View]) -> dict[View, str]:
    """Draws the ids alone."""
    words = ",".join(str(change.id) for change in changes)
    return {view: f"{view.language}:{words}" for view in views}


@pytest.fixture
def tail(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Iterator[ChangeTail]:
    """A tail that moves only when it is stepped."""
    monkeypatch.setattr(threading.Thread, "start", lambda _self: None)
    monkeypatch.setattr(threading.Thread, "join", lambda _self, timeout=None: timeout)
    found = ChangeTail(engine, ids_drawn, Meters(), Clock(), limit=3, pace_s=0)
    yield found
    found.close()


def joined(tail: ChangeTail, view: View = VIEW, session: str = "1:key") -> Listener:
    listener = tail.join(view, session)
    assert listener is not None
    return listener


def write(engine: Engine, *places: str) -> None:
    with engine.begin() as connection:
        for place in places:
            seed.change(connection, "place", place, NOW)


def waiting(listener: Listener) -> list[str]:
    return [listener.queue.get_nowait().plain.decode() for _ in range(listener.queue.qsize())]


def replayed(tail: ChangeTail, after: int, listener: Listener) -> str:
    found = tail.replay(after, listener)
    assert found is not None
    return found.plain.decode()


def stream(browser: Reader, path: str = "/live", **headers: str) -> Iterator[tuple[str, str, str]]:
    """(event, id, data) as a browser would have them."""
    answer = browser.client.get(path, headers=headers, buffered=False)
    assert answer.mimetype == "text/event-stream"
    try:
        for chunk in answer.response:
            text = chunk.decode() if isinstance(chunk, bytes) else chunk
            for block in text.strip().split("\n\n"):
                fields = dict(line.split(": ", 1) for line in block.splitlines())
                yield fields.get("event", ""), fields.get("id", ""), fields.get("data", "")
    finally:
        answer.close()


def next_news(events: Iterator[tuple[str, str, str]]) -> tuple[str, dict[str, Any]]:
    for kind, number, data in itertools.islice(events, 60):  # a beat comes each second
        if kind == "news":
            return number, json.loads(data)
    raise AssertionError("no news came")


def test_changes_come_in_the_order_of_their_ids_once_and_in_one_event_for_a_batch(
    tail: ChangeTail, engine: Engine
) -> None:
    listener = joined(tail)
    first = listener.joined_at + 1
    write(engine, "courtyard", "west-gate")
    assert tail.step() == 2
    write(engine, "courtyard")
    assert tail.step() == 1
    assert tail.step() == 0
    assert waiting(listener) == [
        f"id: {first + 1}\nevent: news\ndata: en:{first},{first + 1}\n\n",
        f"id: {first + 2}\nevent: news\ndata: en:{first + 2}\n\n",
    ]


def test_places_wait_for_each_other_alerts_do_not_and_who_comes_back_misses_neither(
    tail: ChangeTail, engine: Engine
) -> None:
    listener = joined(tail)
    first = listener.joined_at + 1
    write(engine, "courtyard")
    tail.step()
    tail._pace_s = 3600
    write(engine, "west-gate")
    assert tail.step() == 1
    with engine.begin() as connection:
        seed.change(connection, "alert", "a1", NOW)
    assert tail.step() == 1
    told = waiting(listener)
    assert told == [
        f"id: {first}\nevent: news\ndata: en:{first}\n\n",
        f"id: {first}\nevent: news\ndata: en:{first + 2}\n\n",  # the place is still owed
    ]
    back = joined(tail)
    assert replayed(tail, first, back).endswith(f"data: en:{first + 1},{first + 2}\n\n")
    tail._pace_s = 0
    assert tail.step() == 0
    assert waiting(listener) == [f"id: {first + 2}\nevent: news\ndata: en:{first + 1}\n\n"]
    assert tail.step() == 0
    assert waiting(listener) == []


def test_each_kind_of_reader_is_drawn_for_once(tail: ChangeTail, engine: Engine) -> None:
    drawn: list[View] = []

    def draw(_changes: object, views: Collection[View]) -> dict[View, str]:
        drawn.extend(views)
        return dict.fromkeys(views, "x")

    tail._draw = draw
    for view in (VIEW, VIEW, CHINESE):
        joined(tail, view)
    write(engine, "courtyard")
    tail.step()
    assert sorted(drawn, key=lambda view: view.language) == [
        VIEW,
        CHINESE,
    ]


def test_more_listeners_than_the_limit_are_refused_until_one_leaves(tail: ChangeTail) -> None:
    listeners = [joined(tail) for _ in range(3)]
    assert tail.join(VIEW, "1:key") is None
    tail.leave(listeners[0])
    tail.leave(listeners[0])
    joined(tail)


def test_a_reader_that_is_too_slow_is_told_to_load_the_page_anew(
    tail: ChangeTail, engine: Engine
) -> None:
    listener = joined(tail)
    for _ in range(QUEUE + 1):
        write(engine, "courtyard")
        tail.step()
    assert waiting(listener) == [RESYNC.plain.decode()]


def test_a_reader_that_comes_back_is_given_exactly_what_it_missed(
    tail: ChangeTail, engine: Engine
) -> None:
    after = joined(tail).joined_at
    write(engine, "courtyard", "west-gate")
    tail.step()
    back = joined(tail)
    told = f"id: {after + 2}\nevent: news\ndata: en:{after + 2}\n\n"
    assert replayed(tail, after + 1, back) == told
    assert tail.replay(after + 2, back) is None
    assert waiting(back) == []


def test_a_reader_whose_news_was_trimmed_loads_the_page_anew(
    tail: ChangeTail, engine: Engine
) -> None:
    after = joined(tail).joined_at
    write(engine, "courtyard", "west-gate", "lobby-3")
    tail.step()
    with engine.begin() as connection:
        connection.execute(delete(Change).where(Change.id <= after + 2))
    back = joined(tail)
    assert tail.replay(after, back) == RESYNC
    assert tail.replay(after + 3, back) is None
    assert tail.replay(after + 99, back) == RESYNC  # of another store


def test_rows_that_become_visible_out_of_order_are_still_told_once(
    tail: ChangeTail, engine: Engine
) -> None:
    tail._window = 200  # as on PostgreSQL
    listener = joined(tail)
    first = listener.joined_at + 1
    with engine.begin() as connection:
        for number in (first + 1, first + 2):
            connection.execute(insert(Change).values(
                id=number, kind="place", site="garden", key="courtyard", at=NOW))  # fmt: skip
    assert tail.step() == 2
    with engine.begin() as connection:
        connection.execute(insert(Change).values(
            id=first, kind="place", site="garden", key="courtyard", at=NOW))  # fmt: skip
    assert tail.step() == 1
    assert tail.step() == 0
    late = waiting(listener)[1]
    assert late == f"id: {first + 2}\nevent: news\ndata: en:{first}\n\n"


def test_a_new_alert_reaches_the_page_drawn_in_the_readers_language(
    reader: Open, engine: Engine
) -> None:
    browser = reader("viewer")
    browser.post("/language", page="/", language="zh")
    events = stream(browser)
    assert next(events)[0] == ""  # retry:
    assert next(events)[0] == "beat"
    with engine.begin() as connection:
        name = seed.alert(connection, NOW, "courtyard")
    number, news = next_news(events)
    assert number.isdigit()
    assert news["firing"] == 4
    (row,) = news["alerts"]
    assert (row["id"], row["active"]) == (f"alert.{name}", True)
    assert "夜间有人进入庭院" in row["html"]
    assert "超过 70%，持续 3\xa0秒" in row["html"]
    assert "<form" not in row["html"]
    assert [piece["id"] for piece in news["swap"]] == ["place.garden.courtyard"]


def test_last_event_id_replays_what_was_missed(reader: Open, engine: Engine) -> None:
    browser = reader("operator")
    events = stream(browser)
    next(events)
    alert = seed_alert(engine)
    number, _news = next_news(events)
    desk.acknowledge(engine, alert, actor="王伟", now=NOW)
    again = stream(browser, **{"Last-Event-ID": number})
    _number, missed = next_news(again)
    assert [row["id"] for row in missed["alerts"]] == [f"alert.{alert}"]
    assert "acknowledged by 王伟" in missed["alerts"][0]["html"]


@pytest.mark.parametrize(
    "path",
    ["/", "/alerts", "/alerts/{alert}", "/places/garden/courtyard",
     "/cameras/garden/yard-1/cam-yard"],
)  # fmt: skip
def test_what_happens_while_a_page_is_on_its_way_reaches_it_once_it_listens(
    reader: Open, engine: Engine, path: str
) -> None:
    browser, alert = reader("operator"), seed_alert(engine)
    page = browser.client.get(path.format(alert=alert)).text
    desk.acknowledge(engine, alert, actor="王伟", now=NOW)
    after = re.search(r'<body[^>]* data-after="(\d+)"', page)
    assert after is not None
    _number, news = next_news(stream(browser, f"/live?after={after[1]}"))
    assert [row["id"] for row in news["alerts"]] == [f"alert.{alert}"]
    assert "acknowledged by 王伟" in news["alerts"][0]["html"]


def test_an_alert_that_the_hub_dropped_is_taken_from_the_page(reader: Open, engine: Engine) -> None:
    events = stream(reader("operator"))
    next(events)
    with engine.begin() as connection:
        name = seed.alert(connection, NOW, "courtyard", state="pending")
        connection.execute(delete(Alert).where(Alert.id == name))
    _number, news = next_news(events)
    (piece,) = news["alerts"]
    assert (piece["id"], piece["html"], piece["active"]) == (f"alert.{name}", "", False)


def test_a_hub_that_ends_is_told_and_so_is_one_that_is_back(reader: Open, engine: Engine) -> None:
    browser, told = reader("operator"), "What happens at Garden Court is not seen"
    with engine.begin() as connection:
        rows = [{"site": "garden", "started_at": NOW - 9_000_000, "seen_at": NOW - 50_000},
                {"site": "elsewhere", "started_at": 1, "seen_at": 2}]  # fmt: skip
        connection.execute(insert(HubRun), rows)
    assert "The hub does not run" not in browser.client.get("/").text
    events = stream(browser)
    assert [next(events)[0], next(events)[0]] == ["", "beat"]
    for seen_at, there in ((NOW - 70_000, True), (NOW, False)):
        with engine.begin() as connection:
            here = update(HubRun).where(HubRun.site == "garden")
            connection.execute(here.values(seen_at=seen_at))
        _, news = next_news(events)
        (piece,) = news["swap"]
        assert piece["id"] == "notices"
        assert (told in piece["html"]) == there
        assert (told in browser.client.get("/").text) == there


def test_news_of_a_source_draws_its_places_its_node_and_alerts_that_wait_for_a_picture(
    reader: Open, engine: Engine, data: Path
) -> None:
    events = stream(reader("operator"))
    next(events)
    with engine.begin() as connection:
        name = seed.alert(connection, NOW, "courtyard", evidence="yard-1/yard-9")
    _number, news = next_news(events)
    assert "Picture on its way" in news["alerts"][0]["html"]
    with engine.begin() as connection:
        seed.picture(connection, data, "yard-1", "yard-9", "cam-yard", NOW)
        seed.change(connection, "source", "yard-1/cam-yard", NOW)
    _number, news = next_news(events)
    rows = {row["alert"]: row["html"] for row in news["alerts"]}
    assert "/pictures/garden/yard-1/yard-9.jpg" in rows[name]
    assert [piece["id"] for piece in news["swap"]] == [
        *("place.garden.bike-shed", "place.garden.courtyard"),
        "node.garden.yard-1",
        "broken",
    ]


def test_news_of_a_node_and_of_a_source_reaches_the_plan(reader: Open, engine: Engine) -> None:
    events = stream(reader("viewer"))
    next(events)
    with engine.begin() as connection:
        connection.execute(update(NodeState).where(NodeState.node == "gate-1").values(online=False))
        seed.change(connection, "node", "gate-1", NOW)
    _number, news = next_news(events)
    spots = {spot["id"]: (spot["state"], spot["says"]) for spot in news["spots"]}
    assert spots["spot.garden.gate-1.cam-gate"] == ("cut-off", "Gate camera, cut off")
    assert len(spots) == 4
    with engine.begin() as connection:
        seed.change(connection, "source", "yard-1/door-shed", NOW)
    _number, news = next_news(events)
    assert [spot["says"] for spot in news["spots"]] == ["Shed door, open"]


def test_a_disabled_user_hears_no_more(reader: Open, engine: Engine) -> None:
    browser = reader("operator")
    events = stream(browser)
    next(events)
    users.set_disabled(engine, "operator", True, actor="test", now=NOW)
    kinds = [kind for kind, _number, _data in events]
    assert kinds[-1] == "bye"
    answer = browser.client.get("/live", headers={"Accept": "text/event-stream"})
    assert answer.status_code == 401


def test_more_pages_than_threads_get_a_clear_503(reader: Open) -> None:
    browser = reader("viewer")
    open_ = [stream(browser) for _ in range(4)]  # 12 threads less 8
    for events in open_:
        next(events)
    refused = browser.client.get("/live")
    assert refused.status_code == 503
    assert refused.json == {"error": "too many open pages; this one loads itself anew instead"}
    assert refused.headers["Retry-After"] == "5"
    assert browser.client.get("/").status_code == 200


def test_a_connection_that_was_never_read_gives_its_place_back(reader: Open) -> None:
    browser = reader("viewer")
    for _ in range(8):
        answer = browser.client.get("/live", buffered=False)
        assert answer.status_code == 200
        answer.close()


def test_while_the_store_does_not_answer_the_page_hears_no_beat(app: Flask, reader: Open) -> None:
    events = stream(reader("viewer"))
    assert [next(events)[0], next(events)[0]] == ["", "beat"]
    tail: ChangeTail = app.extensions["linli.tail"]
    failed = threading.Event()

    def fails() -> int:
        failed.set()
        raise OSError("no such disk")

    tail.step = fails  # type: ignore[method-assign]
    assert failed.wait(60)
    tail.close()
    assert not tail.healthy
    assert [kind for kind, _number, _data in events][-1:] == ["bye"]


def seed_alert(engine: Engine) -> str:
    with engine.begin() as connection:
        return seed.alert(connection, NOW, "courtyard")


def test_ends_are_told_to_the_page() -> None:
    listener = Listener(VIEW, "1:key")
    listener.put(Event.of("x"))
    listener.end()
    assert waiting(listener) == [BYE.plain.decode()]
    assert Heard(1, "place", "garden", "courtyard", NOW).id == 1
