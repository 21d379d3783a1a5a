"""``linli edge init``: what it writes always passes the check, asked or told."""

import json
import os
import socket
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from hypothesis import given, settings
from hypothesis import strategies as st
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

import configs
import linli
from edge.commission import discovery, onvif, plan
from edge.commission.cli import _env_quoted
from edge.commission.discovery import NetworkCamera, UsbCamera
from tests.servers import Server

MATCH = (
    '<s:Envelope xmlns:s="x"><s:Body><d:ProbeMatches><d:ProbeMatch>'
    "<d:Scopes>onvif://www.onvif.org/type/video_encoder onvif://www.onvif.org/name/HIK%20VISION "
    "onvif://www.onvif.org/hardware/DS-2CD</d:Scopes>"
    "<d:XAddrs>http://169.254.1.2/onvif/device_service "
    "http://127.0.0.1:8899/onvif/device_service</d:XAddrs>"
    "</d:ProbeMatch></d:ProbeMatches></s:Body></s:Envelope>"
)


def init(folder: Path, *arguments: str, typed: str | None = None) -> Result:
    return CliRunner().invoke(
        linli.main, ["edge", "init", "-o", str(folder / "edge.yaml"), *arguments], input=typed
    )


def test_everything_can_be_given_and_nothing_is_asked(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("x")
    shown = init(
        tmp_path, "--yes", "--no-find", "--site", "garden", "--node", "gate-1",
        "--broker", "hub.local:8883", "--username", "gate-1",
        "--password-file", str(tmp_path / "secret"), "--camera", "yard=street",
        "--camera", "usb:2", "--camera", "trial=file:trial.avi",
        "--door", "zigbee2mqtt/大厅/西门", "--door", "lobby=zigbee2mqtt/lobby",
        "--fps", "7.5", "--model", "starter",
    )  # fmt: skip
    assert shown.exit_code == 0, shown.output
    edge = configs.load_edge(tmp_path / "edge.yaml")
    assert (edge.mqtt.host, edge.mqtt.port, edge.mqtt.tls) == ("hub.local", 8883, True)
    assert edge.mqtt.password() == "x"
    assert [camera.id for camera in edge.cameras] == ["yard", "cam-usb", "trial"]
    assert edge.cameras[2].file == str(Path("trial.avi").absolute()), "as seen from here"
    assert {(door.id, door.topic) for door in edge.doors} == {
        ("door-1", "zigbee2mqtt/大厅/西门"),
        ("lobby", "zigbee2mqtt/lobby"),
    }
    assert edge.cameras[0].fps == 7.5
    assert "# `linli edge draw` draws" in (tmp_path / "edge.yaml").read_text()


def test_wires_callers_and_readers_can_be_given(tmp_path: Path) -> None:
    given = (
        "--yes", "--no-find", "--site", "garden", "--camera", "yard=street",
        "--door", "cellar=gpio:17", "--door", "gpio:4,pull-down,inverted", "--door", "shed=webhook",
        "--door", "hall=zigbee2mqtt/hall=1", "--sensors-broker", "zigbee.local",
        "--reader", "lobby-reader=acs/lobby#result@hall", "--reader", "gpio:27,pull-down@cellar",
        "--reader", "webhook@shed", "--webhook-port", "9000",
    )  # fmt: skip
    shown = init(tmp_path, *given)
    assert shown.exit_code == 0, shown.output
    assert "1 camera, 4 doors, 3 readers" in shown.output
    assert "shed calls http://<this device>:9000/doors/shed/open and …/closed" in shown.output
    edge = configs.load_edge(tmp_path / "edge.yaml")
    assert edge.sensors_mqtt is not None
    assert (edge.sensors_mqtt.host, edge.sensors_mqtt.port) == ("zigbee.local", 1883)
    assert [(d.id, d.kind, d.pin, d.pull_up, d.inverted, d.topic) for d in edge.doors] == [
        ("cellar", "gpio", 17, True, False, ""),
        ("door-gpio-4", "gpio", 4, False, True, ""),
        ("shed", "webhook", None, True, False, ""),
        ("hall", "zigbee2mqtt", None, True, False, "zigbee2mqtt/hall=1"),
    ]
    assert [(r.id, r.kind, r.topic, r.field, r.pin, r.door) for r in edge.readers] == [
        ("lobby-reader", "mqtt", "acs/lobby", "result", None, "hall"),
        ("reader-cellar", "gpio", "", "", 27, "cellar"),
        ("reader-shed", "webhook", "", "", None, "shed"),
    ]
    token = edge.webhooks.token()
    assert (len(token), edge.webhooks.port) == (32, 9000)
    assert (tmp_path / "webhook.token").stat().st_mode & 0o777 == 0o600
    assert token not in shown.output
    assert token not in (tmp_path / "edge.yaml").read_text()
    assert init(tmp_path, *given, "--force").exit_code == 0
    assert configs.load_edge(tmp_path / "edge.yaml").webhooks.token() == token, "devices have it"


def test_what_nobody_finds_is_asked_until_there_is_no_more(tmp_path: Path) -> None:
    typed = [
        "garden", "gate-1", "hub.local", "", "",
        "192.168.1.9", "yard=street", "",  # cameras
        "gpio:99", "cellar=gpio:17", "lid", "shed=webhook", "",  # doors
        "acs/lobby@attic", "acs/lobby#result@cellar", "",  # readers
    ]  # fmt: skip
    shown = init(tmp_path, "--no-find", typed="\n".join([*typed, ""]))
    assert shown.exit_code == 0, shown.output
    for words in (
        "'192.168.1.9': give [id=]address",
        "the pin's BCM number is 0 to 53",
        "'lid': give [id=]zigbee2mqtt/<name>",
        "'attic' is no door here; cellar, shed",
    ):
        assert words in shown.output
    edge = configs.load_edge(tmp_path / "edge.yaml")
    assert [each.id for each in edge.cameras] == ["yard"]
    assert [(each.id, each.kind) for each in edge.doors] == [
        ("cellar", "gpio"),
        ("shed", "webhook"),
    ]
    assert [(each.topic, each.door) for each in edge.readers] == [("acs/lobby", "cellar")]


def test_a_token_of_ones_own_must_be_good(tmp_path: Path) -> None:
    own = tmp_path / "own.token"
    given = ["--yes", "--no-find", "--site", "g", "--door", "shed=webhook"]
    given += ["--webhook-token-file", str(own)]
    assert f"{own} cannot be read" in init(tmp_path, *given).output.replace("\n", " ")
    own.write_text("short")
    assert "has less than 16 characters" in init(tmp_path, *given).output
    assert not (tmp_path / "edge.yaml").exists()
    own.write_text("a token that nobody guesses")
    assert init(tmp_path, *given).exit_code == 0
    edge = configs.load_edge(tmp_path / "edge.yaml")
    assert edge.webhooks.token() == "a token that nobody guesses"
    assert not (tmp_path / "webhook.token").exists()


def test_what_is_not_given_is_asked_and_passwords_are_for_the_owner_alone(tmp_path: Path) -> None:
    typed = "Garden\ngarden\ngate-1\nhub.local\ngate-1\nmqtt-secret\nviewer\ncam-'secret\n\n\n"
    shown = init(tmp_path, "--no-find", "--camera", "yard=street", typed=typed)
    assert shown.exit_code == 0, shown.output
    assert "lower-case letters" in shown.output, "Garden is no id"
    assert "secret" not in (tmp_path / "edge.yaml").read_text()
    assert "mqtt-secret" not in shown.output
    edge = configs.load_edge(tmp_path / "edge.yaml")
    assert edge.mqtt.password() == "mqtt-secret"
    assert (tmp_path / "edge.env").read_text() == 'LINLI_CAMERA_PASSWORD="cam-\'secret"\n'
    modes = {(tmp_path / name).stat().st_mode & 0o777 for name in ("edge.env", "mqtt.password")}
    assert modes == {0o600}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--yes"], "give --site"),
        (["--yes", "--site", "Garden"], "lower-case letters"),
        (["--yes", "--site", "g", "--camera", "192.168.1.2"], "rtsp://…"),
        (["--yes", "--site", "g", "--door", "west"], "zigbee2mqtt/west gate"),
        (["--yes", "--site", "g", "--door", "Shed=webhook"], "'Shed' is no id"),
        (["--yes", "--site", "g", "--door", "gpio:17,upside-down"], "is said of no pin"),
        (["--yes", "--site", "g", "--door", "zigbee2mqtt/+"], "[id=]gpio:<pin>"),
        (["--yes", "--site", "g", "--camera", "Yard=street"], "'Yard': lower-case"),
        (
            ["--yes", "--site", "g", "--camera", "rtsp://admin:hunter2@127.0.0.1:1/main"],
            "rtsp://127.0.0.1:1/main: leave the login out",
        ),
        (["--yes", "--site", "g", "--reader", "lobby"], "such as acs/lobby#result@lobby"),
        (["--yes", "--site", "g", "--reader", "webhook@attic"], "'attic' is no door here"),
        (["--yes", "--site", "g", "--username", "x"], "give --password-file"),
        (["--yes", "--site", "g", "--broker", "a:b"], "the port is no number"),
    ],
)
def test_what_cannot_be_used_is_said(tmp_path: Path, arguments: list[str], words: str) -> None:
    shown = init(tmp_path, "--no-find", *arguments)
    assert shown.exit_code == 2
    assert words in shown.output
    assert "hunter2" not in shown.output
    assert not (tmp_path / "edge.yaml").exists()


def test_a_file_that_would_not_pass_is_not_written(tmp_path: Path) -> None:
    shown = init(
        tmp_path, "--yes", "--site", "g", "--no-find", "--camera", "a=street", "--camera", "a=usb:0"
    )
    assert shown.exit_code == 2
    assert "edge.yaml" in shown.output
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_there_stays_unless_forced(tmp_path: Path) -> None:
    (tmp_path / "edge.yaml").write_text("mine")
    assert "--force" in init(tmp_path, "--yes", "--site", "g", "--no-find").output
    assert (tmp_path / "edge.yaml").read_text() == "mine"
    assert init(tmp_path, "--yes", "--site", "g", "--no-find", "--force").exit_code == 0


def test_found_contacts_and_usb_cameras_are_taken(
    tmp_path: Path, broker: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(discovery, "network_cameras", list)
    monkeypatch.setattr(discovery, "usb_cameras", lambda: [UsbCamera(0, "HD Webcam")])
    gateway = Client(CallbackAPIVersion.VERSION2)
    gateway.connect("127.0.0.1", broker.port)
    gateway.loop_start()
    contact = {"model": "MCCGQ11LM", "exposes": [{"property": "contact"}]}
    listed = [
        {"friendly_name": "hall/west gate", "definition": contact},
        {"friendly_name": "lamp", "definition": {"exposes": [{"property": "state"}]}},
        {"friendly_name": "new", "definition": None},
    ]
    gateway.publish(
        "zigbee2mqtt/bridge/devices", json.dumps(listed), 1, retain=True
    ).wait_for_publish(60)
    gateway.disconnect()
    gateway.loop_stop()
    shown = init(tmp_path, "--yes", "--site", "g", "--broker", f"127.0.0.1:{broker.port}")
    assert shown.exit_code == 0, shown.output
    edge = configs.load_edge(tmp_path / "edge.yaml")
    assert [(each.id, each.usb) for each in edge.cameras] == [("cam-hd-webcam", 0)]
    assert [each.topic for each in edge.doors] == ["zigbee2mqtt/hall/west gate"]
    assert edge.doors[0].id == "door-hall-west-gate"


def test_a_camera_answers_the_probe_and_its_own_address_is_taken() -> None:
    camera = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    camera.bind(("127.0.0.1", 0))
    asked: list[bytes] = []

    def answer() -> None:
        probe, who = camera.recvfrom(4000)
        asked.append(probe)
        camera.sendto(b"\xff nonsense", who)
        camera.sendto(MATCH.encode(), who)

    thread = threading.Thread(target=answer)
    thread.start()
    # The time of the search is over once both answers have been read.
    clock = iter((0.0, 0.0, 0.0, 60.0))
    found = discovery.network_cameras(60.0, group=camera.getsockname(), clock=clock.__next__)
    thread.join()
    camera.close()
    assert b"NetworkVideoTransmitter" in asked[0]
    service = "http://127.0.0.1:8899/onvif/device_service"
    assert found == [NetworkCamera("127.0.0.1", service, "HIK VISION", "DS-2CD")]


@settings(max_examples=50, deadline=None)
@given(st.text(max_size=60), st.binary(max_size=60))
def test_whatever_answers_the_probe_is_a_camera_or_none(words: str, noise: bytes) -> None:
    for answer in (f"<a:XAddrs>{words}</a:XAddrs>".encode(), noise):
        found = discovery.read_answer(answer, "10.0.0.1")
        assert found is None or found.service.startswith("http")


def test_of_a_usb_cameras_devices_the_one_with_pictures_is_taken(tmp_path: Path) -> None:
    for name, index in (("video0", "0"), ("video1", "1"), ("video2", "0")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "index").write_text(f"{index}\n")
        (tmp_path / name / "name").write_text(f"Cam {name}\n")
    (tmp_path / "video3").mkdir()
    assert discovery.usb_cameras(tmp_path) == [
        UsbCamera(0, "Cam video0"),
        UsbCamera(2, "Cam video2"),
    ]
    assert discovery.usb_cameras(tmp_path / "absent") == []


class _OnvifCamera(BaseHTTPRequestHandler):
    """Answers as cameras do; without a login it refuses."""

    asked: list[str] = []  # noqa: RUF012 - emptied by the fixture

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.asked.append(body)
        status, answer = 200, ""
        if "GetCapabilities" in body:
            media = f"http://{self.headers['Host']}/onvif/media"
            answer = f"<t:Media><t:XAddr>{media}</t:XAddr></t:Media>"
        elif "<Username>viewer</Username>" not in body:
            status, answer = 400, "<s:Value>ter:NotAuthorized</s:Value>"
        elif "GetProfiles" in body:
            answer = "".join(
                f'<r:Profiles token="{token}" fixed="true"><t:VideoSourceConfiguration/>'
                f"<t:VideoEncoderConfiguration><t:Resolution><t:Width>{width}</t:Width>"
                "</t:Resolution></t:VideoEncoderConfiguration></r:Profiles>"
                for token, width in (("main", 2560), ("sub&amp;1", 704), ("tiny", 320))
            )
        else:
            assert "<ProfileToken>sub&amp;1</ProfileToken>" in body
            answer = "<t:Uri>rtsp://user:pw@127.0.0.1:554/sub?a=1&amp;b=2</t:Uri>"
        self.send_response(status)
        self.end_headers()
        self.wfile.write(f"<s:Envelope><s:Body>{answer}</s:Body></s:Envelope>".encode())

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


@pytest.fixture
def onvif_camera() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _OnvifCamera)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield f"127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()
    thread.join()


def test_an_onvif_camera_is_asked_for_the_stream_that_suits(
    onvif_camera: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = f"http://{onvif_camera}/onvif/device_service"
    url = onvif.stream_url(service, "viewer", "secret")
    assert url == "rtsp://127.0.0.1:554/sub?a=1&b=2", "the narrowest of enough width, no login"
    assert not any("secret" in body for body in _OnvifCamera.asked), "only a digest goes out"
    with pytest.raises(onvif.OnvifError, match="refuses the login"):
        onvif.stream_url(service)
    monkeypatch.setenv("LINLI_CAMERA_PASSWORD", "secret")
    shown = init(
        tmp_path, "--yes", "--site", "g", "--no-find", "--camera", f"gate=onvif://{onvif_camera}",
        "--camera-username", "viewer",
    )  # fmt: skip
    assert shown.exit_code == 0, shown.output
    (camera,) = configs.load_edge(tmp_path / "edge.yaml").cameras
    assert (camera.id, camera.url, camera.password_env) == ("gate", url, "LINLI_CAMERA_PASSWORD")


def test_a_host_that_is_no_onvif_camera_is_said_and_left_out(tmp_path: Path) -> None:
    shown = init(tmp_path, "--yes", "--site", "g", "--no-find", "--camera", "onvif://127.0.0.1:1")
    assert shown.exit_code == 0
    assert "gives no ONVIF answer" in shown.output
    assert configs.load_edge(tmp_path / "edge.yaml").cameras == ()


@settings(max_examples=50, deadline=None)
@given(words=st.text(st.characters(blacklist_categories=("Cs", "Cc")), min_size=1, max_size=30))
def test_whatever_people_call_things_the_file_reads_back_the_same(
    words: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    ids = [plan.make_id(words, "door", ()), ""]
    ids[1] = plan.make_id(words, "door", ids[:1])
    doors = tuple(plan.DoorPlan(id=each, topic=f"z/{words}", about=words) for each in ids)
    path = tmp_path_factory.mktemp("plan") / "edge.yaml"
    path.write_text(plan.text(plan.Plan(site="g", node="n", doors=doors)), encoding="utf-8")
    read = configs.load_edge(path).doors
    assert [(door.id, door.topic) for door in read] == [(each, f"z/{words}") for each in ids]


def test_a_shell_reads_the_password_as_it_was_typed() -> None:
    password = "a\"b$c`d\\e'f !"
    done = subprocess.run(
        ["sh", "-c", f'X={_env_quoted(password)}; printf %s "$X"'],
        capture_output=True, text=True, check=True, env=dict(os.environ),
    )  # fmt: skip
    assert done.stdout == password
