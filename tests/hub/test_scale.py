"""A value that no comparison tells from the one before need not be looked at."""

from hypothesis import given
from hypothesis import strategies as st

from configs.rules import Clear, Condition, Rule
from configs.values import Duration, Text
from hub.rules.scale import scales
from hub.rules.threshold import holds
from hub.rules.watch import Watch

TEXT = Text("R", "R")
_numbers = st.sampled_from([-1.0, 0.0, 0.5, 1.0, 2.0, 3.0]) | st.floats(-2, 4)


def _watch(name: str, *conditions: Condition, clear: Clear | None = None) -> Watch:
    rule = Rule(id=name, title=TEXT, places=("*",), when=conditions, clear=clear)
    return Watch(rule, "s", "p", "UTC")


@given(
    limits=st.lists(st.tuples(st.sampled_from(("above", "below", "equals")), _numbers), min_size=1),
    values=st.lists(_numbers, min_size=2),
)
def test_while_a_scale_rests_every_comparison_comes_out_the_same(
    limits: list[tuple[str, float]], values: list[float]
) -> None:
    conditions = [Condition(signal="x", **{word: limit}) for word, limit in limits]  # type: ignore[arg-type]
    scale = scales([_watch("r", *conditions)])["x"]
    seen: list[bool] | None = None
    for at, value in enumerate(values):
        now = [holds(condition, value) for condition in conditions]
        if not scale.moves(value, at):
            assert now == seen
        seen = now


def test_the_first_value_is_looked_at() -> None:
    scale = scales([_watch("r", Condition(signal="x", above=1))])["x"]
    assert scale.moves(0.0, 1)
    assert not scale.moves(0.5, 2)
    assert scale.moves(1.0, 3)
    assert not scale.moves(1.0, 4)
    assert scale.moves(1.5, 5)


def test_the_limit_that_clears_counts_too() -> None:
    clear = Clear(below=0.3)
    scale = scales([_watch("r", Condition(signal="x", above=1), clear=clear)])["x"]
    scale.rest(0.5)
    assert not scale.moves(0.4, 1)
    assert scale.moves(0.2, 2)


def test_a_window_is_given_every_value_and_looked_at_each_time() -> None:
    watch = _watch("r", Condition(signal="x", above=1, over=Duration(5000)))
    scale = scales([watch])["x"]
    assert [scale.moves(2.0, at) for at in (0, 1000, 2000)] == [True, True, True]
    assert [step.step for step in watch.look({"x": 2.0}, 2000)] == ["firing"]


def test_a_rule_with_a_window_is_looked_at_for_its_other_signals_too() -> None:
    watch = _watch(
        "r", Condition(signal="x", above=1, over=Duration(5000)), Condition(signal="y", above=9)
    )
    scale = scales([watch])["y"]
    assert [scale.moves(1.0, at) for at in (0, 1)] == [True, True]
