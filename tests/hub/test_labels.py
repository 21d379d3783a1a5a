"""A rule that looks for what no camera of its places reports is shown on the console."""

from typing import Any

from msgspec.structs import replace

from configs.rules import Condition
from configs.site import CountingLine
from hub.labels import NOTICE, LabelWatch, never_seen
from hub.ledger import Ledger, Node
from tests.hub.chain import SITE, T0, rule


def _about(**labels: Any) -> dict[str, Any]:
    return {"agent": "1", "sources": [{"id": "cam", "kind": "camera", **labels}]}


def _site(signal: str) -> Any:
    lines = (CountingLine(node="a", source="cam", line="l"),)
    places = (replace(SITE.places[0], lines=lines),)
    return replace(SITE, places=places, rules=(rule("r", "*", Condition(signal=signal, above=0)),))


def test_a_slip_of_the_pen_is_told_with_what_was_probably_meant() -> None:
    abouts = {("s", "a"): _about(zone_labels={"z": ["person", "car"]})}
    assert never_seen([_site("occupancy.persn")], abouts) == [
        (
            "s/r: occupancy.persn: no zone in view of the rule's places looks for 'persn' "
            "(did you mean 'person'?)"
        )
    ]
    assert never_seen([_site("occupancy.person")], abouts) == []


def test_a_line_that_looks_for_cars_alone_never_moves_what_counts_persons() -> None:
    abouts = {("s", "a"): _about(line_labels={"l": ["car"]})}
    (told,) = never_seen([_site("flow.in")], abouts)
    assert told.startswith("s/r: flow.in: no line of the rule's places looks for 'person'")
    assert never_seen([_site("flow.in.car")], abouts) == []


def test_nodes_that_have_not_said_what_they_look_for_are_left_alone() -> None:
    assert never_seen([_site("occupancy.persn")], {}) == []
    assert never_seen([_site("occupancy.persn")], {("s", "a"): _about()}) == []
    others = {("t", "a"): _about(zone_labels={"z": ["person"]})}
    assert never_seen([_site("occupancy.persn")], others) == []


def test_it_is_shown_until_the_node_or_the_rule_is_another_and_then_taken_away() -> None:
    ledger, shown = Ledger(), []
    watch = LabelWatch(ledger, lambda key, text, _now: shown.append((key, text)))
    sites = [_site("occupancy.cat")]
    watch.look(sites, T0)
    ledger.nodes["s", "a"] = Node(about=_about(zone_labels={"z": ["person"]}))
    watch.look(sites, T0 + 1)
    watch.look(sites, T0 + 2)
    assert [key for key, _ in shown] == [NOTICE, NOTICE]
    assert shown[0] == (NOTICE, "")
    assert "'cat' (one of: person)" in shown[1][1]
    watch.look([_site("occupancy.person")], T0 + 3)
    assert shown[2:] == [(NOTICE, "")]
