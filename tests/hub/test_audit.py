"""The log is chained: whatever is done to it afterwards shows, and where."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, delete, func, insert, select, update

from hub import audit
from hub.audit import Finding, Head
from hub.state import store
from hub.state.tables import AlertEvent, Audit
from tests.hub.chain import open_database

T0 = 1_700_000_000_000
COUNT = 8


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    """A log of eight entries; every second one vouches for an event."""
    engine = open_database(tmp_path)
    with engine.begin() as connection:
        for number in range(COUNT // 2):
            at = T0 + number
            audit.enter(connection, "lihua", "login", f"user-{number}", "说明", at)
            audit.enter_event(
                connection, f"a{number}", "firing", actor="hub", note="", ts=at - 5, now=at
            )
    yield engine
    engine.dispose()


def _rows(engine: Engine) -> list[dict[str, Any]]:
    with engine.connect() as connection:
        return [dict(r) for r in connection.execute(select(Audit.__table__)).mappings()]


def _rewrite(engine: Engine, rows: list[dict[str, Any]]) -> Finding:
    with engine.begin() as connection:
        connection.execute(delete(Audit))
        connection.execute(insert(Audit), rows)
    return audit.verify(engine)


def test_a_log_that_nobody_touched_is_whole_and_ends_at_its_head(engine: Engine) -> None:
    found = audit.verify(engine)
    assert (found.checked, found.whole, found.broken) == (COUNT, True, None)
    assert found.head == audit.head(engine)
    assert Head.parse(str(found.head)) == found.head


def test_an_empty_log_is_whole(tmp_path: Path) -> None:
    engine = open_database(tmp_path)
    assert audit.verify(engine) == Finding(0, Head(0, audit.BEGINNING))
    engine.dispose()


@pytest.mark.parametrize("entry", [1, 4, COUNT])
@pytest.mark.parametrize(
    ("column", "value"),
    [("at", 1), ("actor", "wang"), ("action", "logout"), ("target", "x"), ("detail", "x"),
     ("event", 77), ("ts", 3), ("prev_hash", "f" * 64), ("hash", "f" * 64)],
)  # fmt: skip
def test_a_change_of_any_column_is_found_at_its_entry(
    engine: Engine, entry: int, column: str, value: object
) -> None:
    with engine.begin() as connection:
        connection.execute(update(Audit).where(Audit.id == entry).values({column: value}))
    found = audit.verify(engine)
    assert (found.checked, found.broken) == (entry - 1, entry)
    assert found.how.startswith("changed: ")


def test_a_changed_number_is_found(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(update(Audit).where(Audit.id == 3).values(id=99))
    found = audit.verify(engine)
    assert (found.broken, found.how) == (3, "removed")


@pytest.mark.parametrize("entry", range(1, COUNT))
def test_a_removed_entry_is_found(engine: Engine, entry: int) -> None:
    with engine.begin() as connection:
        connection.execute(delete(Audit).where(Audit.id == entry))
    found = audit.verify(engine)
    assert (found.broken, found.how) == (entry, "removed")


def test_a_removed_entry_is_found_though_the_others_were_renumbered(engine: Engine) -> None:
    rows = [row for row in _rows(engine) if row["id"] != 4]
    found = _rewrite(engine, [{**row, "id": n} for n, row in enumerate(rows, 1)])
    assert (found.checked, found.broken) == (3, 4)
    assert found.how.startswith("removed, and what follows it was renumbered")


@pytest.mark.parametrize("honest", [True, False])
def test_an_inserted_entry_is_found(engine: Engine, *, honest: bool) -> None:
    rows = _rows(engine)
    forged = {**rows[3], "id": 4, "actor": "wang", "event": None, "prev_hash": rows[2]["hash"]}
    forged["hash"] = audit.digest(forged) if honest else "e" * 64
    later = [{**row, "id": row["id"] + 1} for row in rows[3:]]
    found = _rewrite(engine, [*rows[:3], forged, *later])
    assert found.broken == (5 if honest else 4)
    assert found.how.startswith("inserted: ")


@pytest.mark.parametrize("pair", [(2, 3), (2, 6), (1, COUNT)])
def test_swapped_entries_are_found(engine: Engine, pair: tuple[int, int]) -> None:
    swap = {pair[0]: pair[1], pair[1]: pair[0]}
    found = _rewrite(engine, [{**r, "id": swap.get(r["id"], r["id"])} for r in _rows(engine)])
    assert found.broken == pair[0]
    assert found.how == f"reordered: here stands what was entry {pair[1]}"


def test_an_entry_written_anew_with_a_right_hash_breaks_the_one_after_it(engine: Engine) -> None:
    row = {**_rows(engine)[2], "actor": "wang"}
    row["hash"] = audit.digest(row)
    with engine.begin() as connection:
        connection.execute(update(Audit).where(Audit.id == 3).values(row))
    found = audit.verify(engine)
    assert found.broken == 4
    assert found.how == "does not follow entry 3: that one was written anew after it"


def test_a_cut_off_end_shows_only_against_a_head_that_was_noted(engine: Engine) -> None:
    noted = audit.head(engine)
    with engine.begin() as connection:
        connection.execute(delete(AlertEvent).where(AlertEvent.alert == "a3"))
        connection.execute(delete(Audit).where(Audit.id >= COUNT))
    assert audit.verify(engine).whole
    found = audit.verify(engine, noted)
    assert found.broken == COUNT
    assert found.how == f"removed: the log ends at {COUNT - 1}, and had {COUNT} entries once"


def test_a_log_written_anew_as_a_whole_shows_against_a_head_that_was_noted(
    engine: Engine,
) -> None:
    noted, before = audit.head(engine), audit.BEGINNING
    rows = _rows(engine)
    for row in rows:
        row["prev_hash"] = before
        row["at"] += 0 if row["event"] else 1
        before = row["hash"] = audit.digest(row)
    assert _rewrite(engine, rows).whole
    assert audit.verify(engine, noted).broken == COUNT


@pytest.mark.parametrize(
    ("column", "value"),
    [("alert", "x"), ("kind", "resolved"), ("ts", 1), ("at", 1), ("actor", "wang"), ("note", "x")],
)
def test_a_changed_event_is_found_by_the_entry_that_vouches_for_it(
    engine: Engine, column: str, value: object
) -> None:
    with engine.begin() as connection:
        connection.execute(update(AlertEvent).where(AlertEvent.id == 2).values({column: value}))
    found = audit.verify(engine)
    assert (found.checked, found.broken) == (3, 4)
    assert found.how.startswith(f"is whole, but alert_event 2 was changed: {column}: ")


def test_a_removed_event_is_found(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(delete(AlertEvent).where(AlertEvent.id == 3))
    found = audit.verify(engine)
    assert found.broken == 6
    assert found.how == "is whole, but alert_event 3 that it vouches for was removed"


def test_events_of_an_alert_that_never_fired_may_go_with_it(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(delete(AlertEvent).where(AlertEvent.alert == "a1"))
        audit.enter(connection, "hub", audit.DROPPED, "a1", "", T0 + 9)
    assert audit.verify(engine).whole


def test_an_event_that_was_slipped_in_is_found(engine: Engine) -> None:
    row = {"alert": "a0", "kind": "judged", "ts": T0, "at": T0, "actor": "wang", "note": "true"}
    with engine.begin() as connection:
        connection.execute(insert(AlertEvent), row)
    assert audit.verify(engine).how == (
        "the log is whole, but alert_event 5 was inserted: no entry vouches for it"
    )


def test_two_processes_writing_at_once_make_one_chain(tmp_path: Path, engine: Engine) -> None:
    other = store.connect(store.address("", tmp_path))
    start = threading.Barrier(2)

    def write(hand: Engine) -> None:
        start.wait(60)
        for number in range(30):
            with hand.begin() as connection:
                audit.enter(connection, "x", "login", str(number), "", T0)

    hands: list[Callable[[], None]] = [lambda: write(engine), lambda: write(other)]
    threads = [threading.Thread(target=hand) for hand in hands]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    other.dispose()
    assert audit.verify(engine).checked == COUNT + 60
    with engine.connect() as connection:
        assert connection.scalar(select(func.max(Audit.id))) == COUNT + 60


def test_what_a_transaction_takes_back_leaves_no_gap(engine: Engine) -> None:
    with engine.connect() as connection:
        audit.enter(connection, "x", "login", "x", "", T0)
        connection.rollback()
    with engine.begin() as connection:
        audit.enter(connection, "x", "login", "x", "", T0)
    found = audit.verify(engine)
    assert (found.checked, found.whole) == (COUNT + 1, True)


def test_a_head_that_is_none_is_said_to_be() -> None:
    with pytest.raises(ValueError, match="expected <number>:<64 hex digits>, got 'abc'"):
        Head.parse("abc")
