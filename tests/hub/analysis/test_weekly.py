"""The digest by the channels: at its time, once a week, and never twice."""

import shutil
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace
from sqlalchemy import Engine, select

import configs
from configs.notify import Route
from configs.site import SiteFile, WeeklyDigest
from hub.analysis.shelf import KEPT, Shelf
from hub.analysis.weekly import Weekly, due_at
from hub.notify.item import Item, Message
from hub.notify.senders.webhook import cloud_event
from hub.notify.tables import Delivery
from hub.notify.text import compose
from hub.series.sqlite import SqliteSeries
from hub.state import store
from tests.hub.analysis import world

MORNING = world.END + 8 * 3_600_000
"""Monday, 2 June 2025, 08:00 in Shanghai."""
ROUTES = (
    Route(id="managers", kind="apprise", url_env="NONE", language="zh", base_url="https://c.example"),
    Route(id="board", kind="webhook", url="http://127.0.0.1:9/"),
)  # fmt: skip


class Desk:
    """A hub's planner of digests with a clock that the test turns."""

    def __init__(self, folder: Path) -> None:
        self.settings, (site,) = configs.load_hub(folder / "site.yaml")
        self.site = replace(site, routes=ROUTES, digest=WeeklyDigest(to=("managers", "board")))
        self.series = SqliteSeries(Path(self.settings.data) / "series.db")
        self.database: Engine = store.connect(store.address("", Path(self.settings.data)))
        self.now = MORNING
        self.start()

    def start(self) -> None:
        self.weekly = Weekly(
            self.database, self.settings, self.series, [self.site], lambda: self.now,
            clock=lambda: 0.0,
        )  # fmt: skip

    def rows(self) -> list[Any]:
        with store.reading(self.database).begin() as connection:
            return list(connection.execute(select(*Delivery.__table__.columns)))


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the site, filled once and copied."""
    folder = tmp_path_factory.mktemp("weekly")
    world.build(folder)
    return folder


@pytest.fixture
def desk(built: Path, tmp_path: Path) -> Iterator[Desk]:
    shutil.copytree(built, tmp_path, dirs_exist_ok=True)
    found = Desk(tmp_path)
    yield found
    found.series.close()
    found.database.dispose()


def test_a_week_is_told_once_at_its_time_and_not_again_after_a_restart(desk: Desk) -> None:
    desk.now = MORNING - 1
    assert due_at(desk.site, desk.now) == MORNING - world.WEEK_MS
    assert desk.weekly.step() == 0  # the last one is too long ago
    desk.now = MORNING + 60_000
    assert desk.weekly.step() == 1
    assert desk.weekly.step() == 0
    desk.start()
    desk.now += 24 * 3_600_000
    assert desk.weekly.step() == 0
    rows = desk.rows()
    assert [row.route for row in rows] == ["managers", "board"]
    assert rows[0].step == "garden/digest-2025-06-02:digest:managers:0"
    assert {row.state for row in rows} == {"queued"}


def test_the_message_says_what_stood_out_in_the_readers_language(desk: Desk) -> None:
    desk.now = MORNING + 60_000
    desk.weekly.step()
    told = {row.route: msgspec.convert(row.payload, Item) for row in desk.rows()}
    title, body = compose(Message(id="m", items=(told["managers"],)), ROUTES[0])
    assert title == "值得关注：花园小区"
    assert "周二 02:00 为平时的" in body
    assert "自行车棚 00:00–04:00" in body
    assert body.endswith("https://c.example/expected")
    event = cloud_event(told["board"], ROUTES[1])
    assert (event["type"], event["subject"]) == ("org.linli.digest", "digest")
    assert "Hidden hazards" in event["data"]["advice"]["en"]


def test_a_site_that_names_nobody_has_it_on_the_console_alone(desk: Desk) -> None:
    desk.weekly.reload([replace(desk.site, digest=WeeklyDigest())])
    desk.now = MORNING + world.WEEK_MS
    assert [desk.weekly.step(), desk.weekly.step()] == [1, 0]
    assert desk.rows() == []
    shelf = Shelf(Path(desk.settings.data))
    assert shelf.days("garden")[0] == "2025-06-09"
    text = shelf.read("garden", "2025-06-09", "zh")
    assert "<svg" in text
    assert "style" not in text  # the console's policy would leave it out


@pytest.mark.parametrize(
    ("site", "day", "language"),
    [("../x", "2025-06-09", "en"), ("garden", "../../x", "en"), ("garden", "2025-06-09", "../z")],
)
def test_no_name_leads_out_of_the_shelf(tmp_path: Path, site: str, day: str, language: str) -> None:
    assert Shelf(tmp_path).read(site, day, language) == ""
    assert Shelf(tmp_path).days("../x") == []


def test_the_shelf_keeps_a_year_and_lets_the_oldest_go(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path)
    for number in range(KEPT + 2):
        shelf.put(
            "garden", f"20{10 + number // 12}-{number % 12 + 1:02d}-01", {"en": "a", "zh": "b"}
        )
    days = shelf.days("garden")
    assert len(days) == KEPT
    assert days[-1] == "2010-03-01"
    assert len(list((tmp_path / "digests" / "garden").iterdir())) == 2 * KEPT


@pytest.mark.parametrize(
    ("day", "at", "now", "due"),
    [
        ("mon", "08:00", "2025-06-02T08:00", "2025-06-02T08:00"),
        ("mon", "08:00", "2025-06-02T07:59", "2025-05-26T08:00"),
        ("sun", "23:30", "2025-06-02T00:00", "2025-06-01T23:30"),
        ("tue", "06:00", "2025-06-02T12:00", "2025-05-27T06:00"),
    ],
)
def test_the_time_is_the_sites_clocks(desk: Desk, day: str, at: str, now: str, due: str) -> None:
    wanted = msgspec.convert({"day": day, "at": at}, WeeklyDigest)
    site: SiteFile = replace(desk.site, digest=wanted)
    assert due_at(site, _ms(now)) == _ms(due)


def _ms(text: str) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=world.ZONE).timestamp() * 1000)
