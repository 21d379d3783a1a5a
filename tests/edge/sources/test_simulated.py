"""The simulated street as a camera: by the clock, skipping to the present."""

import numpy as np

from configs.agent import StreetSettings
from edge.sources.simulated import SimulatedSource
from tests.edge.sources.clips import Clock, assert_ends_when_closed


def test_the_street_plays_by_the_clock() -> None:
    clock = Clock()
    source = SimulatedSource(StreetSettings(fps=10), clock, fps=5, wait=clock.wait)
    frames = [frame for _, frame in zip(range(5), source, strict=False)]
    assert [frame.ts - 1_000_000 for frame in frames] == [0, 200, 400, 600, 800]
    assert clock.now_ms == 1_000_800
    assert source.fps == 5
    np.testing.assert_array_equal(frames[3].image, source.street.frame(600))


def test_another_rate_goes_on_from_where_the_street_is() -> None:
    clock = Clock()
    source = SimulatedSource(StreetSettings(fps=10), clock, fps=5, wait=clock.wait)
    seen = []
    for fps in (5, 10, 3):
        source.set_fps(fps)
        seen += [frame.ts - 1_000_000 for _, frame in zip(range(3), source, strict=False)]
    assert seen == [0, 200, 400, 600, 700, 800, 1_000, 1_333, 1_667]
    assert source.skipped == 0


def test_a_slow_reader_of_the_street_skips_to_the_present() -> None:
    clock = Clock()
    source = SimulatedSource(StreetSettings(fps=10), clock, fps=10, wait=clock.wait)
    first = source.read()
    clock.now_ms += 1_050
    late = source.read()
    assert first is not None
    assert late is not None
    assert (first.index, late.index, late.ts) == (0, 10, 1_001_000)
    assert (source.delivered, source.skipped) == (2, 9)


def test_a_fast_street_renders_every_moment_without_waiting() -> None:
    clock = Clock()
    source = SimulatedSource(StreetSettings(fps=4), clock, fps=2, fast=True)
    frames = [frame for _, frame in zip(range(6), source, strict=False)]
    assert [frame.ts - 1_000_000 for frame in frames] == [0, 250, 500, 750, 1000, 1250]
    assert clock.now_ms == 1_000_000


def test_the_street_ends_when_closed_even_while_it_waits() -> None:
    source = SimulatedSource(StreetSettings(fps=1), lambda: 7, fps=1)
    assert source.read() is not None
    assert_ends_when_closed(source)
