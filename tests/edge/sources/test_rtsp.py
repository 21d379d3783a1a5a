"""A real RTSP server, killed, paused and started again: the newest picture, by itself."""

import contextlib
import signal
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from edge.agent import wall_ms
from edge.frames import Frame
from edge.sources import capture
from edge.sources.stream import Patience, StreamSource
from tests.edge.fakes import until
from tests.servers import free_port

PYTHON = "/usr/bin/python3"
SERVER = Path(__file__).with_name("rtsp_server.py")
NEEDS = (
    "import gi; gi.require_version('GstRtspServer', '1.0'); gi.require_version('Gst', '1.0'); "
    "from gi.repository import Gst, GstRtspServer; Gst.init(None); "
    "assert Gst.ElementFactory.find('x264enc') and Gst.ElementFactory.find('rtph264pay')"
)
PATIENCE = Patience(first_pause_s=0.2, longest_pause_s=1.0, stall_s=60.0, opening_s=60.0)
QUICK_S = 2.0
DEADLINE_S = 120.0
pytestmark = pytest.mark.system


class RtspServer:
    """The program, on one port for all its lives."""

    def __init__(self) -> None:
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._process = subprocess.Popen([PYTHON, SERVER, str(self.port)])

    def send(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


@pytest.fixture(autouse=True)
def patient_ffmpeg(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a machine that has much else to do, to open a stream takes longer than is usual."""
    for limit in ("OPEN_TIMEOUT_MS", "READ_TIMEOUT_MS"):
        monkeypatch.setattr(capture, limit, 60_000)


@pytest.fixture
def server() -> Iterator[RtspServer]:
    if (
        not Path(PYTHON).exists()
        or subprocess.run([PYTHON, "-c", NEEDS], capture_output=True, check=False).returncode
    ):
        pytest.skip(
            "no RTSP server: apt-get install gir1.2-gst-rtsp-server-1.0 python3-gi "
            "gstreamer1.0-plugins-good gstreamer1.0-plugins-ugly"
        )
    made = RtspServer()
    made.start()
    yield made
    made.kill()


class Viewer:
    """Reads a camera in a thread and keeps what came last."""

    def __init__(self, port: int, patience: Patience) -> None:
        self.source = StreamSource(
            "gate", f"rtsp://127.0.0.1:{port}/main", wall_ms, fps=60, patience=patience
        )
        self.frames: list[Frame] = []
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        for frame in self.source:
            self.frames.append(frame)

    def sees_more(self) -> None:
        """Wait until five more pictures have come."""
        wanted = len(self.frames) + 5
        until(lambda: len(self.frames) >= wanted, DEADLINE_S)

    def close(self) -> None:
        self.source.close()
        self._thread.join(DEADLINE_S)


@contextlib.contextmanager
def watching(server: RtspServer, patience: Patience = PATIENCE) -> Iterator[Viewer]:
    viewer = Viewer(server.port, patience)
    try:
        yield viewer
    finally:
        viewer.close()


def test_pictures_come_and_the_delay_does_not_grow(server: RtspServer) -> None:
    with watching(server) as viewer:
        viewer.sees_more()
        assert viewer.frames[-1].image.shape == (240, 320, 3)
        assert viewer.frames[-1].image.max() > 200
        times = [frame.ts for frame in viewer.frames]
        assert times == sorted(times)
        assert wall_ms() - viewer.frames[-1].ts < 20_000


def test_a_server_that_is_killed_and_started_again_is_found_again(server: RtspServer) -> None:
    with watching(server) as viewer:
        viewer.sees_more()
        server.kill()
        until(lambda: viewer.source.down is not None, DEADLINE_S)
        assert "gives no picture" in str(viewer.source.down)
        server.start()
        viewer.sees_more()
        assert viewer.source.down is None
        assert viewer.source.reconnects >= 1


def test_a_server_that_hangs_is_left_and_found_again(
    server: RtspServer, caplog: pytest.LogCaptureFixture
) -> None:
    with watching(server, replace(PATIENCE, stall_s=QUICK_S)) as viewer:
        viewer.sees_more()
        server.send(signal.SIGSTOP)
        seen = len(viewer.frames)
        until(lambda: "hangs: no answer" in caplog.text, DEADLINE_S)
        server.send(signal.SIGCONT)
        viewer.sees_more()
        assert len(viewer.frames) > seen


def test_another_path_of_the_server_is_told_as_down(server: RtspServer) -> None:
    with watching(server) as viewer:
        viewer.sees_more()
    source = StreamSource(
        "gate", f"rtsp://127.0.0.1:{server.port}/nowhere", wall_ms, fps=5, patience=PATIENCE
    )
    with source:
        until(lambda: source.down is not None, DEADLINE_S)
    assert source.delivered == 0
