"""A real broker and a listener for the edge's tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.edge.fakes import Listener
from tests.servers import Server, mosquitto


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Server]:
    """A started Mosquitto on a port of its own; skips where it is not installed."""
    with mosquitto(tmp_path) as server:
        yield server


@pytest.fixture
def listener(broker: Server) -> Iterator[Listener]:
    """Hears all that is published on ``broker``, also what came while it was restarting."""
    ears = Listener(broker.port)
    yield ears
    ears.close()
