"""``linli edge install-service``."""

import os
import pwd
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from configs import ConfigError, load_edge
from configs.agent import EdgeFile
from edge.commission.service import NAME, UNIT_FOLDER, Service, Unfit, unit

CONFIG_WRONG, CANNOT_INSTALL = 2, 1
BOOTED = Path("/run/systemd/system")
"""Is there where systemd runs the device, see sd_booted(3)."""
NO_SYSTEMD = (
    "this device has no systemd that runs; --print shows what another supervisor should run"
)


@click.command("install-service")
@click.option(
    "-c", "--config", type=click.Path(path_type=Path), required=True, help="The edge.yaml."
)
@click.option("--user", default="linli", show_default=True, help="Runs the agent.")
@click.option(
    "--memory-mb", type=click.IntRange(128), default=1024, show_default=True, help="MemoryHigh."
)
@click.option("--print", "only_print", is_flag=True, help="Print the unit; install nothing.")
def cli(config: Path, user: str, memory_mb: int, only_print: bool) -> None:
    """Run the agent as a hardened systemd service, from now on and after every start.

    Needs root, and the user: `useradd --system --home-dir /var/lib/linli --create-home linli`.
    Camera passwords come from `edge.env` beside the file.
    """
    try:
        settings = load_edge(config)
        service = _service(config, settings, user, memory_mb)
        text = unit(service)
    except (ConfigError, Unfit) as error:
        click.echo(f"edge: {error}", err=True)
        sys.exit(CONFIG_WRONG)
    if only_print:
        click.echo(text, nl=False)
        return
    try:
        _hold_against(user, [service.program, service.config, *_named_in(settings)])
        _install(text, service.data, user)
    except (Unfit, OSError, KeyError, subprocess.SubprocessError) as error:
        click.echo(f"edge: {_explained(error, user)}", err=True)
        sys.exit(CANNOT_INSTALL)
    click.echo(f"{NAME} runs; `systemctl status {NAME}`, `journalctl -fu {NAME}`")


def _service(config: Path, settings: EdgeFile, user: str, memory_mb: int) -> Service:
    pins = any(part.pin is not None for part in settings.doors) or any(
        part.pin is not None for part in settings.readers
    )
    return Service(
        config=config.resolve(),
        # Not resolved: a virtual environment's python is known by the link's own place.
        program=Path(sys.argv[0]).absolute()
        if Path(sys.argv[0]).name == "linli"
        else Path(sys.executable).parent / "linli",
        data=Path(settings.data).resolve(),
        user=user,
        memory_mb=memory_mb,
        video=any(camera.usb is not None for camera in settings.cameras),
        pins=pins,
    )


def _named_in(settings: EdgeFile) -> list[Path]:
    """Files that the agent reads besides its edge.yaml."""
    home = settings.home_assistant
    brokers = [settings.mqtt, settings.sensors_mqtt, home.mqtt if home is not None else None]
    named = [
        *(each.password_file for each in brokers if each is not None),
        *(each.ca_file for each in brokers if each is not None),
        settings.webhooks.token_file,
        *(name for each in settings.cameras for name in (each.faces, each.file)),
    ]
    return [Path(name).absolute() for name in dict.fromkeys(named) if name]


def _hold_against(user: str, files: Sequence[Path]) -> None:
    """Raises `Unfit` for a file that this user may not read, KeyError for an unknown user.

    Root alone can ask on behalf of another; whoever is not root gets no further anyway.
    """
    owner = pwd.getpwnam(user)
    if os.geteuid() != 0:
        return
    groups = os.getgrouplist(user, owner.pw_gid)
    for path in files:
        asked = subprocess.run(
            ["/bin/sh", "-c", '[ -r "$1" ]', "sh", str(path)],
            user=owner.pw_uid, group=owner.pw_gid, extra_groups=groups, cwd="/", check=False,
        )  # fmt: skip
        if asked.returncode:
            raise Unfit(
                f"{path} cannot be read by {user!r}, who runs the agent: `chown {user} {path}`, "
                "and let that user into the folders above it"
                if path.exists()
                else f"there is no {path}, which the file names"
            )


def _install(text: str, data: Path, user: str) -> None:
    if not BOOTED.is_dir():
        raise Unfit(NO_SYSTEMD)
    owner = pwd.getpwnam(user)
    data.mkdir(parents=True, exist_ok=True)
    os.chown(data, owner.pw_uid, owner.pw_gid)
    (UNIT_FOLDER / f"{NAME}.service").write_text(text, encoding="utf-8")
    for words in (["daemon-reload"], ["enable", f"{NAME}.service"], ["restart", f"{NAME}.service"]):
        subprocess.run(["systemctl", *words], check=True, timeout=120)


def _explained(error: Exception, user: str) -> str:
    if isinstance(error, KeyError):
        return (
            f"there is no user {user!r}; useradd --system --home-dir /var/lib/{user} "
            f"--create-home {user}, or name another with --user"
        )
    if isinstance(error, PermissionError):
        return f"{error.filename} cannot be written; run it as root (sudo)"
    if isinstance(error, FileNotFoundError) and error.filename == "systemctl":
        return NO_SYSTEMD
    if isinstance(error, subprocess.CalledProcessError):
        return (
            f"`{' '.join(error.cmd)}` failed, what it said stands above; `systemctl status {NAME}` "
            "may say more. The unit is written, so the command may be given again by hand"
        )
    return str(error)
