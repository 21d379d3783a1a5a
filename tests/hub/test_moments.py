"""Moments as people type them."""

import click
import pytest

from hub.moments import moment

NOW = 1_764_000_000_000  # 2025-11-24 16:00 UTC, midnight in Shanghai


@pytest.mark.parametrize(
    ("text", "ms"),
    [("now", NOW), ("10m", NOW - 600_000), ("2025-11-25", NOW),
     ("2025-11-25T00:30", NOW + 1_800_000), ("2025-11-24T16:00:01+00:00", NOW + 1000)],
)  # fmt: skip
def test_a_moment_is_by_the_sites_clock_or_so_long_ago(text: str, ms: int) -> None:
    assert moment(text, "Asia/Shanghai", NOW) == ms


def test_what_is_no_moment_is_told_with_what_would_be_one() -> None:
    with pytest.raises(click.UsageError, match="2025-06-01T08:00, 7d for so long ago, or now"):
        moment("yesterday", "Asia/Shanghai", NOW)
