"""A systemd unit that runs the agent, starts it again, and lets it do nothing else.

The hardening is what an agent needs none of; `systemd-analyze security linli-edge` tells what
is left. Network, video devices, pins and the data folder stay.
"""

from pathlib import Path
from typing import Final

from msgspec import Struct

NAME: Final = "linli-edge"
UNIT_FOLDER: Final = Path("/etc/systemd/system")

_UNIT: Final = """\
# Written by `linli edge install-service`; change it with `systemctl edit {name}`.
[Unit]
Description=Linli edge agent ({config})
Documentation=https://pypi.org/project/linli/
Wants=network-online.target
After=network-online.target time-sync.target
StartLimitIntervalSec=0

[Service]
Type=exec
User={user}
{groups}ExecStart={program} edge run -c {config}
ExecReload=/bin/kill -HUP $MAINPID
EnvironmentFile=-{folder}/edge.env
Restart=always
RestartSec=5
# A file that is wrong stays wrong: exit code 2 waits for somebody to change it.
RestartPreventExitStatus=2
TimeoutStopSec=90
MemoryHigh={memory_mb}M
Nice=5

NoNewPrivileges=true
CapabilityBoundingSet=
AmbientCapabilities=
ProtectSystem=strict
ReadWritePaths={data}
ProtectHome={home}
PrivateTmp=true
ProtectKernelTunables=true
ProtectKernelModules=true
ProtectKernelLogs=true
ProtectControlGroups=true
ProtectClock=true
ProtectHostname=true
ProtectProc=invisible
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX AF_NETLINK
RestrictNamespaces=true
RestrictRealtime=true
RestrictSUIDSGID=true
LockPersonality=true
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallErrorNumber=EPERM
DevicePolicy=closed
{devices}UMask=0077

[Install]
WantedBy=multi-user.target
"""


class Service(Struct, frozen=True, kw_only=True):
    """What the unit runs."""

    config: Path
    program: Path
    """The linli command."""
    data: Path
    user: str
    memory_mb: int = 1024
    """Above it the kernel takes memory back from the agent first."""
    video: bool = False
    """It reads a USB camera."""
    pins: bool = False
    """It reads pins of the board."""


class Unfit(ValueError):
    """A path that cannot stand in a unit."""


def unit(service: Service) -> str:
    """The unit file; raises `Unfit`."""
    folder = service.config.parent
    groups = [*(["video"] if service.video else []), *(["gpio"] if service.pins else [])]
    devices = [
        *(["char-video4linux rw"] if service.video else []),
        *(["char-gpiochip rw"] if service.pins else []),
    ]
    # Read-only even where they lie in a home: strict alone would hide nothing there.
    inside_home = any(
        path.is_relative_to("/home") or path.is_relative_to("/root")
        for path in (service.program, service.config, service.data)
    )
    return _UNIT.format(
        name=NAME,
        config=_plain(service.config),
        program=_plain(service.program),
        folder=_plain(folder),
        data=_plain(service.data),
        user=service.user,
        groups=f"SupplementaryGroups={' '.join(groups)}\n" if groups else "",
        devices="".join(f"DeviceAllow={device}\n" for device in devices),
        home="read-only" if inside_home else "true",
        memory_mb=service.memory_mb,
    )


def _plain(path: Path) -> str:
    """systemd has a quoting of its own for each setting: paths that need any are refused."""
    text = str(path)
    if not path.is_absolute() or any(letter in text for letter in " \t\n\"'\\%$:;"):
        raise Unfit(f"{text!r} cannot stand in a systemd unit: move it where no blank, quote, % is")
    return text
