"""Broker, hub and console of one site, as supervised processes."""

import logging
from pathlib import Path

from configs.site import SiteFile
from launch.hold import hold_place
from launch.supervisor import Child, Supervisor, answers, listens, python

log = logging.getLogger(__name__)


def start_site(supervisor: Supervisor, path: Path, site: SiteFile, *, hub_port: int) -> None:
    """Start what a site.yaml asks for, in the order in which one needs the other.

    ``hub_port`` is where the hub's health endpoint will answer.
    """
    logs = Path(site.hub.data) / "logs"
    if site.broker is not None:
        port = site.broker.port
        argv = python("-m", "launch.broker", str(port))
        supervisor.start(Child("broker", argv, logs / "broker.log", listens(port), ends_first=True))
        hold_place(site.hub, [site.site.id])
    config = str(path)
    supervisor.start(
        Child(
            "hub",
            python("-m", "linli", "hub", "run", "-c", config, "--http-port", str(hub_port)),
            logs / "hub.log",
            answers(f"http://127.0.0.1:{hub_port}/readyz"),
        )
    )
    supervisor.start(
        Child(
            "web",
            python("-m", "linli", "web", "run", "-c", config),
            logs / "web.log",
            answers(f"http://{local(site.web.host)}:{site.web.port}/healthz"),
        )
    )


def edge_child(config: Path, logs: Path, *, http_port: int, more: list[str]) -> Child:
    """An edge agent as a process; its end is news."""
    argv = python("-m", "linli", "edge", "run", "-c", str(config), *more)
    ready = answers(f"http://127.0.0.1:{http_port}/healthz")
    return Child("edge", argv, logs / "edge.log", ready, keep=not more)


def local(host: str) -> str:
    """An address by which this machine reaches what listens on ``host``."""
    return "127.0.0.1" if host in ("0.0.0.0", "::", "") else host  # noqa: S104 - compared, not bound


def check_ports(site: SiteFile) -> list[str]:
    """What already occupies the ports a site wants, in words."""
    wanted = [("web.port", site.web.port)]
    if site.broker is not None:
        wanted.append(("broker.port", site.broker.port))
    return [
        f"something already listens on port {port}; choose another {name}, or stop it"
        for name, port in wanted
        if listens(port)()
    ]
