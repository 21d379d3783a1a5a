"""``linli up``: broker, hub and console of a real site."""

import time
from contextlib import suppress
from pathlib import Path

from rich.console import Console

import configs
from launch.supervisor import LaunchError, Supervisor, folder, free_port
from launch.together import check_ports, local, start_site
from launch.users import first_login

USER = "admin"


def run(path: Path, console: Console) -> None:
    """Run a site until Ctrl-C or SIGTERM; raises `ConfigError` or `LaunchError`."""
    site = configs.load_site(path)
    busy = check_ports(site)
    if busy:
        raise LaunchError("\n".join(busy))
    folder(Path(site.hub.data))
    password = first_login(site.web, USER)
    with suppress(KeyboardInterrupt), Supervisor() as supervisor:
        start_site(supervisor, path, site, hub_port=site.hub.http_port or free_port())
        console.print(
            f"{site.site.name.en} is up: http://{local(site.web.host)}:{site.web.port}/",
            highlight=False,
        )
        if password is not None:
            console.print("First login, shown once:", highlight=False)
            console.print(f"    name      {USER}", highlight=False)
            console.print(f"    password  {password}", highlight=False, markup=False)
        console.print(f"Logs are in {Path(site.hub.data) / 'logs'}. Ctrl-C stops everything.")
        while True:
            supervisor.watch()
            time.sleep(0.5)
    console.print("Everything has stopped.")
