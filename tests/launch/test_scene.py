"""The files of a demonstration."""

from pathlib import Path

import pytest

import configs
from configs.servers import HubSettings
from launch.scene import write_scene

DAY_MS = 86_400_000


@pytest.mark.parametrize(("pace", "waits"), [("fast", True), ("clock", False)])
def test_time_waits_for_a_film_that_is_read_as_fast_as_it_goes(
    tmp_path: Path, pace: str, waits: bool
) -> None:
    scene = write_scene(
        tmp_path, video=Path("street.avi"), model="starter", web_port=0, loop=False, pace=pace
    )
    hub, _ = configs.load_hub(scene.site)
    assert (hub.patience > DAY_MS) is waits
    assert waits or hub.patience == HubSettings().patience
