"""The page: drawn with mouse and keys in a real browser, and closed to everybody else."""

import http.client
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect

import configs
from edge.draw import pictures
from edge.draw.pictures import Pictures
from edge.draw.server import DrawServer
from tests.edge.fakes import ScriptedDetector, boxes

TEXT = """\
site: garden  # a comment
node: gate-1
cameras:
  - id: yard
    street: {seed: 1, people: 4}
    zones:
      - {id: lawn, polygon: [[0.1, 0.5], [0.9, 0.5], [0.9, 0.9], [0.1, 0.9]]}  # grass
  - id: away
    url: rtsp://127.0.0.1:9/none
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    made = tmp_path / "edge.yaml"
    made.write_text(TEXT)
    return made


@pytest.fixture
def server(path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[DrawServer]:
    monkeypatch.setattr(pictures, "FIRST_S", 60.0)  # a picture that is late is a fault of the page
    with DrawServer(path, Pictures(ScriptedDetector([boxes((320, 400))]))) as made:
        yield made


def ask(
    server: DrawServer, method: str, path: str, body: str | None = None, **headers: str
) -> tuple[int, str, str]:
    """Status, body, and the cookie that was set."""
    link = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    try:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        link.request(method, path, body, sent)
        answer = link.getresponse()
        text = answer.read().decode("latin-1")
        return answer.status, text, (answer.headers["Set-Cookie"] or "").partition(";")[0]
    finally:
        link.close()


def test_without_the_token_nothing_is_shown_or_saved(server: DrawServer, path: Path) -> None:
    for wanted in ("/", "/cameras.json", "/picture/yard", "/?token=wrong", "/draw.js"):
        assert ask(server, "GET", wanted)[0] == 403
    assert ask(server, "POST", "/save", "{}", Content_Type="application/json")[0] == 403
    assert path.read_text() == TEXT


def test_no_page_from_elsewhere_can_use_the_cookie(server: DrawServer, path: Path) -> None:
    token = urlsplit(server.address)
    status, _, cookie = ask(server, "GET", f"/?{token.query}")
    assert (status, cookie.startswith("linli-draw-")) == (303, True)
    known = {"Cookie": cookie}
    assert ask(server, "GET", "/cameras.json", **known)[0] == 200
    assert ask(server, "GET", "/cameras.json", **known, Host="evil.example")[0] == 403
    drawing = json.dumps({"camera": "yard", "version": "x"})
    json_type = {"Content_Type": "application/json"}
    for origin in ({"Origin": "http://evil.example"}, {}):
        assert ask(server, "POST", "/save", drawing, **known, **json_type, **origin)[0] == 403
    own = {"Origin": f"http://127.0.0.1:{server.port}"}
    assert ask(server, "POST", "/save", drawing, **known, **own)[0] == 403, "a form sends no JSON"
    assert ask(server, "POST", "/save", drawing, **known, **own, **json_type)[0] == 409
    for wrong in ("{", "[]", '{"camera":"yard","version":"x","zones":[{"id":"A"}]}'):
        assert ask(server, "POST", "/save", wrong, **known, **own, **json_type)[0] == 400
    huge = {"Content_Length": "99999999"}
    assert ask(server, "POST", "/save", "", **known, **own, **json_type, **huge)[0] == 413
    assert path.read_text() == TEXT


def test_a_broken_file_is_explained(server: DrawServer, path: Path) -> None:
    _, _, cookie = ask(server, "GET", f"/?{urlsplit(server.address).query}")
    path.write_text("site: garden\nnoode: x\n")
    status, said, _ = ask(server, "GET", "/cameras.json", Cookie=cookie)
    assert (status, "did you mean 'node'" in said) == (422, True)


def visit(browser: Browser, server: DrawServer, locale: str = "en-GB") -> tuple[Page, list[str]]:
    """The page, and what it complains about."""
    context = browser.new_context(viewport={"width": 1280, "height": 800}, locale=locale)
    page = context.new_page()
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda said: faults.append(said.text) if said.type == "error" else None)
    page.goto(server.address)
    expect(page.locator("#list li")).to_have_count(1)
    expect(page.locator("#frame")).to_have_class("frame live")
    return page, faults


@pytest.mark.browser
def test_a_zone_a_line_and_a_mask_are_drawn_by_mouse_and_keys(
    browser: Browser, server: DrawServer, path: Path
) -> None:
    page, faults = visit(browser, server)
    assert "token" not in page.url
    box = page.locator("#canvas").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 0.1 * box["width"], box["y"] + 0.5 * box["height"])
    page.mouse.down()
    page.mouse.move(box["x"] + 0.2 * box["width"], box["y"] + 0.3 * box["height"], steps=4)
    page.mouse.up()
    expect(page.locator("#said")).to_have_text("Not saved yet")
    page.click("#add-line")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Shift+ArrowUp")
    line = page.locator("#list li.line")
    line.locator("input").first.fill("gate")
    line.get_by_role("button", name="Swap direction").click()
    page.click("#add-mask")
    page.keyboard.press("Insert")
    drawn = page.locator("#list li.mask")
    drawn.get_by_role("button", name="+ Corner").click()
    expect(page.locator("#canvas .corner")).to_have_count(6)
    drawn.get_by_role("button", name="− Corner").click()
    expect(page.locator("#canvas .corner")).to_have_count(5)
    page.locator("#canvas .corner").first.focus()
    for _ in range(3):
        page.keyboard.press("Delete")
    expect(page.locator("#said")).to_have_text("A polygon keeps three corners")
    if folder := os.environ.get("LINLI_SCREENSHOTS"):
        page.screenshot(path=f"{folder}/draw.png")
    page.keyboard.press("Control+s")
    expect(page.locator("#said")).to_have_text(
        "Saved: edge.yaml · pictures looked at a second now: 10"
    )
    yard = configs.load_edge(path).cameras[0]
    (lawn,), (gate,), (mask,) = yard.zones, yard.lines, yard.masks
    assert lawn.polygon[0] == pytest.approx((0.2, 0.3), abs=0.005)
    assert (gate.id, gate.points) == ("gate", ((0.5, 0.75), (0.49, 0.248)))
    assert len(mask) == 3
    assert "# grass" in path.read_text()
    assert "site: garden  # a comment" in path.read_text()
    assert faults == []


@pytest.mark.browser
def test_a_wrong_name_is_not_saved_and_a_camera_that_is_away_says_so(
    browser: Browser, server: DrawServer, path: Path
) -> None:
    page, faults = visit(browser, server, "zh-CN")
    expect(page.locator("#save")).to_have_text("保存")
    page.click("#add-zone")
    page.locator("#list li").nth(1).locator("input").first.fill("The Lawn")
    page.click("#save")
    expect(page.locator("#said")).to_have_class("bad")
    assert path.read_text() == TEXT
    page.locator("#list li").nth(1).get_by_role("button", name="删除").click()
    page.select_option("#camera", "away")
    expect(page.locator("#list li")).to_have_count(0)
    expect(page.locator("#trouble")).to_have_text(re.compile("gives no picture"))
    assert [each for each in faults if "503" not in each] == []
