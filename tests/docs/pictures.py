"""Takes the pictures of the console that the documents show: ``python -m tests.docs.pictures``.

A seeded console is looked at with Chromium; the pictures come out small enough to be committed.
"""

import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import click
import cv2
import numpy as np
from playwright.sync_api import Browser, Page, sync_playwright
from sqlalchemy import select, update

from configs.servers import WebSettings
from hub import live
from hub.state import store
from hub.state.tables import Alert, LiveView
from tests.conftest import ARGUMENTS, CHROMIUM
from tests.web import seed
from web import users
from web.roles import Role
from web.serve import serve

DOCS: Final = Path(__file__).parents[2] / "docs"
NAME: Final = "王伟"
PASSWORD: Final = "correct horse battery"
DESKTOP: Final = (1440, 900)
PHONE: Final = (390, 780)
SHOWN: Final = {
    "camera": ("/cameras/garden/yard-1/cam-bikes", DESKTOP, "en"),
    "console": ("/", DESKTOP, "en"),
    "alert": ("/alerts/{alert}", DESKTOP, "en"),
    "trends": ("/trends", DESKTOP, "en"),
    "handover": ("/handover", DESKTOP, "en"),
    "phone": ("/", PHONE, "zh"),
}
"""File → page, size of the window, language."""
MAX_BYTES: Final = 150_000
QUALITIES: Final = (90, 80, 70, 60, 50)


def main() -> None:
    """Write all of them into docs/."""
    with (
        tempfile.TemporaryDirectory() as folder,
        _console(Path(folder)) as (address, alert),
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS.split())
        for name, (path, size, language) in SHOWN.items():
            page = _log_in(browser, address, size, language)
            page.goto(address + path.format(alert=alert))
            page.wait_for_function("[...document.images].every((one) => one.complete)")
            _write(DOCS / f"{name}.webp", page.screenshot())
            page.context.close()
        browser.close()


@contextmanager
def _console(data: Path) -> Iterator[tuple[str, str]]:
    """Its address, and an alert that fires."""
    now = time.time_ns() // 1_000_000
    engine = store.connect(store.address("", data))
    store.migrate(engine)
    seed.fill(engine, data, now)
    seed.stored(data, now)
    seed.broke(engine, now)
    seed.weeks(engine, data, now)
    users.ensure_user(engine, NAME, Role.OPERATOR, PASSWORD, now=now)
    live.watch(engine, ("garden", "yard-1", "cam-bikes"), viewer=NAME, now=now)
    with engine.begin() as connection:  # as if a node had just answered
        connection.execute(update(LiveView).values(asked_at=now, answered_at=now))
        fires = select(Alert.id).where(Alert.rule == "night-intrusion", Alert.state == "firing")
        alert = str(connection.scalars(fires).first())
    stop, listening, found = threading.Event(), threading.Event(), [""]

    def on_listening(at: str) -> None:
        found[0] = at
        listening.set()

    thread = threading.Thread(
        target=serve,
        args=(WebSettings(data=str(data), port=0), [seed.site_file()]),
        kwargs={"stop": stop, "on_listening": on_listening},
    )
    thread.start()
    try:
        listening.wait(60)
        yield found[0], alert
    finally:
        stop.set()
        thread.join()
        engine.dispose()


def _log_in(browser: Browser, address: str, size: tuple[int, int], language: str) -> Page:
    locale = {"en": "en-GB", "zh": "zh-CN"}[language]
    context = browser.new_context(
        viewport={"width": size[0], "height": size[1]}, color_scheme="dark", locale=locale
    )
    page = context.new_page()
    page.goto(address)
    page.fill("#name", NAME)
    page.fill("#password", PASSWORD)
    page.click("button.primary")
    page.wait_for_selector("#line:not([hidden]):not(.off)")
    return page


def _write(path: Path, png: bytes) -> None:
    """As WebP, at the best quality that is small enough."""
    image = np.asarray(cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR))
    for quality in QUALITIES:
        coded = bytes(cv2.imencode(".webp", image, [cv2.IMWRITE_WEBP_QUALITY, quality])[1])
        if len(coded) <= MAX_BYTES:
            break
    path.write_bytes(coded)
    click.echo(f"{path.name}: {len(coded):,} bytes")


if __name__ == "__main__":
    main()
