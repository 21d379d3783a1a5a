"""Servers of the time have as long to answer as a busy machine takes."""

import pytest

from edge.doctor import clock


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The doctor waits for the time for as long as these tests do."""
    monkeypatch.setattr(clock, "PATIENCE_S", 60.0)
