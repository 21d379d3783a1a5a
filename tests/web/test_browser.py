"""The live page in a real browser: news without a reload, two operators, keys, no jumps."""

import re
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import Engine, select, update

from configs.servers import WebSettings
from hub import desk
from hub.state.tables import Alert, LiveView, NodeState, PlaceState, SourceState
from tests.conftest import close_pages, hold_timers
from tests.web import seed
from tests.web.conftest import PASSWORD
from web.serve import serve

pytestmark = pytest.mark.browser
WCAG = {
    "runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}
}
WATCH_SHIFTS = """() => {
  window.shifted = 0;
  new PerformanceObserver((list) => {
    for (const one of list.getEntries()) window.shifted += one.value;
  }).observe({ type: "layout-shift" });
}"""


SHIFTS_OF_LOADING = """() => new Promise((told) => {
  let sum = 0;
  const watch = new PerformanceObserver((list) => {
    for (const one of list.getEntries()) if (!one.hadRecentInput) sum += one.value;
  });
  watch.observe({ type: "layout-shift", buffered: true });
  requestAnimationFrame(() => setTimeout(() => told(sum), 50));
})"""
"""How much a page moved by itself since it began to load."""
HIDDEN_BESIDE = """() => [...document.querySelectorAll("table.stacked, table.few")]
  .map((one) => one.parentElement)
  .filter((box) => box.scrollWidth > box.clientWidth + 1).map((box) => box.outerHTML.slice(0, 99))
"""
"""Tables that stand in blocks on a phone, and are to be scrolled sideways all the same."""

LONGEST_PRESS_MS = 10_000
"""News waits no longer than this for the release of what is pressed."""
TOAST_MS = 30_000
"""An alert that is told beside another page is shown for so long."""


def now_ms() -> int:
    return time.time_ns() // 1_000_000


@pytest.fixture
def address(browser: Browser, engine: Engine, data: Path) -> Iterator[str]:
    """A console that runs."""
    stop, ready, found = threading.Event(), threading.Event(), [""]
    with engine.begin() as connection:  # the seeded moment is long ago for a real clock
        connection.execute(update(PlaceState).values(ts=now_ms()))

    def on_listening(at: str) -> None:
        found[0] = at
        ready.set()

    settings = WebSettings(data=str(data), port=0, threads=16)
    thread = threading.Thread(
        target=serve,
        args=(settings, [seed.site_file()]),
        kwargs={"stop": stop, "on_listening": on_listening},
    )
    thread.start()
    assert ready.wait(60)
    yield found[0]
    close_pages(browser)
    stop.set()
    thread.join(60)


def log_in(
    browser: Browser, address: str, name: str, width: int = 1440, *, held_ms: int = 0
) -> Page:
    """A page of its own context, live; anything it complains about fails the test."""
    page = browser.new_context(viewport={"width": width, "height": 900}).new_page()
    if held_ms:
        hold_timers(page, held_ms)
    page.on("pageerror", lambda error: pytest.fail(f"the page failed: {error}"))
    page.goto(address)
    page.fill("#name", name)
    page.fill("#password", PASSWORD)
    page.click("button.primary")
    expect(page.locator("#line:not(.off)")).to_be_visible()
    page.wait_for_load_state()
    return page


def raise_alert(engine: Engine, place: str = "courtyard", **more: str) -> str:
    with engine.begin() as connection:
        return seed.alert(connection, now_ms(), place, **more)  # type: ignore[arg-type]


def test_an_alert_arrives_is_taken_and_a_second_operator_follows(
    browser: Browser, address: str, engine: Engine
) -> None:
    first = log_in(browser, address, "operator", held_ms=LONGEST_PRESS_MS)
    second = log_in(browser, address, "admin")
    expect(first.locator("#live-alerts > li")).to_have_count(3)
    first.evaluate(WATCH_SHIFTS)
    alert = raise_alert(engine, severity="critical")
    row = f'[id="alert.{alert}"]'
    expect(first.locator("#live-alerts > li").first).to_have_attribute("id", f"alert.{alert}")
    expect(first.locator("#firing")).to_have_text("4")
    expect(first.locator("#said")).to_contain_text("New alert: Critical")
    expect(second.locator(row)).to_be_visible()
    first.locator(row).get_by_role("button", name="Acknowledge").hover()
    first.mouse.down()
    desk.assign(engine, alert, owner="wang", actor="li", now=now_ms())
    expect(second.locator(row)).to_contain_text("wang deals with it")
    first.mouse.up()
    expect(first.locator(row)).to_contain_text("wang deals with it")
    expect(second.locator(row)).to_contain_text("acknowledged by operator")
    expect(first.locator(row)).to_contain_text("acknowledged by operator")
    second.locator(row).get_by_text("Resolve…").click()
    expect(second.locator('dialog#resolve [name="verdict"]').first).to_be_focused()
    second.keyboard.press("2")
    expect(second.get_by_label("false alarm")).to_be_checked()
    second.fill("#note", "it was a cat")
    second.locator("dialog#resolve button.primary").click()
    expect(first.locator(row)).to_have_count(0)
    expect(first.locator("#firing")).to_have_text("3")
    assert first.evaluate("window.shifted") < 0.25
    with engine.connect() as connection:
        assert connection.scalar(select(Alert.verdict).where(Alert.id == alert)) == "false"
    late = raise_alert(engine)
    second.locator(f'[id="alert.{late}"]').get_by_text("Resolve…").click()
    second.fill("#note", "a fox")
    desk.resolve(engine, late, actor="wang", note="", now=now_ms())
    second.locator("dialog#resolve button.primary").click()
    expect(second.locator("dialog#resolve .which")).to_contain_text("wang had resolved it already")
    second.locator("dialog#resolve").get_by_role("button", name="Add as a note").click()
    expect(second.locator("dialog#resolve")).to_be_hidden()
    second.goto(f"{address}/alerts/{late}")
    expect(second.locator("[data-story]")).to_contain_text("a fox")


def test_a_place_changes_without_a_reload_and_nothing_jumps(
    browser: Browser, address: str, engine: Engine
) -> None:
    page = log_in(browser, address, "viewer")
    page.evaluate(WATCH_SHIFTS)
    page.evaluate("window.same = true")
    signals = {"occupancy.person": {"value": 37.0, "ts": now_ms()}}
    with engine.begin() as connection:
        connection.execute(
            update(PlaceState)
            .where(PlaceState.place == "courtyard")
            .values(signals=signals, ts=now_ms())
        )
        seed.change(connection, "place", "courtyard", now_ms())
        connection.execute(update(NodeState).where(NodeState.node == "gate-1").values(online=False))
        seed.change(connection, "node", "gate-1", now_ms())
    card = page.locator('[id="place.garden.courtyard"]')
    expect(card.locator("dd").first).to_have_text("37")
    expect(card.locator(".asof")).to_have_text(re.compile(r"\ds ago"))
    expect(page.locator('[id="node.garden.gate-1"]')).to_contain_text("offline")
    expect(page.locator('[id="place.garden.lobby-3"]')).to_contain_text("cut off")
    assert page.evaluate("window.same")
    assert page.evaluate("window.shifted") < 0.05


def test_keys_move_between_alerts_acknowledge_and_keep_the_focus(
    browser: Browser, address: str, engine: Engine
) -> None:
    page = log_in(browser, address, "operator")
    page.keyboard.press("j")
    page.keyboard.press("j")
    focused = "document.activeElement.closest('li').id"
    second = page.locator("#live-alerts > li").nth(1).get_attribute("id")
    assert page.evaluate(focused) == second
    raise_alert(engine, severity="critical")
    expect(page.locator("#live-alerts > li")).to_have_count(4)
    assert page.evaluate(focused) == second
    page.keyboard.press("a")
    expect(page.locator(f'[id="{second}"]')).to_contain_text("acknowledged by operator")
    assert page.evaluate(focused) == second
    page.keyboard.press("?")
    expect(page.locator("dialog#keys")).to_be_visible()


def test_a_cut_line_shows_a_banner_and_what_was_missed_comes_after_it(
    browser: Browser, address: str, engine: Engine
) -> None:
    page = log_in(browser, address, "operator")
    cut = threading.Event()
    page.route("**/live*", lambda route: route.abort() if cut.is_set() else route.continue_())
    cut.set()
    page.context.set_offline(True)
    page.evaluate("dispatchEvent(new Event('online'))")  # connects anew, and cannot
    expect(page.locator("#banner")).to_contain_text("Connection lost")
    alert = raise_alert(engine)
    cut.clear()
    page.context.set_offline(False)
    expect(page.locator(f'[id="alert.{alert}"]')).to_be_visible()
    expect(page.locator("#banner")).to_be_hidden()


@pytest.mark.parametrize("width", [360, 390, 768, 1440, 3840])
def test_no_page_is_wider_than_the_screen(browser: Browser, address: str, width: int) -> None:
    page = log_in(browser, address, "operator", width)
    for path in ("/", "/alerts"):
        page.goto(address + path)
        assert page.evaluate("document.documentElement.scrollWidth") <= width


CONTRAST = """() => {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const rgb = (colour) => {
    canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1);
    return canvas.getImageData(0, 0, 1, 1).data;
  };
  const light = ([r, g, b]) => [r, g, b].map((c) => c / 255)
    .map((c) => (c <= .03928 ? c / 12.92 : ((c + .055) / 1.055) ** 2.4))
    .reduce((sum, c, i) => sum + c * [.2126, .7152, .0722][i], 0);
  const ground = (element) => {
    for (let one = element; one; one = one.parentElement) {
      const colour = rgb(getComputedStyle(one).backgroundColor);
      if (colour[3] > 250) return colour;
    }
    return rgb("white");
  };
  const poor = [];
  for (const element of document.querySelectorAll("body *")) {
    const own = [...element.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim());
    if (!own || !element.checkVisibility()) continue;
    const [a, b] = [light(rgb(getComputedStyle(element).color)), light(ground(element))];
    const ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
    if (ratio < 4.5) poor.push([element.className, element.textContent.trim(), ratio]);
  }
  return poor;
}"""


@pytest.mark.parametrize("scheme", ["dark", "light"])
def test_every_text_has_the_contrast_that_wcag_aa_asks_for(
    browser: Browser, address: str, engine: Engine, scheme: str
) -> None:
    for severity in ("info", "high"):
        raise_alert(engine, severity=severity)
    page = log_in(browser, address, "operator")
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    assert page.evaluate(CONTRAST) == []
    page.goto(f"{address}/alerts")
    assert page.evaluate(CONTRAST) == []


def test_an_alerts_page_follows_the_news_but_not_while_somebody_fills_in_a_form(
    browser: Browser, address: str, engine: Engine
) -> None:
    alert = raise_alert(engine)
    page = log_in(browser, address, "operator", 360)
    page.goto(f"{address}/alerts/{alert}")
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    assert page.evaluate(CONTRAST) == []
    desk.judge(engine, alert, judgement=desk.Judgement.TEST, actor="li", now=1)
    expect(page.locator("[data-story]")).to_contain_text("test (li)")
    page.fill("#reason-here", "painters")
    with page.expect_response(f"**/alerts/{alert}") as looked:
        desk.assign(engine, alert, owner="wang", actor="li", now=2)
    looked.value.finished()
    assert page.input_value("#reason-here") == "painters"


def test_keys_work_an_alerts_page_and_lead_to_the_next(
    browser: Browser, address: str, engine: Engine
) -> None:
    newer, older = raise_alert(engine), raise_alert(engine, place="pump-room")
    page = log_in(browser, address, "operator")
    ready = page.locator("#line:not([hidden])")  # its keys listen from then on

    def press(keys: str, words: str) -> None:
        # Not until the words are there: the page that is left may show them as news, too.
        with page.expect_navigation():
            for key in keys.split():
                page.keyboard.press(key)
        expect(ready).to_be_visible()
        expect(page.locator("[data-story]")).to_contain_text(words)

    page.goto(f"{address}/alerts/{older}?rule=night-intrusion")
    expect(ready).to_be_visible()
    press("a", "acknowledged by operator")
    press("t", "operator deals with it")
    page.keyboard.press("n")
    page.keyboard.type("a cat? no: a fox")
    press("Control+Enter", "a cat? no: a fox")
    press("v 2", "false alarm (operator)")
    page.keyboard.press("j")
    page.wait_for_url(f"{address}/alerts/{newer}?rule=night-intrusion")
    expect(ready).to_be_visible()
    page.keyboard.press("u")
    page.wait_for_url(f"{address}/alerts?rule=night-intrusion")
    expect(ready).to_be_visible()
    for key in "jjxb":
        page.keyboard.press(key)
    page.keyboard.type("a fox")
    page.keyboard.press("Control+Enter")
    expect(page.locator("#flashes")).to_contain_text("Acknowledged: 1.")
    expect(ready).to_be_visible()
    page.keyboard.press("j")
    page.keyboard.press("g")
    page.wait_for_url(f"{address}/alerts/{older}?rule=night-intrusion#owner-here")
    expect(page.locator("#owner-here")).to_be_focused()
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    page.get_by_role("button", name="Turn these keys off").click()
    expect(page.locator("body[data-keys=off]")).to_be_attached()
    expect(ready).to_be_visible()
    page.keyboard.press("n")
    expect(page.locator("#story-here")).not_to_be_focused()


def test_a_new_alert_is_seen_on_the_plan_and_heard_once_the_page_was_touched(
    browser: Browser, address: str, engine: Engine
) -> None:
    page = log_in(browser, address, "operator")
    page.locator("#firing").click()
    expect(page.locator("#sound:not(.deaf)")).to_be_visible()
    alert = raise_alert(engine, place="pump-room", severity="high")
    expect(page.locator(f'body[data-rang="alert.{alert}"]')).to_be_attached()
    expect(page.locator('[id="spot.garden.pump-room"]')).to_have_class(re.compile("^spot high"))
    expect(page).to_have_title(re.compile(r"^\(4\) "))
    page.locator("#sound").click()
    expect(page.locator("body[data-sound=off]")).to_be_attached()
    expect(page).to_have_title(re.compile("^Now"))


def test_a_new_alert_is_told_on_every_page_and_nothing_is_missed_between_two(
    browser: Browser, address: str, engine: Engine
) -> None:
    page = log_in(browser, address, "operator", held_ms=TOAST_MS)
    page.goto(f"{address}/handover")
    page.locator("h1").click()
    expect(page.locator("#sound:not(.deaf)")).to_be_visible()
    expect(page.locator("#line:not(.off)")).to_be_visible()
    expect(page.locator("#active")).to_have_text("3")
    alert = raise_alert(engine, severity="critical")
    told = page.locator(f'#toasts a[href="/alerts/{alert}"]')
    expect(told).to_contain_text("Critical: Someone in the courtyard after hours, Courtyard")
    found = Axe().run(page, options=WCAG).response["violations"]
    assert [one["id"] for one in found] == []
    expect(page.locator("#said")).to_contain_text("New alert: Critical")
    expect(page.locator(f'body[data-rang="alert.{alert}"]')).to_be_attached()
    expect(page.locator("#active")).to_have_text("4")
    desk.acknowledge(engine, alert, actor="wang", now=now_ms())  # that is no news to act on
    page.goto("about:blank")
    between = raise_alert(engine, place="pump-room")
    page.goto(f"{address}/devices")
    expect(page.locator(f'#toasts a[href="/alerts/{between}"]')).to_be_visible()
    expect(page.locator("#toasts a")).to_have_count(1)
    page.locator("#toasts a").click()
    page.wait_for_url(f"{address}/alerts/{between}")


def test_a_camera_on_the_plan_leads_to_its_live_view_which_renews_itself(
    browser: Browser, address: str, engine: Engine, data: Path
) -> None:
    page = log_in(browser, address, "maintainer", held_ms=LONGEST_PRESS_MS)
    door = page.locator('[id="spot.garden.gate-1.door-gate"]')
    expect(door).to_have_attribute("aria-label", "Gate, closed")
    with engine.begin() as connection:
        of = SourceState.source == "door-gate"
        connection.execute(update(SourceState).where(of).values(values={"open": True}))
        seed.change(connection, "source", "gate-1/door-gate", now_ms())
    expect(door).to_have_class("spot thing sensor open")
    expect(door).to_have_attribute("aria-label", "Gate, open")
    page.locator("svg.plan").click(position={"x": 400, "y": 30})
    expect(page.locator(".pointed output")).to_have_text(re.compile(r"at: \[\d+, \d+\]$"))
    page.locator('[id="spot.garden.yard-1.cam-bikes"]').focus()
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_have_text("Shed camera")
    page.get_by_role("button", name="Look live").click()
    expect(page.locator(".watch .left")).to_be_visible()
    page.wait_for_load_state()
    page.evaluate("window.same = true")
    page.evaluate(WATCH_SHIFTS)
    with engine.begin() as connection:
        seed.picture(connection, data, "yard-1", "live-9", "cam-bikes", now_ms())
        of = SourceState.source == "cam-bikes"
        connection.execute(
            update(SourceState).where(of).values(evidence="live-9", evidence_ts=now_ms())
        )
        # However slow this machine is, the view does not end before it is told to.
        connection.execute(update(LiveView).values(ends_at=now_ms() + 3_600_000))
    expect(page.locator(".scene img")).to_have_attribute("src", re.compile("live-9.jpg$"))
    assert page.evaluate("window.same")
    assert page.evaluate("window.shifted") < 0.1
    page.get_by_role("button", name="Stop looking").hover()
    page.mouse.down()
    for _ in range(2):  # a press lasts while the view is renewed, and is a click all the same
        page.wait_for_event("response", lambda answer: answer.url == page.url)
    page.mouse.up()
    expect(page.get_by_role("button", name="Look live")).to_be_visible()


PAGES = (
    "/", "/alerts", "/alerts/{alert}", "/places/garden/bike-shed?hours=1",
    "/places/garden/bike-shed/why?at=2026-01-01T00:00", "/cameras/garden/yard-1/cam-lane",
    "/trends", "/expected", "/expected/digest", "/devices", "/patrols", "/rules", "/handover",
    "/handover?until=2026-01-01", "/audit", "/figures", "/users", "/me",
)  # fmt: skip


@pytest.mark.parametrize(("scheme", "width"), [("dark", 1440), ("light", 360)])
def test_axe_finds_no_fault_on_any_page_and_none_jumps_or_is_wider_than_a_phone(
    browser: Browser, address: str, engine: Engine, data: Path, scheme: str, width: int
) -> None:
    seed.stored(data, now_ms())
    seed.weeks(engine, data, now_ms())
    seed.counted(data, now_ms())
    seed.unusual(engine, now_ms())
    seed.digest(data, now_ms())
    alert = raise_alert(engine, place="bike-shed")
    page = log_in(browser, address, "admin", width)
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    found = []
    for path in PAGES:
        page.goto(address + path.format(alert=alert))
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path
        assert page.evaluate(HIDDEN_BESIDE) == [], path
        assert page.evaluate(SHIFTS_OF_LOADING) < 0.1, path
        for one in Axe().run(page, options=WCAG).response["violations"]:
            found += [(path, one["id"], node["html"][:200]) for node in one["nodes"]]
    assert found == []


def test_the_worst_are_shown_and_those_kept_back_move_up(
    browser: Browser, address: str, engine: Engine
) -> None:
    with engine.begin() as connection:
        for number in range(120):
            seed.alert(connection, now_ms() - number, "courtyard", severity="medium")
    page = log_in(browser, address, "operator")
    rows = page.locator("#live-alerts > li")
    expect(rows).to_have_count(100)
    expect(page.locator("#firing")).to_have_text("123")
    expect(page.locator("#more")).to_be_visible()
    first = rows.nth(5).get_attribute("id") or ""
    desk.resolve(engine, first.removeprefix("alert."), actor="li", note="", now=now_ms())
    expect(page.locator(f'[id="{first}"]')).to_have_count(0)
    expect(rows).to_have_count(100)
    expect(page.locator("#firing")).to_have_text("122")


def test_a_marked_row_keeps_its_mark_when_news_redraws_it_and_loses_it_when_taken(
    browser: Browser, address: str, engine: Engine
) -> None:
    first, second = raise_alert(engine), raise_alert(engine, place="pump-room")
    page = log_in(browser, address, "operator")
    page.goto(f"{address}/alerts?state=open&rule=night-intrusion")
    expect(page.locator("#line:not([hidden])")).to_be_visible()
    page.locator("input[data-all]").check()
    row = page.locator(f'[id="alert.{first}"]')
    desk.assign(engine, first, owner="wang", actor="li", now=now_ms())
    expect(row).to_contain_text("wang deals with it")
    expect(row.locator("input[name=alert]")).to_be_checked()
    link = row.locator('[data-key="open"]')
    expect(link).to_have_attribute("href", re.compile(r"state=open&rule=night-intrusion$"))
    desk.acknowledge(engine, second, actor="li", now=now_ms())
    expect(page.locator(f'[id="alert.{second}"] input[name=alert]')).to_have_count(0)
    page.fill("input[name=reason]", "the same cat")
    page.get_by_role("button", name="Acknowledge those marked").click()
    expect(page.locator("#flashes")).to_contain_text("Acknowledged: 2.")
