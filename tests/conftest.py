"""What every test may use."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

CHECKOUT = Path(__file__).parent.parent
SHARED = CHECKOUT.parent / "shared"
CHROMIUM = Path("/usr/bin/chromium")
ARGUMENTS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run "
    "--disable-background-networking --disable-component-update --disable-sync"
)
PATIENCE_MS = 20_000
"""How long a page may take to show what is expected of it: a loaded machine takes its time."""


@pytest.fixture(scope="session")
def shared() -> Path:
    """Footage and models for trials, beside the checkout; skips where they are absent."""
    if not SHARED.is_dir():
        pytest.skip("no ../shared beside this checkout: real footage and models are absent")
    return SHARED


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's Chromium; skips where it is not installed."""
    if not CHROMIUM.exists():
        pytest.skip(f"no {CHROMIUM}: apt-get install chromium")
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS.split())
        yield found
        found.close()
