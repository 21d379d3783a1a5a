"""Saved views of the list of alerts."""

import re
from collections.abc import Callable

import pytest
from sqlalchemy import Engine, select

from hub.state.tables import SavedView
from tests.web.conftest import Reader
from web.alerts import views

Open = Callable[[str], Reader]
NIGHT = {"state": "open", "severity": "critical"}
ADDRESS = "/alerts?state=open&severity=critical"


def keep(browser: Reader, name: str, **more: str) -> None:
    browser.post("/alerts/views", page="/alerts", name=name, **NIGHT, **more)


def chips(browser: Reader, path: str = "/alerts") -> list[str]:
    """The saved views that the page offers, as words."""
    found = re.search(r'<nav class="choices views".*?</nav>', browser.client.get(path).text, re.S)
    links = re.findall(r"<a .*?</a>", found[0], re.S) if found else []
    return [re.sub(r"<[^>]+>", "", link) for link in links]


def delete(browser: Reader, engine: Engine, owner: str) -> int:
    with engine.connect() as connection:
        number = connection.scalar(select(SavedView.id).where(SavedView.owner == owner))
    return browser.post(f"/alerts/views/{number}/delete", page="/alerts").status_code


def test_a_view_is_kept_opened_changed_and_deleted_by_its_owner(
    reader: Open, engine: Engine
) -> None:
    browser, other = reader("operator"), reader("viewer")
    keep(browser, "  The   night ")
    page = browser.client.get("/alerts").text
    assert "Kept as The night." in page
    assert f'href="{ADDRESS.replace("&", "&amp;")}">The night</a>' in page
    assert 'aria-current="true">The night</a>' in browser.client.get(ADDRESS).text
    assert chips(other) == []
    keep(browser, "The night", shared="yes")
    assert chips(browser) == ["The night (shared)"]
    assert chips(other) == ["The night (operator)"]
    assert delete(other, engine, "operator") == 404
    assert "Delete The night" not in other.client.get(ADDRESS).text
    assert delete(browser, engine, "operator") == 302
    assert chips(browser) == []


def test_what_everybody_sees_is_shared_by_who_may_act_and_deleted_by_an_administrator_too(
    reader: Open, engine: Engine
) -> None:
    keep(reader("viewer"), "mine", shared="yes")
    assert chips(reader("operator")) == []
    keep(reader("operator"), "ours", shared="yes")
    admin = reader("admin")
    assert delete(admin, engine, "viewer") == 404  # it is not shared
    assert delete(admin, engine, "operator") == 302


def test_a_view_without_a_name_or_a_filter_is_refused(reader: Open) -> None:
    browser = reader("viewer")
    keep(browser, " ")
    assert "Choose a filter, and give it a name." in browser.client.get("/alerts").text
    browser.post("/alerts/views", page="/alerts", name="all", state="king")
    assert chips(browser) == []


def test_there_is_an_end_to_how_many_one_may_keep(
    reader: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(views, "MOST", 1)
    browser = reader("viewer")
    keep(browser, "one")
    keep(browser, "two")
    assert "there is room for 1" in browser.client.get("/alerts").text
    keep(browser, "one")
    assert chips(browser) == ["one"]


def test_a_view_of_a_place_that_is_gone_is_not_offered(reader: Open, engine: Engine) -> None:
    browser = reader("viewer")
    with engine.begin() as connection:
        row = {"owner": "viewer", "name": "roof", "filters": {"place": "garden/roof"},
               "shared": False}  # fmt: skip
        connection.execute(SavedView.__table__.insert().values(row))  # type: ignore[attr-defined]
    assert chips(browser) == []
