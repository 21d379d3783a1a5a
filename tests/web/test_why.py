"""Why no alert came from a place, asked on its page."""

from collections.abc import Iterator
from contextlib import closing
from multiprocessing.context import SpawnProcess
from pathlib import Path

import pytest
from flask import Flask

import configs
from hub.series.points import Entry, Stored
from hub.series.sqlite import SqliteSeries
from tests.web.conftest import NOW, PASSWORD, Reader
from web import users
from web.app import close, create_app
from web.places import why
from web.roles import Role
from web.when import spelled
from wire.records import DoorState

SITE = """\
site: {{id: garden, name: Garden Court, timezone: Asia/Shanghai}}
nodes: [{{id: a}}]
places: [{{id: hall, name: Hall, doors: [{{node: a, source: door}}]}}]
rules:
  - {{id: open, title: {{en: Left open, zh: 未关门}}, places: [hall],
      when: [{{signal: door.open_s, above: 20, for: 5s}}], cooldown: 1m}}
  - {{id: night, title: Night, places: [hall], when: [{{signal: door.open_s, above: 0}}],
      active: {{within: "00:00-00:01"}}}}
web: {{data: {data}}}
"""
PAGE = "/places/garden/hall/why"
OPENED = NOW - 600_000


@pytest.fixture
def app(tmp_path: Path) -> Iterator[Flask]:
    """The door of the hall stood open for 40 s, ten minutes ago."""
    stored = [
        Stored("garden", "a", "e", ts * 1000 + 20_000, ts,
               DoorState(seq=seq, ts=ts, source="door", open=is_open))
        for seq, ts, is_open in ((1, OPENED, True), (2, OPENED + 40_000, False))
    ]  # fmt: skip
    with closing(SqliteSeries(tmp_path / "series.db")) as series:
        series.write([Entry(tuple(stored))])
    path = tmp_path / "site.yaml"
    path.write_text(SITE.format(data=tmp_path), encoding="utf-8")
    settings, sites = configs.load_web(path)
    app = create_app(settings, sites, now_ms=lambda: NOW, config=path)
    users.ensure_user(app.extensions["linli"].engine, "li", Role.OPERATOR, PASSWORD, now=NOW)
    yield app
    close(app)


@pytest.fixture
def li(app: Flask) -> Reader:
    found = Reader(app.test_client())
    found.log_in("li")
    return found


def at(app: Flask, after_s: int) -> str:
    """An address that asks for so many seconds after the door was opened."""
    minute = spelled(OPENED + after_s * 1000, app.extensions["linli"], "garden")
    return f"{PAGE}?at={minute}:{(OPENED // 1000 + after_s) % 60:02d}"


@pytest.mark.parametrize(
    ("after_s", "says"),
    [
        (15, "Door open for: 15 s, short by 5 s (more than 20 s for 5 s)"),
        (23, "Door open for: 23 s, but for only 2 s of 5 s (more than 20 s for 5 s)"),
        (30, "Nothing: it fires then."),
        (60, "It was quiet after its last end, for another 40 s."),
    ],
)
def test_each_rule_says_how_far_it_was_from_firing(
    app: Flask, li: Reader, after_s: int, says: str
) -> None:
    text = li.client.get(at(app, after_s)).text.replace("\xa0", " ")
    assert says in text
    assert "It was outside its active hours." in text
    assert f"records: {2 if after_s > 40 else 1}" in text


def test_it_is_said_in_chinese_too(app: Flask, li: Reader) -> None:
    li.post("/language", page="/", language="zh")
    text = li.client.get(at(app, 15)).text.replace("\xa0", " ")
    assert "未关门" in text
    assert "门已开：15 秒，还差 5 秒（超过 20 秒，持续 5 秒）" in text


@pytest.mark.parametrize(
    ("asked", "says"),
    [("soon", "Say when: a day and a time."), ("2199-01-01T00:00", "still to come")],
)
def test_a_time_that_cannot_be_asked_for_is_refused_in_words(
    li: Reader, asked: str, says: str
) -> None:
    answer = li.client.get(f"{PAGE}?at={asked}")
    assert answer.status_code == 422
    assert says in answer.text


def test_one_look_at_a_time_and_none_without_end(
    app: Flask, li: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    with why._asking:
        busy = li.client.get(at(app, 15))
    assert (busy.status_code, "Somebody else is asking." in busy.text) == (503, True)
    monkeypatch.setattr(why, "LIMIT_S", 0.0)
    long = li.client.get(at(app, 15))
    assert (long.status_code, "too much to look through" in long.text) == (503, True)


def test_a_store_that_is_not_there_is_said(app: Flask, li: Reader, tmp_path: Path) -> None:
    (tmp_path / "series.db").unlink()
    answer = li.client.get(at(app, 15))
    assert answer.status_code == 503
    assert "start the hub, it makes it" in answer.text


def test_a_process_that_cannot_be_started_keeps_nobody_from_asking_again(
    app: Flask, li: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_process: object) -> None:
        raise OSError("Cannot allocate memory")

    with monkeypatch.context() as full:
        full.setattr(SpawnProcess, "start", refuse)
        answer = li.client.get(at(app, 15))
    assert (answer.status_code, "Cannot allocate memory" in answer.text) == (503, True)
    assert "short by 5" in li.client.get(at(app, 15)).text
