"""A covered camera and a resident who sees it, from the camera's pictures to the letter that the
resident gets: edge, hub and console as they are, with a clock that the test turns."""

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from flask import Flask
from msgspec.structs import replace
from prometheus_client import CollectorRegistry
from sqlalchemy import select

from configs.agent import StreetSettings
from configs.notify import Route
from configs.rules import Condition
from configs.servers import WebSettings
from edge.faults import SceneFaults
from edge.street import Street
from hub import desk as alerts_desk
from hub.cases.tables import Case
from hub.notify.notifier import Notifier
from hub.state.tables import Alert
from tests.hub import chain
from tests.hub.chain import SITE, T0, Hub, batch, count_record, rule
from tests.hub.notify.mail import Mailbox, serving_mail
from tests.web.conftest import PASSWORD, Clock, Reader
from web import users
from web.app import close, create_app
from web.roles import Role
from wire.mqtt import Broker
from wire.records import Fault, SceneFault

# apprise imports imghdr, which Python deprecates.
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")
GARDEN = replace(
    SITE,
    rules=(rule("covered", "*", Condition(signal="scene.fault.covered", above=0)),),
    routes=(Route(id="letters", kind="apprise", url_env="LETTERS", base_url="https://g.example"),),
    residents=replace(SITE.residents, mail="letters"),
)


def pictures_of_a_camera_that_somebody_covers() -> list[SceneFault]:
    """What the edge says of twenty seconds of the simulated street and fifteen of a hand."""
    street, watch = Street(StreetSettings()), SceneFaults("cam", [Fault.COVERED])
    hand = np.full_like(street.frame(0), 52)
    told = []
    for second in range(35):
        told += watch.look(street.frame(second * 1000) if second < 20 else hand, T0 + second * 1000)
    return told


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Hub:
    monkeypatch.setattr(chain, "SITE", GARDEN)
    found = Hub(tmp_path)
    found.take(T0, batch("a", T0, count_record(1, T0, 0)))
    return found


@pytest.fixture
def clock() -> Clock:
    return Clock(T0 + 60_000)


@pytest.fixture
def app(hub: Hub, clock: Clock) -> Iterator[Flask]:
    made = create_app(WebSettings(data=str(hub.folder)), [GARDEN], now_ms=clock)
    made.testing = True
    users.ensure_user(hub.database, "li", Role.OPERATOR, PASSWORD, now=clock.ms)
    yield made
    close(made)


@pytest.fixture
def mailbox(monkeypatch: pytest.MonkeyPatch) -> Iterator[Mailbox]:
    with serving_mail() as (box, port):
        monkeypatch.setenv("LETTERS", f"mailto://127.0.0.1:{port}?from=linli@g.example")
        yield box


def test_a_covered_camera_and_a_residents_report_find_each_other_and_the_resident_hears_of_it(
    hub: Hub, app: Flask, clock: Clock, mailbox: Mailbox
) -> None:
    (covered,) = pictures_of_a_camera_that_somebody_covers()
    assert (covered.fault, covered.active) == (Fault.COVERED, True)
    hub.take(covered.ts + 20, batch("a", covered.ts + 10, replace(covered, seq=2)))
    hub.take(T0 + 60_000, batch("a", T0 + 59_990, count_record(3, T0 + 59_990, 0)))

    resident, staff = Reader(app.test_client()), Reader(app.test_client())
    sent = resident.post(
        "/report", page="/report", kind="hazard", where="s/yard", text="A bag over the camera",
        contact="wang@mail.example", mail="1",
    )  # fmt: skip
    link = sent.headers["Location"]
    staff.log_in("li")
    with hub.database.connect() as connection:
        case = connection.execute(select(Case.id, Case.code)).one()
        alert = connection.scalar(select(Alert.id).where(Alert.rule == "covered"))
    page = staff.client.get(f"/cases/{case.id}").text
    assert f'href="/alerts/{alert}"' in page
    staff.post(f"/cases/{case.id}/link", page="/cases", alert=str(alert))
    assert "Sensors confirm it" in resident.client.get(link).text
    assert case.code in staff.client.get(f"/alerts/{alert}").text

    notifier = Notifier(
        hub.database, "hub", [GARDEN], Broker(), clock, data=hub.folder,
        registry=CollectorRegistry(),
    )  # fmt: skip
    alerts_desk.resolve(hub.database, str(alert), actor="li", note="bag removed", now=clock.ms)
    notifier.step()
    clock.ms += 3000
    for work in notifier.step():
        work.result(60)
    notifier._pool.shutdown()
    (letter,) = mailbox.read()
    assert "Sensors confirm what you told us." in letter.body
    path = re.search(r"https://g\.example(/r/\S+)", letter.body)
    assert path is not None
    assert case.code in Reader(app.test_client()).client.get(path[1]).text

    story = staff.client.get(f"/cases/{case.id}").text
    assert "The alert about the same has ended" in story
    staff.post(f"/cases/{case.id}/close", page="/cases", outcome="invalid", note="the bag is gone")
    told = re.sub(r"\s+", " ", staff.client.get(f"/alerts/{alert}").text)
    assert f"{case.code}: not confirmed" in told
