"""A camera's page and its live view."""

import html
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import Engine, insert, select, update

from hub.live import EVERY_MS, LASTS_MS, PATIENCE_MS
from hub.state.tables import Audit, LiveView, NodeState, SourceState
from tests.web import seed
from tests.web.conftest import NOW, Clock, Reader
from tests.web.test_places import words

Open = Callable[[str], Reader]
CAMERA = "/cameras/garden/yard-1/cam-bikes"
BEGUN = NOW + 20_000
"""When a view begins: later than all that was seen before."""


@pytest.fixture(autouse=True)
def later(clock: Clock) -> None:
    clock.ms = BEGUN


def write(engine: Engine, **values: object) -> None:
    """What the hub would note of the view."""
    with engine.begin() as connection:
        connection.execute(update(LiveView).values(**values))


def snapshot(engine: Engine, data: Path, ts: int, ref: str = "live-1") -> None:
    """A picture that came in answer."""
    with engine.begin() as connection:
        seed.picture(connection, data, "yard-1", ref, "cam-bikes", ts)
        here = (SourceState.node == "yard-1") & (SourceState.source == "cam-bikes")
        connection.execute(
            update(SourceState).where(here).values(evidence=ref, evidence_ts=ts, last_ts=ts)
        )


def looked(engine: Engine) -> list[str]:
    with engine.connect() as connection:
        return list(connection.scalars(select(Audit.action).order_by(Audit.id)))


def test_a_camera_shows_how_it_does_where_it_looks_and_its_pictures(reader: Open) -> None:
    browser = reader("viewer")
    page = browser.client.get("/cameras/garden/yard-1/cam-lane").text
    text = words(page)
    assert "Fire lane" in text
    assert "picture blurred" in text
    assert "12.5" in text
    assert page.count("/pictures/garden/yard-1/lane-1.jpg") == 4  # large and small, each a link
    assert "Look live" not in text
    for path in ("garden/yard-1/nobody", "garden/gate-1/door-gate", "else/yard-1/cam-lane"):
        assert browser.client.get(f"/cameras/{path}").status_code == 404


def test_looking_live_shows_the_snapshot_its_age_and_when_it_ends(
    reader: Open, engine: Engine, data: Path, clock: Clock
) -> None:
    browser = reader("operator")
    assert "Look live for 60 seconds" in browser.client.get(CAMERA).text
    answer = browser.post(f"{CAMERA}/watch", page="/")
    assert answer.headers["Location"] == CAMERA
    assert "the first picture is on its way" in browser.client.get(CAMERA).text
    clock.ms += EVERY_MS
    write(engine, asked_at=BEGUN + 500, answered_at=BEGUN + 700)
    snapshot(engine, data, BEGUN + 900)
    before = looked(engine)
    page = browser.client.get(CAMERA).text
    assert f'<img src="{CAMERA}/live-1.jpg"' in page
    assert f'data-ts="{BEGUN + 900}"' in page
    assert f'data-ends="{BEGUN + LASTS_MS}"' in page
    assert "<noscript><a" in page
    picture = browser.client.get(f"{CAMERA}/live-1.jpg", buffered=True)
    assert (picture.status_code, picture.mimetype) == (200, "image/jpeg")
    assert looked(engine) == before, "the view is in the audit already"
    assert before[-1] == "camera.watch"


def test_a_view_ends_by_itself_and_its_pictures_are_then_had_where_each_look_is_audited(
    reader: Open, engine: Engine, data: Path, clock: Clock
) -> None:
    browser = reader("operator")
    browser.post(f"{CAMERA}/watch", page="/")
    snapshot(engine, data, BEGUN + 900)
    clock.ms += LASTS_MS
    page = browser.client.get(CAMERA).text
    assert "data-ends" not in page
    evidence, _summary, live = page.partition("Pictures of live views")
    assert "/pictures/garden/yard-1/live-1.jpg" not in evidence.partition('class="gallery"')[2]
    assert "/pictures/garden/yard-1/live-1.jpg" in live
    assert browser.client.get(f"{CAMERA}/live-1.jpg", buffered=True).status_code == 200
    clock.ms += 11_000  # what was still loading has loaded
    assert browser.client.get(f"{CAMERA}/live-1.jpg").status_code == 404


def test_a_view_opens_no_picture_from_before_nor_any_to_another(
    reader: Open, engine: Engine, data: Path
) -> None:
    browser, other = reader("operator"), reader("admin")
    browser.post(f"{CAMERA}/watch", page="/")
    snapshot(engine, data, BEGUN + 900)
    assert browser.client.get(f"{CAMERA}/bikes-1.jpg").status_code == 404
    assert browser.client.get(f"{CAMERA}/lane-1.jpg").status_code == 404
    assert other.client.get(f"{CAMERA}/live-1.jpg").status_code == 404


def test_stopping_ends_it_at_once(reader: Open) -> None:
    browser = reader("operator")
    browser.post(f"{CAMERA}/watch", page="/")
    browser.post(f"{CAMERA}/stop", page="/")
    assert "Look live for 60 seconds" in browser.client.get(CAMERA).text


@pytest.mark.parametrize(
    ("noted", "after_ms", "says"),
    [
        ({}, 5000, "The hub has not passed the request on."),
        ({"asked_at": BEGUN + 500}, PATIENCE_MS + 600, "The camera's node does not answer."),
        (
            {"asked_at": BEGUN + 5, "answered_at": BEGUN + 7, "refusal": "cam is lost: <timeout>"},
            1000,
            "The camera's node has no picture to give. ",
        ),
    ],
)  # fmt: skip
def test_what_keeps_a_view_from_being_live_is_said(
    reader: Open, engine: Engine, clock: Clock, noted: dict[str, object], after_ms: int, says: str
) -> None:
    browser = reader("operator")
    browser.post(f"{CAMERA}/watch", page="/")
    if noted:
        write(engine, **noted)
    clock.ms += after_ms
    text = browser.client.get(CAMERA).text
    assert says in html.unescape(words(text))
    assert "cam is lost: &lt;timeout&gt;" in text or "refusal" not in noted


def test_a_node_that_is_cut_off_is_told_of_first(reader: Open, engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(update(NodeState).values(online=False, online_at=BEGUN - 90_000))
    browser = reader("operator")
    browser.post(f"{CAMERA}/watch", page="/")
    text = html.unescape(words(browser.client.get(CAMERA).text))
    assert "The camera's node is cut off; no picture can be had from it now." in text


def test_too_many_cameras_of_a_node_at_once_are_refused_in_words(
    reader: Open, engine: Engine
) -> None:
    browser = reader("operator")
    with engine.begin() as connection:
        for number in range(4):
            row = {"site": "garden", "node": "yard-1", "source": f"cam-{number}", "viewer": "x",
                   "started_at": BEGUN, "ends_at": BEGUN + 1000}  # fmt: skip
            connection.execute(insert(LiveView).values(row))
    browser.post(f"{CAMERA}/watch", page="/")
    page = browser.client.get(CAMERA).text
    assert "4 cameras of this node are being looked at already" in page
    assert "Look live" in page


def test_places_lead_to_their_cameras_by_name(reader: Open) -> None:
    page = reader("operator").client.get("/places/garden/bike-shed").text
    assert f'<a href="{CAMERA}">' in page
