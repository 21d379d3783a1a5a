"""Any duplication and reordering of a node's messages ends in the same admitted set."""

from hypothesis import given
from hypothesis import strategies as st

from hub.admit import MAX_GAPS, Cursor

seqs = st.lists(st.integers(1, 60), min_size=1, max_size=60)


def _admit(order: list[int]) -> tuple[set[int], Cursor]:
    cursor = Cursor.before(order[0])
    admitted = [seq for seq in order if cursor.admit(seq, rx=0)]
    assert len(admitted) == len(set(admitted)), "admitted twice"
    return set(admitted), cursor


@given(seqs, st.randoms(use_true_random=False))
def test_duplication_and_reordering_admit_each_record_once(sent: list[int], random: object) -> None:
    delivered = sent + sent[::2]
    random.shuffle(delivered)  # type: ignore[attr-defined]
    admitted, cursor = _admit(delivered)
    assert admitted == set(sent)
    had = set(range(cursor.low, cursor.high + 1))
    gaps = {seq for gap in cursor.gaps for seq in range(gap.first, gap.last + 1)}
    assert had - gaps == set(sent)
    assert cursor.missing == len(gaps)


@given(seqs)
def test_gaps_rise_and_never_touch_what_was_admitted(order: list[int]) -> None:
    _, cursor = _admit(order)
    bounds = [bound for gap in cursor.gaps for bound in (gap.first, gap.last)]
    assert bounds == sorted(bounds)
    assert all(cursor.low < seq < cursor.high for seq in bounds)


def test_a_gap_counts_as_lost_after_its_time_until_its_record_comes_after_all() -> None:
    cursor = Cursor.before(1)
    for seq in (1, 2, 6):
        cursor.admit(seq, rx=1000)
    assert cursor.missing == 3
    assert not cursor.count_lost(opened_before=1000)
    assert cursor.lost == 0
    assert cursor.count_lost(opened_before=1001)
    assert cursor.lost == 3
    assert cursor.admit(4, rx=9000)
    assert not cursor.admit(4, rx=9001)
    assert cursor.lost == 2


def test_a_gap_that_is_being_filled_is_not_lost_however_long_that_takes() -> None:
    cursor = Cursor.before(0)
    cursor.admit(0, rx=0)
    cursor.admit(10, rx=0)
    for seq in range(1, 9):
        cursor.admit(seq, rx=seq * 1000)
        assert not cursor.count_lost(opened_before=seq * 1000)
    assert cursor.count_lost(opened_before=8001)
    assert cursor.lost == 1


def test_more_gaps_than_are_kept_count_as_lost() -> None:
    cursor = Cursor.before(0)
    for seq in range(0, 2 * MAX_GAPS + 20, 2):
        cursor.admit(seq, rx=0)
    assert len(cursor.gaps) == MAX_GAPS
    assert cursor.lost == 9
