"""Which pictures of a faster camera are looked at."""

import numpy as np
import pytest

from edge.sources.base import Even


@pytest.mark.parametrize(
    ("camera_fps", "wanted_fps", "expected"),
    [(25, 5, 5), (30, 12, 12), (10, 10, 10), (12.5, 5, 5), (5, 10, 5), (29.97, 29.97, 30)],
)
def test_pictures_are_chosen_evenly(camera_fps: float, wanted_fps: float, expected: int) -> None:
    even = Even(wanted_fps)
    seconds = 20
    chosen = [
        index / camera_fps
        for index in range(int(seconds * camera_fps))
        if even.wants(index / camera_fps)
    ]
    assert abs(len(chosen) - expected * seconds) <= 1
    gaps = np.diff(chosen)
    assert gaps.max() - gaps.min() <= 1.01 / camera_fps
