"""Turns at something shared, first come, first served."""

import threading
from collections import deque
from typing import Self


class Turns:
    """A lock that is handed on in the order in which it was asked for.

    `threading.Lock` lets whoever comes by take it before those who wait: of several cameras at
    one slow detector, some would get most of it. Each camera waits with one picture at most, so
    with turns every one of them gets as many looks as the others.
    """

    def __init__(self) -> None:
        self._inner = threading.Lock()
        self._taken = False
        self._waiting: deque[threading.Lock] = deque()

    @property
    def waiting(self) -> int:
        """How many wait."""
        return len(self._waiting)

    def __enter__(self) -> Self:
        with self._inner:
            if not self._taken:
                self._taken = True
                return self
            mine = threading.Lock()
            mine.acquire()
            self._waiting.append(mine)
        mine.acquire()
        return self

    def __exit__(self, *_: object) -> None:
        with self._inner:
            if self._waiting:
                self._waiting.popleft().release()
            else:
                self._taken = False
