"""Tells a node's doctor what time it is here: MQTT itself says nothing of time.

Asked by an answer (`done`) whose id begins with `TIME_ASKED`, it says so with a command (`do`)
of the verb ``time``, to nobody but that node.
"""

from collections.abc import Callable

from wire.records import TIME_ASKED, Do, Done
from wire.topics import Channel, Topic


class TimeTeller:
    """Answers each question once, at once."""

    def __init__(self, send: Callable[[Topic, Do], bool], now: Callable[[], int]) -> None:
        """``now``: ms since the Unix epoch."""
        self._send = send
        self._now = now

    def heard(self, topic: Topic, done: Done) -> None:
        """Whatever a node answered; most of it is no question."""
        asked = done.id.removeprefix(TIME_ASKED)
        if asked and asked != done.id:
            command = Do(asked, "time", at=self._now())
            self._send(Topic(topic.site, topic.node, Channel.DO), command)
