"""Wrong passwords, garbage, giants and broken files: said clearly, and everything else goes on."""

import shutil
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from tests.servers import HOST, Server, find_program, free_port, mosquitto
from tests.system.world import HubProcess, now_ms, wait_for
from wire.codec import encode
from wire.records import Batch, DoorState, State, ZoneCount

pytestmark = pytest.mark.system

SITE: dict[str, Any] = {
    "site": {"id": "town", "name": "Town", "timezone": "UTC"},
    "nodes": [{"id": "north"}],
    "places": [
        {
            "id": "yard",
            "name": "Yard",
            "views": [[{"node": "north", "source": "cam", "zone": "yard"}]],
            "doors": [{"node": "north", "source": "door"}],
        }
    ],
    "rules": [
        {
            "id": "seen",
            "title": "Seen",
            "places": ["*"],
            "when": [{"signal": "presence.person", "above": 0.5}],
        }
    ],
}


def _linli(*args: str, timeout_s: float = 120) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "linli", *args],
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )


def _publisher(broker: Server, username: str = "", password: str = "") -> paho.Client:
    client = paho.Client(CallbackAPIVersion.VERSION2)
    if username:
        client.username_pw_set(username, password)
    client.connect(HOST, broker.port)
    client.loop_start()
    return client


def _count(seq: int, count: int) -> ZoneCount:
    return ZoneCount(
        seq=seq,
        ts=now_ms(),
        source="cam",
        zone="yard",
        label="person",
        count=count,
        confidence=0.9,
    )


def _batch(*records: ZoneCount | DoorState) -> bytes:
    return encode(Batch(epoch="e", sent=now_ms(), records=records))


def _metric(hub: HubProcess, name: str) -> float:
    with urllib.request.urlopen(f"{hub.health}/metrics", timeout=60) as reply:  # noqa: S310 - http
        lines = reply.read().decode().splitlines()
    return sum(float(line.split()[-1]) for line in lines if line.startswith(name))


def test_garbage_on_every_topic_and_a_giant_stop_nothing(tmp_path: Path) -> None:
    with mosquitto(tmp_path) as broker:
        hub = HubProcess(tmp_path / "hub", SITE, broker)
        hub.start()
        try:
            hub.wait_ready()
            client = _publisher(broker)
            root = "linli/v1/town/north"
            client.publish(f"{root}/records", _batch(_count(1, 0)), qos=1)
            for channel in ("state", "about", "records", "evidence/x", "do", "done", "nonsense"):
                for garbage in (b"", b"\x00\xff\xfe", b'{"a":', b"[" * 50_000):
                    client.publish(f"{root}/{channel}", garbage, qos=1)
            client.publish(f"{root}/records", b"x" * 5_000_000, qos=1)
            client.publish("linli/v1/town/nobody/records", _batch(_count(1, 1)), qos=1)
            client.publish(f"{root}/state", encode(State(online=True)), qos=1)
            client.publish(f"{root}/records", _batch(_count(2, 1)), qos=1)
            wait_for("the record after the garbage raises its alert", lambda: bool(hub.alerts()))
            assert _metric(hub, "linli_hub_dead_letters_total") == 7 * 4 + 2
            said = hub.log()
            assert "records of 5000000 bytes is over 262144" in said
            assert "nobody is no node of town; add it to the site's nodes" in said
            client.disconnect()
            client.loop_stop()
            assert hub.stop() == 0
        finally:
            hub.kill()


def _passwords(folder: Path) -> Path:
    program = shutil.which("mosquitto_passwd") or find_program("mosquitto_passwd", "mosquitto")
    path = folder / "passwords"
    subprocess.run([program, "-b", "-c", str(path), "hub", "right-password"], check=True)
    path.chmod(0o600)
    return path


def test_a_wrong_broker_password_is_said_and_the_right_one_heals(tmp_path: Path) -> None:
    passwords = _passwords(tmp_path)
    extra = f"allow_anonymous false\npassword_file {passwords}"
    with mosquitto(tmp_path, conf_extra=extra) as broker:
        secret = tmp_path / "secret"
        secret.write_text("wrong-password\n")
        mqtt = {
            "host": HOST, "port": broker.port, "username": "hub", "password_file": str(secret),
        }  # fmt: skip
        hub = HubProcess(tmp_path / "hub", SITE, broker, mqtt=mqtt)
        hub.start()
        try:
            refused = "refused the login of 'hub'"
            wait_for("the refusal is said", lambda: refused in hub.log())
            assert "check mqtt.username and its password" in hub.log()
            assert "wrong-password" not in hub.log()
            with pytest.raises(urllib.error.HTTPError) as caught:
                urllib.request.urlopen(f"{hub.health}/readyz", timeout=60)  # noqa: S310 - http
            assert caught.value.code == 503
            assert refused in caught.value.read().decode()
            hub.kill()
            secret.write_text("right-password\n")
            hub.start()
            hub.wait_ready()
        finally:
            hub.kill()


@pytest.mark.parametrize(
    "command", [("hub", "run"), ("web", "run"), ("edge", "run"), ("up",)], ids=" ".join
)
def test_a_broken_yaml_is_told_whole_and_nothing_starts(
    tmp_path: Path, command: tuple[str, ...]
) -> None:
    path = tmp_path / "broken.yaml"
    path.write_text("site: {id: Town, timezon: UTC}\nnode: 7\nplacs: []\n")
    done = _linli(*command, "-c", str(path))
    assert done.returncode == 2
    assert f"{path}:" in done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.strip().splitlines()) > 1, "all problems, not the first"


def test_check_says_all_and_exits_with_two(tmp_path: Path) -> None:
    path = tmp_path / "site.yaml"
    path.write_text("site: {id: Town, name: T, timezone: Mars}\nnodes: []\nplaces: []\nx: 1\n")
    done = _linli("check", str(path))
    assert done.returncode == 2
    assert "3 problems" in done.stderr


def test_a_video_that_is_missing_or_corrupt_ends_the_demo_with_a_reason(tmp_path: Path) -> None:
    missing = _linli("demo", "--video", str(tmp_path / "gone.avi"))
    assert (missing.returncode, missing.stderr.strip()) == (
        2,
        f"--video: there is no file {tmp_path / 'gone.avi'}",
    )
    corrupt = tmp_path / "corrupt.avi"
    corrupt.write_bytes(b"RIFF" + bytes(5000))
    done = _linli(
        *("demo", "--video", str(corrupt), "--data", str(tmp_path / "demo")),
        *("--port", str(free_port())),
    )
    assert done.returncode == 1
    assert "is not a video that can be read" in done.stderr
    assert "Traceback" not in done.stderr
