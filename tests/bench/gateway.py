"""A gateway at work: four cameras at once, and one that runs for an hour of footage.

Both run ``linli edge run`` as a process of its own on looping footage, connected to a broker, with
the motion gate off: as much to do as there can be.
"""

import contextlib
import re
import statistics
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

import psutil
import yaml

from configs.agent import LINED_FPS, USUAL_FPS
from edge.sources.file import FileSource
from launch.supervisor import Child, Supervisor, answers, free_port, listens, python, tail
from tests.bench.edge import MB, agent_settings
from tests.bench.progress import Steps
from tests.bench.rig import Stuck
from tests.bench.table import Figure

CAMERAS: Final = 4
FPS: Final = USUAL_FPS
BAR_PACE: Final = 0.95
BAR_CORES: Final = 2.0
WARM_S: Final = 10.0
LOOKED_S: Final = 30.0
BAR_GROWTH_MB: Final = 10
PARTS: Final = 10
"""Of the footage; memory is compared between the third and the last."""
SAMPLE_S: Final = 2.0
PATIENCE_S: Final = 60.0

_METRIC = re.compile(r'^linli_edge_(\w+)\{camera="([a-z0-9-]+)"\} (\S+)$', re.MULTILINE)


class _Look(NamedTuple):
    """The agent at one moment."""

    at: float
    cpu_s: float
    rss: int
    values: dict[tuple[str, str], float]
    """(metric without linli_edge_, camera) → value."""

    def inferred(self, camera: str) -> float:
        return self.values.get(("frames_inferred_total", camera), 0.0)


class _Gateway:
    """A running agent."""

    def __init__(self, agent: Child, url: str) -> None:
        assert agent.process is not None
        self._agent = agent
        self._url = url
        self._process = psutil.Process(agent.process.pid)

    def look(self) -> _Look:
        """Ask it; raises `Stuck` where it has ended."""
        if not self._agent.running():
            raise Stuck(f"the agent ended:\n{tail(self._agent.log_file)}")
        with urllib.request.urlopen(f"{self._url}/metrics", timeout=10) as reply:  # noqa: S310
            text = reply.read().decode()
        values = {(name, camera): float(value) for name, camera, value in _METRIC.findall(text)}
        spent = self._process.cpu_times()
        rss = self._process.memory_info().rss
        return _Look(time.monotonic(), spent.user + spent.system, rss, values)


@contextlib.contextmanager
def _running(folder: Path, cameras: list[dict[str, Any]], model: str) -> Iterator[_Gateway]:
    folder.mkdir(parents=True)
    broker_port, port = free_port(), free_port()
    settings = agent_settings(folder, cameras, model, broker_port=broker_port, http_port=port)
    config = folder / "edge.yaml"
    config.write_text(yaml.safe_dump(settings), encoding="utf-8")
    url = f"http://127.0.0.1:{port}"
    broker = python("-m", "launch.broker", str(broker_port))
    argv = python("-m", "linli", "edge", "run", "-c", str(config))
    with Supervisor() as supervisor:
        supervisor.start(Child("broker", broker, folder / "broker.log", listens(broker_port)))
        agent = Child("edge", argv, folder / "edge.log", answers(f"{url}/healthz"), keep=False)
        supervisor.start(agent)
        yield _Gateway(agent, url)


def _camera(name: str, video: Path, **more: Any) -> dict[str, Any]:
    whole = [[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]]
    return {
        "id": name,
        "file": str(video),
        "loop": True,
        "motion_gate": {"enabled": False},
        "zones": [{"id": "all", "polygon": whole}],
        "lines": [{"id": "middle", "points": [[0.5, 0.0], [0.5, 1.0]]}],
        **more,
    }


def measure_four(folder: Path, *, video: Path, model: str, steps: Steps) -> Iterator[Figure]:
    """Four cameras by the clock: do they get their pictures, and what does that cost."""
    steps.next(f"{CAMERAS} cameras at {FPS:g} pictures a second")
    names = [f"cam-{number}" for number in range(CAMERAS)]
    cameras = [_camera(name, video, fps=FPS) for name in names]
    with _running(folder / "four", cameras, model) as gateway:
        time.sleep(WARM_S)
        first = gateway.look()
        time.sleep(LOOKED_S)
        last = gateway.look()
    lasted = last.at - first.at
    paces = [(last.inferred(name) - first.inferred(name)) / lasted for name in names]
    infer_s, runs = (
        sum(last.values[metric, name] - first.values[metric, name] for name in names)
        for metric in ("inference_seconds_sum", "inference_seconds_count")
    )
    part = "gateway"
    yield Figure(part, f"{CAMERAS} cameras: inference ({Path(model).stem})", 1000 * infer_s / runs,
                 "ms")  # fmt: skip
    yield Figure(part, f"of {FPS:g} pictures a second the slowest camera got", min(paces) / FPS,
                 "", BAR_PACE)  # fmt: skip
    # Of a busy machine the pace says little, the CPU for a picture much.
    spent_s = (last.cpu_s - first.cpu_s) / sum(paces) / lasted
    yield Figure(part, "CPU for a picture", 1000 * spent_s, "ms")
    yield Figure(part, "cores that all of them need", spent_s * CAMERAS * FPS, "", BAR_CORES,
                 "lower")  # fmt: skip
    yield Figure(part, f"… with lines, at {LINED_FPS:g} a second, at most",
                 spent_s * CAMERAS * LINED_FPS, "", BAR_CORES, "lower")  # fmt: skip
    yield Figure(part, f"memory with {CAMERAS} cameras", last.rss / MB, "MB")


def measure_long(
    folder: Path, *, video: Path, model: str, minutes: float, steps: Steps
) -> Iterator[Figure]:
    """One camera on ``minutes`` of looping footage, as fast as it goes: memory must not grow."""
    camera = _camera("cam", video, pace="fast", fps=60)
    frames = int(minutes * 60 * _native_fps(video))
    parts: list[list[int]] = []
    with _running(folder / "long", [camera], model) as gateway:
        for part in range(PARTS):
            steps.next(f"{minutes:g} minutes of footage: part {part + 1} of {PARTS}")
            parts.append(_sample_until(gateway, frames * (part + 1) / PARTS))
    begun, ended = (statistics.median(parts[part]) / MB for part in (2, PARTS - 1))
    yield Figure("gateway", f"memory after {minutes:g} minutes of footage", ended, "MB")
    yield Figure("gateway", "grown in the last seven tenths of them", ended - begun, "MB",
                 BAR_GROWTH_MB, "lower")  # fmt: skip


def _sample_until(gateway: _Gateway, frames: float) -> list[int]:
    """Resident bytes, again and again, until so many pictures are through."""
    sizes: list[int] = []
    best, moved_at = -1.0, time.monotonic()
    while True:
        look = gateway.look()
        sizes.append(look.rss)
        done = look.inferred("cam")
        if done >= frames:
            return sizes
        if done > best:
            best, moved_at = done, time.monotonic()
        if time.monotonic() - moved_at > PATIENCE_S:
            raise Stuck(f"no picture for {PATIENCE_S:.0f} s after {done:.0f}")
        time.sleep(SAMPLE_S)


def _native_fps(video: Path) -> float:
    with FileSource(video, lambda: 0, fps=60, fast=True) as source:
        return source.native_fps
