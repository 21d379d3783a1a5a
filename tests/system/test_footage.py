"""Real footage through the whole chain: the hub's numbers are what the detector saw."""

import bisect
import json
import statistics
import subprocess
import sys
from pathlib import Path

import pytest

from configs.agent import Model
from configs.servers import HubSettings, SeriesSettings
from edge.detect import Detector
from edge.sources.file import FileSource
from hub.series.open import open_series
from launch.report import FOR_EVER
from models.catalog import resolve
from tests.servers import free_port

SCORE = Model().score
STEP_MS = 100  # of vtest.avi


def _seen(video: Path, weights: Path) -> list[int]:
    """How many people the bare detector reports in each frame."""
    model = Model(name=str(weights), labels=("person",))
    detector = Detector(resolve(str(weights)), model)
    source = FileSource(video, lambda: 0, fps=60, fast=True)
    seen = []
    while (frame := source.read()) is not None:
        seen.append(int((detector.detect(frame.image).score >= SCORE).sum()))
    return seen


@pytest.mark.system
@pytest.mark.timeout(600)
def test_occupancy_follows_the_detector_frame_by_frame(shared: Path, tmp_path: Path) -> None:
    video, weights = shared / "footage" / "vtest.avi", shared / "models" / "yolox_nano.onnx"
    out = tmp_path / "out.json"
    subprocess.run(
        [
            *(sys.executable, "-m", "linli", "demo", "--video", str(video)),
            *("--model", str(weights), "--pace", "fast", "--report", str(out)),
            *("--data", str(tmp_path / "demo"), "--port", str(free_port())),
        ],
        check=True,
        timeout=500,
    )
    report = json.loads(out.read_text(encoding="utf-8"))
    assert report["complete"]
    assert report["frames"] == {"read": 795, "inferred": 795, "skipped": 0}
    records = report["records"]
    assert records["lost"] == records["duplicate"] == records["dead_letters"] == 0
    assert records["published"] == records["admitted"] == records["stored"] > 100

    crowded = [alert for alert in report["alerts"] if alert["rule"] == "crowded"]
    assert any(alert["state"] == "resolved" for alert in crowded), "raised and cleared"

    seen = _seen(video, weights)
    store = open_series(SeriesSettings(), Path(HubSettings(data=str(tmp_path / "demo")).data))
    steps = store.signal("garden", "yard", "occupancy.person", 0, FOR_EVER)
    store.close()
    starts = [ts for ts, _ in steps]
    start = report["edge"]["cameras"]["cam"]["first_ts"]
    told = []
    for index in range(len(seen)):
        at = bisect.bisect_right(starts, start + index * STEP_MS) - 1
        told.append(steps[at][1] if at >= 0 else 0.0)
    errors = [abs(a - b) for a, b in zip(told, seen, strict=True)]
    assert statistics.mean(errors) < 1.0
    assert statistics.correlation(told, seen) > 0.8
