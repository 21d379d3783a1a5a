"""A replay of the series store raises the alerts that the live hub raised, to the millisecond."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from prometheus_client import CollectorRegistry
from sqlalchemy import Engine, select

from configs.rules import Clear, Condition, Rule, Take
from configs.servers import HubSettings
from configs.site import CountingLine, DoorOf, NodeOf, Place, Site, SiteFile, View
from configs.values import Duration, Text
from hub.backtest import workers
from hub.backtest.fired import Fired
from hub.backtest.reader import applied
from hub.backtest.replayer import replay
from hub.intake import Arrived
from hub.metrics import HubMetrics
from hub.pipeline import Pipeline
from hub.series.points import Entry, Stored
from hub.series.sqlite import SqliteSeries
from hub.state import store
from hub.state.tables import Alert
from tests.hub.chain import open_database
from wire.codec import encode
from wire.records import AnyRecord, Batch, Direction, DoorState, LineCross, ZoneCount

T0 = 1_700_000_000_000
TEXT = Text("R", "R")


def _rule(name: str, place: str, signal: str, above: float, **parts: Any) -> Rule:
    clear = parts.pop("clear", None)
    condition = Condition(signal=signal, above=above, **parts)
    return Rule(id=name, title=TEXT, places=(place,), when=(condition,), clear=clear)


SITE = SiteFile(
    site=Site(id="s", name=TEXT, timezone="UTC"),
    nodes=(NodeOf(id="a"), NodeOf(id="b")),
    places=(
        Place(
            id="yard", name=TEXT, views=((View(node="a", source="cam", zone="z"),),),
            lines=(CountingLine(node="a", source="cam", line="l"),),
        ),
        Place(id="hall", name=TEXT, doors=(DoorOf(node="b", source="door"),)),
        Place(
            id="both", name=TEXT, views=((View(node="a", source="cam", zone="z"),),),
            doors=(DoorOf(node="b", source="door"),),
        ),
    ),
    rules=(
        _rule("busy", "*", "occupancy.person", 2, for_=Duration(1500),
              clear=Clear(below=2, for_=Duration(2500))),
        _rule("often", "yard", "occupancy.person", 1.5, over=Duration(7000), take=Take.MEAN),
        _rule("seen", "*", "presence.person", 0.5),
        _rule("flow", "yard", "flow.in", 1),
        _rule("open", "*", "door.open_s", 3),
        _rule("silent", "*", "silence_s", 30),
    ),
)  # fmt: skip

steps = st.lists(
    st.tuples(
        st.integers(20, 4000), st.sampled_from("ab"), st.integers(0, 4), st.integers(0, 15_000)
    ),
    min_size=1,
    max_size=40,
)
"""Time since the step before, node, value, and how late the record arrives."""


def _record(seq: int, ts: int, node: str, value: int) -> AnyRecord:
    if node == "b":
        return DoorState(seq=seq, ts=ts, source="door", open=value > 1)
    if value == 4:
        return LineCross(
            seq=seq, ts=ts, source="cam", line="l", label="person", track=1,
            direction=Direction.RIGHT, confidence=0.8, box=(0.1, 0.1, 0.1, 0.1),
        )  # fmt: skip
    return ZoneCount(
        seq=seq, ts=ts, source="cam", zone="z", label="person", count=value, confidence=0.8
    )


def _arrivals(plan: list[tuple[int, str, int, int]]) -> Iterator[tuple[int, str, AnyRecord]]:
    """(arrival, node, record); a node's records arrive in any order."""
    ts, found = T0, []
    for seq, (gap, node, value, lag) in enumerate(plan, 1):
        ts += gap
        found.append((ts + 10 + (lag if lag > 8000 else 0), node, _record(seq, ts, node, value)))
    yield from sorted(found, key=lambda arrival: arrival[0])


def _hub(folder: Path, database: Engine, now: int) -> Pipeline:
    hub = Pipeline(
        [SITE], HubSettings(data=str(folder)), database, HubMetrics(CollectorRegistry()), now
    )
    hub.recover(now)
    hub.watermark.link(up=True, now=now)
    return hub


def _live(
    folder: Path, plan: list[tuple[int, str, int, int]], down: tuple[int, int] = (0, 0)
) -> tuple[list[Any], int]:
    """The alerts of a hub that hears the plan, its records in ``series.db``; and the end.

    ``down``: before which arrival hub and edges were off, and for how long (ms).
    """
    database = open_database(folder)
    hub = _hub(folder, database, T0)
    entries: list[Entry] = []
    now = later = 0
    for count, (at, node, body) in enumerate(_arrivals(plan)):
        if count == down[0] and down[1]:
            hub.checkpoint(max(now, T0))
            later = down[1]
            hub = _hub(folder, database, at + later - 5)
        now, record = at + later, replace(body, ts=body.ts + later)
        payload = encode(Batch(epoch="e", sent=now, records=(record,)))
        message = Arrived(f"linli/v1/s/{node}/records", payload, now * 1000 + count)
        row = hub.commit(hub.prepare([message], now), now)
        entries += [] if row is None else [row[1]]
    end = now + 200_000
    row = hub.commit(hub.prepare([], end), end)
    entries += [] if row is None else [row[1]]
    with closing(SqliteSeries(folder / "series.db")) as series:
        series.write(entries)
    columns = (Alert.fired_ts, Alert.rule, Alert.place, Alert.pending_ts, Alert.resolved_ts)
    chosen = select(*columns).where(Alert.fired_ts.is_not(None)).order_by(*columns[:3])
    with store.reading(database).begin() as connection:
        rows = [tuple(row) for row in connection.execute(chosen)]
    database.dispose()
    return rows, end - HubSettings().settle


@settings(max_examples=20, deadline=None)
@given(plan=steps, before=st.integers(0, 20), ms=st.sampled_from([40_000, 3_600_000]))
def test_what_a_break_of_the_hub_left_out_live_a_replay_leaves_out(
    tmp_path_factory: pytest.TempPathFactory, plan: list[tuple[int, str, int, int]], before: int,
    ms: int,
) -> None:  # fmt: skip
    folder = tmp_path_factory.mktemp("break")
    live, end = _live(folder, plan, (before, ms))
    found = workers.replay(HubSettings(data=str(folder)), SITE, workers.Stretch(T0, end), jobs=1)
    assert _rows(found.fired) == live


def _rows(fired: tuple[Fired, ...]) -> list[Any]:
    return [(f.fired_ts, f.rule, f.place, f.pending_ts, f.resolved_ts) for f in fired]


@settings(max_examples=60, deadline=None)
@given(plan=steps)
def test_a_backtest_raises_the_alerts_of_the_live_hub_to_the_millisecond(
    tmp_path_factory: pytest.TempPathFactory, plan: list[tuple[int, str, int, int]]
) -> None:
    folder = tmp_path_factory.mktemp("hub")
    live, end = _live(folder, plan)
    with closing(SqliteSeries(folder / "series.db")) as series:
        found = replay(SITE, applied(series, "s", T0 - 1, end + 1), T0 - 1, end + 1)
    assert found.failed == 0
    assert _rows(found.fired) == live


def test_several_processes_find_what_one_finds(tmp_path: Path) -> None:
    plan = [(700, "ab"[n % 2], n % 5, n * 131 % 15_000) for n in range(300)]
    live, end = _live(tmp_path, plan)
    told: list[int] = []
    found = workers.replay(
        HubSettings(data=str(tmp_path)), SITE, workers.Stretch(T0 - 1, end + 1), jobs=3,
        advance=told.append,
    )  # fmt: skip
    assert len(live) > 10
    assert _rows(found.fired) == live
    assert sum(told) >= 300


def test_processes_get_shares_of_about_the_same_load() -> None:
    places = tuple(
        Place(id=f"p-{n}", name=TEXT, doors=(DoorOf(node=f"n-{n}", source="door"),))
        for n in range(12)
    )
    parts = workers.share(replace(SITE, places=places), 2, {"n-2": 900, "n-7": 500, "n-9": 500})
    assert sorted(place.id for part in parts for place in part.places) == sorted(
        place.id for place in places
    )
    assert [any(place.id == "p-2" for place in part.places) for part in parts] == [True, False]
    assert {"p-7", "p-9"} <= {place.id for place in parts[1].places}


def test_a_process_of_a_replay_loads_no_database_of_the_state() -> None:
    """Its drivers and migrations weigh more than the records that it reads at a time."""
    asked = "import sys, hub.backtest.workers; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", asked], check=True, capture_output=True, text=True)
    loaded = set(done.stdout.split())
    assert "hub.series.sqlite" in loaded
    assert not loaded & {"sqlalchemy", "alembic", "flask", "numpy", "cv2"}


def test_no_process_is_without_a_place() -> None:
    parts = workers.share(SITE, 16, {})
    assert [len(part.places) for part in parts] == [1, 1, 1]


def _stored(seq: int, ts: int, at: int, rx_ms: int) -> Stored:
    return Stored("s", "b", "e", rx_ms * 1000 + seq, at, _record(seq, ts, "b", 2))


def test_the_reader_gives_late_records_where_the_engine_took_them(tmp_path: Path) -> None:
    stored = [_stored(n, T0 + n * 1000, T0 + n * 1000, T0 + n * 1000) for n in range(1, 200)]
    stored[3] = _stored(4, T0 + 4000, T0 + 150_500, T0 + 150_600)
    with closing(SqliteSeries(tmp_path / "series.db")) as series:
        series.write([Entry(tuple(stored))])
        times = [row[0] for row in applied(series, "s", T0, T0 + 200_000)]
        before = [row[3] for row in applied(series, "s", T0, T0 + 150_000)]
    assert times == sorted(times)
    assert len(times) == 199
    assert stored[3].record not in before


def test_an_alert_before_the_range_warms_up_and_is_not_reported(tmp_path: Path) -> None:
    plan = [(100, "b", 4, 0), (9000, "b", 0, 0), (60_000, "b", 4, 0), (9000, "b", 0, 0)]
    live, end = _live(tmp_path, plan)
    opened = [row for row in live if row[1] == "open" and row[2] == "hall"]
    stretch = workers.Stretch(opened[1][0], end)
    settings_ = HubSettings(data=str(tmp_path))
    one_rule = replace(SITE, rules=tuple(rule for rule in SITE.rules if rule.id == "open"))
    found = workers.replay(settings_, one_rule, stretch, jobs=1)
    assert [row for row in _rows(found.fired) if row[2] == "hall"] == opened[1:]
