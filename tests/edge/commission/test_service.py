"""The systemd unit: systemd itself finds nothing wrong with it."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner

import linli
from edge.commission import service_cli
from edge.commission.service import Service, Unfit, unit

TEXT = """\
site: garden
node: gate-1
cameras: [{id: cam, usb: 0}]
doors: [{id: west, kind: gpio, pin: 17}]
"""


def made(**more: object) -> str:
    given: dict[str, object] = {
        "config": Path("/etc/linli/edge.yaml"),
        "program": Path("/bin/true"),
        "data": Path("/var/lib/linli/data"),
        "user": "root",
    }
    return unit(Service(**{**given, **more}))  # type: ignore[arg-type]


def test_systemd_finds_nothing_wrong(tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("no systemd-analyze: apt-get install systemd")
    path = tmp_path / "linli-edge.service"
    path.write_text(made(video=True, pins=True))
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", str(path)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    ours = [line for line in done.stderr.splitlines() if "linli-edge" in line]
    assert (done.returncode, ours) == (0, []), done.stderr


def test_only_what_the_file_needs_is_allowed() -> None:
    plain = made()
    assert "SupplementaryGroups" not in plain
    assert "DeviceAllow" not in plain
    assert "ReadWritePaths=/var/lib/linli/data\n" in plain
    assert "ProtectHome=true" in plain
    full = made(video=True, pins=True, program=Path("/home/linli/venv/bin/linli"))
    assert "SupplementaryGroups=video gpio" in full
    assert "DeviceAllow=char-video4linux rw\nDeviceAllow=char-gpiochip rw\n" in full
    assert "ProtectHome=read-only" in full


@pytest.mark.parametrize("path", ["relative.yaml", "/a b/edge.yaml", "/a%n/edge.yaml", "/a\nX=1/e"])
def test_a_path_that_systemd_would_read_otherwise_is_refused(path: str) -> None:
    with pytest.raises(Unfit, match="cannot stand in a systemd unit"):
        made(config=Path(path))


def test_the_command_prints_what_it_would_install(tmp_path: Path) -> None:
    config = tmp_path / "edge.yaml"
    config.write_text(TEXT)
    shown = CliRunner().invoke(
        linli.main, ["edge", "install-service", "-c", str(config), "--print", "--user", "pi"]
    )
    assert shown.exit_code == 0, shown.output
    assert f"edge run -c {config}\n" in shown.output
    assert "User=pi" in shown.output
    assert "SupplementaryGroups=video gpio" in shown.output


def test_what_stands_in_the_way_is_explained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "edge.yaml"
    config.write_text(TEXT)
    arguments = ["edge", "install-service", "-c", str(config), "--user", "nobody-at-all"]
    shown = CliRunner().invoke(linli.main, arguments)
    assert shown.exit_code == 1
    assert "useradd --system" in shown.stderr
    monkeypatch.setattr(service_cli, "UNIT_FOLDER", tmp_path / "units")
    monkeypatch.setattr(service_cli, "BOOTED", tmp_path / "not-booted")
    (tmp_path / "units").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path))
    shown = CliRunner().invoke(linli.main, [*arguments[:-1], "root"])
    assert shown.exit_code == 1
    assert "this device has no systemd" in shown.stderr
    assert list((tmp_path / "units").iterdir()) == [], "nothing is left of it"
    monkeypatch.setattr(service_cli, "BOOTED", tmp_path)
    monkeypatch.setattr("os.chown", lambda *_: None)
    (tmp_path / "systemctl").write_text("#!/bin/sh\nexit 1\n")
    (tmp_path / "systemctl").chmod(0o755)
    shown = CliRunner().invoke(linli.main, [*arguments[:-1], "root"])
    assert shown.exit_code == 1
    assert "`systemctl daemon-reload` failed" in shown.stderr
    config.write_text("site: x\n")
    assert CliRunner().invoke(linli.main, arguments).exit_code == 2


def test_a_file_that_the_agents_user_cannot_read_is_told_before_anything_is_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can ask on behalf of another user")
    monkeypatch.setattr(service_cli, "UNIT_FOLDER", tmp_path)
    open_to_all = Service(
        config=Path("/etc/passwd"), program=Path("/bin/true"), data=tmp_path, user="nobody"
    )
    monkeypatch.setattr(service_cli, "_service", lambda *_: open_to_all)
    config, secret = tmp_path / "edge.yaml", tmp_path / "mqtt.password"
    config.write_text(f"site: garden\nnode: gate-1\nmqtt: {{password_file: {secret}}}\n")
    arguments = ["edge", "install-service", "-c", str(config), "--user", "nobody"]
    missing = CliRunner().invoke(linli.main, arguments)
    assert (missing.exit_code, f"there is no {secret}" in missing.stderr) == (1, True)
    secret.write_text("secret")
    secret.chmod(0o600)
    hidden = CliRunner().invoke(linli.main, arguments)
    assert hidden.exit_code == 1
    assert f"{secret} cannot be read by 'nobody', who runs the agent: `chown" in hidden.stderr
    assert not list(tmp_path.glob("*.service"))
