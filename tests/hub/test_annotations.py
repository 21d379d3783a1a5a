"""Anomalies from a record to what staff say of them, and back into what is usual."""

import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from msgspec.structs import replace
from sqlalchemy import select

from configs.rules import Condition
from configs.site import CountingLine, Place
from hub.analysis import annotations
from hub.analysis.annotations import Key, Said
from hub.analysis.anomaly import Verdict
from hub.analysis.tables import Annotation
from hub.backtest.reader import applied, judged
from hub.backtest.replayer import Replayer, replay
from hub.fusion.surprise import verdict_in
from hub.rules.engine import Engine
from hub.series.points import SignalPoint
from hub.series.sqlite import SqliteSeries
from hub.state import store
from hub.state.tables import Audit
from tests.hub import chain
from tests.hub.chain import SITE, TEXT, Hub, batch, rule
from wire.records import AnyRecord, Direction, LineCross, NodeHealth

HOUR = 3_600_000
GATE = Place(id="gate", name=TEXT, lines=(CountingLine(node="a", source="cam", line="l"),))
WATCHED = replace(
    SITE, places=(GATE,),
    rules=(
        rule("odd", "gate", Condition(signal="surprise.flow", above=2.75)),
        rule("fast", "gate", Condition(signal="surprise.flow.15m", above=4)),
        rule("slow", "gate", Condition(signal="surprise.flow.3h", above=2.75)),
    ),
)  # fmt: skip
BEGIN = chain.T0 // HOUR * HOUR


def usually(hour: int) -> int:
    return 12 + hour * 5 % 4 if 8 <= hour % 24 < 20 else 1


class Street:
    """Ten days and more at a gate."""

    def __init__(self, folder: Path) -> None:
        self.hub = Hub(folder)
        self.hour = 0
        self._seq = itertools.count(1)

    def live(self, *counts: int) -> None:
        """Hours with so many crossings each, in one message."""
        records: list[AnyRecord] = []
        for count in counts:
            begun = BEGIN + self.hour * HOUR
            for minute in range(0, 60, 5):
                if minute == 30:
                    records += [self._crossing(begun + 1_800_000 + n) for n in range(count)]
                at = begun + minute * 60_000
                records.append(NodeHealth(seq=next(self._seq), ts=at, source="cam"))
            self.hour += 1
        now = BEGIN + self.hour * HOUR + 1000
        self.hub.take(now, batch("a", now, *records))

    def _crossing(self, at: int) -> LineCross:
        return LineCross(
            seq=next(self._seq), ts=at, source="cam", line="l", label="person", track=1,
            direction=Direction.LEFT, confidence=0.9, box=(0.1, 0.1, 0.2, 0.4),
        )  # fmt: skip

    def until(self, hour: int) -> None:
        while self.hour < hour:
            self.live(*map(usually, range(self.hour, min(hour, self.hour + 24))))

    def judge(self, verdict: Verdict) -> Key:
        (newest, *_) = self.kept()
        now = BEGIN + self.hour * HOUR + 2000
        said = annotations.judge(self.hub.database, newest.key, verdict, actor="li", now=now)
        assert said is Said.DONE
        self.hub.take(now + 1000)
        self.hub.take(now + 70_000)
        return newest.key

    def kept(self) -> list[annotations.Entry]:
        with store.reading(self.hub.database).begin() as connection:
            return annotations.listed(connection, ["s"], 0, 2**60)


@pytest.fixture(scope="module")
def street(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Street]:
    """A crowd dismissed, the same a day later, and a far larger one that is confirmed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(chain, "SITE", WATCHED)
        found = Street(tmp_path_factory.mktemp("hub"))
        found.until(10 * 24 + 12)
        found.live(60)
        assert len(found.kept()) == 1
        found.judge(Verdict.DISMISSED)
        found.until(11 * 24 + 12)
        found.live(60)
        found.until(12 * 24 + 12)
        found.live(400)
        found.judge(Verdict.CONFIRMED)
        found.until(13 * 24)
        yield found


def test_an_anomaly_is_kept_with_what_was_usual_and_what_was_said(street: Street) -> None:
    big, small = street.kept()
    assert (small.note.found.verdict, small.by) == ("dismissed", "li")
    assert small.note.found.worst.counted == 60
    assert small.note.found.low <= 13 <= small.note.found.high < 60
    assert (big.note.found.verdict, big.note.found.worst.counted) == ("confirmed", 400)
    with store.reading(street.hub.database).begin() as connection:
        actions = connection.scalars(select(Audit.action).where(Audit.actor == "li")).all()
        assert connection.scalars(select(Annotation.learned)).all() == [True, True]
    assert actions == ["anomaly.dismissed", "anomaly.confirmed"]


def test_a_verdict_on_nothing_or_twice_changes_nothing(street: Street) -> None:
    database, key = street.hub.database, street.kept()[0].key
    again = annotations.judge(database, key, Verdict.CONFIRMED, actor="wu", now=1)
    assert again is Said.SAME
    gone = annotations.judge(database, (*key[:3], 5), Verdict.DISMISSED, actor="wu", now=1)
    assert gone is Said.NO_SUCH


def test_a_backtest_tells_the_same_surprises_and_alerts_as_the_live_hub_to_the_bit(
    street: Street, tmp_path: Path
) -> None:
    series = SqliteSeries(tmp_path / "series.db")
    series.write(street.hub.entries)
    end = BEGIN + street.hour * HOUR + 1000
    records = list(applied(series, "s", BEGIN, end, others=judged(series, WATCHED, end)))
    series.close()
    whole = Replayer(WATCHED)
    again: list[SignalPoint] = []
    whole.engine = Engine([WATCHED])  # a replay leaves out the values that no rule looks at
    for record in records:
        again += whole.take(record)
    again += whole.finish(end)
    wanted = _surprises([point for entry in street.hub.entries for point in entry.signals])
    assert len(wanted) > 2000
    assert _surprises(again) == wanted
    assert {("flow", "dismissed"), ("flow", "confirmed")} < {verdict_in(p.name) for p in wanted}
    fired = replay(WATCHED, records, BEGIN, end).fired
    live = [(row[0], row[4]) for row in street.hub.alerts() if row[4] is not None]
    assert sorted((one.rule, one.fired_ts) for one in fired) == sorted(live)
    assert {rule for rule, _ in live} >= {"odd", "fast"}


def _surprises(points: Sequence[SignalPoint]) -> list[SignalPoint]:
    found = [point for point in points if point.name.startswith("surprise.")]
    return sorted(found, key=lambda point: (point.ts, point.name))


def test_a_hub_that_starts_again_has_learned_the_same(street: Street) -> None:
    place = street.hub.pipeline.engine.places["s", "gate"]
    before = place.signals["surprise.flow"].dump()
    street.hub.start(BEGIN + street.hour * HOUR + 3000)
    again = street.hub.pipeline.engine.places["s", "gate"].signals["surprise.flow"].dump()
    assert again == before


def test_what_is_old_is_forgotten(street: Street) -> None:
    annotations.purge(street.hub.database, BEGIN + 11 * 24 * HOUR)
    assert [one.note.found.verdict for one in street.kept()] == ["confirmed"]
