"""The state store in PostgreSQL: hub and console as two programs on one database."""

import threading
import time
from contextlib import ExitStack
from pathlib import Path

import pytest
from sqlalchemy import select

from configs import load_hub
from configs.servers import WebSettings
from hub import audit
from hub.state import store
from hub.state.tables import Alert
from tests.servers import mosquitto, postgresql
from tests.system.town import NODES, SITE, play
from tests.system.world import Edge, HubProcess, now_ms, wait_for
from web import users
from web.app import close, create_app
from web.roles import Role

LENGTH_S = 9.0


@pytest.mark.system
@pytest.mark.timeout(600)
def test_a_hub_on_postgresql_decides_as_one_on_sqlite_though_both_are_killed(
    tmp_path: Path,
) -> None:
    with ExitStack() as stack:
        database = stack.enter_context(postgresql())
        worlds, hubs = [], []
        for name, parts in (("calm", {}), ("storm", {"state_url": database.url})):
            (tmp_path / name).mkdir()
            broker = stack.enter_context(mosquitto(tmp_path / name))
            hub = HubProcess(tmp_path / name, SITE, broker, **parts)
            hub.start()
            stack.callback(hub.kill)
            hub.wait_ready()
            hubs.append(hub)
            worlds.append(
                {node: Edge(tmp_path / name, broker, node, stack=stack) for node in NODES}
            )
        calm, storm = hubs

        def disturb() -> None:
            for offset, act in (
                (2.0, storm.kill),
                (3.0, storm.start),
                (3.0, storm.wait_ready),  # a hub that starts without its store says so and ends
                (5.0, database.stop),
                (6.5, database.start),
            ):
                threading.Event().wait(max(0.0, start / 1000 + offset - time.time()))
                act()

        start = now_ms() + 500
        trouble = threading.Thread(target=disturb, daemon=True)
        trouble.start()
        play(worlds, start, LENGTH_S)
        trouble.join(120)
        assert not trouble.is_alive()

        total = sum(len(edge.sent) for edge in worlds[1].values())
        for hub in hubs:
            wait_for("every record is admitted", lambda: hub.admitted() == total)  # noqa: B023
            wait_for("the other alerts have ended", lambda: hub.quiet(but="rush"))  # noqa: B023
            wait_for("the series store has everything", hub.drained)
        assert storm.alerts() == calm.alerts()
        assert {row[1] for row in calm.alerts()} >= {"crowd", "seen"}
        assert all(node.lost == 0 for node in storm.nodes().values())
        _answer_on_the_console(tmp_path, database.url)


def _answer_on_the_console(folder: Path, state_url: str) -> None:
    """Log in, see the open alert, acknowledge it; the chained log vouches for both."""
    _, sites = load_hub(folder / "storm" / "hub.yaml")
    app = create_app(WebSettings(data=str(folder / "web"), state_url=state_url), sites)
    app.config["WTF_CSRF_ENABLED"] = False
    engine = store.connect(store.address(state_url, folder))
    try:
        users.ensure_user(engine, "wang", Role.OPERATOR, "a long password", now=now_ms())
        visitor = app.test_client()
        visitor.post("/login", data={"name": "wang", "password": "a long password"})
        with engine.connect() as connection:
            alert = connection.scalars(select(Alert.id).order_by(Alert.fired_ts)).first()
        visitor.post(f"/alerts/{alert}/acknowledge")
        page = visitor.get(f"/alerts/{alert}").get_data(as_text=True)
        assert "wang" in page
        with engine.connect() as connection:
            who = select(Alert.acknowledged_by).where(Alert.id == alert)
            assert connection.scalar(who) == "wang"
        assert audit.verify(engine).whole
    finally:
        close(app)
        engine.dispose()
