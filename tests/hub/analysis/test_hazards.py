"""Piles of many kinds of small things, what became of advice, and what follows next door."""

import random
from pathlib import Path

import pytest
from msgspec.structs import replace
from sqlalchemy import Connection, Engine, insert

from configs.rules import Active, Condition, Rule
from configs.site import NodeOf, Place, Site, SiteFile
from configs.values import Duration, Text, TimeSpan
from hub.analysis import evidence, followup, hazards, near, repeats
from hub.analysis.evidence import Event
from hub.analysis.hours import HOUR_MS, Hours
from hub.analysis.tables import Annotation
from hub.analysis.words import Words
from hub.cases.tables import Case
from hub.patrols.tables import Checkpoint, Patrol
from hub.series.points import Entry, SignalPoint
from hub.series.sqlite import SqliteSeries
from tests.hub.chain import open_database

DAY_MS = 24 * HOUR_MS
MONDAY = 1_700_438_400_000  # 2023-11-20 00:00 UTC
NAMES = ("gate", "yard", "shed", "lobby", "lane", "pond")
SITE = SiteFile(
    site=Site(id="s", name=Text("S", "S"), timezone="UTC"),
    nodes=(NodeOf(id="n"),),
    places=tuple(
        Place(id=name, name=Text(name.title(), name), at=(100.0 * n, 10.0))
        for n, name in enumerate(NAMES)
    ),
)


def fill(database: Engine) -> None:
    """At the shed in each of seven nights: a report, a missed checkpoint, an unusual hour."""
    with database.begin() as connection:
        for day in range(7):
            at = MONDAY + day * DAY_MS + HOUR_MS
            connection.execute(insert(Case), _case(day, at))
            connection.execute(insert(Patrol), {
                "id": f"p{day}", "plan": "p", "site": "s", "title": "Walk", "starts_at": at,
                "ends_at": at + HOUR_MS, "capacity": 2,
            })  # fmt: skip
            connection.execute(insert(Checkpoint), {
                "patrol": f"p{day}", "place": "shed", "position": 0, "missed_at": at + HOUR_MS,
            })  # fmt: skip
            _annotate(connection, at, "dismissed" if day == 0 else "")


def _case(day: int, at: int) -> dict[str, object]:
    return {
        "id": f"c{day}", "code": f"AAA-00{day}", "site": "s", "place": "shed", "spot": "",
        "kind": "lighting", "severity": "low", "state": "received", "text": "dark",
        "channel": "page", "created_at": at, "answer_due_at": at, "due_at": at,
    }  # fmt: skip


def _annotate(connection: Connection, at: int, verdict: str) -> None:
    connection.execute(insert(Annotation), {
        "site": "s", "place": "shed", "what": "door", "start_ts": at, "end_ts": at, "hours": 1,
        "hour_ts": at, "of_week": 0, "holiday": False, "counted": 9, "mean": 1.0, "spread": 0.1,
        "surprise": 4.0, "low": 0, "high": 3, "verdict": verdict,
    })  # fmt: skip


@pytest.fixture
def database(tmp_path: Path) -> Engine:
    found = open_database(tmp_path)
    fill(found)
    return found


def test_reports_missed_checkpoints_and_unusual_hours_pile_up_with_alerts(
    database: Engine,
) -> None:
    end = MONDAY + 7 * DAY_MS
    with database.connect() as connection:
        found = evidence.small(connection, "s", MONDAY, end)
    assert len(found) == 7 + 7 + 6  # what was dismissed is nothing
    (pile,) = hazards.find(SITE, found, MONDAY, end).hazards
    assert (pile.place, pile.block, pile.events) == ("shed", 0, 20)
    told = Words(SITE.site, "en").kinds(pile.rules, SITE)
    assert "checkpoint that a patrol missed (7×)" in told
    assert "unusual hours: Door openings (6×)" in told
    assert "residents' report" in told


@pytest.mark.parametrize(
    ("since", "verdict"), [(4, "Better."), (20, "Much the same."), (40, "Worse.")]
)
def test_what_became_of_advice_is_told_with_the_walks(since: int, verdict: str) -> None:
    pile = hazards.Hazard("shed", 0, 20, 1.0, 0.001, ())
    events = [Event("shed", "r", MONDAY + n * HOUR_MS // 20) for n in range(since)]
    events += [Event("gate", "r", MONDAY), Event("shed", "r", MONDAY + 5 * HOUR_MS)]
    walks = [MONDAY + HOUR_MS, MONDAY + 9 * HOUR_MS]
    (found,) = followup.follow([pile], events, Hours("UTC"), lambda _: walks)
    told = Words(SITE.site, "en").advised(found, SITE.places[2].name)
    assert told == (
        f"Shed, 00:00–04:00: 20 small things then, {since} since; patrols came by 1 times. "
        f"{verdict}"
    )


def _scattered(rng: random.Random) -> list[Event]:
    found = [Event(rng.choice(NAMES), "r", MONDAY + rng.randrange(80 * DAY_MS)) for _ in range(60)]
    return sorted(found, key=lambda event: event.at)


def test_what_follows_next_door_is_told_and_what_does_not_is_not() -> None:
    rng = random.Random(1)
    alone = repeats.find(SITE, _scattered(rng))
    assert alone.enough
    assert not alone.found
    chains = []
    for _ in range(25):
        at, first = MONDAY + rng.randrange(80 * DAY_MS), rng.randrange(5)
        chains += [Event(NAMES[first], "r", at), Event(NAMES[first + 1], "r", at + DAY_MS)]
    found = repeats.find(SITE, sorted(chains, key=lambda event: event.at))
    assert found.found
    assert found.pairs > 1.3 * found.expected
    told = Words(SITE.site, "zh").repeats(found, SITE)
    assert told[0].startswith("一处告警后 3 天内")
    assert len(told) == 4


def test_too_few_events_or_places_on_the_plan_are_said_to_be_too_few() -> None:
    few = repeats.find(SITE, _scattered(random.Random(2))[:10])
    assert not few.enough
    (told,) = Words(SITE.site, "en").repeats(few, SITE)
    assert told.startswith("Not enough data: 10 alerts at 6 places on the plan")


def test_neighbours_are_the_nearest_on_the_plan() -> None:
    near = repeats.neighbours(SITE)
    assert near["gate"] == {"yard", "shed"}
    assert near["shed"] == {"gate", "yard", "lobby"}


def test_a_condition_that_held_for_most_of_its_time_is_a_near_miss(tmp_path: Path) -> None:
    minute = 60_000
    night = Active(within=TimeSpan(0, 6 * 60))
    rule = Rule(
        id="open", title=Text("Door open", "门未关"), places=("shed",), active=night,
        when=(Condition(signal="door.open_s", above=60, for_=Duration(10 * minute)),),
    )  # fmt: skip
    held = {0: 7, 60: 3, 120: 11, 180: 8, 12 * 60: 8}  # minute of the day → how long
    points = []
    for begun, length in held.items():
        at = MONDAY + begun * minute
        points += [
            SignalPoint("s", "shed", "door.open_s", at, 100.0),
            SignalPoint("s", "shed", "door.open_s", at + length * minute, 0.0),
        ]
    series = SqliteSeries(tmp_path / "series.db")
    series.write([Entry((), tuple(points))])
    site = replace(SITE, rules=(rule,))
    alert = Event("shed", "open", MONDAY + 183 * minute)
    found = near.misses(site, series, [alert], MONDAY, MONDAY + DAY_MS)
    series.close()
    # Not what held too short, raised the alert, was told as one, or lay outside its hours.
    assert found == [Event("shed", "near.open", MONDAY)]
    assert Words(site.site, "en").kinds([("near.open", 1)], site) == "nearly: Door open (1×)"
