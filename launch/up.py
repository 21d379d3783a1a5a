"""``linli up``: broker, hub and console of a real site."""

import time
from contextlib import suppress
from pathlib import Path

from rich.console import Console

import configs
from configs.cli import photos
from launch.supervisor import LaunchError, Supervisor, folder, free_port
from launch.together import check_ports, local, start_site
from launch.users import first_link


def run(path: Path, console: Console) -> None:
    """Run a site until Ctrl-C or SIGTERM; raises `ConfigError` or `LaunchError`."""
    site = configs.load_site(path)
    busy = check_ports(site)
    if busy:
        raise LaunchError("\n".join(busy))
    folder(Path(site.hub.data))
    link = first_link(site.web)
    with suppress(KeyboardInterrupt), Supervisor() as supervisor:
        start_site(supervisor, path, site, hub_port=site.hub.http_port or free_port())
        address = f"http://{local(site.web.host)}:{site.web.port}"
        console.print(f"{site.site.name.en} is up: {address}/", highlight=False)
        if link is not None:
            console.print("Make the first administrator here, once, within a day:")
            console.print(f"    {address}{link}", highlight=False, markup=False, soft_wrap=True)
        if told := photos(site):
            console.print(f"{told[0].upper()}{told[1:]}", highlight=False, markup=False)
        console.print(f"Logs are in {Path(site.hub.data) / 'logs'}. Ctrl-C stops everything.")
        while True:
            supervisor.watch()
            time.sleep(0.5)
    console.print("Everything has stopped.")
