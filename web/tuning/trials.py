"""Backtests of edited rules, each in a process of its own beside the console.

They are few, cheap to the machine (lowest priority) and bounded in time, and whoever started one
can end it. What comes of one is kept on disk (`web.tuning.shelf`), so that its page can be loaded
again, also by a console that was started anew.
"""

import logging
import multiprocessing
import secrets
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any, Final

import msgspec

from configs.edit import Value
from configs.servers import HubSettings
from configs.site import SiteFile
from hub.backtest import trial
from hub.backtest.compare import Comparison
from hub.backtest.workers import Stretch
from web.tuning.shelf import Kept, Shelf, spelled

log = logging.getLogger("linli.web")
AT_ONCE: Final = 2
"""Trials that run beside each other. Higher: less waiting, less of the machine for the hub."""
KEPT: Final = 5
"""Trials whose outcome stays in memory: the newest."""
LIMIT_S: Final = 600.0
"""How long one may take."""


class State(StrEnum):
    """Where a trial stands."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    LONG = "long"
    """It took longer than it may."""
    ENDED = "ended"
    """Somebody ended it."""


@dataclass(eq=False)
class Trial:
    """One backtest of an edited rule."""

    site: str
    rule: str
    place: str
    """"" for everywhere."""
    values: Mapping[str, Value]
    version: str
    """Of the rule that it began with."""
    author: str
    stretch: Stretch
    back: bool = False
    """It takes an override away; ``values`` are what holds then."""
    at: int = 0
    """When it was begun, ms."""
    id: str = field(default_factory=lambda: secrets.token_hex(16))
    state: State = State.RUNNING
    records: int = 0
    """How many there are to read; 0 while that is being counted."""
    read: int = 0
    found: Comparison | None = None
    why: str = ""
    """Of a failure, in words."""
    process: BaseProcess | None = None

    @property
    def running(self) -> bool:
        return self.state is State.RUNNING

    def keep(self) -> Kept:
        """As it is kept on disk."""
        return Kept(
            id=self.id, site=self.site, rule=self.rule, place=self.place,
            values=spelled(self.values), version=self.version, author=self.author,
            stretch=self.stretch, back=self.back, at=self.at, state=self.state,
            records=self.records, found=self.found, why=self.why,
        )  # fmt: skip


def recall(kept: Kept) -> Trial:
    """A trial from the disk; one that ran when its console stopped has failed."""
    state, why = State(kept.state), kept.why
    if state is State.RUNNING:
        state, why = State.FAILED, "the console was stopped while it ran"
    elif state is State.DONE and kept.found is None:
        state = State.FAILED
    return Trial(
        kept.site, kept.rule, kept.place, kept.numbers, kept.version, kept.author, kept.stretch,
        kept.back, at=kept.at, id=kept.id, state=state, records=kept.records, read=kept.records,
        found=kept.found, why=why,
    )  # fmt: skip


class Trials:
    """All of a console. Safe to use from many threads."""

    def __init__(self, shelf: Shelf, limit_s: float = LIMIT_S) -> None:
        self._shelf = shelf
        self._limit_s = limit_s
        self._lock = threading.Lock()
        self._trials: dict[str, Trial] = {}

    def start(self, one: Trial, settings: HubSettings, today: SiteFile, then: SiteFile) -> bool:
        """Run it; False where too many run already. Another of the same author ends."""
        with self._lock:
            for other in self._trials.values():
                if other.running and other.author == one.author:
                    self._end(other, State.ENDED)
            if sum(other.running for other in self._trials.values()) >= AT_ONCE:
                return False
            context = multiprocessing.get_context("spawn")
            mine, theirs = context.Pipe(duplex=False)
            arguments = (theirs, settings, today, then, one.rule, one.stretch)
            one.process = context.Process(target=trial.work, args=arguments, daemon=True)
            one.process.start()
            theirs.close()
            self._trials[one.id] = one
            self._shelf.put(one.keep())
            for old in [name for name, other in self._trials.items() if not other.running][:-KEPT]:
                del self._trials[old]
        threading.Thread(target=self._follow, args=(one, mine), name="trial", daemon=True).start()
        return True

    def find(self, name: str, site: str, rule: str) -> Trial | None:
        """A trial of this rule."""
        with self._lock:
            found = self._trials.get(name)
        if found is None:
            kept = self._shelf.find(name)
            found = recall(kept) if kept is not None else None
        return found if found is not None and (found.site, found.rule) == (site, rule) else None

    def of(self, site: str, rule: str) -> list[Trial]:
        """The trials of a rule that are kept, the newest first."""
        with self._lock:
            here = dict(self._trials)
        return [here.get(kept.id) or recall(kept) for kept in self._shelf.of(site, rule)]

    def end(self, one: Trial) -> None:
        """Stop it; one that is over stays as it is."""
        with self._lock:
            if one.running:
                self._end(one, State.ENDED)

    def close(self) -> None:
        """End them all."""
        with self._lock:
            for one in self._trials.values():
                if one.running:
                    self._end(one, State.ENDED)

    def _follow(self, one: Trial, pipe: Connection) -> None:
        deadline = time.monotonic() + self._limit_s
        try:
            while one.running:
                left = deadline - time.monotonic()
                if left <= 0:
                    self._finish(one, State.LONG)
                elif pipe.poll(min(left, 1.0)):
                    self._hear(one, *pipe.recv())
        except (EOFError, OSError):
            self._finish(one, State.FAILED, "the process that ran it was ended from outside")
        finally:
            pipe.close()
            if one.process is not None:
                one.process.join()

    def _hear(self, one: Trial, word: str, told: Any) -> None:
        match word:
            case "records":
                one.records = told
            case "read":
                one.read = told
            case "found":
                one.found = told
                self._finish(one, State.DONE)
            case _:
                self._finish(one, State.FAILED, told)

    def _finish(self, one: Trial, state: State, why: str = "") -> None:
        with self._lock:
            if one.running:
                one.why = why
                self._end(one, state)

    def _end(self, one: Trial, state: State) -> None:
        """It is over, and kept as it is, before anybody sees it so; the lock is held."""
        self._shelf.put(msgspec.structs.replace(one.keep(), state=state))
        _end(one, state)


def _end(one: Trial, state: State) -> None:
    one.state = state
    if state is not State.DONE and one.process is not None:
        one.process.terminate()
