"""Walks by volunteers: planned, signed up for, walked, missed, and forgotten in time."""

import shutil
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from msgspec.structs import replace
from sqlalchemy import Engine, func, insert, select

from configs.servers import HubSettings
from hub import audit
from hub.analysis import evidence
from hub.cases import figures, groups, printed, report
from hub.cases.change import compare
from hub.neighbours import forget
from hub.neighbours.tables import Resident
from hub.patrols import change, checkin, codes, plans, signup, upkeep
from hub.patrols.checkin import LATE_MS, OLDEST_MS, Checked, Seen
from hub.patrols.codes import code_of
from hub.patrols.plans import NewPlan, PlanRefused
from hub.patrols.signup import Signed
from hub.patrols.tables import CheckIn, Checkpoint, Patrol, SignUp
from hub.state.tables import Audit
from tests.hub.cases.world import HOUR, MONDAY_10, SITE, Office

MINUTE, DAY = 60_000, 24 * HOUR
EVENING = MONDAY_10 + 9 * HOUR
NEW = NewPlan(
    title="Evening walk", route=["gate", "shed"], first_at=EVENING, length_ms=45 * MINUTE,
    capacity=2,
)  # fmt: skip


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data folder of an office, made once and copied."""
    folder = tmp_path_factory.mktemp("office")
    Office(folder).engine.dispose()
    return folder


@pytest.fixture
def office(empty: Path, tmp_path: Path) -> Iterator[Office]:
    shutil.copytree(empty, tmp_path, dirs_exist_ok=True)
    found = Office(tmp_path)
    yield found
    found.engine.dispose()


def planned(office: Office, **more: object) -> Patrol:
    plan = plans.plan(office.engine, SITE, replace(NEW, **more), actor="li", now=MONDAY_10)
    return walks(office.engine, plan)[0]


def walks(engine: Engine, plan: str) -> list[Patrol]:
    with engine.connect() as connection:
        query = select(Patrol.__table__).where(Patrol.plan == plan).order_by(Patrol.starts_at)
        return list(connection.execute(query))  # type: ignore[arg-type]


def stops(engine: Engine, patrol: str) -> dict[str, tuple[int | None, int | None]]:
    with engine.connect() as connection:
        query = select(Checkpoint.place, Checkpoint.reached_at, Checkpoint.missed_at)
        rows = connection.execute(query.where(Checkpoint.patrol == patrol))
        return {place: (reached, missed) for place, reached, missed in rows}


def join(office: Office, patrol: Patrol, *residents: int, most: int = 4) -> list[Signed]:
    return [
        signup.sign_up(office.engine, patrol.id, one, most=most, now=MONDAY_10 + 1)
        for one in residents
    ]


def at_place(office: Office, place: str, at: int, note: str = "") -> Seen:
    code = code_of(office.vault, "garden", place)
    return Seen(site="garden", place=place, code=code, at=at, note=note)


def resident(engine: Engine, name: str, seen_at: int = MONDAY_10) -> int:
    row = {"name": name, "name_key": name, "password_hash": "", "session_key": "", "contact": b"",
           "created_at": seen_at, "seen_at": seen_at}  # fmt: skip
    with engine.begin() as connection:
        made = connection.execute(insert(Resident).values(row)).inserted_primary_key
    assert made is not None
    return int(made[0])


def test_a_weekly_walk_keeps_its_time_by_the_sites_clock_over_a_change_to_summer_time(
    office: Office,
) -> None:
    berlin = ZoneInfo("Europe/Berlin")
    site = replace(SITE, site=replace(SITE.site, timezone="Europe/Berlin"))
    first = datetime(2026, 3, 20, 19, tzinfo=berlin)
    ms = round(first.timestamp() * 1000)
    plan = plans.plan(
        office.engine, site, replace(NEW, first_at=ms, weekly=True), actor="li", now=ms - DAY
    )
    starts = [
        datetime.fromtimestamp(w.starts_at / 1000, berlin) for w in walks(office.engine, plan)
    ]
    assert [(at.day, at.hour) for at in starts] == [(20, 19), (27, 19), (3, 19), (10, 19)]
    assert plans.extend(office.engine, [site], ms - DAY) == 0
    assert plans.extend(office.engine, [site], ms + 6 * DAY) == 1


def test_a_hub_that_was_off_makes_no_walks_of_the_past(office: Office) -> None:
    plan = plans.plan(office.engine, SITE, replace(NEW, weekly=True), actor="li", now=MONDAY_10)
    later = MONDAY_10 + 100 * DAY
    plans.extend(office.engine, [SITE], later)
    new = [walk.starts_at for walk in walks(office.engine, plan)][4:]
    assert len(new) == 4
    assert min(new) > later


@pytest.mark.parametrize(
    ("field", "more"),
    [
        ("title", {"title": " "}),
        ("route", {"route": ["gate", "gate"]}),
        ("route", {"route": ["moon"]}),
        ("route", {"route": []}),
        ("first_at", {"first_at": MONDAY_10}),
        ("length_ms", {"length_ms": MINUTE}),
        ("capacity", {"capacity": 0}),
    ],
)
def test_a_plan_that_cannot_be_is_refused_by_its_field(
    office: Office, field: str, more: dict[str, object]
) -> None:
    with pytest.raises(PlanRefused) as refused:
        planned(office, **more)
    assert refused.value.field == field


def test_who_finds_a_walk_full_waits_and_moves_up_when_somebody_withdraws(office: Office) -> None:
    patrol = planned(office)
    assert join(office, patrol, 1, 2, 3, 3) == [
        Signed.IN, Signed.IN, Signed.WAITING, Signed.ALREADY,
    ]  # fmt: skip
    assert signup.withdraw(office.engine, patrol.id, 1, now=MONDAY_10 + 2)
    assert not signup.withdraw(office.engine, patrol.id, 1, now=MONDAY_10 + 2)
    with office.engine.connect() as connection:
        assert signup.volunteers(connection, patrol) == ([2, 3], [])


def test_sign_ups_of_one_resident_are_limited_and_end_with_the_walk(office: Office) -> None:
    patrols = [planned(office, first_at=EVENING + n * DAY) for n in range(3)]
    assert [join(office, patrol, 1, most=2)[0] for patrol in patrols] == [
        Signed.IN, Signed.IN, Signed.TOO_MANY,
    ]  # fmt: skip
    plans.cancel(office.engine, patrols[0].id, actor="li", now=MONDAY_10 + 5)
    assert join(office, patrols[2], 1, most=2) == [Signed.IN]
    assert join(office, patrols[0], 9) == [Signed.TOO_LATE]


def test_a_check_in_counts_from_when_it_happened_and_the_hub_knows_when_it_heard(
    office: Office,
) -> None:
    patrol = planned(office)
    join(office, patrol, 1)
    happened, heard = EVENING + 5 * MINUTE, EVENING + 30 * MINUTE
    seen = at_place(office, "gate", happened, "The lamp is out")
    got = checkin.check_in(office.engine, office.vault, 1, seen, now=heard)
    again = checkin.check_in(office.engine, office.vault, 1, seen, now=heard + 1)
    assert (got.verdict, again.verdict, again.id) == (Checked.DONE, Checked.AGAIN, got.id)
    with office.engine.connect() as connection:
        row = connection.execute(select(CheckIn.__table__)).one()
    assert (row.at, row.received_at, row.note) == (happened, heard, "The lamp is out")
    assert stops(office.engine, patrol.id)["gate"] == (happened, None)


def test_only_volunteers_with_a_place_check_in_and_only_with_the_code_that_hangs_there(
    office: Office,
) -> None:
    patrol = planned(office, capacity=1)
    join(office, patrol, 1, 2)
    during = EVENING + MINUTE

    def tried(resident: int, seen: Seen, now: int = during) -> Checked:
        return checkin.check_in(office.engine, office.vault, resident, seen, now=now).verdict

    assert tried(2, at_place(office, "gate", during)) is Checked.NO_WALK  # waits for a place
    assert tried(3, at_place(office, "gate", during)) is Checked.NO_WALK
    wrong = replace(at_place(office, "gate", during), place="shed")
    assert tried(1, wrong) is Checked.WRONG_CODE
    assert tried(1, at_place(office, "gate", EVENING - HOUR)) is Checked.NO_WALK  # too early
    old = at_place(office, "gate", during)
    assert tried(1, old, during + OLDEST_MS + 1) is Checked.TOO_OLD
    assert tried(1, at_place(office, "gate", during + DAY)) is Checked.DONE  # a clock ahead of ours


def test_a_second_note_is_added_and_one_that_is_sent_again_is_not(office: Office) -> None:
    join(office, planned(office), 1)
    for note in ("a", "b", "a", ""):
        seen = at_place(office, "gate", EVENING, note)
        got = checkin.check_in(office.engine, office.vault, 1, seen, now=EVENING)
    assert not checkin.add_note(office.engine, got.id, 2, "not mine")
    assert checkin.add_note(office.engine, got.id, 1, "c")
    with office.engine.connect() as connection:
        assert connection.scalar(select(CheckIn.note)) == "a\n\nb\n\nc"


def test_what_nobody_reached_is_missed_until_late_news_takes_it_back(office: Office) -> None:
    patrol = planned(office)
    join(office, patrol, 1)
    gate = at_place(office, "gate", EVENING + MINUTE)
    checkin.check_in(office.engine, office.vault, 1, gate, now=EVENING + MINUTE)
    assert upkeep.close(office.engine, patrol.ends_at + LATE_MS) == 0
    over = patrol.ends_at + LATE_MS + 1
    assert upkeep.close(office.engine, over) == 1
    assert upkeep.close(office.engine, over) == 0
    assert stops(office.engine, patrol.id)["shed"] == (None, over)
    shed = at_place(office, "shed", EVENING + 9 * MINUTE)
    checkin.check_in(office.engine, office.vault, 1, shed, now=over + DAY)
    assert stops(office.engine, patrol.id)["shed"] == (EVENING + 9 * MINUTE, None)


def test_what_was_reached_and_missed_is_in_the_figures_and_in_the_evidence_of_hidden_hazards(
    office: Office,
) -> None:
    for day in range(10):
        patrol = planned(office, first_at=EVENING + day * DAY)
        join(office, patrol, 1, most=99)
        at = patrol.starts_at
        for place in ("gate", "shed")[: 2 if day > 4 else 1]:
            seen = at_place(office, place, at)
            checkin.check_in(office.engine, office.vault, 1, seen, now=at)
    planned(office, first_at=EVENING + 50 * DAY)  # not over: counts nowhere
    end = EVENING + 20 * DAY
    upkeep.close(office.engine, end)
    known = figures.read(office.engine, [SITE], MONDAY_10, end, end)
    found = figures.figures(known).patrolled
    assert (found.count, found.of) == (15, 20)
    by = {one.key: one.figures for one in groups.groupings([SITE], known, None)}
    rates = [by["place"][f"garden/{place}"].patrolled.rate for place in ("gate", "shed")]
    assert rates == [1, 0.5]
    assert list(by["month"]) == ["2025-11", "2025-12"]
    change = EVENING + 5 * DAY - HOUR
    halves = [
        figures.read(office.engine, [SITE], start, until, end)
        for start, until in ((MONDAY_10, change), (change, end))
    ]
    told = next(one for one in compare(*halves) if one.name == "patrolled")
    assert (told.before, told.after, told.count) == (0.5, 1.0, (5, 5))
    page = printed.page(report.make([SITE], known, (MONDAY_10, end), "zh"))
    assert "<td>巡查到位率</td><td>75% (15 / 20)</td>" in page
    settings = HubSettings(data=str(office.data))
    with evidence.state_of(settings) as connection:
        missed = evidence.small(connection, "garden", MONDAY_10, end)
        assert evidence.alerts(connection, "garden", MONDAY_10, end) == []
    assert [(one.place, one.rule) for one in missed] == [("shed", "patrol.missed")] * 5


def test_a_weekly_plan_is_moved_by_a_week_from_the_next_walk_on_and_what_goes_on_stays(
    office: Office,
) -> None:
    plan = plans.plan(office.engine, SITE, replace(NEW, weekly=True), actor="li", now=MONDAY_10)
    before = [walk.starts_at for walk in walks(office.engine, plan)]
    now = EVENING - 10 * MINUTE  # volunteers may be at the first already
    new = replace(NEW, title="Late walk", route=["shed"], first_at=before[2], capacity=1)
    told: list[str] = []
    count = change.change(
        office.engine, SITE, plan, new, actor="li", now=now,
        tell=lambda _connection, ids: told.extend(ids),
    )  # fmt: skip
    first, *rest = walks(office.engine, plan)
    assert (first.title, first.starts_at, first.changed_at) == ("Evening walk", EVENING, None)
    assert list(stops(office.engine, first.id)) == ["gate", "shed"]
    assert [walk.starts_at for walk in rest] == [at + 7 * DAY for at in before[1:]]
    assert {(walk.title, walk.capacity, walk.changed_at) for walk in rest} == {
        ("Late walk", 1, now)
    }
    assert [walk.was_at for walk in rest] == before[1:]
    assert list(stops(office.engine, rest[0].id)) == ["shed"]
    assert (count, set(told)) == (len(rest), {walk.id for walk in rest})
    plans.extend(office.engine, [SITE], before[2])
    again = [walk.starts_at for walk in walks(office.engine, plan)]
    assert again == [before[0], *range(before[2], again[-1] + 1, 7 * DAY)]
    assert audit.verify(office.engine).whole


def test_less_room_puts_who_signed_up_last_on_the_waiting_list(office: Office) -> None:
    patrol = planned(office)
    assert join(office, patrol, 1, 2) == [Signed.IN, Signed.IN]
    with pytest.raises(PlanRefused, match="begins in the past"):
        change.change(office.engine, SITE, patrol.plan, replace(NEW, first_at=1), actor="li", now=2)
    change.change(office.engine, SITE, patrol.plan, replace(NEW, capacity=1), actor="li",
                  now=MONDAY_10 + 2)  # fmt: skip
    [walk] = walks(office.engine, patrol.plan)
    assert walk.was_at is None
    with office.engine.connect() as connection:
        assert signup.volunteers(connection, walk) == ([1], [2])


def test_a_renewed_code_refuses_the_old_sheet_but_not_what_waited_on_a_phone(
    office: Office,
) -> None:
    patrol = planned(office)
    join(office, patrol, 1)
    old = at_place(office, "gate", EVENING)
    codes.renew(office.engine, "garden", "gate", actor="li", now=EVENING + MINUTE)

    def sent(seen: Seen) -> Checked:
        now = EVENING + 5 * MINUTE
        return checkin.check_in(office.engine, office.vault, 1, seen, now=now).verdict

    assert sent(replace(old, at=EVENING + 2 * MINUTE)) is Checked.OLD_CODE
    assert sent(old) is Checked.DONE
    new = replace(old, at=EVENING + 2 * MINUTE, code=code_of(office.vault, "garden", "gate", 1))
    assert sent(new) is Checked.AGAIN
    codes.renew(office.engine, "garden", "gate", actor="li", now=EVENING + 3 * MINUTE)
    assert sent(replace(old, place="shed")) is Checked.WRONG_CODE
    assert sent(old) is Checked.OLD_CODE  # two codes ago


def test_a_walk_that_was_called_off_misses_nothing(office: Office) -> None:
    plan = plans.plan(office.engine, SITE, replace(NEW, weekly=True), actor="li", now=MONDAY_10)
    off = plans.end_plan(office.engine, plan, actor="li", now=MONDAY_10 + 1)
    assert sorted(off or ()) == sorted(walk.id for walk in walks(office.engine, plan))
    assert plans.end_plan(office.engine, plan, actor="li", now=MONDAY_10 + 2) is None
    assert all(walk.cancelled_at for walk in walks(office.engine, plan))
    assert plans.extend(office.engine, [SITE], MONDAY_10 + 30 * DAY) == 0
    assert upkeep.close(office.engine, MONDAY_10 + 60 * DAY) == 0


def test_who_came_is_forgotten_in_time_and_what_was_reached_stays(office: Office) -> None:
    patrol = planned(office)
    join(office, patrol, 1)
    seen = at_place(office, "gate", EVENING, "a note")
    checkin.check_in(office.engine, office.vault, 1, seen, now=EVENING)
    assert upkeep.purge(office.engine, "garden", patrol.ends_at, EVENING + DAY) == 0
    assert upkeep.purge(office.engine, "garden", patrol.ends_at + 1, EVENING + DAY) == 1
    assert upkeep.purge(office.engine, "garden", patrol.ends_at + 1, EVENING + DAY) == 0
    with office.engine.connect() as connection:
        for table in (SignUp, CheckIn):
            assert connection.scalar(select(func.count()).select_from(table)) == 0
    assert stops(office.engine, patrol.id)["gate"][0] == EVENING


def test_a_deleted_account_leaves_its_place_and_no_word_with_proof_in_the_log(
    office: Office,
) -> None:
    me, other = resident(office.engine, "Wang"), resident(office.engine, "Li")
    past, ahead = planned(office), planned(office, first_at=EVENING + DAY, capacity=1)
    join(office, past, me)
    join(office, ahead, me, other)
    seen = at_place(office, "gate", EVENING, "I live in 3-201")
    checkin.check_in(office.engine, office.vault, me, seen, now=EVENING)
    assert forget.forget(office.engine, me, actor="resident", now=past.ends_at + 1)
    assert not forget.forget(office.engine, me, actor="resident", now=past.ends_at + 1)
    with office.engine.connect() as connection:
        assert signup.volunteers(connection, ahead) == ([other], [])
        row = connection.execute(select(CheckIn.resident, CheckIn.note)).one()
        proof = connection.execute(
            select(Audit.target, Audit.detail).where(Audit.action == "resident.delete")
        ).one()
    assert tuple(row) == (None, "")
    assert proof.target == f"resident {me}"
    assert proof.detail.startswith("1 walks given up, 1 check-ins")
    assert stops(office.engine, past.id)["gate"][0] == EVENING
    assert resident(office.engine, "Zhao") not in (me, other)
    assert audit.verify(office.engine).whole


def test_an_account_that_nobody_uses_goes(office: Office) -> None:
    for number in range(3):
        resident(office.engine, f"r{number}", seen_at=MONDAY_10 + number)
    assert forget.purge(office.engine, MONDAY_10 + 2, MONDAY_10 + DAY) == 2
