"""`linli edge watch` shows what the agent's metrics say, and finds the agent by itself."""

import io
from pathlib import Path

from click.testing import CliRunner
from prometheus_client import CollectorRegistry
from rich.console import Console

import linli
from configs import load_edge
from edge.agent import Agent
from edge.metrics import EdgeMetrics
from edge.outbox import Outbox
from edge.watch.figures import ADDRESS_FILE, Look, look, picture
from health import HealthServer
from tests.edge.fakes import ScriptedDetector, ScriptedSource, boxes, until
from tests.servers import Server, free_port
from wire.records import DoorState


def shown(before: Look, now: Look) -> str:
    out = io.StringIO()
    Console(width=120, file=out).print(picture(before, now))
    return out.getvalue()


def test_rates_are_of_the_time_between_two_looks() -> None:
    registry = CollectorRegistry()
    metrics = EdgeMetrics(registry)
    ready: list[str | None] = [None]
    clock = iter([0.0, 10.0, 20.0])
    with HealthServer("127.0.0.1", 0, registry, lambda: ready[0]) as server:
        url = f"http://127.0.0.1:{server.port}"
        metrics.config_good.set(1)
        metrics.connected.set(1)
        metrics.frames_read.labels("yard").inc(7)
        before = look(url, lambda: next(clock))
        metrics.frames_read.labels("yard").inc(250)
        metrics.frames_inferred.labels("yard").inc(20)
        metrics.frames_gated.labels("yard").inc(30)
        for _ in range(20):
            metrics.inference.labels("yard").observe(0.012)
        metrics.records_appended.labels("zone.enter").inc(5)
        now = look(url, lambda: next(clock))
        text = shown(before, now)
        assert "doing its work" in text
        (row,) = [line for line in text.splitlines() if "yard" in line]
        assert [cell.strip() for cell in row.split("│")[1:-1]] == [
            "yard", "25.0", "2.0", "0.0", "60 %", "12 ms", "0",
        ]  # fmt: skip
        (row,) = [line for line in text.splitlines() if "zone.enter" in line]
        assert [cell.strip() for cell in row.split("│")[1:-1]] == ["zone.enter", "5", "30"]
        ready[0] = "camera yard is lost"
        metrics.config_good.set(0)
        metrics.connected.set(0)
        text = shown(now, look(url, lambda: next(clock)))
    assert "camera yard is lost" in text
    assert "broker away" in text
    assert "was refused" in text


def test_an_agent_is_found_by_its_file_even_on_a_free_port(broker: Server, tmp_path: Path) -> None:
    config = tmp_path / "edge.yaml"
    config.write_text(
        f"site: s\nnode: n\nmqtt: {{port: {broker.port}}}\ncameras: [{{id: cam, file: x.avi}}]\n"
    )
    absent = CliRunner().invoke(linli.main, ["edge", "watch", "-c", str(config), "--once"])
    assert absent.exit_code == 1
    assert "no agent runs with the data folder" in absent.stderr
    source = ScriptedSource(3, start=1_700_000_000_000)
    source.ends = False
    running = Agent(
        load_edge(config), ScriptedDetector([boxes()]), opener=lambda _camera, _now: source
    )
    running.start()
    try:
        until(lambda: running.cameras[0].inferred > 0)
        seen = CliRunner().invoke(
            linli.main, ["edge", "watch", "-c", str(config), "--once", "--every", "0.2"]
        )
        assert seen.exit_code == 0, seen.output
        assert "cam" in seen.output
        config.write_text("node: [\n")
        broken = CliRunner().invoke(linli.main, ["edge", "watch", "-c", str(config), "--once"])
        assert (broken.exit_code, "not valid YAML" in broken.stderr) == (2, True)
        config.write_text("noode: refused, and what ran before runs on\n")
        seen = CliRunner().invoke(
            linli.main, ["edge", "watch", "-c", str(config), "--once", "--every", "0.2"]
        )
        assert seen.exit_code == 0, seen.output
    finally:
        running.stop()
    assert not (tmp_path / "data" / ADDRESS_FILE).exists()


def test_a_wrong_address_is_explained() -> None:
    url = f"http://127.0.0.1:{free_port()}"
    shown = CliRunner().invoke(linli.main, ["edge", "watch", "--url", url])
    assert shown.exit_code == 1
    assert f"no agent answers at {url}" in shown.stderr
    assert CliRunner().invoke(linli.main, ["edge", "watch"]).exit_code == 2


def test_the_outbox_knows_how_old_its_oldest_record_is(tmp_path: Path) -> None:
    box = Outbox(tmp_path / "outbox.sqlite", max_records=1000)
    assert box.oldest_ts() is None
    seqs = [box.append([DoorState(seq=0, ts=ts, source="d", open=True)])[0] for ts in (50, 60)]
    assert box.oldest_ts() == 50
    box.delete(seqs[0], seqs[0])
    assert box.oldest_ts() == 60
    box.close()
