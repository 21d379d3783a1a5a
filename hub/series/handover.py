"""Journal rows that are still in memory, between the ingest and the series writer."""

import threading
from collections import deque
from itertools import islice

from hub.series.journal import JournalRow, count_points


class Handover:
    """All rows of the journal from some row on, in order, as long as there is room.

    When there is none it lets go of all that it holds, and begins anew with the newest row:
    the journal has the others.
    """

    def __init__(self, max_points: int) -> None:
        self._max_points = max_points
        self._lock = threading.Lock()
        self._rows: deque[JournalRow] = deque()
        self._points = 0
        self.newest = 0
        """The last row that was put in."""

    def put(self, row: JournalRow) -> None:
        """Add the row that comes next in the journal. Never blocks."""
        points = points_of(row)
        with self._lock:
            if self._points + points > self._max_points:
                self._rows.clear()
                self._points = 0
            self._rows.append(row)
            self._points += points
            self.newest = row.n

    def head(self) -> int | None:
        """The first row that is here, if any."""
        with self._lock:
            return self._rows[0].n if self._rows else None

    def take(self, head: int, max_points: int) -> list[JournalRow]:
        """Rows from ``head`` on, at least one and then no more than ``max_points`` in all; none
        if they went meanwhile. They stay here until `forget`."""
        with self._lock:
            if not self._rows or self._rows[0].n != head:
                return []
            points = points_of(self._rows[0])
            rows = [self._rows[0]]
            for row in islice(self._rows, 1, None):
                points += points_of(row)
                if points > max_points:
                    break
                rows.append(row)
        return rows

    def forget(self, position: int) -> None:
        """Let go of rows up to ``position``."""
        with self._lock:
            while self._rows and self._rows[0].n <= position:
                self._points -= points_of(self._rows.popleft())


def points_of(row: JournalRow) -> int:
    """How many points a row makes; none when it cannot be read."""
    return 0 if row.entry is None else count_points(row.entry)
