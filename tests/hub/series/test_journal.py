"""The journal: bounds of a read, checkpoints, trimming."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import Engine, insert, select

from hub.series.journal import (
    ENGINE,
    SERIES,
    advance,
    decode_entry,
    encode_entry,
    last_row,
    position,
    read_rows,
    trim,
)
from hub.series.points import Entry
from hub.state.store import reading
from hub.state.tables import Journal
from tests.hub.chain import open_database
from tests.hub.series.samples import ONE_OF_EACH, entry, stored


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = open_database(tmp_path)
    yield engine
    engine.dispose()


def _add(engine: Engine, *entries: Entry) -> None:
    with engine.begin() as connection:
        for each in entries:
            connection.execute(insert(Journal).values(entry=encode_entry(each)))


def _rows(engine: Engine) -> list[int]:
    with reading(engine).connect() as connection:
        return list(connection.scalars(select(Journal.n).order_by(Journal.n)))


def test_an_entry_comes_back_as_it_was() -> None:
    sample = entry(3)
    records = tuple(stored(record, record.seq) for record in ONE_OF_EACH)
    whole = Entry(records, sample.signals, sample.alerts)
    assert decode_entry(encode_entry(whole)) == whole
    with pytest.raises(msgspec.MsgspecError):
        decode_entry(b"\xc1")


def test_a_read_stays_within_its_bounds_but_gives_at_least_one_row(engine: Engine) -> None:
    _add(engine, *(entry(10) for _ in range(40)))  # 21 points each
    size = len(encode_entry(entry(10)))
    for points, size_bytes, expected in ((1, 10**9, 1), (21 * 3, 10**9, 3), (10**9, size * 5, 5)):
        rows = read_rows(engine, 7, None, max_points=points, max_bytes=size_bytes)
        assert [row.n for row in rows] == list(range(8, 8 + expected))
        assert rows[0].entry == entry(10)
    rows = read_rows(engine, 0, 30, max_points=10**9, max_bytes=10**9)
    assert [row.n for row in rows] == list(range(1, 30))
    assert read_rows(engine, 40, None, max_points=1, max_bytes=1) == []


def test_checkpoints_begin_at_0_and_move_apart(engine: Engine) -> None:
    assert (position(engine, SERIES), position(engine, ENGINE), last_row(engine)) == (0, 0, 0)
    advance(engine, SERIES, 5)
    advance(engine, SERIES, 9)
    advance(engine, ENGINE, 3)
    assert (position(engine, SERIES), position(engine, ENGINE)) == (9, 3)


def test_trimming_takes_what_both_have_in_small_pieces(engine: Engine) -> None:
    _add(engine, *(entry(1) for _ in range(10)))
    advance(engine, SERIES, 8)
    assert trim(engine, 100) == 0  # the engine has none
    advance(engine, ENGINE, 6)
    assert trim(engine, 4) == 4
    assert trim(engine, 4) == 2
    assert trim(engine, 4) == 0
    assert _rows(engine) == [7, 8, 9, 10]


def test_trimming_never_lets_a_number_come_again(engine: Engine) -> None:
    _add(engine, entry(1), entry(1))
    advance(engine, SERIES, 2)
    advance(engine, ENGINE, 2)
    trim(engine, 100)
    _add(engine, entry(1))
    assert _rows(engine) == [2, 3]


def test_an_empty_journal_has_nothing_to_trim(engine: Engine) -> None:
    advance(engine, SERIES, 2)
    advance(engine, ENGINE, 2)
    assert trim(engine, 100) == 0
