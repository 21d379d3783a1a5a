"""``linli edge run``: starts, stops, reports, and says clearly what is wrong."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.edge.fakes import Listener
from tests.servers import Server

CHECKOUT = Path(__file__).parents[2]
PATIENCE_S = 120.0
EDGE = """\
site: garden
node: gate-1
mqtt: {{port: {port}}}
model: {{name: "{model}"}}
cameras:
  - id: cam
    street: {{seed: 1, people: 6, size_wh: [320, 240]}}
    zones: [{{id: yard, polygon: [[0, 0], [1, 0], [1, 1], [0, 1]]}}]
"""


def launch(*arguments: str | Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, str(CHECKOUT / "linli.py"), "edge", "run", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def config(folder: Path, port: int, model: Path | str) -> Path:
    path = folder / "edge.yaml"
    path.write_text(EDGE.format(port=port, model=model))
    return path


@pytest.fixture
def model(shared: Path) -> Path:
    return shared / "models" / "fastestdet.onnx"


def test_runs_for_as_long_as_asked_and_reports(
    tmp_path: Path, broker: Server, listener: Listener, model: Path
) -> None:
    report = tmp_path / "report.json"
    edge = config(tmp_path, broker.port, model)
    process = launch("-c", edge, "--for", "3s", "--report", report)
    _, errors = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0, errors
    counted = json.loads(report.read_text())
    published, waiting = counted["records_published"], counted["records_waiting"]
    listener.wait_for(lambda: len(listener.seqs()) >= published)
    assert listener.seqs() == list(range(1, published + 1))
    assert published + waiting == sum(counted["records"].values())
    assert counted["cameras"]["cam"]["frames_inferred"] >= 0, "as many as this machine manages"
    assert counted["rss_peak_bytes"] > 10_000_000
    assert (tmp_path / "data" / "outbox.sqlite").is_file()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_it_cleanly(
    tmp_path: Path, broker: Server, listener: Listener, model: Path, number: signal.Signals
) -> None:
    process = launch("-c", config(tmp_path, broker.port, model))
    listener.wait_for(lambda: bool(listener.records()))
    process.send_signal(number)
    _, errors = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0, errors
    assert "stopping" in errors


def test_a_wrong_configuration_is_told_and_exits_with_2(tmp_path: Path) -> None:
    path = tmp_path / "edge.yaml"
    path.write_text("site: garden\nnode: gate-1\ncameraz: []\n")
    process = launch("-c", path)
    _, errors = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 2
    assert "cameraz" in errors
    assert "Traceback" not in errors


def test_a_missing_model_is_a_matter_of_configuration(tmp_path: Path) -> None:
    process = launch("-c", config(tmp_path, 1, "/nowhere/model.onnx"))
    _, errors = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 2
    assert "there is no model file /nowhere/model.onnx" in errors


def test_a_data_folder_that_cannot_be_made_exits_with_1(tmp_path: Path, model: Path) -> None:
    (tmp_path / "data").write_text("a file where the folder should be")
    process = launch("-c", config(tmp_path, 1, model))
    _, errors = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 1
    assert "cannot make the data folder" in errors
    assert "Traceback" not in errors
