"""A short video."""

from pathlib import Path

import pytest

from tests.edge.sources.clips import picture, write_video


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """20 pictures that tell which one they are."""
    return write_video(tmp_path / "clip.avi", [picture(10 * index) for index in range(20)])
