"""Rules in force, and silences made from their page."""

import re
from collections.abc import Callable

import pytest
from sqlalchemy import Engine, insert, select

from hub import audit, silences
from hub.state.tables import Silence
from tests.web.conftest import NOW, Reader

Open = Callable[[str], Reader]
UNTIL = "2026-11-24T06:00"


def words(reader: Reader, path: str = "/rules") -> str:
    html = reader.client.get(path).text
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html)).replace("\xa0", " ").strip()


def test_rules_show_their_conditions_places_and_overrides_resolved(
    reader: Open, engine: Engine
) -> None:
    with engine.begin() as connection:
        audit.enter(connection, "hub", "configuration.reload", "", "~ garden.x: 1 -> 2", NOW)
    text = words(reader("viewer"))
    assert "In force at Garden Court 2" in text
    assert "Presence more than 70% for 3 s" in text
    assert "Pump room when[0].any[0].above = 60" in text
    assert "Alerts in seven days: 1" in text
    assert "~ garden.x: 1 -&gt; 2" in text
    assert "Make one" not in text


def test_a_silence_and_a_maintenance_window_are_made_and_ended(
    reader: Open, engine: Engine
) -> None:
    browser = reader("operator")
    browser.post("/rules/silences", page="/rules", scope="garden/place:courtyard", ends=UNTIL,
                 reason="painters")  # fmt: skip
    browser.post("/rules/silences", page="/rules", scope="garden/source:yard-1/cam-yard",
                 starts="2026-11-24T05:00", ends=UNTIL, reason="new lens",
                 kind="maintenance")  # fmt: skip
    with engine.connect() as connection:
        rows = connection.execute(select(Silence.__table__).order_by(Silence.id)).all()
    first, second = rows
    assert (first.place, first.rule, first.source, first.kind) == ("courtyard", "", "", "silence")
    assert (second.source, second.kind) == ("yard-1/cam-yard", "maintenance")
    assert second.ends_at - second.starts_at == 3_600_000
    text = words(browser)
    assert "Courtyard silence until 06:00:00 operator: painters" in text
    assert "Yard camera maintenance 05:00:00 – 06:00:00 operator: new lens" in text
    browser.post(f"/rules/silences/{first.id}/end", page="/rules")
    text = words(browser)
    assert "Notifications are on again." in text
    assert "(ended by operator)" in text
    browser.post(f"/rules/silences/{first.id}/end", page="/rules")
    assert "It was over already." in words(browser)


@pytest.mark.parametrize(
    ("fields", "why"),
    [({"scope": "elsewhere/"}, "Say what is to be quiet"),
     ({"scope": "garden/place:nowhere"}, "Say what is to be quiet"),
     ({"ends": "soon"}, "Say what is to be quiet"),
     ({"reason": " "}, "Say why"),
     ({"ends": "2026-11-24T01:00"}, "It would be over before it begins."),
     ({"ends": "2027-11-24T01:00"}, "It may last 90 days at most.")],
)  # fmt: skip
def test_what_cannot_be_is_refused_and_what_was_typed_is_kept(
    reader: Open, engine: Engine, fields: dict[str, str], why: str
) -> None:
    browser = reader("operator")
    asked = {"scope": "garden/", "ends": UNTIL, "reason": "painters", **fields}
    answer = browser.post("/rules/silences", page="/rules", **asked)
    html = browser.client.get(answer.headers["Location"]).text
    assert why in html
    assert f'name="ends" required value="{asked["ends"]}"' in html
    with engine.connect() as connection:
        assert silences.listed(connection, NOW, over=True) == []


def test_silences_of_sites_that_are_not_here_are_not_shown(reader: Open, engine: Engine) -> None:
    row = {"site": "elsewhere", "kind": "silence", "author": "x", "reason": "secret",
           "created_at": NOW, "starts_at": NOW, "ends_at": NOW + 1000}  # fmt: skip
    with engine.begin() as connection:
        connection.execute(insert(Silence), row)
    assert "secret" not in words(reader("viewer"))
