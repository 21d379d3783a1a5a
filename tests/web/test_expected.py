"""The page of what is usual and what is expected."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.web import seed
from tests.web.conftest import NOW, Reader

Open = Callable[[str], Reader]


@pytest.mark.parametrize(("language", "words"), [("en", "times the usual"), ("zh", "为平时的")])
def test_a_viewer_sees_the_band_the_anomaly_and_the_risk(
    reader: Open, data: Path, language: str, words: str
) -> None:
    browser = reader("viewer")
    seed.counted(data, NOW)
    browser.post("/language", language=language, next="/expected")
    html = browser.client.get("/expected?place=garden/west-gate").text
    assert words in html
    assert html.count("<svg") >= 2
    assert "<polygon" in html
    assert "style=" not in html  # the page's policy would leave it out
    assert "<circle" in html


def test_a_place_that_never_counted_says_what_it_takes(reader: Open, data: Path) -> None:
    browser = reader("viewer")
    seed.counted(data, NOW)
    html = browser.client.get("/expected?place=garden/pump-room").text
    assert "Nothing has been counted yet." in html
    assert browser.client.get("/expected?place=no/where").status_code == 200
