"""What every test may use."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

CHECKOUT = Path(__file__).parent.parent
SHARED = CHECKOUT.parent / "shared"
CHROMIUM = Path("/usr/bin/chromium")
ARGUMENTS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run "
    "--disable-background-networking --disable-component-update --disable-sync"
)
# The same examples at every run, however slowly they are made: what is red is so by a change.
# `pytest --hypothesis-profile search` looks further.
PATIENT = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("linli", derandomize=True, **PATIENT)  # type: ignore[arg-type]
settings.register_profile("search", derandomize=False, **PATIENT)  # type: ignore[arg-type]
settings.load_profile("linli")

PATIENCE_MS = 60_000
"""How long a page may take to show what is expected of it: a loaded machine takes its time."""


@pytest.fixture(scope="session")
def shared() -> Path:
    """Footage and models for trials, beside the checkout; skips where they are absent."""
    if not SHARED.is_dir():
        pytest.skip("no ../shared beside this checkout: real footage and models are absent")
    return SHARED


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """Debian's Chromium; skips where it is not installed."""
    if not CHROMIUM.exists():
        pytest.skip(f"no {CHROMIUM}: apt-get install chromium")
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(
            executable_path=CHROMIUM, args=ARGUMENTS.split(), timeout=PATIENCE_MS
        )
        _be_patient(found)
        yield found
        found.close()


def _be_patient(browser: Browser) -> None:
    """What is done on a page, too, may take as long as what is expected of it."""
    plain = browser.new_context

    def new_context(**options: Any) -> BrowserContext:
        context = plain(**options)
        context.set_default_timeout(PATIENCE_MS)
        return context

    browser.new_context = new_context  # type: ignore[method-assign]


@pytest.fixture
def browser(chromium: Browser) -> Iterator[Browser]:
    """The same for each test, without the pages of the one before: a page that stays open goes
    on asking a console that is gone, and takes its share of the machine."""
    yield chromium
    close_pages(chromium)


def close_pages(browser: Browser) -> None:
    """Close every page, as is due before what it shows ends."""
    for context in browser.contexts:
        context.close()


def hold_timers(page: Page, ms: int) -> None:
    """Timers of just so long never run on the pages that it opens from now on: what they would
    take away or begin again stays as it is for as long as a test takes to look."""
    page.add_init_script(
        "for (const name of ['setTimeout', 'setInterval']) { const plain = globalThis[name]; "
        f"globalThis[name] = (act, ms, ...more) => ms === {ms} ? 0 : plain(act, ms, ...more); }}"
    )
