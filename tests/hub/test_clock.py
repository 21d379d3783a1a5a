"""A node that asks is told what time it is here, and nobody else is."""

from hub.clock import TimeTeller
from wire.records import Do, Done
from wire.topics import Channel, Topic

SAID = Topic("garden", "gate-1", Channel.DONE)


def test_who_asks_is_told_the_time_and_other_answers_are_no_question() -> None:
    sent: list[tuple[str, Do]] = []

    def send(topic: Topic, command: Do) -> bool:
        sent.append((str(topic), command))
        return True

    teller = TimeTeller(send, lambda: 1_700_000_000_000)
    for name in ("live-1f", "time-", "doctor-1", "7"):
        teller.heard(SAID, Done(name, ok=True))
    assert sent == []
    teller.heard(SAID, Done("time-7f", ok=True))
    assert sent == [("linli/v1/garden/gate-1/do", Do("7f", "time", at=1_700_000_000_000))]
