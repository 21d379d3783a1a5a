"""A volunteer's phone in a real browser: signed up, checked in with and without a connection,
a note that becomes a report, and the own record."""

from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect
from sqlalchemy import Engine, select, update

from hub.cases.tables import Case
from hub.cases.vault import Vault
from hub.patrols import plans
from hub.patrols.codes import code_of
from hub.patrols.plans import NewPlan
from hub.patrols.tables import CheckIn, Patrol
from tests.web import seed
from tests.web.test_browser import WCAG, now_ms
from tests.web.test_browser_residents import address, lost, phone

__all__ = ["address", "phone"]
pytestmark = pytest.mark.browser
MINUTE = 60_000


def planned(engine: Engine) -> str:
    """A walk that begins in two hours; its address."""
    new = NewPlan(
        title="晚间巡查", route=["west-gate", "fire-lane"], first_at=now_ms() + 120 * MINUTE,
        length_ms=45 * MINUTE, capacity=3,
    )  # fmt: skip
    plan = plans.plan(engine, seed.site_file(), new, actor="li", now=now_ms())
    with engine.connect() as connection:
        walk = connection.scalar(select(Patrol.id).where(Patrol.plan == plan))
    return f"/walks/{walk}"


def begin(engine: Engine) -> None:
    """It is time."""
    with engine.begin() as connection:
        times = {"starts_at": now_ms() - MINUTE, "ends_at": now_ms() + 44 * MINUTE}
        connection.execute(update(Patrol).values(**times))


def is_fit_for_a_phone(phone: Page) -> None:
    phone.wait_for_load_state()  # what is there already may not have its style yet
    assert phone.evaluate("document.documentElement.scrollWidth") <= 390
    found = Axe().run(phone, options=WCAG).response["violations"]
    assert [(one["id"], one["nodes"][0]["html"][:200]) for one in found] == []


def test_a_patrol_is_signed_up_for_walked_noted_reported_and_on_the_own_record(
    phone: Page, address: str, engine: Engine, data: Path
) -> None:
    walk = planned(engine)
    gate, lane = (
        f"{address}/walks/at/garden/{place}/{code_of(Vault(data), 'garden', place)}"
        for place in ("west-gate", "fire-lane")
    )
    phone.goto(f"{address}/board")
    phone.get_by_role("link", name="晚间巡查").click()
    phone.get_by_role("link", name="注册账号后报名").click()
    expect(phone.locator("#password")).to_be_visible()
    is_fit_for_a_phone(phone)
    phone.fill("#name", "王阿姨")
    phone.fill("#password", "每天走一走身体好好的")
    phone.locator("main button.big").click()
    phone.get_by_role("button", name="报名").click()
    expect(phone.locator(".level")).to_contain_text("您已报名")

    begin(engine)
    phone.goto(gate)
    is_fit_for_a_phone(phone)
    phone.fill("#note", "路灯不亮")
    phone.get_by_role("button", name="在此签到").click()
    phone.wait_for_url(address + walk)
    phone.get_by_role("button", name="转为上报").click()
    expect(phone.locator("#flashes")).to_contain_text("已转为上报")
    is_fit_for_a_phone(phone)
    phone.evaluate("navigator.serviceWorker.ready.then(() => null)")

    with lost(phone):
        phone.goto(lane)
        expect(phone.get_by_role("heading", name="网络已断开")).to_be_visible()
        phone.fill("#note", "面包车堵住通道")
        before = now_ms()
        phone.get_by_role("button", name="签到并上报").click()
        expect(phone.locator("#kept")).to_contain_text("已保存在本机")
    phone.wait_for_url(address + walk)  # by itself
    expect(phone.locator(".steps .done")).to_have_count(2)
    expect(phone.locator(".steps")).to_contain_text("面包车堵住通道")

    phone.get_by_role("link", name="我的", exact=True).first.click()
    expect(phone.locator("main")).to_contain_text("您到达 2 / 2 个巡查点")
    is_fit_for_a_phone(phone)
    with engine.connect() as connection:
        seen = connection.execute(select(CheckIn.__table__).order_by(CheckIn.at)).all()
        cases = connection.execute(select(Case.id, Case.code, Case.place)).all()
    assert [row.place for row in seen] == ["west-gate", "fire-lane"]
    assert before <= seen[1].at < seen[1].received_at
    assert {case.place for case in cases} == {"west-gate", "fire-lane"}
    assert {row.case for row in seen} == {case.id for case in cases}
    for case in cases:
        expect(phone.locator("main")).to_contain_text(case.code)
