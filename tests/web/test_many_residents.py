"""Fifty residents report at the same moment over the wire, to the server that `linli web` runs."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, func, select

from configs.servers import WebSettings
from hub import audit
from hub.cases.tables import Case, CasePhoto, Reporter
from tests.web import seed
from tests.web.phones import Phone
from web.serve import serve

RESIDENTS = 50
LOST = 10
"""So many do not get the answer to their first try, and send again."""


@pytest.fixture
def address(engine: Engine, data: Path) -> Iterator[str]:
    """A console that listens on a port of its own."""
    del engine
    stop, ready, found = threading.Event(), threading.Event(), [""]

    def on_listening(at: str) -> None:
        found[0] = at
        ready.set()

    thread = threading.Thread(
        target=serve, args=(WebSettings(data=str(data), port=0), [seed.site_file()]),
        kwargs={"stop": stop, "on_listening": on_listening},
    )  # fmt: skip
    thread.start()
    assert ready.wait(60)
    yield found[0]
    stop.set()
    thread.join(60)


def test_of_fifty_who_report_at_once_nothing_is_lost_and_nothing_is_double(
    address: str, engine: Engine, data: Path
) -> None:
    photo = seed._street(1)
    phones = [
        Phone(address, number, photo, "garden/courtyard", tries=1 + (number < LOST))
        for number in range(RESIDENTS)
    ]
    for phone in phones:
        phone.open()
    problems: list[BaseException] = []

    def press(phone: Phone) -> None:
        try:
            phone.send()
        except BaseException as error:  # noqa: BLE001 - a thread's failure is the test's
            problems.append(error)

    threads = [threading.Thread(target=press, args=(phone,)) for phone in phones]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    for phone in phones:
        phone.close()
    assert problems == []
    assert [len(phone.links) for phone in phones] == [1] * RESIDENTS
    assert len({link for phone in phones for link in phone.links}) == RESIDENTS
    with engine.connect() as connection:
        texts = set(connection.scalars(select(Case.text)))
        counts = [
            connection.scalar(select(func.count()).select_from(table))
            for table in (Case, CasePhoto, Reporter)
        ]
    assert texts == {f"lamp {number} is out" for number in range(RESIDENTS)}
    assert counts == [RESIDENTS] * 3
    assert len(list((data / "cases" / "pictures").rglob("*.jpg"))) == RESIDENTS
    assert audit.verify(engine).broken is None
