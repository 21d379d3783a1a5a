"""The agent has the time to answer that a busy machine takes."""

import pytest

from edge.watch import figures, server


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever looks on waits for as long as these tests do."""
    for module in (figures, server):
        monkeypatch.setattr(module, "TIMEOUT_S", 60.0)
