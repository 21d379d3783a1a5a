"""A resident's phone in a real browser: report, lost connection, me too, and the last word."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from PIL import Image
from playwright.sync_api import Browser, Page, Route, expect
from sqlalchemy import Engine, func, select

from configs.servers import WebSettings
from hub.cases import blocks, desk
from hub.cases.desk import Step
from hub.cases.tables import Case, CasePhoto, Reporter
from tests.conftest import close_pages, hold_timers
from tests.web import seed
from tests.web.conftest import PASSWORD
from tests.web.test_browser import WCAG, now_ms
from web.serve import serve

pytestmark = pytest.mark.browser
RETRY_MS = 10_000
"""A form that was not taken is sent again by itself every so often. Tests that look at it between
hold that: it goes when somebody presses, the connection is back or its page is opened again."""


@pytest.fixture
def address(browser: Browser, engine: Engine, data: Path) -> Iterator[str]:
    """A console that runs, with residents' pages."""
    del engine
    stop, ready, found = threading.Event(), threading.Event(), [""]

    def on_listening(at: str) -> None:
        found[0] = at
        ready.set()

    settings = WebSettings(data=str(data), port=0, threads=16)
    thread = threading.Thread(
        target=serve, args=(settings, [seed.site_file()]),
        kwargs={"stop": stop, "on_listening": on_listening},
    )  # fmt: skip
    thread.start()
    assert ready.wait(60)
    yield found[0]
    close_pages(browser)
    stop.set()
    thread.join(60)


@pytest.fixture
def phone(browser: Browser) -> Page:
    """A small screen of its own, in Chinese; what fails on it fails the test."""
    context = browser.new_context(
        viewport={"width": 390, "height": 844}, has_touch=True, locale="zh-CN"
    )
    page = context.new_page()
    page.on("pageerror", lambda error: pytest.fail(f"the page failed: {error}"))
    return page


@contextmanager
def lost(phone: Page) -> Iterator[None]:
    """No connection, for the page and for what the phone has stored of the pages."""

    def refuse(route: Route) -> None:
        route.abort()

    phone.context.route("**/*", refuse)
    phone.context.set_offline(True)
    yield
    phone.context.unroute("**/*", refuse)
    phone.context.set_offline(False)


def log_in(page: Page, address: str) -> None:
    page.goto(f"{address}/login")
    page.fill("#name", "operator")
    page.fill("#password", PASSWORD)
    page.click("button.primary")
    expect(page.get_by_role("button", name="Log out")).to_be_visible()


def fill(phone: Page, address: str, photo: Path | None = None) -> None:
    phone.goto(f"{address}/report?place=garden/fire-lane")
    phone.get_by_text("消防通道堵塞").click()
    phone.fill("#text", "白色面包车堵住消防通道")
    if photo is not None:
        phone.set_input_files("#photos", photo)


def count(engine: Engine) -> int:
    with engine.connect() as connection:
        return connection.scalar(select(func.count()).select_from(Case)) or 0


def picture(folder: Path) -> Path:
    path = folder / "van.jpg"
    path.write_bytes(seed._street(3))
    return path


def test_a_report_from_a_phone_is_dispatched_solved_and_rated(
    phone: Page, browser: Browser, address: str, tmp_path: Path
) -> None:
    fill(phone, address, picture(tmp_path))
    assert phone.evaluate("document.documentElement.scrollWidth") <= 390
    phone.locator("#report button.big").click()
    expect(phone.locator(".code")).to_be_visible()
    code = phone.locator(".code").inner_text()
    link = phone.url

    desk_page = browser.new_context(viewport={"width": 1440, "height": 900}).new_page()
    log_in(desk_page, address)
    desk_page.goto(f"{address}/cases")
    desk_page.get_by_role("link", name=code).click()
    expect(desk_page.locator(".photos img")).to_be_visible()
    for name in ("Verify", "Dispatch", "Handled", "Checked: it is done", "Close as solved"):
        step = desk_page.get_by_role("button", name=name, exact=True)
        step.click()
        expect(step).to_have_count(0)  # the page before has a note of its own step's success
        expect(desk_page.locator(".flash.ok")).to_be_visible()

    phone.goto(link)
    assert phone.evaluate("document.documentElement.scrollWidth") <= 390
    phone.get_by_text("已解决", exact=True).last.click()
    phone.locator(".stars label").nth(4).click()
    phone.locator(".say button").click()
    expect(phone.locator(".steps [aria-current]")).to_have_text("已评价")
    desk_page.reload()
    expect(desk_page.locator(".outcome")).to_contain_text("5/5")


def test_a_report_on_a_lost_connection_outlives_its_page_and_is_sent_once(
    phone: Page, address: str, engine: Engine, tmp_path: Path
) -> None:
    hold_timers(phone, RETRY_MS)
    phone.add_init_script(  # a phone that makes small what it can open, and cannot open the second
        "const open = createImageBitmap; globalThis.createImageBitmap = async (file) => {"
        "if (file.name === 'other.png') throw new Error('unknown'); return open(file); };"
    )
    fill(phone, address)
    other = tmp_path / "other.png"
    Image.new("RGB", (64, 48), (90, 120, 90)).save(other)
    phone.set_input_files("#photos", [picture(tmp_path), other])
    phone.context.set_offline(True)
    phone.locator("#report button.big").click()
    expect(phone.locator("#state")).to_contain_text("网络已断开")
    assert count(engine) == 0
    phone.fill("#text", "白色面包车和货车堵住消防通道")
    expect(phone.locator("#state")).to_contain_text("尚未发送")
    phone.locator("#report button.big").click()
    expect(phone.locator("#state")).to_contain_text("网络已断开")
    phone.close()
    phone.context.set_offline(False)
    phone = phone.context.new_page()
    phone.goto(f"{address}/report")
    expect(phone.locator(".note")).to_have_text("白色面包车和货车堵住消防通道")
    assert count(engine) == 1
    with engine.connect() as connection:
        assert connection.scalar(select(func.count()).select_from(CasePhoto)) == 2
    phone.goto(f"{address}/report")
    expect(phone.locator("#text")).to_have_value("")
    assert count(engine) == 1


def test_a_page_that_is_closed_while_it_sends_has_kept_everything_and_the_way_back(
    phone: Page, address: str, engine: Engine, tmp_path: Path
) -> None:
    hold_timers(phone, RETRY_MS)
    fill(phone, address, picture(tmp_path))
    expect(phone.locator("#chosen li")).to_have_count(1)
    phone.set_input_files("#photos", picture(tmp_path))
    expect(phone.locator("#chosen li")).to_have_count(2)
    phone.locator("#chosen button").first.click()
    expect(phone.locator("#chosen li")).to_have_count(1)
    busy: list[str] = []

    def answer_busy_and_then_never(route: Route) -> None:
        if route.request.method != "POST":
            route.continue_()
        elif not busy:
            busy.append("once")
            route.fulfill(status=503)
        elif len(busy) == 1:
            busy.append("twice")
            route.fulfill(status=429, json={"error": "请稍候"})

    phone.route("**/report", answer_busy_and_then_never)
    send = phone.locator("#report button.big")
    send.click()
    expect(phone.locator("#state")).to_contain_text("服务器暂时无法接收")
    send.click()
    expect(phone.locator("#state")).to_have_text("请稍候")
    send.click()
    expect(phone.locator("#part")).to_be_visible()
    phone.close()
    phone = phone.context.new_page()
    phone.goto(f"{address}/report")
    expect(phone.locator(".code")).to_be_visible()
    code = phone.locator(".code").inner_text()
    assert count(engine) == 1
    with engine.connect() as connection:
        assert connection.scalar(select(func.count()).select_from(CasePhoto)) == 1
    phone.goto(f"{address}/report")
    expect(phone.locator("#sent a")).to_have_text(code)
    phone.locator("#forget-sent").click()
    expect(phone.locator("#sent")).to_be_hidden()


def test_a_phone_that_has_seen_the_form_writes_at_a_place_without_connection(
    phone: Page, address: str, engine: Engine
) -> None:
    phone.goto(f"{address}/report")
    phone.evaluate("navigator.serviceWorker.ready.then(() => null)")
    with lost(phone):
        phone.goto(f"{address}/report?place=garden/bike-shed")
        expect(phone.locator("p.keep")).to_contain_text("当前没有网络")
        expect(phone.locator("#where")).to_have_value("garden/bike-shed")
        phone.get_by_text("照明故障").click()
        phone.fill("#text", "车棚灯不亮")
        phone.locator("#report button.big").click()
        expect(phone.locator("#state")).to_contain_text("网络已断开")
        assert count(engine) == 0
    expect(phone.locator(".code")).to_be_visible()  # by itself
    with engine.connect() as connection:
        (case,) = connection.execute(select(Case.place, Case.text)).all()
    assert tuple(case) == ("bike-shed", "车棚灯不亮")


def test_words_for_staff_outlive_a_connection_that_is_lost_as_they_are_sent(
    phone: Page, address: str, engine: Engine, data: Path
) -> None:
    told = seed.case(engine, data, now_ms() - 60_000)
    link = f"{address}/r/{told['token']}"
    more = phone.locator(f"#more-{told['case']}")
    phone.goto(link)
    more.fill("车还在那里")
    phone.route("**/add", lambda route: route.abort())
    phone.get_by_role("button", name="添加").click()
    expect(more).to_have_count(0)  # the browser's own page
    phone.unroute("**/add")
    phone.goto(link)
    expect(more).to_have_value("车还在那里")
    phone.get_by_role("button", name="添加").click()
    expect(phone.locator(".events")).to_contain_text("车还在那里")
    expect(more).to_have_value("")
    phone.goto(link)
    expect(more).to_have_value("")


def test_an_answer_that_got_lost_does_not_make_two_reports(
    phone: Page, address: str, engine: Engine
) -> None:
    hold_timers(phone, RETRY_MS)
    fill(phone, address)
    lost: list[str] = []

    def lose_the_answer(route: Route) -> None:
        if not lost and route.request.method == "POST":
            lost.append("once")
            route.fetch()
            route.abort()
        else:
            route.continue_()

    phone.route("**/report", lose_the_answer)
    phone.locator("#report button.big").click()
    expect(phone.locator("#state")).to_contain_text("网络已断开")
    assert count(engine) == 1
    phone.context.set_offline(True)
    phone.context.set_offline(False)
    expect(phone.locator(".code")).to_be_visible()
    assert count(engine) == 1


def test_a_tap_on_the_plan_chooses_the_place_and_keeps_what_was_typed(
    phone: Page, address: str
) -> None:
    phone.goto(f"{address}/report")
    phone.fill("#text", "白色面包车")
    phone.get_by_text("在平面图上选择").tap()
    phone.locator('[data-where="garden/fire-lane"]').tap()
    expect(phone.locator("#where")).to_have_value("garden/fire-lane")
    expect(phone.locator('.on-plan [aria-current="true"]')).to_have_count(1)
    expect(phone.locator("#text")).to_have_value("白色面包车")
    phone.select_option("#where", "garden/bike-shed")
    chosen = phone.locator('[data-where="garden/bike-shed"]')
    expect(chosen).to_have_attribute("aria-current", "true")


@pytest.mark.parametrize("scheme", ["dark", "light"])
def test_axe_finds_no_fault_on_the_pages_of_residents_and_of_their_cases(
    phone: Page, browser: Browser, address: str, engine: Engine, data: Path, scheme: str
) -> None:
    told = seed.shown_case(engine, data, now_ms() - 60_000)
    staff = browser.new_context(viewport={"width": 1440, "height": 900}).new_page()
    log_in(staff, address)
    fill(phone, address)
    phone.locator("#report button.big").click()
    expect(phone.locator(".code")).to_be_visible()
    pages = [(phone, "/board"), (phone, "/report"), (phone, f"/r/{told['token']}")]
    pages += [(staff, "/cases"), (staff, "/cases/blocks"), (staff, f"/cases/{told['case']}")]
    found = [fault for page, path in pages for fault in faults(page, address + path, scheme)]
    with engine.connect() as connection:
        mine = connection.scalar(select(Case.id).where(Case.id != told["case"])) or ""
    blocks.block(engine, mine, "device", reason="nonsense", days=1, actor="li", now=now_ms())
    found += faults(phone, f"{address}/report", scheme)
    expect(phone.locator("#appeal")).to_be_visible()
    assert found == []


def faults(page: Page, address: str, scheme: str) -> list[tuple[str, str, str]]:
    """What axe says of a page, its folded parts open."""
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    page.goto(address)
    page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
    seen = Axe().run(page, options=WCAG).response["violations"]
    return [(address, one["id"], node["html"][:200]) for one in seen for node in one["nodes"]]


def test_a_draft_waits_on_the_phone(phone: Page, address: str) -> None:
    fill(phone, address)
    phone.goto(f"{address}/board")
    phone.goto(f"{address}/report")
    expect(phone.locator("#text")).to_have_value("白色面包车堵住消防通道")
    expect(phone.locator("#where")).to_have_value("garden/fire-lane")


def test_a_similar_report_is_shown_while_typing_and_joined(
    phone: Page, address: str, engine: Engine, data: Path
) -> None:
    told = seed.case(engine, data, now_ms() - 60_000)
    desk.walk(engine, told["case"], Step.VERIFY, actor="li", now=now_ms())
    fill(phone, address)
    expect(phone.locator("#similar")).to_contain_text("A van blocks the fire lane")
    phone.locator("#similar button").click()
    expect(phone.locator(".code")).to_have_text(told["code"])
    with engine.connect() as connection:
        assert connection.scalar(select(func.count()).select_from(Reporter)) == 2
    assert count(engine) == 1
