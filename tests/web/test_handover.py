"""The end of a shift, and the log that shows what was done in it."""

import csv
import io
import re
from collections.abc import Callable
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Engine, insert, update

from hub import audit, desk
from hub.state.tables import Audit, HubRun, TroubleSpell
from tests.web import seed
from tests.web.conftest import NOW, Clock, Reader
from web import audit as audit_page
from web import handover

Open = Callable[[str], Reader]
MINUTE = 60_000


def words(html: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html)).replace("\xa0", " ").strip()


def test_a_shift_hands_over_what_is_open_happened_and_broken_with_a_note(
    reader: Open, clock: Clock
) -> None:
    browser = reader("operator")
    browser.post("/handover/notes", page="/handover", site="garden", note="the shed key is back")
    text = words(browser.client.get("/handover").text)
    assert "Open 3" in text
    assert "In this shift 4" in text
    assert "Critical 1 · High 1 · Medium 1 · Low 1" in text
    assert "never acknowledged: 3 · slowest to be acknowledged: 35 s" in text
    assert "operator the shed key is back" in text
    assert "What is broken 3" in text
    clock.ms += 13 * 3_600_000
    later = words(browser.client.get("/handover?hours=4").text)
    assert "In this shift 0" in later
    assert "the shed key is back" not in later
    assert "the shed key is back" in words(browser.client.get("/handover?hours=24").text)


def test_a_shift_of_more_alerts_than_are_listed_is_counted_whole(
    reader: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handover, "ALERTS", 2)
    text = words(reader("viewer").client.get("/handover").text)
    assert "In this shift 4" in text
    assert "Critical 1 · High 1 · Medium 1 · Low 1" in text
    assert "never acknowledged: 3 · slowest to be acknowledged: 35 s" in text
    assert "Only the newest 2 are listed here: see all" in text


def test_a_shift_of_before_has_an_address_of_its_own_and_leads_to_its_neighbours(
    reader: Open, clock: Clock, engine: Engine
) -> None:
    browser = reader("operator")
    browser.post("/handover/notes", page="/handover", site="garden", note="the shed key is back")
    now = browser.client.get("/handover?hours=4")
    clock.ms += 20 * 3_600_000
    with engine.begin() as connection:
        later = seed.alert(connection, clock.ms - 60_000, "courtyard", severity="info")
    until = (datetime.fromtimestamp(NOW / 1000, ZoneInfo("Asia/Shanghai"))).strftime("%FT%H:%M")
    past = browser.client.get(f"/handover?hours=4&until={until}")  # the seconds are cut off
    for there in (now, past):
        assert "Open 3" in words(there.text)
        assert "In this shift 4" in words(there.text)
    assert "Past shift:" in words(past.text)
    assert later not in past.text
    assert 'id="note-left"' not in past.text
    assert "is not on the books" in past.text
    ways = dict(re.findall(r'href="([^"]+)" rel="(prev|next)"', past.text))
    (before,), (after,) = ([w for w, rel in ways.items() if rel == r] for r in ("prev", "next"))
    before, after = (browser.client.get(way.replace("&amp;", "&")).text for way in (before, after))
    assert "In this shift 0" in words(before)
    assert "In this shift 0" in words(after)
    assert "the shed key is back" in words(after)
    assert 'rel="next"' not in browser.client.get("/handover?until=2199-01-01").text


def _breaks(engine: Engine, *spells: tuple[str, str, str, str, int, int | None, str]) -> None:
    """Of garden: (node, source, kind, what, since, until in minutes from NOW, detail)."""
    rows = [
        {"site": "garden", "node": node, "source": source, "kind": kind, "what": what,
         "since": NOW + since * MINUTE, "until": None if until is None else NOW + until * MINUTE,
         "detail": detail, "size": 0.0}
        for node, source, kind, what, since, until, detail in spells
    ]  # fmt: skip
    with engine.begin() as connection:
        connection.execute(insert(TroubleSpell), rows)


def test_a_shift_that_is_over_says_what_was_broken_in_it_and_what_was_mended(
    reader: Open, clock: Clock, engine: Engine
) -> None:
    _breaks(
        engine,
        ("", "", "unkept", "", -9_000_000, -5000, ""),
        ("gate-1", "", "offline", "", -700, -600, ""),  # over before the shift began
        ("yard-1", "", "offline", "", -500, -470, ""),
        ("yard-1", "", "offline", "", -300, -290, ""),
        ("yard-1", "cam-lane", "fault", "blurred", -20, None, ""),
        ("yard-1", "door-shed", "battery", "", -60, 200, "9"),
        ("gate-1", "", "lost", "", -30, -30, "12"),
        ("gate-1", "cam-gate", "tamper", "", 10, None, ""),  # after it
    )
    with engine.begin() as connection:
        ran = [(NOW - 900 * MINUTE, NOW - 200 * MINUTE), (NOW - 100 * MINUTE, NOW + 800 * MINUTE)]
        rows = [{"site": "garden", "started_at": a, "seen_at": b} for a, b in ran]
        connection.execute(insert(HubRun), rows)
    clock.ms += 10 * 60 * MINUTE
    client = reader("viewer").client
    until = datetime.fromtimestamp(NOW / 1000, ZoneInfo("Asia/Shanghai")).strftime("%FT%H:%M")
    text = words(client.get(f"/handover?hours=8&until={until}").text)
    broken = text.partition("Broken as it ended ")[2]
    assert broken.startswith("2 Shed door battery low: 9% since")
    lasting, _, mended = broken.partition("Broken in the shift, and over ")
    assert "Lane camera picture blurred since" in lasting
    assert re.match(r"2 Courtyard cabinet offline \S+ \S+ \S+ – .+? · 2 times · 20 min", mended)
    assert re.search(r"Gatehouse records lost for good: 12 [^·–]+ The hub did not run from", mended)
    assert "tampered" not in text
    now = words(client.get("/handover?hours=24").text)
    assert "Lane camera picture blurred, since" in now
    assert re.search(r"Broken in the shift, and over 4 .*Shed door battery low: 9%", now)
    assert "is not on the books" not in now
    before = words(client.get("/handover?hours=24&until=2026-11-10T00:00").text)
    assert re.search("What was broken from [^.]+ to [^.]+ is not on the books", before)
    assert "Broken in the shift, and over" not in before


def test_a_shift_at_a_site_of_ones_own_tells_nothing_broken_of_others(
    reader: Open, engine: Engine
) -> None:
    rows = {"site": "elsewhere", "node": "gate-1", "source": "", "kind": "hot", "what": "",
            "since": NOW - MINUTE, "until": NOW, "detail": "90", "size": 90.0}  # fmt: skip
    with engine.begin() as connection:
        connection.execute(insert(TroubleSpell), rows)
    assert "too hot" not in reader("viewer").client.get("/handover").text


def test_all_alerts_and_notes_of_a_shift_are_a_click_away(
    reader: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handover, "NOTES", 1)
    monkeypatch.setattr(handover, "ALERTS", 2)
    browser = reader("operator")
    for note in ("the first", "the second"):
        browser.post("/handover/notes", page="/handover", site="garden", note=note)
    html = browser.client.get("/handover").text
    assert "the first" not in html
    assert html.count("are listed here: see all") == 2
    way = html.partition('">Only the newest 1')[0].rpartition('href="')[2]
    whole = browser.client.get(way.replace("&amp;", "&")).text
    assert "the first" in whole
    assert whole.count('<span class="when">') == 3 + 4 + 2


def test_an_empty_note_or_one_for_another_site_is_refused(reader: Open, engine: Engine) -> None:
    browser, before = reader("operator"), audit.head(engine).id
    for fields in ({"site": "garden", "note": " "}, {"site": "elsewhere", "note": "x"}):
        browser.post("/handover/notes", page="/handover", **fields)
        assert "The note was empty." in browser.client.get("/handover").text
    assert audit.head(engine).id == before


def test_the_log_is_filtered_paged_and_goes_to_a_table(
    reader: Open, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    with engine.begin() as connection:
        alert = seed.alert(connection, NOW, "courtyard")
        for number in range(130):
            audit.enter(connection, "wang", "picture.view", f"garden/gate-1/p{number}", "", NOW)
    desk.note(engine, alert, actor="wang", text="=cmd", now=NOW)
    client = reader("maintainer").client
    html = client.get("/audit?action=picture.view&actor=wang").text
    assert html.count(">looked at a picture</td>") == 100
    older = re.search(r'href="([^"]+)" rel="next"', html)
    assert older is not None
    assert client.get(older[1].replace("&amp;", "&")).text.count(">looked at a picture</td>") == 30
    assert f'href="/alerts/{alert}"' in client.get("/audit?action=alert.noted").text
    assert "No entries match." in client.get("/audit?target=100%25").text
    assert client.get("/audit?since=2026-11-25").text.count("<tr>") == 1
    assert client.get("/audit?until=2026-11-23").text.count("<tr>") == 1
    assert client.get("/audit?until=2026-11-24").text.count("<tr>") == 101
    monkeypatch.setattr(audit_page, "CHUNK", 50)
    rows = list(csv.DictReader(io.StringIO(client.get("/audit.csv").text.removeprefix("\ufeff"))))
    assert len(rows) >= 132
    assert next(row for row in rows if row["action"] == "alert.noted")["detail"] == "'=cmd"


def test_the_log_is_checked_from_its_page(reader: Open, engine: Engine) -> None:
    browser = reader("maintainer")
    with engine.begin() as connection:
        for number in range(3):
            audit.enter(connection, "wang", "login", "wang", str(number), NOW)
    audit_rows = "alert_event 1 was inserted"  # the seeded story has no entries that vouch for it
    browser.post("/audit/verify", page="/audit")
    assert audit_rows in browser.client.get("/audit").text
    with engine.begin() as connection:
        connection.execute(update(Audit).where(Audit.id == 5).values(actor="li"))
    browser.post("/audit/verify", page="/audit")
    assert "The log is broken at entry 5" in browser.client.get("/audit").text
