"""A camera's settings choose its source, and what is wrong with them is said by name."""

from contextlib import closing
from pathlib import Path
from typing import Literal

import numpy as np
import pytest

from configs.agent import Camera, StreetSettings
from edge.sources import SourceBroken, open_source
from edge.sources.file import FileSource
from edge.sources.simulated import SimulatedSource
from edge.sources.stream import StreamSource
from tests.edge.sources.clips import Clock, assert_ends_when_closed, real_now


def test_settings_choose_the_source(clip: Path) -> None:
    file = open_source(Camera(id="a", file=str(clip), pace="fast", loop=True), Clock())
    assert isinstance(file, FileSource)
    street = open_source(Camera(id="b", street=StreetSettings(size_wh=(320, 240))), Clock())
    assert isinstance(street, SimulatedSource)
    for source in (file, street):
        source.close()
        assert source.read() is None


@pytest.mark.parametrize("degrees", [0, 90, 180, 270])
def test_a_camera_that_hangs_askew_gives_upright_pictures(
    clip: Path, degrees: Literal[0, 90, 180, 270]
) -> None:
    with closing(open_source(Camera(id="a", file=str(clip), pace="fast"), Clock())) as source:
        straight = source.read()
    askew = Camera(id="a", file=str(clip), pace="fast", rotate=degrees)
    with closing(open_source(askew, Clock())) as source:
        turned = source.read()
    assert straight is not None
    assert turned is not None
    assert np.array_equal(turned.image, np.rot90(straight.image, -degrees // 90))
    assert (turned.ts, turned.index, source.delivered) == (straight.ts, straight.index, 1)


def test_a_camera_nowhere_is_refused() -> None:
    with pytest.raises(SourceBroken, match="camera yard has no url, file, usb or street"):
        open_source(Camera(id="yard"), Clock())


def test_a_password_that_is_not_set_is_refused_by_name() -> None:
    camera = Camera(id="yard", url="rtsp://h/1", username="u", password_env="YARD_PASSWORD")
    with pytest.raises(SourceBroken, match="YARD_PASSWORD that holds its password is not set"):
        open_source(camera, Clock(), environment={})


def test_a_camera_on_the_network_that_is_away_raises_nothing() -> None:
    camera = Camera(id="yard", url="http://127.0.0.1:9/none", username="u", password_env="SECRET")
    source = open_source(camera, real_now, environment={"SECRET": "x"})
    assert isinstance(source, StreamSource)
    assert_ends_when_closed(source)
