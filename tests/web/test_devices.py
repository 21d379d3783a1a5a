"""What is broken, and what every node and sensor is like."""

import re
from collections.abc import Callable

from sqlalchemy import Engine, delete, update

from hub.state.tables import NodeState, SourceState
from tests.web.conftest import Reader
from web.devices import usual_model

Open = Callable[[str], Reader]
MODELS = ("a" * 64, "b" * 64)


def words(html: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html)).strip()


def set_node(engine: Engine, node: str, **values: object) -> None:
    with engine.begin() as connection:
        connection.execute(update(NodeState).where(NodeState.node == node).values(**values))


def test_what_needs_a_visit_is_a_list_to_print(reader: Open) -> None:
    html = reader("viewer").client.get("/devices").text
    visits = words(html[html.index('id="visits"') : html.index("</ul>")])
    assert "What needs a visit 2" in visits
    assert "Lane camera (yard-1) : picture blurred" in visits
    assert "Shed door (yard-1) : battery low: 9%" in visits


def test_a_node_that_is_cut_off_is_told_of_once_and_not_its_sensors(
    reader: Open, engine: Engine
) -> None:
    set_node(engine, "yard-1", online=False)
    now = reader("viewer").client.get("/").text
    broken = words(
        now[now.index('id="broken"') : now.index("</section>", now.index('id="broken"'))]
    )
    assert "What is broken 1" in broken
    assert "Courtyard cabinet offline" in broken


def test_another_model_and_an_older_agent_than_the_others_are_marked(
    reader: Open, engine: Engine
) -> None:
    model = {"name": "starter", "sha256": MODELS[0]}
    set_node(engine, "gate-1", about={"agent": "0.2.0", "model": model})
    set_node(engine, "yard-1", about={"agent": "0.1.0", "model": model})
    text = words(reader("viewer").client.get("/devices").text)
    assert "another model" not in text
    assert text.count("older agent than others") == 1
    drifted = {"agent": "0.10.0", "model": {**model, "sha256": MODELS[1]}}
    set_node(engine, "yard-1", about=drifted, clock_ms=61_000)
    text = words(reader("viewer").client.get("/devices").text)
    # One node against one: neither is the odd one out.
    assert text.count("not all nodes run this model") == 2
    assert "another model than most" not in text
    assert text.index("older agent than others") < text.index("Courtyard cabinet")
    assert "clock is wrong: +61.0 s" in text


def test_the_usual_model_is_the_one_that_more_nodes_run_than_any_other() -> None:
    assert usual_model(["a", "a", "b"]) == "a"
    assert usual_model(["a", "b"]) == ""
    assert usual_model([]) == ""


def test_what_an_agent_says_of_itself_is_shown_and_a_picture_that_is_not_blurred(
    reader: Open, engine: Engine
) -> None:
    sources = [{"id": "cam-gate", "kind": "camera", "blurred": False, "unblurred_reason": "no one"}]
    set_node(engine, "gate-1", about={"agent": "0.1.0", "sources": sources})
    with engine.begin() as connection:
        connection.execute(update(SourceState).where(SourceState.source == "door-gate").values(
            source="agent", kind="agent", values={"outbox": 4200, "rss_bytes": 3 << 27,
                                                  "celsius": 91.2, "uptime_s": 7200}))  # fmt: skip
    text = words(reader("viewer").client.get("/devices").text)
    assert "records that wait to be sent: 4200" in text
    assert "too hot: 91 °C" in text
    assert "384 MiB" in text
    assert "not blurred" in text


def test_a_node_that_was_never_seen_is_broken(reader: Open, engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(delete(NodeState).where(NodeState.node == "gate-1"))
    text = words(reader("viewer").client.get("/devices").text)
    assert "Gatehouse : never seen" in text
