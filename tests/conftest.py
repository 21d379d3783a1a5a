"""What every test may use."""

from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parent.parent
SHARED = CHECKOUT.parent / "shared"


@pytest.fixture(scope="session")
def shared() -> Path:
    """Footage and models for trials, beside the checkout; skips where they are absent."""
    if not SHARED.is_dir():
        pytest.skip("no ../shared beside this checkout: real footage and models are absent")
    return SHARED
