"""A real broker and a listener for the edge's tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from edge import camera
from tests.edge.fakes import Listener
from tests.servers import Server, mosquitto


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Server]:
    """A started Mosquitto on a port of its own; skips where it is not installed.

    It saves at every change, not every second: killed, it still knows who had subscribed, and
    keeps for them what is published before they are back.
    """
    saves = "autosave_on_changes true\nmax_inflight_messages 1000"
    with mosquitto(tmp_path, conf_extra=saves) as server:
        yield server


@pytest.fixture
def listener(broker: Server) -> Iterator[Listener]:
    """Hears all that is published on ``broker``, also what came while it was restarting."""
    ears = Listener(broker.port)
    yield ears
    ears.close()


@pytest.fixture
def patient_cameras(monkeypatch: pytest.MonkeyPatch) -> None:
    """A camera whose script is over, or whose machine has much else to do, is not lost for that."""
    monkeypatch.setattr(camera, "LOST_MS", 3_600_000)
