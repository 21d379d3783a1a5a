"""The recorder: what a full disk costs is counted, and told without filling the log."""

import logging
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from edge.metrics import EdgeMetrics
from edge.outbox import Outbox
from edge.recorder import Recorder
from wire.records import NodeHealth


def test_a_full_disk_is_told_ever_more_seldom_and_when_it_is_over(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    outbox = Outbox(tmp_path / "outbox.sqlite", max_records=1000)
    recorder = Recorder(outbox, EdgeMetrics(CollectorRegistry()))
    many = [NodeHealth(seq=0, ts=1, source="agent", detail="x" * 200)] * 500
    outbox._db.execute("PRAGMA max_page_count = 1")  # as a disk that is full
    with caplog.at_level(logging.WARNING):
        for _ in range(100):
            assert recorder.append(many) == []
        assert len(caplog.records) == 7, "of 1, 2, 4, … 64 times"
        assert "32000 records are lost so far" in caplog.records[-1].message
        assert "50000 records are lost so far" in recorder.problem
        outbox._db.execute("PRAGMA max_page_count = 1000000")
        assert recorder.append(many[:1])
    last = caplog.records[-1].message
    assert last == "the outbox can be written again; 50000 records were lost meanwhile"
    assert (recorder.problem, recorder.failed) == ("", 50_000)
    outbox.close()
