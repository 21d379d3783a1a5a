"""The device, its clock, its model and its cameras: every finding has a remedy."""

import json
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner
from msgspec.structs import replace
from prometheus_client import CollectorRegistry

import linli
from configs.agent import Camera, DoorSensor, EdgeFile, Line, Model, StreetSettings, Webhooks
from edge.doctor import Doctor, Verdict, cameras, clock, machine, model, sensors
from edge.doctor.finding import Finding
from edge.frames import Image
from edge.outbox import Outbox
from edge.sources import SourceDown
from health import HealthServer
from models.bench import Speed, street_picture
from tests.edge.fakes import ScriptedSource
from tests.servers import free_port


def only(findings: list[Finding]) -> Finding:
    (finding,) = findings
    return finding


def test_a_folder_that_cannot_be_made_fails_and_a_missing_one_stays_missing(tmp_path: Path) -> None:
    assert only(machine.disk(tmp_path / "a" / "b")).verdict is not Verdict.FAILED
    assert not (tmp_path / "a").exists()
    (tmp_path / "file").write_text("")
    finding = only(machine.disk(tmp_path / "file" / "data"))
    assert (finding.verdict, "chown" in finding.remedy) == (Verdict.FAILED, True)


def test_the_outbox_is_read_beside_the_agent_and_a_damaged_one_told(tmp_path: Path) -> None:
    path = tmp_path / "outbox.sqlite"
    assert "has not run here" in only(machine.outbox(path)).says
    box = Outbox(path, max_records=1000)
    assert "an agent runs" in only(machine.outbox(path)).says
    box.close()
    assert only(machine.outbox(path)).says == "0 records wait for the broker"
    path.write_bytes(b"nonsense" * 1000)
    assert only(machine.outbox(path)).verdict is Verdict.WARNING


@pytest.mark.parametrize(("celsius", "verdict"), [(40, "good"), (78, "warning"), (90, "failed")])
def test_heat_is_told_before_it_hurts(celsius: float, verdict: str) -> None:
    assert only(machine.temperature({"cpu": celsius, "disk": 20})).verdict == verdict


@pytest.mark.parametrize(("mb", "verdict"), [(2000, "good"), (200, "warning"), (50, "failed")])
def test_scarce_memory_is_told(mb: int, verdict: str) -> None:
    assert only(machine.memory(mb * 1024**2)).verdict == verdict


def test_a_clock_that_nobody_sets_is_told() -> None:
    assert only(machine.clock_kept("yes")).verdict is Verdict.GOOD
    assert "set-ntp" in only(machine.clock_kept("no")).remedy
    assert machine.clock_kept("") == [], "a system that cannot say is not accused"


@pytest.fixture
def time_server() -> Iterator[tuple[int, Callable[[float], None]]]:
    """An SNTP server whose time the test sets."""
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind(("127.0.0.1", 0))
    told = [0.0]

    def serve() -> None:
        while True:
            asked, who = server.recvfrom(64)
            if not asked:
                return
            stamp = struct.pack("!II", int(told[0]) + clock.NTP_EPOCH_S, 2**31)
            server.sendto(bytes([0x24, 2]) + bytes(30) + stamp * 2, who)

    thread = threading.Thread(target=serve)
    thread.start()
    yield server.getsockname()[1], lambda at: told.__setitem__(0, at)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as end:
        end.sendto(b"", server.getsockname())
    thread.join()
    server.close()


@pytest.mark.parametrize(
    ("theirs", "verdict", "words"),
    [
        (1000, "good", "0.5 s behind"),
        (1010, "warning", "10.5 s behind"),
        (0, "failed", "999.5 s ahead of"),
    ],
)
def test_the_clock_is_compared_by_ntp(
    time_server: tuple[int, Callable[[float], None]], theirs: float, verdict: str, words: str
) -> None:
    port, tell = time_server
    tell(theirs)
    finding = only(clock.examine("127.0.0.1", ntp_port=port, now=lambda: 1000.0))
    assert (finding.verdict, words in finding.says) == (verdict, True)


def test_the_clock_is_compared_with_a_page() -> None:
    with HealthServer("127.0.0.1", free_port(), CollectorRegistry(), lambda: None) as page:
        url = f"http://127.0.0.1:{page.port}/healthz"
        assert only(clock.examine("", url)).verdict is Verdict.GOOD
        assert only(clock.examine("", url, now=lambda: 1000.0)).verdict is Verdict.FAILED
    assert "tells no time" in only(clock.examine("", url)).says


def test_no_time_server_is_no_finding() -> None:
    assert clock.examine("127.0.0.1", ntp_port=free_port()) == []


def test_pins_that_cannot_be_read_are_told(tmp_path: Path) -> None:
    contact = DoorSensor(id="west", kind="gpio", pin=17)
    assert sensors.wired([DoorSensor(id="east", kind="webhook")], tmp_path) == []
    assert "no GPIO chip" in only(sensors.wired([contact], tmp_path)).says
    (tmp_path / "gpiochip0").touch()
    assert only(sensors.wired([contact], tmp_path)).verdict is Verdict.GOOD


@pytest.mark.parametrize(
    ("token", "host", "verdict", "words"),
    [
        (None, "192.0.2.7", "failed", "there is no token"),
        ("short", "192.0.2.7", "failed", "less than 16 characters"),
        ("0123456789abcdef", "127.0.0.1", "warning", "no device can call it"),
        ("0123456789abcdef", "192.0.2.7", "good", "port 8788"),
    ],
)
def test_webhooks_are_held_against_who_will_call_them(
    monkeypatch: pytest.MonkeyPatch, token: str | None, host: str, verdict: str, words: str
) -> None:
    monkeypatch.delenv("LINLI_WEBHOOK_TOKEN", raising=False)
    if token is not None:
        monkeypatch.setenv("LINLI_WEBHOOK_TOKEN", token)
    assert sensors.called(EdgeFile(site="s", node="n")) == []
    door = DoorSensor(id="west", kind="webhook")
    file = EdgeFile(site="s", node="n", doors=(door,), webhooks=Webhooks(host=host))
    finding = only(sensors.called(file))
    assert (finding.verdict, words in finding.says) == (verdict, True)
    assert finding.verdict is Verdict.GOOD or finding.remedy


def test_a_model_that_is_too_slow_for_the_cameras_is_told_with_figures() -> None:
    slow = Speed("m", "CPU", 1, 10, ms_median=100.0, ms_p95=140.0)
    wants = EdgeFile(site="s", node="n", cameras=tuple(camera(f"c{i}") for i in range(3)))
    finding = model.judge("model m", slow, wants)
    assert finding.verdict is Verdict.WARNING
    assert "the cameras here ask for 15 pictures a second and get 5" in finding.says
    assert finding.figures["cameras"] == 1
    fast = Speed("m", "CPU", 1, 10, ms_median=10.0, ms_p95=12.0)
    assert model.judge("model m", fast, wants).verdict is Verdict.GOOD


def test_a_line_asks_for_more_of_the_model() -> None:
    some = Speed("m", "CPU", 1, 10, ms_median=60.0, ms_p95=70.0)
    plain = EdgeFile(site="s", node="n", cameras=(camera(), camera("plain")))
    assert model.judge("model m", some, plain).verdict is Verdict.GOOD
    finding = model.judge("model m", some, replace(plain, cameras=(LINED, camera("plain"))))
    assert finding.says == (
        "60 ms a picture on CPU: carries 2 cameras at 5 pictures a second, or 1 with lines at 10; "
        "the cameras here ask for 15 pictures a second and get 10"
    )


def test_a_model_that_is_not_there_fails() -> None:
    wants = EdgeFile(site="s", node="n", model=Model(name="/nowhere.onnx"))
    assert only(model.examine(wants, seconds=0)).verdict is Verdict.FAILED


def camera(name: str = "cam", **more: object) -> Camera:
    return Camera(id=name, **more)  # type: ignore[arg-type]


LINED = camera("gate", lines=(Line(id="gate", points=((0.5, 0), (0.5, 1))),))


@pytest.mark.parametrize(
    ("gate", "words"),
    [
        (LINED, "pictures a second, though its lines ask for 10"),
        (replace(LINED, fps=5), "; with fps: 5 who crosses its lines is counted less well"),
    ],
)
def test_a_line_that_is_counted_at_too_low_a_rate_is_told(gate: Camera, words: str) -> None:
    street = replace(gate, street=StreetSettings(size_wh=(320, 240), fps=5))
    finding = only(cameras.examine([street], seconds=0.5))
    assert (finding.verdict, words in finding.says) == (Verdict.WARNING, True)


def test_the_face_detectors_that_cameras_name_are_tried(shared: Path, tmp_path: Path) -> None:
    good = str(shared / "models" / "yunet_n_320.onnx")
    (tmp_path / "broken.onnx").write_bytes(b"no model")
    named = [("lobby", good), ("lift", str(tmp_path / "broken.onnx")), ("gate", good), ("yard", "")]
    cameras = tuple(Camera(id=name, file="x", faces=path) for name, path in named)
    loads, fails = model.faces(EdgeFile(site="s", node="n", cameras=cameras))
    assert loads.verdict is Verdict.GOOD
    assert fails.verdict is Verdict.FAILED
    assert "no picture leaves lift" in fails.says


def test_a_street_is_seen_with_its_rate_and_size() -> None:
    street = camera(street=StreetSettings(size_wh=(320, 240)), fps=5.0)
    finding = only(cameras.examine([street], seconds=0.5))
    assert finding.verdict is Verdict.GOOD
    assert (finding.figures["width_px"], finding.figures["height_px"]) == (320, 240)


def test_a_camera_nobody_listens_for_is_told_by_its_address() -> None:
    absent = camera(url=f"rtsp://127.0.0.1:{free_port()}/live")
    finding = only(cameras.examine([absent], seconds=0, patience_s=0.2))
    assert "nothing listens on its port" in finding.says


class SilentSource(ScriptedSource):
    """A camera that is reached but gives nothing."""

    def __init__(self) -> None:
        super().__init__(0, start=0)
        self.ends = False
        self.down = SourceDown("camera cam gives no picture")


@pytest.fixture
def rtsp_answer() -> Iterator[Callable[[str], int]]:
    """A camera's RTSP port that answers every request with one status line."""
    server = socket.create_server(("127.0.0.1", 0))
    lines = [""]

    def serve() -> None:
        while True:
            link, _ = server.accept()
            with link:
                if lines[0] == "stop":
                    return
                if link.recv(1000):
                    link.sendall(f"RTSP/1.0 {lines[0]}\r\nCSeq: 1\r\n\r\n".encode())

    thread = threading.Thread(target=serve)
    thread.start()
    port: int = server.getsockname()[1]

    def says(line: str) -> int:
        lines[0] = line
        return port

    yield says
    says("stop")
    socket.create_connection(("127.0.0.1", port)).close()
    thread.join()
    server.close()


@pytest.mark.parametrize(
    ("line", "username", "words"),
    [
        ("401 Unauthorized", "", "asks for a login and none is configured"),
        ("401 Unauthorized", "viewer", "gives 'viewer' no picture"),
        ("404 Not Found", "", "no stream at this path"),
        ("200 OK", "", "gives no picture"),
    ],
)
def test_what_a_camera_answers_becomes_a_remedy(
    rtsp_answer: Callable[[str], int], line: str, username: str, words: str
) -> None:
    asked = camera(url=f"rtsp://127.0.0.1:{rtsp_answer(line)}/live", username=username)
    finding = only(
        cameras.examine([asked], seconds=0, patience_s=0.1, opener=lambda *_: SilentSource())
    )
    assert words in finding.says
    assert finding.remedy


def test_a_password_that_is_not_set_names_its_variable() -> None:
    asked = camera(url="rtsp://127.0.0.1/live", username="v", password_env="LINLI_TEST_UNSET")
    finding = only(cameras.examine([asked], seconds=0, patience_s=0.1))
    assert "export LINLI_TEST_UNSET=" in finding.remedy


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda image: (image * 0.05).astype(np.uint8), "too dark"),
        (lambda image: cv2.GaussianBlur(image, (0, 0), 12), "blurred"),
        (lambda image: image, ""),
    ],
)
def test_dark_and_blurred_pictures_are_told(spoil: Callable[[Image], Image], words: str) -> None:
    found = cameras._picture("camera c", spoil(street_picture()))
    assert [words in finding.says for finding in found] == ([True] if words else [])


def test_the_command_explains_and_its_exit_code_is_for_scripts(tmp_path: Path) -> None:
    path = tmp_path / "edge.yaml"
    path.write_text(
        "site: garden\nnode: gate-1\n"
        f"mqtt: {{port: {free_port()}}}\n"
        "cameras: [{id: cam, street: {size_wh: [320, 240]}}]\n"
    )
    arguments = ["edge", "doctor", "-c", str(path), "--seconds", "0.5"]
    shown = CliRunner().invoke(linli.main, [*arguments, "--json"])
    assert shown.exit_code == 1
    said = json.loads(shown.stdout)
    assert said["ok"] is False
    parts = {finding["part"].split()[0]: finding for finding in said["findings"]}
    assert {"disk", "outbox", "memory", "broker", "camera", "model"} <= set(parts)
    assert parts["broker"]["verdict"] == "failed"
    assert all(each["verdict"] == "good" or each["remedy"] for each in said["findings"])
    assert "clock" in parts, "with nobody to compare with, that is said"
    people = CliRunner().invoke(linli.main, arguments)
    assert people.exit_code == 1
    assert "✗ failed  broker" in people.output
    path.write_text("site: garden\nnoode: x\n")
    wrong = CliRunner().invoke(linli.main, arguments)
    assert wrong.exit_code == 2
    assert "noode: is not known here (did you mean 'node'?)" in wrong.stderr


def test_a_check_that_fails_itself_leaves_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> list[Finding]:
        raise RuntimeError("no such sensor")

    monkeypatch.setattr(machine, "temperature", broken)
    settings = EdgeFile(site="s", node="n", data=str(tmp_path), model=Model(name="/nowhere.onnx"))
    found = list(Doctor(settings, seconds=0.5).examine())
    assert any("no such sensor" in finding.says for finding in found)
    assert found[-1].part == "model /nowhere.onnx"
