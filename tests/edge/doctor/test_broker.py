"""The doctor and a real Mosquitto that says no in every way it can."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.enums import MQTTProtocolVersion as Version

from configs.agent import DoorSensor
from edge.agent import wall_ms
from edge.doctor import broker as doctor
from edge.doctor import sensors
from edge.doctor.finding import Finding, Verdict
from hub.clock import TimeTeller
from tests.edge.fakes import Listener
from tests.servers import Server, find_program, free_port, mosquitto
from wire import codec
from wire.mqtt import Broker
from wire.records import Done

RIGHT = "right"


def examine(broker: Broker, patience_s: float = 60) -> list[Finding]:
    return doctor.examine(broker, "garden", "gate-1", patience_s=patience_s)


def only(findings: list[Finding]) -> Finding:
    (finding,) = findings
    return finding


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Wants a login; gate-1 may do all below its node, deaf may only write, mute nothing."""
    folder = tmp_path_factory.mktemp("guarded")
    passwd = find_program("mosquitto_passwd", "mosquitto")
    (folder / "passwords").touch(mode=0o600)
    for name in ("gate-1", "mute", "deaf"):
        subprocess.run([passwd, "-b", str(folder / "passwords"), name, RIGHT], check=True)
    (folder / "acl").write_text(
        "user gate-1\ntopic readwrite linli/v1/garden/gate-1/#\n"
        "user deaf\ntopic write linli/v1/garden/gate-1/#\n"
        "user mute\ntopic readwrite elsewhere/#\n"
    )
    (folder / "acl").chmod(0o600)
    extra = f"password_file {folder}/passwords\nacl_file {folder}/acl\nallow_anonymous false"
    with mosquitto(folder, conf_extra=extra) as server:
        yield server


def login(server: Server, tmp_path: Path, name: str, password: str = RIGHT) -> Broker:
    (tmp_path / "secret").write_text(f"{password}\n")
    return Broker(port=server.port, username=name, password_file=str(tmp_path / "secret"))


def test_an_open_broker_is_good_and_hears_nothing_that_a_hub_would_count(
    broker: Server, listener: Listener
) -> None:
    assert only(examine(Broker(port=broker.port))).verdict is Verdict.GOOD
    listener.wait_for(lambda: len(listener.heard) == 3)
    assert {topic.channel.value for topic, _ in listener.heard} == {"do", "done"}


@pytest.mark.parametrize(("behind_ms", "verdict"), [(0, Verdict.GOOD), (60_000, Verdict.FAILED)])
def test_the_clock_is_compared_with_the_hubs(
    broker: Server, behind_ms: int, verdict: Verdict, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "HUB_S", 60.0)
    hub = Listener(broker.port)
    teller = TimeTeller(
        lambda topic, command: hub.client.publish(str(topic), codec.encode(command), 1).rc == 0,
        lambda: wall_ms() + behind_ms,
    )

    def on_message(_client: Client, _data: object, message: MQTTMessage) -> None:
        topic, said = codec.decode(message.topic, bytes(message.payload))
        if isinstance(said, Done):
            teller.heard(topic, said)

    hub.client.on_message = on_message
    reached, compared = examine(Broker(port=broker.port))
    hub.close()
    assert reached.verdict is Verdict.GOOD
    assert (compared.part, compared.verdict) == ("clock", verdict)
    assert "the hub" in compared.says


def test_a_login_that_may_publish_is_good(guarded: Server, tmp_path: Path) -> None:
    assert only(examine(login(guarded, tmp_path, "gate-1"))).verdict is Verdict.GOOD


def test_a_wrong_password_is_told_with_where_it_came_from(guarded: Server, tmp_path: Path) -> None:
    finding = only(examine(login(guarded, tmp_path, "gate-1", "wrong")))
    assert finding.verdict is Verdict.FAILED
    assert "refused the login of 'gate-1'" in finding.says
    assert str(tmp_path / "secret") in finding.remedy


def test_a_missing_login_is_asked_for(guarded: Server) -> None:
    finding = only(examine(Broker(port=guarded.port)))
    assert (finding.verdict, "mqtt.username" in finding.remedy) == (Verdict.FAILED, True)


def test_a_password_file_that_is_not_there_is_named(guarded: Server) -> None:
    absent = Broker(port=guarded.port, username="gate-1", password_file="/nowhere/secret")
    assert "cannot read mqtt password_file /nowhere/secret" in only(examine(absent)).says


def test_a_login_that_may_not_publish_here_is_found_out(guarded: Server, tmp_path: Path) -> None:
    finding = only(examine(login(guarded, tmp_path, "mute")))
    assert finding.says == "the login is good, but it may not publish here"
    assert finding.remedy == "let 'mute' write linli/v1/garden/gate-1/# in the broker's ACL"


def test_a_login_that_hears_no_commands_is_a_warning(guarded: Server, tmp_path: Path) -> None:
    # A quarter of its patience passes until it is sure.
    good, deaf = examine(login(guarded, tmp_path, "deaf"), patience_s=12)
    assert (good.verdict, deaf.verdict) == (Verdict.GOOD, Verdict.WARNING)
    assert deaf.says == "it may not hear commands (do)"


def test_a_broker_of_mqtt_3_alone_is_asked_in_mqtt_3(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    talk = doctor._talk

    def soon_gives_up_on_5(
        part: str, broker: Broker, who: tuple[str, str], version: Version, patience_s: float
    ) -> list[Finding] | None:
        return talk(part, broker, who, version, 0.5 if version is Version.MQTTv5 else patience_s)

    monkeypatch.setattr(doctor, "_talk", soon_gives_up_on_5)
    port = free_port()
    command = [sys.executable, "-m", "launch.broker", str(port)]
    with Server(command, port, tmp_path / "broker.log") as server:
        server.start()
        assert only(examine(Broker(port=port))).verdict is Verdict.GOOD


def test_a_wrong_port_and_a_wrong_name_are_told_apart() -> None:
    closed = only(examine(Broker(port=free_port())))
    assert "nothing listens on its port" in closed.says
    unknown = only(examine(Broker(host="no-such-host.invalid")))
    assert unknown.says == "the name 'no-such-host.invalid' is not known"


def certificate(folder: Path, name: str, days: str = "2") -> None:
    """A self-signed certificate for localhost, with its key."""
    find_program("openssl", "openssl")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
         "-nodes", "-days", days, "-subj", "/CN=localhost", "-addext",
         "subjectAltName=DNS:localhost", "-keyout", f"{folder}/{name}.key", "-out",
         f"{folder}/{name}.crt"],
        check=True, capture_output=True,
    )  # fmt: skip


def test_tls_is_good_with_its_authority_and_explained_without(tmp_path: Path) -> None:
    certificate(tmp_path, "ours")
    certificate(tmp_path, "other")
    port = free_port()
    extra = (
        f"listener {port} 127.0.0.1\ncertfile {tmp_path}/ours.crt\nkeyfile {tmp_path}/ours.key\n"
    )
    with mosquitto(tmp_path, conf_extra=extra) as plain:
        trusted = Broker(host="localhost", port=port, tls=True, ca_file=f"{tmp_path}/ours.crt")
        assert only(examine(trusted)).verdict is Verdict.GOOD
        stranger = Broker(host="localhost", port=port, tls=True, ca_file=f"{tmp_path}/other.crt")
        finding = only(examine(stranger))
        assert "its certificate is not trusted" in finding.says
        assert "mqtt.ca_file" in finding.remedy
        misnamed = Broker(host="127.0.0.1", port=port, tls=True, ca_file=f"{tmp_path}/ours.crt")
        assert "IP address mismatch" in only(examine(misnamed)).says
        spoken = Broker(host="localhost", port=plain.port, tls=True)
        assert only(examine(spoken)).says == "this port does not speak TLS"
        absent = Broker(host="localhost", port=port, tls=True, ca_file="/nowhere/ca.crt")
        assert "/nowhere/ca.crt" in only(examine(absent)).says
        silent = doctor.examine(Broker(port=port), "garden", "gate-1", patience_s=1)
        assert "needs mqtt.tls: true" in only(silent).remedy


def test_doors_are_held_against_what_zigbee2mqtt_has_paired(broker: Server) -> None:
    here = Broker(port=broker.port)
    doors = [
        DoorSensor(id="west", kind="zigbee2mqtt", topic="zigbee2mqtt/hall/west gate"),
        DoorSensor(id="east", kind="zigbee2mqtt", topic="zigbee2mqtt/hall/west gat"),
        DoorSensor(id="lamp", kind="zigbee2mqtt", topic="zigbee2mqtt/lamp"),
    ]
    (silent,) = sensors.examine(doors[:1], here, "gate-1", patience_s=0.3)
    assert "no Zigbee2MQTT tells its devices on zigbee2mqtt/bridge/devices" in silent.says
    gateway = Client(CallbackAPIVersion.VERSION2)
    gateway.connect("127.0.0.1", broker.port)
    gateway.loop_start()
    listed = (
        b'[{"type":"Coordinator","friendly_name":"Coordinator"},'
        b'{"type":"EndDevice","friendly_name":"hall/west gate","definition":{"model":"MCCGQ11LM",'
        b'"exposes":[{"property":"contact"},{"property":"battery"}]}},'
        b'{"type":"Router","friendly_name":"lamp","definition":{"model":"LED1",'
        b'"exposes":[{"type":"light","features":[{"property":"state"}]}]}}]'
    )
    gateway.publish("zigbee2mqtt/bridge/devices", listed, 1, retain=True).wait_for_publish(60)
    west, east, lamp = sensors.examine(doors, here, "gate-1", patience_s=60)
    gateway.disconnect()
    gateway.loop_stop()
    assert (west.verdict, west.says) == (Verdict.GOOD, "MCCGQ11LM, reports battery, contact")
    assert east.verdict is Verdict.FAILED
    assert "did you mean 'zigbee2mqtt/hall/west gate'?" in east.remedy
    assert "reports no contact" in lamp.says
