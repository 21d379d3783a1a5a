"""The console: how soon a new alert is on the page, how long the Now page takes, and whether
memory stays where it is."""

import contextlib
import http.client
import statistics
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil
import yaml
from playwright.sync_api import Page, sync_playwright

from configs.servers import WebSettings
from hub.state import store
from launch.report import percentile
from launch.supervisor import Child, Supervisor, answers, free_port, python
from tests.bench import large, rig
from tests.bench.community import PROBES, SITE, probe_name
from tests.bench.hub import MB, flood
from tests.bench.latency import LOAD_RECORDS, Prober
from tests.bench.orders import Done, Go, Helper, Ready, Send
from tests.bench.progress import Steps
from tests.bench.table import Figure
from tests.bench.traffic import PER_MESSAGE
from tests.conftest import ARGUMENTS, CHROMIUM
from web import users
from web.app import create_app, wall_clock_ms
from web.roles import Role
from web.serve import serve

BAR_ALERT_MS: Final = 500
BAR_PAGE_MS: Final = 200
BAR_GROWTH: Final = 0.05
CONSOLES: Final = 100
"""Open at once: one in a browser, the others as connections that read."""
NAME, PASSWORD = "bench", "correct horse battery"
PAGES: Final = 20
GAP_S: Final = 0.5
"""Between two probes."""
CHUNK_S: Final = 30
"""Of load, in the long run, made ready at a time."""
WATCH: Final = """() => {
  window.seen = {};
  const note = (row) => { window.seen[row.id.slice(6)] ??= Date.now(); };
  new MutationObserver((all) => {
    for (const one of all) for (const node of one.addedNodes) if (node.id) note(node);
  }).observe(document.getElementById("live-alerts"), { childList: true });
}"""


@dataclass(frozen=True)
class Console:
    """A console process over a hub's data."""

    port: int
    process: psutil.Process

    def rss_mb(self) -> float:
        """Its resident memory."""
        return float(self.process.memory_info().rss) / MB


def measure(folder: Path, *, probes: int, steps: Steps) -> Iterator[Figure]:
    """The page, then a hundred consoles under load."""
    steps.next("console: the Now page")
    yield from _now_page(folder / "page")
    yield from _live(folder / "live", probes, steps)


def _now_page(folder: Path) -> Iterator[Figure]:
    """The Now page of a large site over HTTP, with nothing else to do."""
    folder.mkdir(parents=True)
    engine = store.connect(store.address("", folder))
    store.migrate(engine)
    large.fill(engine, wall_clock_ms())
    users.ensure_user(engine, NAME, Role.OPERATOR, PASSWORD, now=wall_clock_ms())
    engine.dispose()
    stop, listening, found = threading.Event(), threading.Event(), [""]

    def on_listening(address: str) -> None:
        found[0] = address
        listening.set()

    settings = WebSettings(data=str(folder), port=0)
    thread = threading.Thread(
        target=serve,
        args=(settings, [large.site(folder)]),
        kwargs={"stop": stop, "on_listening": on_listening},
    )
    thread.start()
    try:
        if not listening.wait(rig.PATIENCE_S):
            raise rig.Stuck("the console did not start")
        port = int(found[0].rpartition(":")[2])
        cookie = session_cookie(settings, folder)
        took = sorted(_get(port, cookie) for _ in range(PAGES))
    finally:
        stop.set()
        thread.join()
    words = "Now page, 50 places, 200 cameras, 500 open alerts"
    yield Figure("console", words, statistics.median(took), "ms", BAR_PAGE_MS, "lower")
    yield Figure("console", "the slowest of them", took[-1], "ms", better="lower")


def _get(port: int, cookie: str) -> float:
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=60)) as line:
        begun = time.perf_counter()
        line.request("GET", "/", headers={"Cookie": cookie})
        answer = line.getresponse()
        body = answer.read()
        if answer.status != 200 or b"alert-0000" not in body:
            raise rig.Stuck(f"the Now page answered {answer.status}")
        return (time.perf_counter() - begun) * 1000


def session_cookie(settings: WebSettings, folder: Path) -> str:
    """The cookie of a reader who is logged in."""
    app = create_app(settings, [large.site(folder)])
    client = app.test_client()
    with client.session_transaction() as session:
        here = app.extensions["linli"]
        account = users.verify(here.engine, NAME, PASSWORD)
        if account is None:
            raise rig.Stuck("the benchmark's account is gone")
        session["_user_id"] = account.get_id()
        session["_fresh"] = True
    cookie = client.get_cookie("linli")
    if cookie is None:
        raise rig.Stuck("no session was made")
    return f"linli={cookie.value}"


@contextlib.contextmanager
def console(folder: Path) -> Iterator[Console]:
    """A console process over the data of `rig.hub` in ``folder``, from when it answers."""
    port = free_port()
    config = folder / "web.yaml"
    web = {"data": str(folder), "port": port}
    config.write_text(yaml.safe_dump({"web": web, "sites": ["site.yaml"]}), encoding="utf-8")
    engine = store.connect(store.address("", folder))
    users.ensure_user(engine, NAME, Role.OPERATOR, PASSWORD, now=wall_clock_ms())
    engine.dispose()
    argv = python("-m", "linli", "web", "run", "-c", str(config))
    child = Child("web", argv, folder / "web.log", answers(f"http://127.0.0.1:{port}/readyz"),
                  keep=False)  # fmt: skip
    with Supervisor() as supervisor:
        supervisor.start(child)
        if child.process is None:
            raise rig.Stuck("the console did not start")
        yield Console(port, psutil.Process(child.process.pid))


def _live(folder: Path, probes: int, steps: Steps) -> Iterator[Figure]:
    seconds = probes * GAP_S + 10
    messages = round(seconds * LOAD_RECORDS / PER_MESSAGE)
    folder.mkdir(parents=True)
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(rig.broker(folder))
        running = stack.enter_context(rig.hub(folder / "hub", broker_port=server.port))
        publisher = stack.enter_context(Helper("publisher", str(server.port)))
        prober = stack.enter_context(contextlib.closing(Prober(server.port)))
        steps.next("console: warming up")
        flood(running, publisher, 200)
        web = stack.enter_context(console(folder / "hub"))
        page, cookie = stack.enter_context(_browser(web))
        _open_others(stack, web, cookie)
        publisher.ask(Send(SITE, messages, LOAD_RECORDS / PER_MESSAGE), Ready)
        steps.next(f"console: {probes} alerts, {CONSOLES} consoles, {LOAD_RECORDS:,} records/s")
        publisher.tell(Go())
        begun_ms, cpu_s = wall_clock_ms(), _cpu_s(web)
        page.wait_for_timeout(3000)
        begun = time.monotonic()
        for number in range(probes):
            prober.move(probe_name(number % PROBES), opened=number // PROBES % 2 == 0)
            page.wait_for_timeout(GAP_S * 1000)
        page.wait_for_timeout(3000)
        lasted_s = time.monotonic() - begun + 3
        seen: dict[str, int] = page.evaluate("window.seen")
        cpu_s = _cpu_s(web) - cpu_s
        rss = web.rss_mb()
        fired = _fired(running, begun_ms + 1000)
        sent = publisher.hear(Done)
    load = messages * PER_MESSAGE / ((sent.ended_ns - sent.begun_ns) / 1e9)
    yield Figure("console", "consoles, and records/s beside them", load, "records/s")
    yield from _delays(fired, seen)
    yield Figure("console", "CPU of the console", 100 * cpu_s / lasted_s, "% of a core")
    yield Figure("console", "its memory", rss, "MB")


@contextlib.contextmanager
def _browser(web: Console) -> Iterator[tuple[Page, str]]:
    """A page that is live, and its reader's cookie."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS.split())
        context = browser.new_context()
        page = context.new_page()
        page.goto(f"http://127.0.0.1:{web.port}/")
        page.fill("#name", NAME)
        page.fill("#password", PASSWORD)
        page.click("button.primary")
        page.wait_for_selector("#line:not([hidden]):not(.off)")
        page.evaluate(WATCH)
        (cookie,) = (one for one in context.cookies() if one.get("name") == "linli")
        yield page, f"linli={cookie['value']}"
        browser.close()


def _open_others(stack: contextlib.ExitStack, web: Console, cookie: str) -> None:
    others = Helper("listeners", str(web.port), cookie, str(CONSOLES - 1))
    stack.enter_context(others)
    others.hear(Ready)


def _cpu_s(web: Console) -> float:
    times = web.process.cpu_times()
    return float(times.user + times.system)


def _fired(running: rig.Running, since_ms: int) -> dict[str, int]:
    """Alert → when the hub decided that it fires, ms."""
    rows = running.eye.db.execute(
        "SELECT id, fired_rx FROM alert WHERE fired_rx >= ?", (since_ms,)
    ).fetchall()
    return {str(name): int(at) for name, at in rows}


def _delays(fired: dict[str, int], seen: dict[str, int]) -> Iterator[Figure]:
    delays = sorted(float(seen[alert] - at) for alert, at in fired.items() if alert in seen)
    if not delays:
        raise rig.Stuck("no alert reached the page")
    yield Figure("console", "new alerts", len(fired), "")
    yield Figure("console", "of them never seen", len(fired) - len(delays), "", 0, "lower")
    for part, bar in ((0.5, None), (0.95, BAR_ALERT_MS), (1.0, None)):
        name = f"fired to on the page, p{part * 100:g}" if part < 1 else "the slowest"
        value = percentile(delays, part) or 0.0
        yield Figure("console", name, value, "ms", bar, "lower")


def soak(folder: Path, *, minutes: float, steps: Steps) -> Iterator[Figure]:
    """Whether hub and console grow while 1,000 records/s, ten times a community's, come in."""
    rss: dict[str, list[float]] = {"hub": [], "console": []}
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(rig.broker(folder))
        running = stack.enter_context(rig.hub(folder / "hub", broker_port=server.port))
        publisher = stack.enter_context(Helper("publisher", str(server.port)))
        flood(running, publisher, 200)
        web = stack.enter_context(console(folder / "hub"))
        _page, cookie = stack.enter_context(_browser(web))
        _open_others(stack, web, cookie)
        steps.next(f"soak: {minutes:g} minutes of {LOAD_RECORDS:,} records/s")
        ends = time.monotonic() + minutes * 60
        while time.monotonic() < ends:
            _load(publisher, min(CHUNK_S, minutes * 60 / 20))
            rss["hub"].append(running.process.memory_info().rss / MB)
            rss["console"].append(web.rss_mb())
    yield from (figure for who, values in rss.items() for figure in _growth(who, values))


def _load(publisher: Helper, seconds: float) -> None:
    messages = round(seconds * LOAD_RECORDS / PER_MESSAGE)
    publisher.ask(Send(SITE, messages, LOAD_RECORDS / PER_MESSAGE), Ready)
    publisher.tell(Go())
    publisher.hear(Done)


def _growth(who: str, values: list[float]) -> Iterator[Figure]:
    """From the second quarter to the last one: what is made ready at first is no growth."""
    quarter = max(1, len(values) // 4)
    early, late = (statistics.mean(part) for part in (values[quarter : 2 * quarter] or values,
                                                      values[-quarter:]))  # fmt: skip
    yield Figure("soak", f"memory of the {who} at the end", late, "MB")
    grown = late / early - 1
    yield Figure("soak", f"growth of the {who}", grown, "of it", BAR_GROWTH, "lower")
