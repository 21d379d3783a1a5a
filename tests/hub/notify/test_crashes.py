"""A hub that dies between any two steps tells of each step, twice only where it had to."""

import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import event

from hub.notify.item import Message
from tests.hub.notify.world import World, escalation, machine, rule, site

FILE = site(
    machine(),
    machine("lead"),
    rules=(rule("busy", "machine", escalate=(escalation(3, "lead"),)),),
)


class Crash(BaseException):
    """The process is gone."""


class Fate:
    """Crashes at chosen moments: before a message, after its acceptance, at a commit."""

    def __init__(self, moments: set[int]) -> None:
        self.moments = moments
        self.clock = 0
        self.awake = False
        self.unmarked: Message | None = None
        self.forced: Counter[str] = Counter()
        """Steps that were accepted and whose mark was lost."""

    def moment(self) -> None:
        if not self.awake:
            return
        self.clock += 1
        if self.clock in self.moments:
            if self.unmarked is not None:
                self.forced.update(item.step for item in self.unmarked.items)
                self.unmarked = None
            raise Crash

    def accept(self, message: Message) -> None:
        self.moment()
        self.unmarked = message

    def commit(self, _connection: Any) -> None:
        self.moment()
        self.unmarked = None


@settings(max_examples=20, deadline=None)
@given(moments=st.sets(st.integers(1, 60), max_size=8))
def test_each_step_is_told_and_doubled_only_where_the_mark_was_lost(moments: set[int]) -> None:
    fate = Fate(moments)
    with tempfile.TemporaryDirectory() as folder:
        world = World(Path(folder), FILE)
        event.listen(world.database, "commit", fate.commit)
        got: Counter[str] = Counter()

        def take(message: Message) -> None:
            fate.accept(message)
            got.update(item.step for item in message.items)
            fate.moment()  # accepted, and not yet marked

        for sender in world.senders.values():
            sender.answer = take
        alerts = [world.fire("busy"), world.fire("busy", "hall", at_s=1)]
        for at_s in range(1, 25, 2):
            _live(world, fate, at_s)
        world.resolve(alerts[0], 25)  # late enough for every crash so far to be made good
        for at_s in range(26, 52, 2):
            _live(world, fate, at_s)
        world.database.dispose()
    wanted = {f"{alert}:firing:machine:0" for alert in alerts}
    wanted |= {f"{alert}:escalation:lead:0" for alert in alerts}
    wanted |= {f"{alerts[0]}:resolved:{name}:0" for name in ("machine", "lead")}
    assert set(got) == wanted
    assert got == Counter(wanted) + fate.forced


def _live(world: World, fate: Fate, at_s: float) -> None:
    fate.awake = True
    try:
        world.turn(at_s)
    except Crash:
        fate.awake = False
        world.start()
    finally:
        fate.awake = False
