"""Events as they travel: packed once, and read from wherever a reader began."""

import zlib
from collections.abc import Callable

import pytest
from sqlalchemy import Engine

from tests.web import seed
from tests.web.conftest import NOW, Reader
from web.stream import HEADER, SMALL, Event

Open = Callable[[str], Reader]
LONG = [Event.of(f"data: {'午' * SMALL * 9}{number}\n\n") for number in range(3)]
BEAT = Event.of("event: beat\ndata: 1\n\n")


@pytest.mark.parametrize("events", [LONG, [BEAT, BEAT], [LONG[2], BEAT, LONG[0]], [Event.of("")]])
def test_packed_events_are_read_at_once_in_any_order(events: list[Event]) -> None:
    reader = zlib.decompressobj(16 + zlib.MAX_WBITS)
    assert reader.decompress(HEADER) == b""
    for event in events:
        assert reader.decompress(event.packed) == event.plain
    assert not reader.eof


def test_what_repeats_itself_travels_small() -> None:
    assert len(LONG[0].packed) * 20 < len(LONG[0].plain)
    assert len(BEAT.packed) < len(BEAT.plain) + 8


@pytest.mark.parametrize("accepted", ["gzip, deflate, br", "br, gzip;q=0", ""])
def test_a_page_hears_the_same_packed_or_not(reader: Open, engine: Engine, accepted: str) -> None:
    browser = reader("operator")
    headers = {"Accept-Encoding": accepted, "Last-Event-ID": "0"}
    with engine.begin() as connection:
        seed.change(connection, "place", "courtyard", NOW)
    answer = browser.client.get("/live", headers=headers, buffered=False)
    packed = accepted.startswith("gzip")
    assert answer.headers.get("Content-Encoding", "") == ("gzip" if packed else "")
    assert "Accept-Encoding" in answer.headers["Vary"]
    unpacker, text = zlib.decompressobj(16 + zlib.MAX_WBITS), ""
    for chunk in answer.response:
        assert isinstance(chunk, bytes)
        text += (unpacker.decompress(chunk) if packed else chunk).decode()
        if "event: news" in text or "event: resync" in text:
            break
    answer.close()
    assert text.startswith("retry: 1000\n\nevent: beat\ndata: ")
    assert text.endswith("\n\n")
