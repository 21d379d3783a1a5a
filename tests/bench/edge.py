"""How much of the detector's pace the whole agent keeps, and how much memory it takes.

The agent is ``linli edge run`` on a video played as fast as it goes, connected to a broker:
source, detector, tracker, zones and lines, records, outbox on disk, link. Its pace is what
its own metrics say between two looks at them.
"""

import contextlib
import json
import re
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import cv2
import yaml

from configs.agent import StreetSettings
from edge.street import Street
from launch.supervisor import Child, Supervisor, answers, free_port, listens, python, tail
from models.catalog import ModelError, folders, resolve
from tests.bench.alone import WARM_UP, Pace
from tests.bench.orders import ROOT, Helper
from tests.bench.progress import Steps
from tests.bench.rig import Stuck
from tests.bench.table import Figure, median_of

BAR_RATIO: Final = 0.90
BAR_MEMORY_MB: Final = 250
MB: Final = 1024 * 1024
FOOTAGE: Final = ROOT.parent / "shared/footage/vtest.avi"
TRIAL_MODEL: Final = ROOT.parent / "shared/models/yolox_nano.onnx"
STREET_FRAMES: Final = 600
LOOK_S: Final = 1.0
"""Between two looks at the metrics: each costs the agent some milliseconds."""
TIMEOUT_S: Final = 600.0

_INFERRED = re.compile(r'^linli_edge_frames_inferred_total\{camera="cam"\} (\S+)$', re.MULTILINE)
_WHOLE: Final = [[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]]


@dataclass(frozen=True)
class Whole:
    """One run of the agent."""

    frames_per_s: float
    peak_bytes: int
    records: int


def choose_model(wanted: str) -> str:
    """``wanted``, or the starter model, or else one for trials; raises `ModelError`."""
    name = wanted or "starter"
    try:
        resolve(name, folders())
    except ModelError:
        if wanted or not TRIAL_MODEL.is_file():
            raise
        return str(TRIAL_MODEL)
    return name


def choose_video(wanted: Path | None, folder: Path, steps: Steps) -> Path:
    """``wanted``, or real footage where it lies beside the checkout, or else a street's."""
    if wanted is not None or FOOTAGE.is_file():
        return (wanted or FOOTAGE).resolve()
    steps.next("edge: rendering a street")
    return _render_street(folder / "street.mp4")


def _render_street(path: Path) -> Path:
    street = Street(StreetSettings())
    writer = cv2.VideoWriter(
        str(path), cv2.VideoWriter.fourcc(*"mp4v"), street.settings.fps, street.size_wh
    )
    for number in range(STREET_FRAMES):
        writer.write(street.frame(round(number * 1000 / street.settings.fps)))
    writer.release()
    return path


def measure(
    folder: Path, *, video: Path, model: str, rounds: int, steps: Steps
) -> Iterator[Figure]:
    """The detector alone and the whole agent, in turns."""
    alone, whole = [], []
    for number in range(rounds):
        steps.next(f"detector alone: round {number + 1} of {rounds}")
        with Helper("alone", str(video), model) as helper:
            alone.append(helper.hear(Pace).frames_per_s)
        steps.next(f"edge agent: round {number + 1} of {rounds}")
        whole.append(_run_agent(folder / f"edge-{number}", video, model))
    detector = median_of(
        "edge", f"detector alone ({Path(model).stem}, {video.stem})", alone, "frames/s"
    )
    agent = median_of("edge", "whole agent", [each.frames_per_s for each in whole], "frames/s")
    yield from (detector, agent)
    yield Figure("edge", "agent over detector", agent.value / detector.value, "", BAR_RATIO)
    yield Figure("edge", "records written in a round", whole[-1].records, "")
    peak = max(each.peak_bytes for each in whole) / MB
    yield Figure("edge", "peak memory, one camera", peak, "MB", BAR_MEMORY_MB, "lower")


def _run_agent(folder: Path, video: Path, model: str) -> Whole:
    folder.mkdir()
    broker_port, port = free_port(), free_port()
    config, report = folder / "edge.yaml", folder / "report.json"
    settings = agent_settings(
        folder, [_camera(video)], model, broker_port=broker_port, http_port=port
    )
    config.write_text(yaml.safe_dump(settings), encoding="utf-8")
    argv = python("-m", "linli", "edge", "run", "-c", str(config), "--report", str(report))
    url = f"http://127.0.0.1:{port}"
    with Supervisor() as supervisor:
        broker = python("-m", "launch.broker", str(broker_port))
        supervisor.start(Child("broker", broker, folder / "broker.log", listens(broker_port)))
        agent = Child("edge", argv, folder / "edge.log", answers(f"{url}/healthz"), keep=False)
        supervisor.start(agent)
        looks = _look_until_it_ends(agent, f"{url}/metrics")
    if not report.is_file():
        raise Stuck(f"the agent ended without a report:\n{tail(agent.log_file)}")
    told: dict[str, Any] = json.loads(report.read_text(encoding="utf-8"))
    frames = int(told["cameras"]["cam"]["frames_inferred"])
    records = sum(told["records"].values())
    return Whole(_pace(looks, frames), int(told["rss_peak_bytes"]), records)


def _camera(video: Path) -> dict[str, Any]:
    return {
        "id": "cam",
        "file": str(video),
        "pace": "fast",
        "fps": 60,
        "motion_gate": {"enabled": False},
        "zones": [{"id": "all", "polygon": _WHOLE}],
        "lines": [{"id": "middle", "points": [[0.5, 0.0], [0.5, 1.0]]}],
    }


def agent_settings(
    folder: Path, cameras: list[dict[str, Any]], model: str, *, broker_port: int, http_port: int
) -> dict[str, Any]:
    """An edge.yaml with its data below ``folder``."""
    return {
        "site": "bench",
        "node": "edge",
        "data": str(folder / "data"),
        "mqtt": {"port": broker_port},
        "model": {"name": model},
        "cameras": cameras,
        "http_port": http_port,
    }


def _look_until_it_ends(agent: Child, metrics_url: str) -> list[tuple[float, int]]:
    """(seconds, pictures through the detector so far), again and again."""
    looks: list[tuple[float, int]] = []
    deadline = time.monotonic() + TIMEOUT_S
    while agent.running():
        if time.monotonic() > deadline:
            raise Stuck(f"the agent did not end:\n{tail(agent.log_file)}")
        begun = time.monotonic()
        with contextlib.suppress(OSError):  # it may end meanwhile
            with urllib.request.urlopen(metrics_url, timeout=5) as reply:  # noqa: S310 - ours
                found = _INFERRED.search(reply.read().decode())
            if found is not None:
                looks.append(((begun + time.monotonic()) / 2, int(float(found[1]))))
        time.sleep(LOOK_S)
    return looks


def _pace(looks: list[tuple[float, int]], frames: int) -> float:
    """Pictures a second between the first look after the warm-up and the last before the end."""
    within = [(at, count) for at, count in looks if WARM_UP <= count < frames]
    if len(within) < 3:
        raise Stuck(f"{frames} pictures are too few to measure: give a longer --video")
    (begun, first), (ended, last) = within[0], within[-1]
    return (last - first) / (ended - begun)
