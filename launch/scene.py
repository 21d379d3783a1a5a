"""What a demonstration runs: the example site, with ports and folders of its own."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

import configs
from launch.supervisor import free_port

EXAMPLE = Path(configs.__file__).parent / "garden"
WHOLE = [[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]]


@dataclass(frozen=True)
class Scene:
    """Configuration files in a folder, and the ports they speak of."""

    site: Path
    edge: Path
    web_port: int
    hub_port: int
    edge_port: int


def write_scene(
    data: Path, *, video: Path | None, model: str, web_port: int, loop: bool, pace: str
) -> Scene:
    """Write the files of a demonstration into ``data``.

    Without a video it is the example site with its simulated street; with one, a site of
    one place that the whole picture shows.
    """
    ports = [free_port(web_port), *(free_port() for _ in range(3))]
    web, broker, hub, agent = ports
    site, edge = (_read(EXAMPLE / name) for name in ("site.yaml", "edge.yaml"))
    rules = _read(EXAMPLE / "rules.yaml")
    if video is not None:
        site, rules = _video_site(site), _video_rules()
        edge["cameras"] = [_video_camera(video, loop=loop, pace=pace)]
        edge["doors"] = []
    site |= {
        "broker": {"port": broker},
        # A film that is read as fast as it goes is of the past, on a slow device ever more so:
        # time goes with it, however long it takes.
        "hub": {"data": "."} | ({"patience": "7d"} if video and pace == "fast" else {}),
        "web": {"data": ".", "port": web},
        "rule_files": ["rules.yaml"],
    }
    edge |= {"data": "edge", "http_port": agent, "mqtt": {"host": "127.0.0.1", "port": broker}}
    edge["model"] = {"name": model}
    for name, value in (("site.yaml", site), ("rules.yaml", rules), ("edge.yaml", edge)):
        text = yaml.safe_dump(value, allow_unicode=True, sort_keys=False)
        (data / name).write_text(text, encoding="utf-8")
    if "plan" in site["site"]:
        (data / "plan.svg").write_bytes((EXAMPLE / "plan.svg").read_bytes())
    return Scene(data / "site.yaml", data / "edge.yaml", web, hub, agent)


def _read(path: Path) -> dict[str, Any]:
    value: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return value


def _video_site(site: dict[str, Any]) -> dict[str, Any]:
    about = {key: value for key, value in site["site"].items() if key != "plan"}
    view = {"node": "gate-1", "source": "cam", "zone": "all"}
    place = {
        "id": "yard",
        "name": {"en": "What the video shows", "zh": "视频画面"},
        "views": [[view]],
        "lines": [{"node": "gate-1", "source": "cam", "line": "middle"}],
    }
    nodes = [{key: node[key] for key in ("id", "name")} for node in site["nodes"]]
    return {"site": about, "nodes": nodes, "places": [place]}


def _video_camera(video: Path, *, loop: bool, pace: str) -> dict[str, Any]:
    return {
        "id": "cam",
        "file": str(video.resolve()),
        "loop": loop,
        "pace": pace,
        "fps": 60,
        "zones": [{"id": "all", "polygon": WHOLE}],
        "lines": [{"id": "middle", "points": [[0.5, 0.0], [0.5, 1.0]]}],
    }


def _video_rules() -> dict[str, Any]:
    return {
        "rules": [
            {
                "id": "someone-there",
                "title": {"en": "Somebody is there", "zh": "画面中有人"},
                "places": ["yard"],
                "when": [{"signal": "presence.person", "above": 0.3}],
                "clear": {"below": 0.1, "for": "5s"},
                "severity": "info",
            },
            {
                "id": "crowded",
                "title": {"en": "Many people at once", "zh": "人员聚集"},
                "places": ["yard"],
                "when": [{"signal": "occupancy.person", "above": 5, "for": "1s"}],
                "clear": {"below": 5, "for": "1s"},
                "severity": "medium",
            },
        ]
    }
