"""The notifier as a whole: its threads, its configuration, and the trial from the shell."""

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from prometheus_client import CollectorRegistry
from sqlalchemy import insert

import configs
from configs.notify import Route
from hub.notify.cli import cli
from hub.notify.notifier import Notifier
from hub.notify.senders import Sender
from hub.state.tables import AlertEvent
from tests.hub.notify.test_senders import Hook, serving
from tests.hub.notify.world import T0, FakeSender, World, machine, rule, site
from wire.mqtt import Broker

FILE = site(machine(), rules=(rule("busy", "machine"),))
YAML = """\
site: {id: s, name: Court, timezone: UTC}
nodes: [{id: a}]
places: [{id: yard, name: Yard, views: [[{node: a, source: cam, zone: z}]]}]
rules:
  - id: busy
    title: Busy
    places: [yard]
    when: [{signal: occupancy.person, above: 2}]
    notify: [room]
    escalate: [{after: 60s, to: lead}]
routes:
"""


def notifier(world: World, senders: dict[str, FakeSender], registry: CollectorRegistry) -> Notifier:
    def open_with(route: Route, _broker: Broker) -> Sender:
        return senders.setdefault(route.id, FakeSender())

    return Notifier(
        world.database, "hub", [world.file], Broker(), lambda: world.now,
        registry=registry, open_with=open_with,
    )  # fmt: skip


def test_it_tells_on_its_threads_and_counts(tmp_path: Path) -> None:
    world, senders, registry = World(tmp_path, FILE), dict[str, FakeSender](), CollectorRegistry()
    made = notifier(world, senders, registry)
    world.fire("busy")
    world.now = T0
    assert [work.result(60) for work in made.step()] == [1]
    assert made.step() == []
    made.start()
    made.stop()
    assert len(senders["machine"].got) == 1
    sent = registry.get_sample_value("linli_hub_notify_deliveries_total", {"outcome": "sent"})
    assert sent == 1


def test_a_defect_of_one_route_is_counted_and_tried_again(tmp_path: Path) -> None:
    world, senders, registry = World(tmp_path, FILE), dict[str, FakeSender](), CollectorRegistry()
    made = notifier(world, senders, registry)

    def stumble(_message: object) -> None:
        raise ZeroDivisionError

    senders["machine"].answer = stumble
    world.fire("busy")
    world.now = T0
    (work,) = made.step()
    assert isinstance(work.exception(60), ZeroDivisionError)
    senders["machine"].answer = lambda _message: None
    (work,) = made.step()
    assert work.result(60) == 1
    assert registry.get_sample_value("linli_hub_notify_failures_total") == 1
    made.start()
    made.stop()


def test_a_changed_configuration_brings_its_routes(tmp_path: Path) -> None:
    world, senders = World(tmp_path, FILE), dict[str, FakeSender]()
    made = notifier(world, senders, CollectorRegistry())
    early = world.fire("busy", at_s=100)  # is not due before the route goes
    made.step()
    made.reload([site(machine("other"), rules=(rule("busy", "other"),))])
    made.step()
    world.fire("busy")
    world.now = T0
    assert [work.result(60) for work in made.step()] == [1]
    assert len(senders["other"].got) == 1
    gone = (f"{early}:firing:machine:0", "failed", "the site has no such route any more")
    assert gone in world.deliveries()
    made.start()
    made.stop()


def test_an_event_that_is_committed_after_a_later_one_is_not_missed(tmp_path: Path) -> None:
    world = World(tmp_path, FILE)
    alert = world.fire("busy")
    with world.database.begin() as connection:
        connection.exec_driver_sql("UPDATE alert_event SET id = 9")
    world.turn(0)
    world.fire("busy", "hall")  # takes its row's id from the one below
    row = {"id": 5, "alert": "a2", "kind": "firing", "ts": T0, "at": T0, "actor": "hub"}
    with world.database.begin() as connection:
        connection.exec_driver_sql("DELETE FROM alert_event WHERE alert = 'a2'")
        connection.execute(insert(AlertEvent), row)
    world.turn(1)
    assert world.told("machine") == [[("firing", alert)], [("firing", "a2")]]


def write(tmp_path: Path, routes: str) -> Path:
    path = tmp_path / "site.yaml"
    path.write_text(YAML + routes)
    return path


@pytest.mark.parametrize(
    ("routes", "said"),
    [
        ("- {id: room, kind: apprise, url_env: X}", "'lead' is no route of the site"),
        ("- {id: room, kind: apprise, url: 'mailto://a:b@c'}", "may hold a secret"),
        ("- {id: room, kind: webhook, url: 'http://a:b@c/'}", "may hold a secret"),
        ("- {id: room, kind: webhook}", "has no address"),
        ("- {id: room, kind: mqtt, url_env: X}", "is not for mqtt"),
        ("- {id: room, kind: cap, folder: out}", "cap needs a sender"),
        ("- {id: room, kind: mqtt, at_most: {count: 1, per: 1m}}", "is not for mqtt"),
    ],
)
def test_what_is_wrong_with_a_route_is_said(tmp_path: Path, routes: str, said: str) -> None:
    with pytest.raises(configs.ConfigError) as caught:
        configs.load_site(write(tmp_path, routes))
    assert said in str(caught.value)


def test_the_files_of_a_route_are_beside_its_site(tmp_path: Path) -> None:
    (tmp_path / "room.url").write_text("mailto://x\n")
    path = write(
        tmp_path,
        "- {id: room, kind: apprise, url_file: room.url}\n- {id: lead, kind: mqtt}\n",
    )
    assert configs.load_site(path).routes[0].address() == "mailto://x"


def run(path: Path, route: str) -> Any:
    return CliRunner().invoke(cli, ["test", route, "-c", str(path)])


def test_the_trial_says_what_happened(tmp_path: Path) -> None:
    hook = Hook()
    with serving(hook) as port:
        path = write(
            tmp_path,
            f"- {{id: room, kind: webhook, url: 'http://127.0.0.1:{port}/'}}\n"
            "- {id: lead, kind: mqtt, broker: {port: 1}}\n",
        )
        good = run(path, "room")
        hook.status = 404
        refused = run(path, "room")
    assert good.exit_code == 0
    assert good.output.startswith("webhook route room accepted the test message in ")
    assert b"org.linli.alert.test" in hook.got[0][1]
    assert (refused.exit_code, "answered 404; check the route's" in refused.output) == (1, True)
    down = run(path, "lead")
    assert (down.exit_code, "no broker answers at 127.0.0.1:1" in down.output) == (1, True)
    unknown = run(path, "rom")
    assert unknown.exit_code == 2
    assert "did you mean 'room'?" in unknown.output


def test_a_route_to_try_that_is_not_there_is_said_with_what_to_do(tmp_path: Path) -> None:
    path, said_of = tmp_path / "site.yaml", "{id: s, name: S, timezone: UTC}"
    for routes, said in (
        ("", "'rom' is no route of this file. It has none: write them under routes:"),
        (
            "routes: [{id: room, kind: mqtt}]",
            "'rom' is no route of this file. did you mean 'room'?",
        ),
    ):
        path.write_text(f"site: {said_of}\nnodes: []\nplaces: []\n{routes}\n", encoding="utf-8")
        ran = CliRunner().invoke(cli, ["test", "rom", "-c", str(path)])
        assert (ran.exit_code, ran.output.strip()) == (2, said)
