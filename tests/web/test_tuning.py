"""A rule on its page: tried on what was recorded, then written into the YAML."""

import os
import re
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import insert, select

import configs
from configs.rules import Active, Severity
from configs.values import Duration
from hub import audit
from hub.backtest import trial as backtest
from hub.backtest.compare import Change
from hub.backtest.workers import Stretch
from hub.series.points import Entry, Stored
from hub.series.sqlite import SqliteSeries
from hub.state.tables import Alert, Audit
from tests.web.conftest import NOW, PASSWORD, Reader
from web import users
from web.app import close, create_app
from web.roles import Role
from web.tuning import edits
from web.tuning.shelf import KEPT, Kept, Shelf, spelled
from web.tuning.trials import State, Trial, Trials
from wire.records import DoorState

SITE = """\
site: {{id: garden, name: {{en: Garden Court, zh: 花园小区}}, timezone: Asia/Shanghai}}
nodes: [{{id: a}}]
places:
  - {{id: hall, name: Hall, doors: [{{node: a, source: door}}]}}
  - {{id: shed, name: Shed, doors: [{{node: a, source: shed}}]}}
rule_files: [rules.yaml]
web: {{data: {data}}}
"""
RULES = """\
rules:
  # How long a door may stand open.
  - {id: open, title: Open, places: ["*"], when: [{signal: door.open_s, above: 20}]}   # seconds
"""
PAGE = "/rules/garden/open"
FIELD = "n.when[0].above"
DEADLINE_S = 240
"""A trial has a low priority: whatever else this machine does comes first."""
pytestmark = pytest.mark.timeout(600)


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A hub has stored, yesterday, doors of the hall that stood open for 5, 15, 30 and 40 s."""
    stored, ts, seq = [], NOW - 86_400_000, 0
    for length_s in (5, 15, 30, 40):
        for wait_s, is_open in ((600, True), (length_s, False)):
            ts, seq = ts + wait_s * 1000, seq + 1
            record = DoorState(seq=seq, ts=ts, source="door", open=is_open)
            stored.append(Stored("garden", "a", "e", ts * 1000 + 20_000, ts, record))
    with closing(SqliteSeries(tmp_path / "series.db")) as series:
        series.write([Entry(tuple(stored))])
    (tmp_path / "rules.yaml").write_text(RULES, encoding="utf-8")
    path = tmp_path / "site.yaml"
    path.write_text(SITE.format(data=tmp_path), encoding="utf-8")
    return path


@pytest.fixture
def app(site: Path) -> Iterator[Flask]:
    settings, sites = configs.load_web(site)
    app = create_app(settings, sites, now_ms=lambda: NOW, config=site)
    engine = app.extensions["linli"].engine
    for role in Role:
        users.ensure_user(engine, role.value, role, PASSWORD, now=NOW)
    users.ensure_user(engine, "second", Role.MAINTAINER, PASSWORD, now=NOW)
    yield app
    close(app)


def reader(app: Flask, name: str = "maintainer") -> Reader:
    found = Reader(app.test_client())
    found.log_in(name)
    return found


def version(browser: Reader, page: str = PAGE) -> str:
    return browser.client.get(page).text.split('name="version" value="')[1].partition('"')[0]


def begin(browser: Reader, value: str, **more: str) -> str:
    """Start a trial; where its page is."""
    fields = {FIELD: value, "version": version(browser), "days": "7", **more}
    answer = browser.post(f"{PAGE}/trials", page=PAGE, **fields)
    assert answer.status_code == 303, answer.text
    return answer.headers["Location"]


def trials(app: Flask) -> Trials:
    found: Trials = app.extensions["linli.trials"]
    return found


def _works_for_ever(*_given: object) -> None:
    threading.Event().wait()


@pytest.fixture
def endless(monkeypatch: pytest.MonkeyPatch) -> None:
    """No trial is over before it is ended."""
    monkeypatch.setattr(backtest, "work", _works_for_ever)


def wait(app: Flask, browser: Reader, page: str) -> str:
    """The page of a trial that is over."""
    one = trials(app).find(page.rpartition("/")[2], "garden", "open")
    assert one is not None
    assert one.process is not None
    one.process.join(DEADLINE_S)
    deadline = time.monotonic() + DEADLINE_S
    while one.running:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return browser.client.get(page).text


def through(app: Flask, value: float, author: str = "maintainer") -> str:
    """The page of a trial that is done, without the trial."""
    file = configs.load_site(app.extensions["linli"].config)
    one = Trial("garden", "open", "", {"when[0].above": value}, edits.version(file, "open"),
                author, Stretch(NOW - 86_400_000, NOW), state=State.DONE)  # fmt: skip
    trials(app)._trials[one.id] = one
    return f"{PAGE}/trials/{one.id}"


def test_a_number_is_tried_beside_todays_and_saved_with_its_comments_and_author(
    app: Flask, site: Path
) -> None:
    engine = app.extensions["linli"].engine
    with engine.begin() as connection:  # an operator called the third opening a true alarm
        begun = NOW - 86_400_000 + (600 * 3 + 20) * 1000
        connection.execute(insert(Alert).values(
            id="a", site="garden", place="hall", rule="open", severity="medium",
            state="resolved", pending_ts=begun + 20_000, fired_ts=begun + 20_000,
            resolved_ts=begun + 30_000, verdict="true", details={},
        ))  # fmt: skip
    browser = reader(app)
    assert PAGE in browser.client.get("/rules").text
    page = begin(browser, "10")
    text = wait(app, browser, page)
    assert '<th scope="row">Alerts</th><td class="number">2</td><td class="number">3</td>' in text
    assert 'true ones</th><td class="number">100%</td><td class="number">100%</td>' in text
    one = next(iter(trials(app)._trials.values()))
    assert one.found is not None
    counts = {change: one.found.count(change) for change in Change}
    assert counts == {"gained": 1, "moved": 2, "lost": 0, "unchanged": 0}
    assert one.found.records == 8
    assert (site.parent / "rules.yaml").read_text(encoding="utf-8") == RULES
    answer = browser.post(f"{page}/save", page=page)
    assert answer.headers["Location"] == "/rules#garden.open"
    told = browser.client.get("/rules").text
    assert "Saved. The hub takes it up" in told
    assert "maintainer edited garden/open" in told
    written = (site.parent / "rules.yaml").read_text(encoding="utf-8")
    assert written == RULES.replace("above: 20", "above: 10")
    with engine.connect() as connection:
        row = connection.execute(select(Audit.__table__).where(Audit.action == "rule.edit")).one()
    assert (row.actor, row.target) == ("maintainer", "garden/open")
    assert row.detail.splitlines() == [
        "rules.yaml, tried over 7 days", "~ garden.rules[open].when[0].above: 20.0 -> 10.0",
    ]  # fmt: skip


def test_at_one_place_it_becomes_an_override_and_the_others_keep_theirs(
    app: Flask, site: Path
) -> None:
    browser = reader(app)
    page = begin(browser, "35", at="hall")
    text = wait(app, browser, page)
    assert '<th scope="row">Alerts</th><td class="number">2</td><td class="number">1</td>' in text
    assert "At Hall alone." in text
    browser.post(f"{page}/save", page=page)
    assert 'overrides:\n  - {rule: open, places: [hall], set: {"when[0].above": 35}}' in (
        site.read_text(encoding="utf-8")
    )
    everywhere = browser.client.get(PAGE).text
    assert "Places with other numbers keep those" in everywhere
    assert f'name="{FIELD}" value="20"' in everywhere
    assert f'name="{FIELD}" value="35"' in browser.client.get(f"{PAGE}?at=hall").text


def test_of_two_who_edit_one_rule_the_second_is_told_who_was_first(app: Flask, site: Path) -> None:
    first, second = reader(app), reader(app, "second")
    pages = through(app, 10.0), through(app, 12.0, "second")
    first.post(f"{pages[0]}/save", page=pages[0])
    answer = second.post(f"{pages[1]}/save", page=pages[1])
    text = second.client.get(answer.headers["Location"]).text
    assert "changed meanwhile, last by maintainer at" in text
    assert f'name="{FIELD}" value="12"' in text  # what was typed is kept
    assert "now 10 (10\xa0s)" in text
    assert "above: 10" in (site.parent / "rules.yaml").read_text(encoding="utf-8")


def test_a_form_that_is_older_than_the_file_is_told_and_keeps_what_was_typed(
    app: Flask, site: Path
) -> None:
    browser = reader(app)
    old = version(browser)
    rules = site.parent / "rules.yaml"
    rules.write_text(RULES.replace("above: 20", "above: 25"), encoding="utf-8")
    fields = {FIELD: "10", "version": old, "days": "1"}
    answer = browser.post(f"{PAGE}/trials", page=PAGE, **fields)
    assert answer.status_code == 409
    assert "This rule was changed meanwhile in its file" in answer.text
    assert f'name="{FIELD}" value="10"' in answer.text
    assert "now 25" in answer.text
    assert trials(app)._trials == {}


@pytest.mark.parametrize(
    ("fields", "says"),
    [({FIELD: "soon"}, "Write a number, such as 5 or 0.75."),
     ({"n.cooldown": "5"}, "Write a length of time, such as 30s, 5m or 1h30m."),
     ({FIELD: "20"}, "Nothing is different"),
     ({FIELD: "nan"}, "Write a number"),
     ({FIELD: "10", "at": "hall", "version": "older"}, "changed meanwhile")],
)  # fmt: skip
def test_what_cannot_be_tried_says_why_beside_what_was_typed(
    app: Flask, fields: dict[str, str], says: str
) -> None:
    browser = reader(app)
    sent = {"version": version(browser), **fields}
    answer = browser.post(f"{PAGE}/trials", page=PAGE, **sent)
    assert answer.status_code in (409, 422)
    assert says in answer.text
    name, value = next(iter(fields.items()))
    assert f'name="{name}" value="{value}"' in answer.text


def test_a_file_with_mistakes_in_it_is_told_and_left_alone(app: Flask, site: Path) -> None:
    browser = reader(app)
    fields = {"version": version(browser), FIELD: "10"}
    broken = RULES.replace("title", "titel")
    (site.parent / "rules.yaml").write_text(broken, encoding="utf-8")
    answer = browser.post(f"{PAGE}/trials", page="/rules", **fields)
    assert answer.status_code == 422
    assert "That does not pass the check" in answer.text
    assert "did you mean &#39;title&#39;?" in answer.text
    assert (site.parent / "rules.yaml").read_text(encoding="utf-8") == broken


def test_a_file_that_cannot_be_written_changes_nothing_and_is_not_in_the_audit(
    app: Flask, site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser = reader(app)
    page = through(app, 10.0)

    def refuse(_self: Path, _to: Path) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "replace", refuse)
    answer = browser.post(f"{page}/save", page=page)
    text = browser.client.get(answer.headers["Location"]).text
    assert "rules.yaml cannot be written (Permission denied); nothing was changed." in text
    assert sorted(path.name for path in site.parent.glob("*rules*")) == ["rules.yaml"]
    with app.extensions["linli"].engine.connect() as connection:
        query = select(Audit.id).where(Audit.action == "rule.edit")
        assert connection.execute(query).all() == []


@pytest.mark.usefixtures("endless")
def test_a_trial_can_be_ended_and_one_that_is_gone_says_so(app: Flask) -> None:
    browser = reader(app)
    page = begin(browser, "10")
    answer = browser.post(f"{page}/end", page=PAGE)
    assert "The trial was ended" in browser.client.get(answer.headers["Location"]).text
    refused = browser.post(f"{page}/save", page=PAGE)
    assert "Try it first" in browser.client.get(refused.headers["Location"]).text
    gone = browser.client.get(f"{PAGE}/trials/00", follow_redirects=True)
    assert "That trial is not kept any more" in gone.text
    late = browser.post(f"{PAGE}/trials/00/save", page=PAGE)
    assert late.headers["Location"] == PAGE
    assert "That trial is not kept any more" in browser.client.get(PAGE).text


@pytest.mark.usefixtures("endless")
def test_trials_are_few_bounded_in_time_and_end_with_the_console(
    app: Flask, tmp_path: Path
) -> None:
    browser = reader(app)
    begin(browser, "10")
    first = next(iter(trials(app)._trials.values()))
    trials(app).close()
    assert first.state == "ended"
    here, bounded = app.extensions["linli"], Trials(Shelf(tmp_path), limit_s=0.0)
    hub, file = configs.load_hub(here.config)[0], here.sites[0]
    made = [Trial("garden", "open", "", {}, "", name, first.stretch) for name in "ab"]
    assert all(bounded.start(one, hub, file, file) for one in made)
    deadline = time.monotonic() + DEADLINE_S
    while any(one.running for one in made):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert [one.state for one in made] == ["long", "long"]
    many = Trials(Shelf(tmp_path))
    for one in made:
        many._trials[one.id] = one
        one.state = State.RUNNING
    third = Trial("garden", "open", "", {}, "", "c", first.stretch)
    assert not many.start(third, hub, file, file)
    assert third.process is None


def _kept(number: int, **parts: Any) -> Kept:
    values = {
        "when[0].above": ("number", "12"), "cooldown": ("length", "5s"),
        "severity": ("severity", "high"), "active": ("active", "{days: [sat]}"),
    }  # fmt: skip
    given = {
        "id": f"{number:032x}", "site": "garden", "rule": "open", "place": "", "values": values,
        "version": "v", "author": "li", "stretch": Stretch(NOW - 86_400_000, NOW), "back": False,
        "at": NOW + number, "state": "done", "records": 8, "found": None, "why": "", **parts,
    }  # fmt: skip
    return Kept(**given)


def test_a_trial_is_shown_by_a_console_that_was_started_anew(app: Flask, site: Path) -> None:
    browser = reader(app)
    page = begin(browser, "10")
    before = wait(app, browser, page)
    trials(app)._trials.clear()  # as a console that knows nothing but its data folder
    assert browser.client.get(page).text == before
    form = browser.client.get(PAGE).text
    assert f'href="{page}"' in form
    assert "2 → 3 alerts" in form
    answer = browser.post(f"{page}/save", page=page)
    assert answer.headers["Location"].endswith("#garden.open")
    assert "above: 10" in (site.parent / "rules.yaml").read_text()


def test_a_trial_that_ran_when_its_console_stopped_says_so(app: Flask, tmp_path: Path) -> None:
    Shelf(tmp_path / "trials").put(_kept(1, state="running"))
    page = reader(app).client.get(f"{PAGE}/trials/{1:032x}").text
    assert "the console was stopped while it ran" in page


def test_only_the_newest_trials_are_kept_and_what_is_no_trial_is_left_alone(
    tmp_path: Path,
) -> None:
    shelf = Shelf(tmp_path)
    for number in range(KEPT + 3):
        shelf.put(_kept(number))
        os.utime(tmp_path / f"{number:032x}.json", ns=(number, number))
    shelf.put(_kept(KEPT + 3))
    assert [one.at - NOW for one in shelf.of("garden", "open")] == list(range(KEPT + 3, 3, -1))
    (tmp_path / f"{99:032x}.json").write_text("{")
    assert shelf.find(f"{99:032x}") is None
    assert shelf.find("../../etc/passwd") is None
    assert shelf.of("garden", "other") == []
    numbers = shelf.of("garden", "open")[0].numbers
    assert numbers == {
        "when[0].above": 12.0, "cooldown": Duration(5000), "severity": Severity.HIGH,
        "active": Active(days=("sat",)),
    }  # fmt: skip
    assert spelled(numbers) == _kept(1).values


def test_the_history_goes_on_page_by_page_by_the_clock_of_its_site(app: Flask) -> None:
    engine = app.extensions["linli"].engine
    with engine.begin() as connection:
        for number in range(45):
            line = f"~ garden.rules[open].when[0].above: {number} -> {number + 1}"
            audit.enter(connection, "hub", "configuration.reload", "", line, NOW - 60_000)
    browser = reader(app)
    seen, page = [], "/rules"
    for _ in range(3):
        text = browser.client.get(page).text
        seen += re.findall(r"above: (\d+) -&gt;", text.split('id="history"')[1])
        older = re.search(r'href="(/rules\?before=\d+)#history"', text)
        page = older[1] if older is not None else ""
    assert seen == [str(number) for number in range(44, -1, -1)]
    assert page == ""


def test_rules_are_edited_by_maintainers_where_the_console_has_its_files(
    app: Flask,
) -> None:
    assert PAGE not in reader(app, "operator").client.get("/rules").text
    assert reader(app, "operator").client.get(PAGE).status_code == 403
    assert reader(app).client.get("/rules/garden/close").status_code == 404
    assert reader(app).client.get(f"{PAGE}?at=roof").status_code == 404
    app.extensions["linli"].config = None
    assert PAGE not in reader(app).client.get("/rules").text
    assert reader(app).client.get(PAGE).status_code == 404


@pytest.fixture
def tried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trials are through as they begin."""

    def start(self: Trials, one: Trial, *_more: object) -> bool:
        one.state = State.DONE
        self._trials[one.id] = one
        return True

    monkeypatch.setattr(Trials, "start", start)


HOURS = {"a.mode": "outside", "a.start": "06:00", "a.end": "22:30", "a.holidays": "",
         "a.day": "sat"}  # fmt: skip


@pytest.mark.usefixtures("tried")
def test_severity_and_active_hours_are_edited_like_numbers(app: Flask, site: Path) -> None:
    browser = reader(app)
    page = begin(browser, "20", **{"n.severity": "critical"}, **HOURS)
    text = browser.client.get(page).text
    assert "<code>Medium</code> → <code>Critical</code>" in text
    assert "<code>all day</code> → <code>outside 06:00-22:30 · Sat</code>" in text
    browser.post(f"{page}/save", page=page)
    written = (site.parent / "rules.yaml").read_text(encoding="utf-8")
    assert written == RULES.replace(
        "above: 20}]}",
        'above: 20}], severity: critical, active: {outside: "06:00-22:30", days: [sat]}}',
    )
    form = browser.client.get(PAGE).text
    assert 'name="a.start" value="06:00"' in form
    assert form.count('name="a.day"') == 7
    assert re.findall(r'name="a.day" value="(\w+)" checked', form) == ["sat"]
    assert '<option value="critical" selected>' in form
    again = browser.post(f"{PAGE}/trials", page=PAGE, version=version(browser), **HOURS)
    assert "Nothing is different" in again.text


@pytest.mark.parametrize(
    ("fields", "says", "kept"),
    [({"a.mode": "within", "a.start": "22:00", "a.end": ""}, "write two times that differ",
      'name="a.start" value="22:00"'),
     ({"n.severity": "awful"}, "Choose a severity.", 'name="n.severity"'),
     ({**HOURS, "a.start": "00:00", "a.end": "24:00", "n.cooldown": "1m"},
      "is a schedule that is never active", 'name="n.cooldown" value="1m"')],
)  # fmt: skip
def test_hours_that_make_no_sense_say_so_and_stand_there_again(
    app: Flask, fields: dict[str, str], says: str, kept: str
) -> None:
    browser = reader(app)
    answer = browser.post(f"{PAGE}/trials", page=PAGE, version=version(browser), **fields)
    assert answer.status_code == 422
    assert says in answer.text
    assert kept in answer.text


@pytest.mark.usefixtures("tried")
def test_an_override_is_tried_without_and_taken_away(app: Flask, site: Path) -> None:
    browser = reader(app)
    before = site.read_text(encoding="utf-8")
    page = begin(browser, "35", at="hall")
    browser.post(f"{page}/save", page=page)
    assert "overrides:" in site.read_text(encoding="utf-8")
    there = browser.client.get(f"{PAGE}?at=hall").text
    assert "is said for Hall alone." in there
    assert "alone." not in browser.client.get(f"{PAGE}?at=shed").text
    away = browser.post(f"{PAGE}/trials", page=PAGE, at="hall", back="yes",
                        version=version(browser))  # fmt: skip
    text = browser.client.get(away.headers["Location"]).text
    assert "Without what is said for this place alone." in text
    assert "<code>35</code> → <code>20</code>" in text
    saved = browser.post(f"{away.headers['Location']}/save", page=PAGE)
    assert saved.headers["Location"] == "/rules#garden.open"
    assert site.read_text(encoding="utf-8") == before


@pytest.mark.usefixtures("tried")
def test_several_places_are_edited_together_and_their_override_taken_away(
    app: Flask, site: Path
) -> None:
    browser = reader(app)
    before = site.read_text(encoding="utf-8")
    chosen = browser.client.get(f"{PAGE}?at=hall&at=shed").text
    assert 'name="at" value="hall,shed"' in chosen
    assert "These hold at Hall, Shed alone" in chosen
    page = begin(browser, "35", at="hall,shed")
    assert "At Hall, Shed alone." in browser.client.get(page).text
    browser.post(f"{page}/save", page=page)
    item = '  - {rule: open, places: [hall, shed], set: {"when[0].above": 35}}\n'
    assert site.read_text(encoding="utf-8") == f"{before}\noverrides:\n{item}"
    page = begin(browser, "50", at="hall")  # one of them goes its own way, and keeps it
    browser.post(f"{page}/save", page=page)
    page = begin(browser, "40", at="hall,shed")
    assert "<code>35</code> → <code>40</code>" in browser.client.get(page).text
    browser.post(f"{page}/save", page=page)
    said = site.read_text(encoding="utf-8")
    assert item.replace("35", "40") in said
    there = browser.client.get(f"{PAGE}?at=hall,shed").text
    assert f'name="{FIELD}" value="40"' in there
    assert "Places with other numbers keep those" in there
    assert "is said for Hall, Shed alone." in there
    assert ">Hall, Shed</a>" in browser.client.get(PAGE).text
    assert f'name="{FIELD}" value="50"' in browser.client.get(f"{PAGE}?at=hall").text
    away = browser.post(f"{PAGE}/trials", page=PAGE, at="hall,shed", back="yes",
                        version=version(browser))  # fmt: skip
    assert "<code>40</code> → <code>20</code>" in browser.client.get(away.location).text
    browser.post(f"{away.location}/save", page=PAGE)
    assert site.read_text(encoding="utf-8") == said.replace(item.replace("35", "40"), "")
    assert browser.client.get(f"{PAGE}?at=hall,nowhere").status_code == 404


@pytest.mark.usefixtures("tried")
def test_the_dates_of_a_schedule_are_edited_with_the_rest_of_it(app: Flask, site: Path) -> None:
    browser = reader(app)
    page = begin(browser, "20", **HOURS, **{"a.dates": "2026-01-15..2026-02-20，05-01"})
    browser.post(f"{page}/save", page=page)
    hours = (
        'active: {outside: "06:00-22:30", days: [sat], dates: ["2026-01-15..2026-02-20", "05-01"]}'
    )
    assert hours in (site.parent / "rules.yaml").read_text(encoding="utf-8")
    form = browser.client.get(PAGE).text
    assert 'name="a.dates" value="2026-01-15..2026-02-20, 05-01"' in form
    wrong = browser.post(f"{PAGE}/trials", page=PAGE, version=version(browser), **HOURS,
                         **{"a.dates": "2026-02-30"})  # fmt: skip
    assert wrong.status_code == 422
    assert "05-01 every year" in wrong.text
    assert 'name="a.dates" value="2026-02-30"' in wrong.text
    page = begin(browser, "20", **HOURS, **{"a.dates": ""})
    browser.post(f"{page}/save", page=page)
    assert "dates" not in (site.parent / "rules.yaml").read_text(encoding="utf-8")
