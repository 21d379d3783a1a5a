"""What signals, values and conditions are called."""

import pytest

from configs import words
from configs.rules import Condition, Take
from configs.signals import known_signals
from configs.values import Duration
from hub.rules.threshold import spell

OVER = Condition(signal="occupancy.person", above=8, over=Duration(20_000), take=Take.MAX)
HELD = Condition(signal="presence.person", below=0.3, for_=Duration(3000))
OFTEN = Condition(signal="door.open_s", above=3, over=Duration(60_000), take=Take.COUNT)


@pytest.mark.parametrize(
    ("seconds", "en", "zh"),
    [(0, "0 s", "0 秒"), (59.6, "1 min", "1 分钟"), (74, "1 min 14 s", "1 分钟 14 秒"),
     (7260, "2 h 1 min", "2 小时 1 分钟"), (90_000, "1 d 1 h", "1 天 1 小时")],
)  # fmt: skip
def test_spans_are_said_in_two_units(seconds: float, en: str, zh: str) -> None:
    for language, said in (("en", en), ("zh", zh)):
        assert words.span(seconds, language).replace("\xa0", " ") == said


@pytest.mark.parametrize(
    ("condition", "en", "zh"),
    [(OVER, "maximum over 20 s more than 8", "20 秒内最大值超过 8"),
     (HELD, "less than 30% for 3 s", "低于 30%，持续 3 秒"),
     (OFTEN, "number of changes over 1 min more than 3", "1 分钟内变化次数超过 3")],
)  # fmt: skip
def test_thresholds_as_the_hub_spells_them_are_said_in_the_readers_language(
    condition: Condition, en: str, zh: str
) -> None:
    for language, said in (("en", en), ("zh", zh)):
        told = words.threshold(spell(condition), condition.signal, language)
        assert told.replace("\xa0", " ") == said
    assert words.threshold("something else", "x", "zh") == "something else"


@pytest.mark.parametrize(
    ("condition", "value", "en", "zh"),
    [(HELD, 0.1, "Presence: 10% (less than 30% for 3 s)", "有人概率：10%（低于 30%，持续 3 秒）"),
     (OFTEN, 5.0, "Door open for: 5 (number of changes over 1 min more than 3)",
      "门已开：5（1 分钟内变化次数超过 3）"),
     (OVER, None, "People: maximum over 20 s more than 8", "人数：20 秒内最大值超过 8")],
)  # fmt: skip
def test_why_an_alert_came_is_said_with_the_value_in_the_units_of_the_limit(
    condition: Condition, value: float | None, en: str, zh: str
) -> None:
    for language, said in (("en", en), ("zh", zh)):
        told = words.cause(spell(condition), condition.signal, value, language)
        assert told.replace("\xa0", " ") == said


def test_every_signal_and_every_take_has_a_name_that_people_read() -> None:
    for name in (*known_signals(), "stationary.car"):
        for language in ("en", "zh"):
            assert words.signal(name, language) != name
    for take in Take:
        spelled = f"{take} of flow.in over 60 s above 2"
        assert words.threshold(spelled, "flow.in", "zh") != spelled
