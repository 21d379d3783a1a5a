"""``linli demo``: the whole system here, on a simulated street or on a video."""

import json
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

import configs
from configs.site import SiteFile
from edge.sources.base import SourceBroken
from edge.sources.file import FileSource
from launch import report as reports
from launch.scene import Scene, write_scene
from launch.supervisor import Child, LaunchError, Supervisor, folder
from launch.together import edge_child, start_site
from launch.users import demo_login

USER = "demo"
DRAIN_S = 60.0
OPTIONS_OF_RUNS = "linli-demo.json"
"""Marks a folder as a demonstration's: only such a folder is emptied."""


@dataclass(frozen=True)
class Wish:
    """What was asked for on the command line."""

    data: Path
    video: Path | None
    model: str
    seconds: float | None
    report: Path | None
    port: int
    loop: bool
    pace: str


def run(wish: Wish, console: Console) -> None:
    """Run until the time, the video or the patience of the user ends; raises `LaunchError`."""
    if wish.video is not None:
        _look_at(wish.video)
    data = _empty_folder(wish.data)
    scene = write_scene(
        data,
        video=wish.video,
        model=wish.model,
        web_port=wish.port,
        loop=wish.loop,
        pace=wish.pace,
    )
    site = configs.load_site(scene.site)
    password = demo_login(site.web, USER)
    edge_report = data / "edge-report.json"
    with Supervisor() as supervisor:
        started = time.monotonic()
        start_site(supervisor, scene.site, site, hub_port=scene.hub_port)
        options = _edge_options(wish, edge_report)
        edge = edge_child(scene.edge, data / "logs", http_port=scene.edge_port, more=options)
        supervisor.start(edge)
        try:
            _welcome(console, scene, password, time.monotonic() - started)
            _wait(supervisor, edge, wish, console)
        except KeyboardInterrupt:
            console.print("\nStopping …")
        supervisor.stop(edge)
        if wish.report is not None:
            report = _report(supervisor, site, edge_report, wish)
            reports.write(wish.report, report)
            console.print(f"Report: {wish.report}")
    console.print("Everything has stopped.")


def _look_at(video: Path) -> None:
    """Before anything starts: can the video be read at all?"""
    try:
        FileSource(video, lambda: 0, fps=1).close()
    except SourceBroken as error:
        raise LaunchError(str(error)) from None


def _empty_folder(path: Path) -> Path:
    """A folder of this demonstration alone; what an earlier one left in it goes."""
    mark = path / OPTIONS_OF_RUNS
    if path.exists() and any(path.iterdir()):
        if not mark.is_file():
            raise LaunchError(f"{path} is not empty and no demonstration's; choose another --data")
        shutil.rmtree(path)
    folder(path)
    mark.write_text("{}\n", encoding="utf-8")
    return path


def _edge_options(wish: Wish, edge_report: Path) -> list[str]:
    options: list[str] = []
    if wish.seconds is not None:
        options += ["--for", f"{wish.seconds:g}s"]
    if wish.report is not None:
        options += ["--report", str(edge_report)]
    return options


def _welcome(console: Console, scene: Scene, password: str, took_s: float) -> None:
    console.print(f"Up in {took_s:.1f} s. Open the console:\n")
    console.print(f"    http://127.0.0.1:{scene.web_port}/", style="bold", highlight=False)
    console.print(f"    name      {USER}", highlight=False)
    console.print(f"    password  {password}\n", highlight=False, markup=False)
    console.print(f"Logs are in {scene.site.parent / 'logs'}. Ctrl-C stops everything.")


def _wait(supervisor: Supervisor, edge: Child, wish: Wish, console: Console) -> None:
    columns = [TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn()]
    if wish.seconds is not None:
        columns.append(TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("watching", total=wish.seconds)
        began = time.monotonic()
        while edge not in supervisor.watch():
            progress.update(task, completed=time.monotonic() - began)
            time.sleep(0.2)
    if edge.process is not None and edge.process.returncode:
        raise LaunchError(f"the edge agent failed; see {edge.log_file}")


def _report(
    supervisor: Supervisor, site: SiteFile, edge_report: Path, wish: Wish
) -> dict[str, Any]:
    try:
        edge: dict[str, Any] = json.loads(edge_report.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise LaunchError(f"the edge agent left no report: {error}") from None
    published = edge["records_published"]
    complete = reports.wait_until_stored(site.hub, published, DRAIN_S)
    supervisor.watch()
    figures = reports.hub_figures(site.hub, site.site.id)
    figures["records"] = {"published": published, **figures["records"]}
    figures["records"]["lost"] += max(0, published - figures["records"]["admitted"])
    return {
        "video": str(wish.video) if wish.video else "simulated street",
        "model": wish.model,
        "complete": complete,
        "frames": _frames(edge),
        **figures,
        "peak_memory_bytes": {child.name: child.peak_bytes for child in supervisor.children},
        "edge": edge,
    }


def _frames(edge: dict[str, Any]) -> dict[str, int]:
    cameras = edge["cameras"].values()
    return {
        name: sum(camera[f"frames_{name}"] for camera in cameras)
        for name in ("read", "inferred", "skipped")
    }
