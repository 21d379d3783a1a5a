"""What one batch makes of alerts is written at once, and the log knows each step of it."""

from pathlib import Path

import pytest

from hub import audit
from hub.state.tables import Audit, Change
from tests.hub.chain import T0, Hub, batch, count_record
from wire.records import ZoneCount


@pytest.fixture
def hub(tmp_path: Path) -> Hub:
    return Hub(tmp_path)


def _counts(*steps: tuple[int, int]) -> list[ZoneCount]:
    """(ms, count) of the yard's camera."""
    return [count_record(seq, T0 + ms, count) for seq, (ms, count) in enumerate(steps, 1)]


def _busy(hub: Hub) -> list[str]:
    """What the log says of the alert of the rule "busy"."""
    seen = {row.target for row in hub.all(Audit) if row.action == audit.DROPPED}
    return [row.action for row in hub.all(Audit) if row.target in seen]


def test_an_alert_that_comes_and_goes_within_a_batch_leaves_the_logs_word_alone(hub: Hub) -> None:
    hub.take(T0 + 1020, batch("a", T0 + 1000, *_counts((0, 3), (900, 0))))
    assert _busy(hub) == ["alert.pending", audit.DROPPED]
    assert [row[0] for row in hub.alerts()] == ["seen"]
    assert {kind for _, kind, _, _ in hub.events()} == {"firing"}
    assert [row.kind for row in hub.all(Change)].count("alert") == 1
    assert audit.verify(hub.database).whole


def test_one_that_was_pending_before_goes_with_its_event(hub: Hub) -> None:
    pending, gone = _counts((0, 3), (900, 0))
    hub.take(T0 + 20, batch("a", T0, pending))
    assert {kind for _, kind, _, _ in hub.events()} == {"firing", "pending"}
    hub.take(T0 + 920, batch("a", T0 + 900, gone))
    assert _busy(hub) == ["alert.pending", audit.DROPPED]
    assert [row[0] for row in hub.alerts()] == ["seen"]
    assert {kind for _, kind, _, _ in hub.events()} == {"firing"}
    assert audit.verify(hub.database).whole


def test_a_whole_life_within_a_batch_is_kept_in_order(hub: Hub) -> None:
    steps = _counts((0, 3), (1600, 3), (2000, 1), (5000, 1))
    hub.take(T0 + 5020, batch("a", T0 + 5000, *steps))
    assert [row[:2] + row[3:] for row in hub.alerts() if row[0] == "busy"] == [
        ("busy", "yard", T0, T0 + 1500, T0 + 4500, "rule")
    ]
    log = [(row.action, row.ts) for row in hub.all(Audit) if row.ts in (T0, T0 + 1500, T0 + 4500)]
    assert [one for one in log if one[0] != "alert.firing" or one[1] != T0] == [
        ("alert.pending", T0), ("alert.firing", T0 + 1500), ("alert.resolved", T0 + 4500),
    ]  # fmt: skip
    assert audit.verify(hub.database).whole
