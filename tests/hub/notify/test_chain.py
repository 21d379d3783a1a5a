"""From a record to the words that somebody gets."""

from pathlib import Path

from msgspec.structs import replace
from prometheus_client import CollectorRegistry

from hub.notify.notifier import Notifier
from tests.hub import chain
from tests.hub.chain import T0
from tests.hub.notify.world import FakeSender, machine
from wire.mqtt import Broker


def test_what_a_record_raises_is_told_and_so_is_its_end(tmp_path: Path) -> None:
    rules = tuple(replace(rule, notify=("machine",)) for rule in chain.SITE.rules)
    file = replace(chain.SITE, routes=(machine(),), rules=rules)
    hub, sender, now = chain.Hub(tmp_path), FakeSender(), [T0]
    made = Notifier(
        hub.database, "hub", [file], Broker(), lambda: now[0],
        registry=CollectorRegistry(), open_with=lambda _route, _broker: sender,
    )  # fmt: skip
    hub.take(T0 + 20, chain.batch("a", T0, chain.count_record(1, T0, 1)))
    now[0] = T0 + 25
    assert [work.result(60) for work in made.step()] == [1]
    hub.take(T0 + 4000, chain.batch("a", T0 + 4000, chain.count_record(2, T0 + 4000, 0)))
    hub.take(T0 + 20_000)
    now[0] = T0 + 20_000
    assert [work.result(60) for work in made.step()] == [1]
    made.start()
    made.stop()
    firing, resolved = (message.items[0] for message in sender.got)
    assert (firing.kind, firing.place, firing.rule) == ("firing", "yard", "seen")
    assert firing.values[0]["text"] == "presence.person above 0.5"
    assert (resolved.kind, resolved.alert) == ("resolved", firing.alert)
