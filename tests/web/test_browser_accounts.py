"""In a real browser: a rule is tried and saved, a login with a second factor, the first run."""

import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pyotp
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

import configs
from hub.series.points import Entry, Stored
from hub.series.sqlite import SqliteSeries
from hub.state import store
from tests.conftest import close_pages
from tests.web.conftest import PASSWORD
from tests.web.test_browser import WCAG
from tests.web.test_tuning import RULES, SITE
from web import users
from web.first import links
from web.roles import Role
from web.serve import serve
from wire.records import DoorState

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]
TRIAL_MS = 240_000
"""A trial has a low priority, and this machine may be busy."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A site whose hub saw, an hour ago, a door open for 15 s and for 30 s."""
    ts, stored = time.time_ns() // 1_000_000 - 3_600_000, []
    for seq, (wait_s, is_open) in enumerate(((0, True), (15, False), (60, True), (30, False))):
        ts += wait_s * 1000
        record = DoorState(seq=seq + 1, ts=ts, source="door", open=is_open)
        stored.append(Stored("garden", "a", "e", ts * 1000 + 20_000, ts, record))
    with closing(SqliteSeries(tmp_path / "series.db")) as series:
        series.write([Entry(tuple(stored))])
    (tmp_path / "rules.yaml").write_text(RULES, encoding="utf-8")
    site = SITE.format(data=tmp_path).replace("data:", "port: 0, data:")
    (tmp_path / "site.yaml").write_text(site, encoding="utf-8")
    engine = store.connect(store.address("", tmp_path))
    store.migrate(engine)
    users.ensure_user(engine, "wang", Role.MAINTAINER, PASSWORD, now=1)
    engine.dispose()
    return tmp_path


@pytest.fixture
def address(browser: Browser, folder: Path) -> Iterator[str]:
    """A console that runs on the site's file."""
    stop, ready, found = threading.Event(), threading.Event(), [""]
    settings, sites = configs.load_web(folder / "site.yaml")

    def on_listening(at: str) -> None:
        found[0] = at
        ready.set()

    thread = threading.Thread(
        target=serve,
        args=(settings, sites),
        kwargs={"stop": stop, "on_listening": on_listening, "config": folder / "site.yaml"},
    )
    thread.start()
    assert ready.wait(60)
    yield found[0]
    close_pages(browser)
    stop.set()
    thread.join(60)


def opened(browser: Browser, address: str, width: int, locale: str) -> Page:
    """A page at the login; anything it complains about fails the test."""
    context = browser.new_context(viewport={"width": width, "height": 900}, locale=locale)
    page = context.new_page()
    page.on("pageerror", lambda error: pytest.fail(f"the page failed: {error}"))
    page.goto(address)
    page.fill("#name", "wang")
    page.fill("#password", PASSWORD)
    with page.expect_navigation():
        page.click("button.primary")
    return page


def sound(page: Page) -> None:
    """It fits its width, and axe has nothing to say."""
    page.wait_for_load_state()  # what is there already may not have its style yet
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    assert Axe().run(page, options=WCAG).response["violations"] == []


def test_a_maintainer_on_a_phone_switches_on_a_second_factor_and_tunes_a_rule(
    browser: Browser, address: str, folder: Path
) -> None:
    page = opened(browser, address, 390, "zh-CN")
    page.goto(f"{address}/me/code")
    phone = pyotp.TOTP(page.locator("ol.steps code").inner_text())
    sound(page)
    page.fill("#code", phone.now())
    page.fill("#password", PASSWORD)
    page.click("form.stack button.primary")
    recovery = page.locator("ul.recovery code")
    expect(recovery).to_have_count(8)
    spare = recovery.first.inner_text()
    sound(page)

    desk = opened(browser, address, 1440, "en-US")
    expect(desk.locator("#code")).to_be_focused()
    sound(desk)
    desk.fill("#code", spare)
    desk.keyboard.press("Enter")
    expect(desk.locator("#flashes")).to_contain_text("Recovery codes left: 7.")

    page.goto(f"{address}/rules/garden/open")
    sound(page)
    page.fill('[id="n.when[0].above"]', "10")
    page.click("form.numbers button.primary")
    expect(page.locator("table.compared")).to_be_visible(timeout=TRIAL_MS)  # by trial.js alone
    row = page.locator("table.compared tbody tr").first
    expect(row.locator("td")).to_have_text(["1", "2"])
    sound(page)
    page.click("form.save button.primary")
    expect(page.locator("#flashes")).to_contain_text("已保存。")
    assert "above: 10}]}   # seconds" in (folder / "rules.yaml").read_text(encoding="utf-8")
    desk.goto(f"{address}/rules")
    expect(desk.locator("ol.history")).to_contain_text("wang edited garden/open")


def test_the_first_administrator_comes_in_by_the_link_and_keeps_a_view(
    browser: Browser, address: str, folder: Path
) -> None:
    engine = store.connect(store.address("", folder))
    token = links.make(engine, now=time.time_ns() // 1_000_000)
    engine.dispose()
    context = browser.new_context(viewport={"width": 360, "height": 740}, locale="zh-CN")
    page = context.new_page()
    page.on("pageerror", lambda error: pytest.fail(f"the page failed: {error}"))
    page.goto(f"{address}/first/{token}")
    sound(page)
    page.fill("#name", "li")
    page.fill("#password", PASSWORD)
    page.fill("#again", PASSWORD)
    page.keyboard.press("Enter")
    expect(page.locator("#flashes")).to_contain_text("欢迎")
    expect(page.locator("#line:not([hidden])")).to_be_visible()
    page.keyboard.press("2")
    page.wait_for_url(f"{address}/alerts")
    page.select_option("[name=severity]", "critical")
    page.click("form.filters button.primary")
    page.wait_for_url("**severity=critical**")
    page.click("details.keep-view summary")
    page.fill(".keep-view [name=name]", "夜班")
    page.check(".keep-view [name=shared]")
    page.click(".keep-view form.many button")
    view = page.locator("nav.views a")
    expect(view).to_have_text("夜班 (共享)")
    expect(view).to_have_attribute("aria-current", "true")
    sound(page)
    page.goto(f"{address}/alerts")
    view.click()
    page.wait_for_url("**severity=critical**")
    page.click("details.keep-view summary")
    page.get_by_role("button", name="删除“夜班”").click()
    expect(view).to_have_count(0)
    page.goto(f"{address}/first/{token}")  # of use once
    expect(page.locator("#name")).to_have_count(0)
    sound(page)
