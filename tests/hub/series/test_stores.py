"""What every home of the series promises, tried on each."""

import itertools
import threading
import tracemalloc

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hub.series.points import AlertPoint, Entry, PointsRejected, SeriesStore, SignalPoint
from tests.hub.series.samples import (
    FOREVER,
    ONE_OF_EACH,
    T0,
    counts,
    entry,
    relabelled,
    seqs,
    stored,
)
from wire.records import NodeHealth

_sites = (f"site-{n}" for n in itertools.count())
_text = st.text(st.characters(codec="utf-8"), max_size=40)


class TestSeriesStore:
    def test_every_type_of_record_comes_back_as_it_was(self, store: SeriesStore) -> None:
        taken = tuple(stored(record, record.seq) for record in ONE_OF_EACH)
        store.write([Entry(taken)])
        assert tuple(store.records("garden", 0, FOREVER)) == taken

    def test_written_twice_is_there_once(self, store: SeriesStore) -> None:
        for _ in range(2):
            store.write([entry(50), entry(50, first=50)])
        assert seqs(store) == list(range(100))
        assert store.count_records("garden", 0, FOREVER) == 100
        ranges = store.signal_ranges("garden", 0, FOREVER)
        assert ranges == {("court", "occupancy.person"): (0.0, 49.0, 100)}

    def test_records_come_in_the_order_in_which_the_hub_took_them(self, store: SeriesStore) -> None:
        early, late = counts(2)
        before = [stored(late.record, 0), stored(early.record, 1)]
        store.write([Entry(tuple(before))])
        assert list(store.records("garden", 0, FOREVER)) == before

    def test_records_of_one_millisecond_stay_apart(self, store: SeriesStore) -> None:
        records = tuple(
            stored(NodeHealth(seq=seq, ts=T0, source="agent"), seq) for seq in range(300)
        )
        store.write([Entry(records)])
        assert seqs(store) == list(range(300))

    def test_ranges_hold_their_start_and_not_their_end(self, store: SeriesStore) -> None:
        store.write([entry(10)])
        start, end = T0 + 20, T0 + 50
        assert [s.record.seq for s in store.records("garden", start, end)] == [2, 3, 4]
        assert store.count_records("garden", start, end) == 3
        found = store.signal("garden", "court", "occupancy.person", start, end)
        assert found == [(T0 + 20, 2.0), (T0 + 30, 3.0), (T0 + 40, 4.0)]
        ranges = store.signal_ranges("garden", start, end)
        assert ranges == {("court", "occupancy.person"): (2.0, 4.0, 3)}

    def test_a_replay_gets_what_it_needs_of_each_record(self, store: SeriesStore) -> None:
        records = tuple(stored(record, order) for order, record in enumerate(ONE_OF_EACH))
        other = msgspec.structs.replace(stored(ONE_OF_EACH[0], 99), node="other")
        store.write([Entry((*records, other))])
        wanted = sorted((one.rx_us, one.at, one.record) for one in records)
        found = store.taken("garden", 0, FOREVER, ("gate-1",))
        assert sorted((rx, at, record) for at, rx, _, record in found) == wanted
        assert {node for _, _, node, _ in found} == {"gate-1"}
        assert len(store.taken("garden", 0, FOREVER)) == len(wanted) + 1
        assert not store.taken("garden", 0, T0)

    def test_each_node_has_its_count(self, store: SeriesStore) -> None:
        other = tuple(
            msgspec.structs.replace(each, node="other", epoch="o") for each in counts(3, first=7)
        )
        store.write([Entry(counts(5)), Entry(other), Entry((stored(ONE_OF_EACH[-1], 9),))])
        found = store.count_by_node("garden", T0, FOREVER)
        assert found == {stored(ONE_OF_EACH[0], 0).node: 6, "other": 3}
        assert store.count_by_node("garden", 0, T0) == {}

    def test_sites_places_and_signals_stay_apart(self, store: SeriesStore) -> None:
        points = tuple(
            SignalPoint(site, place, name, T0, value)
            for value, (site, place, name) in enumerate(
                itertools.product(("a", "b"), ("p", "q"), ("risk", "silence_s"))
            )
        )
        store.write([Entry(counts(3, site="a"), points), Entry(counts(2, site="b"))])
        assert store.signal("b", "p", "risk", 0, FOREVER) == [(T0, 4.0)]
        assert store.signal_ranges("a", 0, FOREVER) == {
            ("p", "risk"): (0.0, 0.0, 1),
            ("p", "silence_s"): (1.0, 1.0, 1),
            ("q", "risk"): (2.0, 2.0, 1),
            ("q", "silence_s"): (3.0, 3.0, 1),
        }
        assert (len(seqs(store, "a")), len(seqs(store, "b"))) == (3, 2)

    def test_the_last_value_of_a_millisecond_counts(self, store: SeriesStore) -> None:
        for value in (1.0, 2.0):
            store.write([Entry((), (SignalPoint("garden", "court", "risk", T0, value),))])
        assert store.signal("garden", "court", "risk", 0, FOREVER) == [(T0, 2.0)]

    def test_an_empty_store_answers_with_nothing(self, store: SeriesStore) -> None:
        store.ping()
        assert list(store.records("garden", 0, FOREVER)) == []
        assert store.count_records("garden", 0, FOREVER) == 0
        assert store.signal("garden", "court", "risk", 0, FOREVER) == []
        assert store.signal_ranges("garden", 0, FOREVER) == {}

    def test_a_value_that_is_no_number_is_named_and_the_rest_kept(self, store: SeriesStore) -> None:
        bad = SignalPoint("garden", "court", "bad", T0, float("nan"))
        good = SignalPoint("garden", "court", "good", T0, 1.0)
        with pytest.raises(PointsRejected, match="took all but 1 points") as caught:
            store.write([Entry(counts(3), (bad, good))])
        assert len(caught.value.points) == 1
        assert "bad" in caught.value.points[0].point
        assert seqs(store) == [0, 1, 2]
        assert set(store.signal_ranges("garden", 0, FOREVER)) == {("court", "good")}

    @settings(
        max_examples=30,
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )
    @given(st.lists(_text.filter(bool), min_size=1, max_size=20), st.lists(_text, max_size=5))
    def test_any_label_and_detail_come_back_as_they_were(
        self, store: SeriesStore, labels: list[str], details: list[str]
    ) -> None:
        site = next(_sites)
        kinds = itertools.cycle(ONE_OF_EACH[:6])
        records = [relabelled(next(kinds), label) for label in labels]
        records += [NodeHealth(seq=0, ts=T0, source="agent", detail=text) for text in details]
        taken = tuple(
            stored(msgspec.structs.replace(record, seq=order), order, site=site)
            for order, record in enumerate(records)
        )
        store.write([Entry(taken)])
        assert tuple(store.records(site, 0, FOREVER)) == taken

    def test_an_alert_that_is_pending_and_fires_at_once_is_taken(self, store: SeriesStore) -> None:
        states = ("pending", "firing", "resolved")
        points = tuple(
            AlertPoint("garden", "court", "夜 间", "high", T0, state, "a1") for state in states
        )
        store.write([Entry((), (), points)])

    def test_many_records_are_read_in_little_memory(self, store: SeriesStore) -> None:
        store.write([Entry(counts(1000, first=first)) for first in range(0, 8000, 1000)])
        tracemalloc.start()
        try:
            read = sum(1 for _ in store.records("garden", 0, FOREVER))
            streamed = tracemalloc.get_traced_memory()[1]
            tracemalloc.reset_peak()
            kept = list(store.records("garden", 0, FOREVER))
            whole = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert read == len(kept) == 8000
        assert streamed < whole / 2

    def test_a_read_that_is_given_up_leaves_the_store_usable(self, store: SeriesStore) -> None:
        store.write([Entry(counts(5000))])
        reading = iter(store.records("garden", 0, FOREVER))
        assert next(reading).record.seq == 0
        del reading
        store.write([Entry(counts(1, first=5000))])
        assert store.count_records("garden", 0, FOREVER) == 5001

    def test_a_thread_writes_while_another_reads(self, store: SeriesStore) -> None:
        store.write([Entry(counts(1000))])
        reading = iter(store.records("garden", 0, FOREVER))
        first = next(reading)
        writer = threading.Thread(target=store.write, args=([Entry(counts(10, first=1000))],))
        writer.start()
        writer.join(60)
        assert not writer.is_alive()
        assert [first.record.seq, *(each.record.seq for each in reading)][:1000] == list(
            range(1000)
        )
        assert store.count_records("garden", 0, FOREVER) == 1010
