"""What the pages say, and what can be done on them without JavaScript."""

import csv
import io
import itertools
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po
from flask import Flask
from flask_babel import force_locale
from sqlalchemy import Engine, func, insert, select, update

from hub import desk
from hub.state.tables import Alert, Audit, NodeState, Notice, Picture
from tests.web import seed
from tests.web.conftest import NOW, Clock, Reader
from web import language
from web.cases.words import EVENTS

Open = Callable[[str], Reader]
WEB = Path(language.__file__).parent


def plain(html: str) -> str:
    """The words of a page, without tags."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html)).strip()


def part(html: str, id_: str) -> str:
    """The words of an element, up to the next one of its kind."""
    found = re.search(
        rf'id="{re.escape(id_)}".*?(?=</li>\n?<li class="alert|</article>|</tr>)', html, re.S
    )
    assert found is not None
    return plain(found[0])


def test_the_live_page_lists_the_worst_first_and_the_taken_last(reader: Open) -> None:
    text = reader("operator").client.get("/").text
    titles = re.findall(r'data-key="open">([^<]+)<', text)
    assert titles == [
        "Someone in the bike shed after hours",
        "Many people at the gate",
        "Door has stood open too long",
    ]


def test_a_refused_configuration_is_shown_with_its_mistakes(reader: Open, engine: Engine) -> None:
    client = reader("viewer").client
    assert "mistakes" not in client.get("/").text
    told = "site.yaml:3: rules[0].when[0].abov: is not known here (did you mean 'above'?)"
    with engine.begin() as connection:
        connection.execute(insert(Notice), {"key": "configuration", "text": told, "at": NOW})
    text = plain(client.get("/").text)
    assert "The configuration on disk has mistakes" in text
    assert "rules[0].when[0].abov: is not known here" in text


def test_a_place_card_shows_its_signals_with_units_its_doors_and_its_state(reader: Open) -> None:
    text = reader("viewer").client.get("/").text
    gate = part(text, "place.garden.west-gate")
    assert "People 9" in gate
    assert "Longest stay 1 min 14 s" in gate
    assert "In / out / min 11 / 4" in gate
    assert "bicycle 2 · car 1" in gate
    assert "Gate closed" in gate
    shed = part(text, "place.garden.bike-shed")
    assert "Critical" in shed
    assert "Shed door open" in shed
    assert "battery 9%" in shed
    assert "Lane camera: picture blurred" in part(text, "place.garden.fire-lane")


def test_a_node_that_is_cut_off_marks_itself_and_its_places(reader: Open, engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(update(NodeState).where(NodeState.node == "yard-1").values(online=False))
    text = reader("viewer").client.get("/").text
    assert "offline" in part(text, "node.garden.yard-1")
    assert "cut off: Courtyard cabinet offline" in part(text, "place.garden.courtyard")
    assert "cut off" not in part(text, "place.garden.west-gate")


def test_a_card_without_news_is_marked_stale(reader: Open, clock: Clock) -> None:
    assert " stale" not in reader("viewer").client.get("/").text
    clock.ms += 61_000
    text = reader("viewer").client.get("/").text
    assert len(re.findall(r'class="card[^"]* stale', text)) == 6
    assert len(re.findall(r'class="spot (?!thing)[^"]* stale', text)) == 6
    assert len(re.findall(r'class="spot thing [^"]*stale', text)) == 5, "sensors may be silent"


def test_late_alerts_say_so_and_the_story_says_how_late(reader: Open, engine: Engine) -> None:
    browser = reader("viewer")
    with engine.connect() as connection:
        late = connection.scalar(select(Alert.id).where(Alert.late))
    assert 'class="mark late"' in browser.client.get("/").text
    story = plain(browser.client.get(f"/alerts/{late}").text)
    assert "The hub knew 48.0 s after it happened." in story


def test_acknowledging_without_javascript_leads_back_and_says_so(
    reader: Open, engine: Engine
) -> None:
    browser = reader("operator")
    with engine.begin() as connection:
        alert = seed.alert(connection, NOW, "courtyard")
    answer = browser.post(f"/alerts/{alert}/acknowledge", page="/", back="/?x=1")
    assert (answer.status_code, answer.headers["Location"]) == (302, "/?x=1")
    text = browser.client.get("/").text
    assert "Acknowledged." in text
    assert "acknowledged by operator" in part(text, f"alert.{alert}")


def test_the_second_operator_is_told_who_was_first(reader: Open, engine: Engine) -> None:
    with engine.begin() as connection:
        alert = seed.alert(connection, NOW, "courtyard")
    reader("operator").post(f"/alerts/{alert}/acknowledge", page="/")
    second = reader("admin")
    second.post(f"/alerts/{alert}/acknowledge", page="/")
    text = second.client.get("/").text
    assert "operator had acknowledged it already, at 02:53:20." in text


def test_resolving_with_a_note_tells_the_story(reader: Open, engine: Engine) -> None:
    browser = reader("operator")
    with engine.begin() as connection:
        alert = seed.alert(connection, NOW, "courtyard")
    answer = browser.post(f"/alerts/{alert}/resolve", page=f"/alerts/{alert}", note="it was a cat")
    assert answer.headers["Location"] == f"/alerts/{alert}"
    story = plain(browser.client.get(f"/alerts/{alert}").text)
    assert "ended operator it was a cat" in story
    browser.post(f"/alerts/{alert}/resolve", page="/")
    assert "operator had resolved it already" in browser.client.get("/").text


def test_a_script_gets_the_outcome_as_json(reader: Open, engine: Engine) -> None:
    browser = reader("operator")
    with engine.begin() as connection:
        alert = seed.alert(connection, NOW, "courtyard", state="pending")
    answer = browser.client.post(
        f"/alerts/{alert}/acknowledge",
        data={"csrf_token": browser.token("/")},
        headers={"Accept": "application/json"},
    )
    words = "This alert has not fired; there is nothing to do yet."
    assert answer.json == {"done": False, "text": words}


@pytest.mark.parametrize(
    ("query", "count"),
    [("", 4), ("?state=firing", 3), ("?state=open", 3), ("?state=resolved", 1),
     ("?place=garden/lobby-3", 1), ("?severity=high", 1), ("?severity=high&state=firing", 0),
     ("?state=nonsense&place=x&severity=y&since=tomorrow&verdict=v&site=s", 4),
     ("?rule=crowd", 1), ("?verdict=none", 4), ("?verdict=false", 0), ("?site=garden", 4),
     ("?since=2026-11-24", 4), ("?until=2026-11-24T02:00", 1), ("?since=2026-11-24T02:45", 2),
     ("?until=9999-12-31", 4), ("?until=2026-11-23", 0), ("?q=自行车棚", 1), ("?q=lobby", 1),
     ("?q=王伟", 1), ("?q=100%25", 0)],
)  # fmt: skip
def test_the_list_is_filtered(reader: Open, query: str, count: int) -> None:
    text = reader("viewer").client.get(f"/alerts{query}").text
    assert text.count('<li class="alert') == count
    assert ("No alerts match." in text) == (count == 0)


def test_the_table_holds_what_the_list_shows_and_no_cell_is_a_formula(
    reader: Open, engine: Engine
) -> None:
    with engine.begin() as connection:
        evil = seed.alert(connection, NOW, "courtyard", title=("=1+1", "=1+1"))
        for number in range(60):
            seed.alert(connection, NOW - 20_000 * number, "pump-room")
    answer = reader("viewer").client.get("/alerts.csv?state=firing")
    assert answer.mimetype == "text/csv"
    rows = list(csv.DictReader(io.StringIO(answer.text.removeprefix("\ufeff"))))
    assert len(rows) == len({row["id"] for row in rows}) == 64
    assert {row["state"] for row in rows} == {"firing"}
    assert next(row for row in rows if row["id"] == evil)["title"] == "'=1+1"


def test_many_are_acknowledged_with_one_reason_and_the_rest_says_who_was_first(
    reader: Open, engine: Engine
) -> None:
    browser = reader("operator")
    with engine.begin() as connection:
        ids = [seed.alert(connection, NOW, "courtyard") for _ in range(3)]
    desk.acknowledge(engine, ids[0], actor="wang", now=NOW)
    page, send = "/alerts", browser.client.post
    token = browser.token(page)
    for fields, words in (
        ({"alert": ids}, "Say why"),
        ({"reason": "test of the siren"}, "Mark some alerts first."),
        ({"alert": [*ids, "unknown"], "reason": "test of the siren"}, "Acknowledged: 2."),
    ):
        send("/alerts/acknowledge", data={"csrf_token": token, **fields})
        text = browser.client.get(page).text
        assert words in text
    assert "Taken before by wang: 1." in text
    story = plain(browser.client.get(f"/alerts/{ids[1]}").text)
    assert "acknowledged operator test of the siren" in story


def test_a_marked_list_that_outlived_its_session_is_kept_whole(app: Flask) -> None:
    browser = Reader(app.test_client())
    answer = browser.client.post(
        "/alerts/acknowledge",
        data={"csrf_token": browser.token(), "alert": ["a1", "a2"], "reason": "r"},
    )
    assert answer.status_code == 401
    assert re.findall(r'name="kept\.(\w+)" value="(\w+)"', answer.text) == [
        ("alert", "a1"), ("alert", "a2"), ("reason", "r")
    ]  # fmt: skip


def test_the_list_goes_on_page_by_page_without_losing_or_repeating_any(
    reader: Open, engine: Engine
) -> None:
    with engine.begin() as connection:
        for number in range(120):
            seed.alert(connection, NOW - 20_000 * (number // 3), "courtyard")
    browser, path, seen = reader("viewer"), "/alerts?place=garden/courtyard", []
    for _page in itertools.count():
        text = browser.client.get(path).text
        seen += re.findall(r'id="alert\.(\w+)"', text)
        more = re.search(r'href="([^"]+)" rel="next"', text)
        if more is None:
            break
        path = more[1].replace("&amp;", "&")
    assert len(seen) == len(set(seen)) == 121


def test_pictures_are_shown_to_readers_and_each_view_is_audited_once_a_minute(
    reader: Open, engine: Engine, clock: Clock
) -> None:
    path = "/pictures/garden/gate-1/gate-1.jpg"
    assert reader("").client.get(path).status_code == 401
    browser = reader("viewer")
    for later_ms in (0, 59_000, 1_000):
        clock.ms += later_ms
        answer = browser.client.get(path, buffered=True)
        assert answer.data.startswith(b"\xff\xd8")
    assert answer.headers["Cache-Control"].startswith("private")
    query = select(Audit.actor, Audit.target).where(Audit.action == "picture.view")
    with engine.connect() as connection:
        rows = [tuple(row) for row in connection.execute(query)]
    assert rows == [("viewer", "garden/gate-1/gate-1")] * 2


def test_no_path_leads_out_of_the_pictures(reader: Open, engine: Engine, data: Path) -> None:
    (data / "pictures" / "garden" / "secret.jpg").write_bytes(b"outside")
    with engine.begin() as connection:
        for name, ref in (("gate-1", "not-come"), ("..", "secret"), ("gate-1", "../secret")):
            row = {"site": "garden", "node": name, "ref": ref, "source": "x", "ts": NOW}
            size = 0 if ref == "not-come" else 9
            connection.execute(insert(Picture).values({**row, "size": size}))
    client = reader("admin").client
    for path in (
        "gate-1/not-come.jpg", "gate-1/unknown.jpg", "../secret.jpg", "gate-1/../secret.jpg",
        "gate-1/%2e%2e%2fsecret.jpg", "%2e%2e/secret.jpg", "gate-1/..%5csecret.jpg",
    ):  # fmt: skip
        answer = client.get(f"/pictures/garden/{path}", buffered=True)
        assert answer.status_code == 404
        assert b"outside" not in answer.data
    with engine.connect() as connection:
        seen = connection.scalar(
            select(func.count()).select_from(Audit).where(Audit.action == "picture.view")
        )
    assert seen == 0


def test_the_language_is_the_browsers_until_the_reader_chooses_and_then_stays(
    app: Flask,
) -> None:
    browser = Reader(app.test_client())
    chinese = {"Accept-Language": "zh-CN,zh;q=0.9"}
    assert '<html lang="zh-Hans"' in browser.client.get("/login", headers=chinese).text
    browser.log_in("operator")
    browser.post("/language", page="/", language="zh", next="/alerts")
    text = browser.client.get("/").text
    assert "当前告警" in text
    assert "夜间有人进入自行车棚" in text
    assert "西门" in text
    other = Reader(app.test_client())
    other.log_in("operator")
    assert "当前告警" in other.client.get("/").text


def test_times_are_by_the_sites_clock(app: Flask) -> None:
    with app.test_request_context():
        assert language.clock(NOW, "garden") == "02:53:20"
        for locale, day, year in (
            ("en", "23 Nov 02:53:20", "24 Nov 2025 02:53"),
            ("zh", "11月23日 02:53:20", "2025年11月24日 02:53"),
        ):
            with force_locale(locale):
                assert language.clock(NOW - 86_400_000, "garden") == day
                assert language.clock(NOW - 365 * 86_400_000, "garden", seconds=False) == year


def test_every_text_of_the_console_is_in_the_chinese_catalogue_and_no_other() -> None:
    methods = [("**.py", "python"), ("**/templates/**.html", "jinja2")]
    keywords: dict[str, None] = {"_": None, "gettext": None, "lazy_gettext": None}
    used = {message for _file, _line, message, *_ in extract_from_dir(
        WEB, methods, keywords=keywords)}  # fmt: skip
    with (WEB / "translations/zh/LC_MESSAGES/messages.po").open("rb") as file:
        catalogue = {str(message.id): message for message in read_po(file) if message.id}
    assert used == set(catalogue)
    blanks = re.compile(r"%\(\w+\)[\d.]*\w|%%")
    for text, message in catalogue.items():
        assert message.string
        assert not message.fuzzy
        assert sorted(blanks.findall(text)) == sorted(blanks.findall(str(message.string)))


def test_outcomes_have_readable_texts() -> None:
    assert [str(verdict) for verdict in desk.Verdict] == [
        "done", "already acknowledged", "already resolved", "never fired", "no such alert",
        "already owned", "already judged so", "nothing said",
    ]  # fmt: skip


def test_everything_that_the_log_can_tell_of_has_words() -> None:
    told = re.compile(r'audit\.enter\(\s*\w+,\s*[\w.]+,\s*"([a-z.-]+)"')
    sources = [path.read_text(encoding="utf-8") for room in ("hub", "web", "launch")
               for path in sorted((WEB.parent / room).rglob("*.py"))]  # fmt: skip
    actions = {action for text in sources for action in told.findall(text)}
    assert len(actions) > 20
    assert actions - set(language.ACTIONS) - {f"case.{kind}" for kind in EVENTS} == set()
