"""What people read."""

from msgspec.structs import replace

from hub.notify.item import Message
from hub.notify.tables import DeliveryKind
from hub.notify.text import compose
from tests.hub.notify.world import T0, item, people


def message(*items: object, **parts: object) -> Message:
    return Message(id="m", items=items, **parts)  # type: ignore[arg-type]


def test_a_message_says_what_where_since_when_why_and_what_to_do() -> None:
    title, body = compose(message(item(late=True)), people(base_url="https://linli.example/"))
    assert title == "[High] Crowd · Yard"
    assert body.splitlines() == [
        "[High] Crowd · Yard",
        "Court · Since 2023-11-15 06:13:20",
        "Told late: the records came after an outage",
        "People: 4 (more than 2)",
        "What to do: Send somebody.",
        "https://linli.example/alerts/a1",
    ]


def test_it_speaks_the_readers_language() -> None:
    ended = item(kind=DeliveryKind.RESOLVED, resolved_ts=T0 + 60_000, resolved_by="li")
    title, body = compose(message(ended), people(language="zh"))
    assert title == "[高] 已结束：人群 · 庭院"
    assert body.splitlines()[1:] == [
        "花园 · 2023-11-15 06:13:20 至 2023-11-15 06:14:20",
        "由 li 结束",
    ]


def test_many_alerts_are_counted_and_those_that_go_on_come_first() -> None:
    over = item(alert="a0", kind=DeliveryKind.RESOLVED, resolved_ts=T0)
    items = [over, *(item(alert=f"a{n}") for n in range(1, 12))]
    title, body = compose(message(*items), people(base_url="https://linli.example"))
    assert title == "[High] 12 alerts · Yard"
    assert body.endswith("and 7 more\nAll alerts: https://linli.example/alerts")
    assert "ended" not in body


def test_what_began_and_ended_meanwhile_is_one_paragraph() -> None:
    began = item()
    ended = replace(began, step="x", kind=DeliveryKind.RESOLVED, resolved_ts=T0 + 1000)
    title, body = compose(message(began, ended, digest=True), people())
    assert title == "From the quiet hours: [High] ended: Crowd · Yard"
    assert body.count("Crowd") == 1
