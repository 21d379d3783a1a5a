"""The demonstration as a newcomer runs it: alerts come in live, Ctrl-C leaves nothing."""

import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

import psutil
import pytest
import urllib3
import yaml
from playwright.sync_api import Browser, Page, expect

from tests.conftest import PATIENCE_MS
from tests.servers import HOST, free_port
from tests.system.world import wait_for

pytestmark = [pytest.mark.system, pytest.mark.browser]
PATIENCE_S = 120
"""For a machine on which much else runs: people move, a door opens and an alert fires within
half a minute on one that is free."""


@dataclass
class Running:
    """A demonstration, and what it printed."""

    process: "subprocess.Popen[str]"
    address: str
    name: str
    password: str

    def family(self) -> list[psutil.Process]:
        """It and all it started."""
        parent = psutil.Process(self.process.pid)
        return [parent, *parent.children(recursive=True)]


@contextmanager
def demo(data: Path, port: int) -> Iterator[Running]:
    process = subprocess.Popen(
        [sys.executable, "-m", "linli", "demo", "--data", str(data), "--port", str(port)],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        said = ""
        while "Ctrl-C" not in said:
            line = process.stdout.readline()
            assert line, f"the demonstration ended: {said}"
            said += line
        found = re.search(r"(http://\S+)\s+name\s+(\S+)\s+password\s+(\S+)", said)
        assert found is not None, said
        yield Running(process, *found.groups())
    finally:
        process.terminate()
        process.communicate(timeout=PATIENCE_S)


def _log_in(browser: Browser, running: Running) -> Page:
    page = browser.new_context().new_page()
    page.goto(running.address)
    page.fill("#name", running.name)
    page.fill("#password", running.password)
    page.click("button.primary")
    expect(page.locator("#line:not(.off)")).to_be_visible()
    return page


def _ports(data: Path) -> list[int]:
    site = yaml.safe_load((data / "site.yaml").read_text(encoding="utf-8"))
    edge = yaml.safe_load((data / "edge.yaml").read_text(encoding="utf-8"))
    return [site["broker"]["port"], site["web"]["port"], edge["http_port"]]


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((HOST, port)) == 0


def test_a_newcomer_sees_alerts_live_acts_on_them_and_stops_it_all(
    browser: Browser, tmp_path: Path
) -> None:
    data = tmp_path / "demo"
    with demo(data, free_port()) as running:
        page, other = _log_in(browser, running), _log_in(browser, running)
        page.evaluate("window.same = true")
        alerts = page.locator("#live-alerts > li")
        expect(alerts.first).to_be_visible()
        lobby = page.locator('[id="place.garden.lobby"]')
        expect(lobby).to_contain_text("open")
        courtyard = page.locator('[id="place.garden.courtyard"]')
        expect(courtyard.locator("dd").first).not_to_have_text("0")
        expect(courtyard.locator("img")).to_be_visible()

        # It may end at any moment, and can be acknowledged all the same: on its own page.
        someone = alerts.filter(has_text="Someone is in the courtyard").first
        alert = someone.get_attribute("id", timeout=PATIENCE_MS) or ""
        other.goto(f"{running.address.rstrip('/')}/alerts/{alert.removeprefix('alert.')}")
        other.get_by_role("button", name="Acknowledge").click()
        expect(other.locator("[data-story]")).to_contain_text("acknowledged by demo")
        untaken = page.locator(f'[id="{alert}"]').filter(has_not_text="acknowledged by demo")
        expect(untaken).to_have_count(0)
        assert page.evaluate("window.same"), "no reload happened"

        family = running.family()
        assert len(family) >= 5, "the demo, its broker, hub, console and edge"
        running.process.send_signal(signal.SIGINT)
        assert running.process.wait(PATIENCE_S) == 0
        wait_for("every process is gone", lambda: not any(_alive(each) for each in family))
        assert not [port for port in _ports(data) if _listens(port)]


def _alive(process: psutil.Process) -> bool:
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE


def test_a_demonstration_that_is_killed_takes_its_processes_along(tmp_path: Path) -> None:
    with demo(tmp_path / "demo", free_port()) as running:
        family = running.family()
        running.process.kill()
        running.process.wait()
        wait_for("every process is gone", lambda: not any(_alive(each) for each in family))


def test_a_folder_that_is_not_a_demonstrations_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "precious.txt").write_text("mine")
    done = subprocess.run(
        [sys.executable, "-m", "linli", "demo", "--data", str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert done.returncode == 1
    assert "is not empty and no demonstration's" in done.stderr
    assert (tmp_path / "precious.txt").read_text() == "mine"


def test_up_runs_a_site_whose_first_administrator_is_made_at_a_link_once(tmp_path: Path) -> None:
    garden = Path(__file__).parents[2] / "configs" / "garden"
    site = yaml.safe_load((garden / "site.yaml").read_text(encoding="utf-8"))
    web, broker = free_port(), free_port()
    site |= {
        "broker": {"port": broker},
        "hub": {"data": "data"},
        "web": {"data": "data", "port": web},
        "rule_files": [str(garden / "rules.yaml")],
    }
    del site["site"]["plan"]
    path = tmp_path / "site.yaml"
    path.write_text(yaml.safe_dump(site, allow_unicode=True), encoding="utf-8")
    said = [_up(path, _make_administrator), _up(path, lambda _said: None)]
    assert f"Garden Court is up: http://127.0.0.1:{web}/" in said[0]
    assert "residents' photos" in said[0]
    assert "/first/" not in said[1]
    assert not _listens(web)
    assert not _listens(broker)


def _make_administrator(said: str) -> None:
    link = re.search(r"http://\S+/first/\S+", said)
    assert link is not None
    page = urllib3.request("GET", link[0])
    token = re.search(r'name="csrf-token" content="([^"]+)"', page.data.decode())
    assert token is not None
    password = "a battery of horses"
    fields = {"csrf_token": token[1], "name": "li", "password": password, "again": password}
    head = {
        "Cookie": page.headers["Set-Cookie"].partition(";")[0],
        "Content-Type": "application/x-www-form-urlencoded",
    }
    made = urllib3.request(
        "POST", link[0], headers=head, body=urlencode(fields), redirect=False, timeout=30
    )
    assert (made.status, made.headers["Location"]) == (302, "/")
    assert urllib3.request("GET", link[0]).status == 404


def _up(path: Path, meanwhile: Callable[[str], None]) -> str:
    process = subprocess.Popen(
        [sys.executable, "-m", "linli", "up", "-c", str(path)], stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        said = ""
        while "Ctrl-C" not in said:
            line = process.stdout.readline()
            assert line, f"it ended: {said}"
            said += line
        meanwhile(said)
        process.send_signal(signal.SIGINT)
        rest, _ = process.communicate(timeout=PATIENCE_S)
        assert process.returncode == 0
        return said + rest
    finally:
        process.kill()
