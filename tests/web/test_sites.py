"""Who has a role at some sites alone sees and does nothing at the others."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from flask import Flask
from msgspec.structs import replace
from sqlalchemy import Engine, insert, select, update

from configs.servers import WebSettings
from configs.site import SiteFile
from configs.values import Text
from hub import audit, silences
from hub.state.tables import Alert, HandoverNote, Notice, User
from tests.web import seed
from tests.web.conftest import NOW, PASSWORD, Clock, Reader
from tests.web.test_doors import EMPTY, PATHS, some_alert
from web import tokens, users
from web.app import close, create_app
from web.cli import cli
from web.news import Heard, View
from web.roles import EVERYWHERE, LEAST, PUBLIC, SUBJECTS, Role, Sites

Open = Callable[[str], Reader]
AT_SITES = [role for role in Role if role is not Role.ADMIN]
HARMLESS = {
    "place",
    "node",
    "ref",
    "rule",
    "trial",
    "verb",
    "what",
    "filename",
    "source",
    "view_id",
}
"""Parts of addresses that name something within a site that stands beside them, or no thing."""


def meadow() -> SiteFile:
    file = seed.site_file()
    site = replace(file.site, id="meadow", name=Text("Far Meadow", "远草坪"), plan="")
    return replace(file, site=site)


@pytest.fixture
def app(engine: Engine, data: Path, clock: Clock) -> Iterator[Flask]:
    """A console of two sites; all that was seeded is of the garden."""
    for role in AT_SITES:
        users.create(engine, f"far-{role}", Role.VIEWER, PASSWORD, actor="test", now=NOW,
                     sites={"meadow": role})  # fmt: skip
    both = {"garden": Role.VIEWER, "meadow": Role.MAINTAINER}
    users.create(engine, "both", Role.VIEWER, PASSWORD, actor="test", now=NOW, sites=both)
    silences.create(engine, site="garden", author="li", reason="painters", now=NOW,
                    ends_at=NOW + 3_600_000)  # fmt: skip
    with engine.begin() as connection:
        audit.enter(connection, "hub", "configuration.reload", "",
                    "~ garden.x: 1 -> 2\n~ meadow.y: 3 -> 4", NOW)  # fmt: skip
        connection.execute(insert(Notice).values(key="configuration", text="garden: no", at=NOW))
        note = {"site": "garden", "at": NOW, "author": "li", "text": "the garden gate sticks"}
        connection.execute(insert(HandoverNote).values(note))
    app = create_app(WebSettings(data=str(data)), [seed.site_file(), meadow()], now_ms=clock)
    yield app
    close(app)


def at_meadow(engine: Engine) -> str:
    """An alert there."""
    with engine.begin() as connection:
        name = seed.alert(connection, NOW - 1000, "courtyard")
        connection.execute(update(Alert).where(Alert.id == name).values(site="meadow"))
    return name


def test_every_part_of_an_address_says_of_which_site_it_is(app: Flask) -> None:
    for rule in app.url_map.iter_rules():
        if LEAST[rule.endpoint] is not None and rule.endpoint.partition(".")[0] not in PUBLIC:
            assert rule.arguments <= SUBJECTS.keys() | HARMLESS, (
                f"{rule.endpoint}: say in web.roles.SUBJECTS of which site {rule.arguments} are"
            )


def test_the_figures_of_all_sites_that_one_may_see_stand_beside_each_other(
    reader: Open, engine: Engine, data: Path
) -> None:
    seed.case(engine, data, NOW - 86_400_000)
    both, far = reader("both").client, reader("far-viewer").client
    asked = "/figures?from=2026-10-01&change=2026-11-01"
    page = both.get(asked).text
    assert "By site" in page
    assert '<th scope="row">Far Meadow</th>' not in page  # nothing has happened there
    assert '<th scope="row">Garden Court: Fire lane</th>' in page
    assert "By site" not in both.get("/figures?site=garden").text
    assert "Garden Court" not in far.get(asked).text
    assert far.get("/figures?site=garden").status_code == 404


@pytest.mark.parametrize("role", AT_SITES)
def test_each_route_shows_and_does_nothing_of_another_site(
    app: Flask, reader: Open, engine: Engine, data: Path, role: Role
) -> None:
    browser, alert = reader(f"far-{role}"), some_alert(engine)
    case, walk = seed.shown_case(engine, data, NOW), seed.patrol(engine, data, NOW, 0)
    rules = {rule.endpoint: rule for rule in app.url_map.iter_rules()}
    for endpoint, path in PATHS.items():
        least, rule = LEAST[endpoint], rules[endpoint]
        if least is None or endpoint in ("login.leave", "people.password"):
            continue
        path = path.format(alert=alert, **case, **walk)
        posts = "POST" in (rule.methods or ())
        answer = browser.post(path, page="/") if posts else browser.client.get(path)
        if not role.includes(least) or endpoint in EVERYWHERE:
            assert answer.status_code == 403, endpoint
        elif rule.arguments & SUBJECTS.keys():
            assert answer.status_code == 404, endpoint
        else:
            # The API takes JSON, and no form.
            empty = 400 if endpoint.startswith("api.") and posts else EMPTY.get(endpoint)
            assert answer.status_code < 400 or answer.status_code == empty, endpoint
        if endpoint != "live.stream":
            text = answer.text.casefold().replace(path.casefold(), "")
            for secret in ("garden", "painters", alert, case["code"].casefold()):
                assert secret not in text, (endpoint, secret)
        answer.close()


def test_fields_of_forms_name_nothing_of_another_site_either(
    app: Flask, reader: Open, engine: Engine
) -> None:
    del app
    theirs, mine = some_alert(engine), at_meadow(engine)
    browser = reader("far-operator")
    many = {"csrf_token": browser.token("/"), "reason": "a cat", "alert": [theirs, mine]}
    assert browser.client.post("/alerts/acknowledge", data=many).status_code == 404
    quiet = {"scope": "garden/", "ends": "2026-11-24T06:00", "reason": "x"}
    browser.post("/rules/silences", page="/", **quiet)
    browser.post("/handover/notes", page="/", site="garden", note="hello")
    answer = browser.post(f"/alerts/{mine}/unsilence", page="/", silence="1")
    assert answer.status_code == 404
    with engine.connect() as connection:
        taken = select(Alert.acknowledged_by).where(Alert.id.in_([theirs, mine]))
        assert set(connection.scalars(taken)) == {""}
        assert len(silences.listed(connection, NOW)) == 1
        assert connection.scalars(select(HandoverNote.author)).all() == ["li"]


def test_a_role_holds_at_its_own_site(app: Flask, reader: Open, engine: Engine) -> None:
    del app
    theirs, mine = some_alert(engine), at_meadow(engine)
    browser = reader("both")
    now = browser.client.get("/").text
    assert f'id="alert.{theirs}"' in now
    assert f"/alerts/{mine}/acknowledge" in now
    assert f"/alerts/{theirs}/acknowledge" not in now
    assert "/assign" not in browser.client.get(f"/alerts/{theirs}").text
    assert browser.post(f"/alerts/{theirs}/acknowledge", page="/").status_code == 403
    assert browser.post(f"/alerts/{mine}/acknowledge", page="/").status_code == 302
    rules = browser.client.get("/rules").text
    assert 'value="meadow/"' in rules
    assert 'value="garden/"' not in rules
    assert "Audit" not in now
    assert browser.client.get("/audit").status_code == 403
    history = reader("far-viewer").client.get("/rules").text
    assert "~ meadow.y: 3 -&gt; 4" in history


def test_live_news_are_of_the_readers_sites(app: Flask, engine: Engine) -> None:
    theirs, mine = some_alert(engine), at_meadow(engine)
    tail = app.extensions["linli.tail"]
    far = Sites(frozenset({"meadow"}))
    changes = [
        Heard(1, "alert", "garden", theirs, NOW), Heard(2, "node", "garden", "gate-1", NOW),
        Heard(3, "place", "garden", "courtyard", NOW), Heard(4, "notice", "", "configuration", NOW),
        Heard(5, "alert", "garden", "gone", NOW), Heard(6, "alert", "meadow", mine, NOW),
    ]  # fmt: skip
    view = View("en", far, far)
    text = tail._draw(changes, [view])[view]
    assert mine in text
    assert "garden" not in text
    assert "gone" not in text
    assert '"firing":1' in text


def test_a_token_of_one_site_reads_of_that_site(app: Flask, engine: Engine) -> None:
    theirs, mine = some_alert(engine), at_meadow(engine)
    token = tokens.create(engine, "board", actor="test", now=NOW, sites=["meadow"])
    client, head = app.test_client(), {"Authorization": f"Bearer {token}"}
    found = client.get("/api/v1/alerts", headers=head).json
    assert found is not None
    assert [one["id"] for one in found["alerts"]] == [mine]
    assert client.get(f"/api/v1/alerts/{theirs}", headers=head).status_code == 404
    for path in ("/api/v1/places", "/api/v1/nodes", "/api/v1/alerts?site=garden"):
        assert "garden" not in client.get(path, headers=head).text
    picture = "/pictures/garden/gate-1/gate-1.jpg"
    assert client.get(picture, headers=head).status_code == 404


def test_who_is_of_no_site_that_is_left_sees_nothing(app: Flask, reader: Open) -> None:
    console = app.extensions["linli"]
    browser = reader("far-viewer")
    console.adopt([seed.site_file()])
    answer = browser.client.get("/")
    assert answer.status_code == 403
    assert "garden" not in answer.text.casefold()


def test_an_administrator_gives_roles_at_sites_which_end_sessions(
    reader: Open, engine: Engine
) -> None:
    admin, other = reader("admin"), reader("operator")
    sites = {"at.meadow": "operator", "at.garden": "", "at.nowhere": "viewer"}
    admin.post("/users/change", page="/users", name="operator", do="sites", **sites)
    assert other.client.get("/").status_code == 302
    text = admin.client.get("/users").text
    assert "Far Meadow: operator" in text
    assert "Garden Court" not in reader("operator").client.get("/").text
    admin.post("/users/change", page="/users", name="operator", do="role", role="viewer")
    assert "Garden Court" in reader("operator").client.get("/").text
    admin.post("/users", page="/users", name="new", role="admin", at="meadow")
    assert "Give a name and a role." in admin.client.get("/users").text
    admin.post("/users", page="/users", name="new", role="viewer", at="meadow")
    with engine.connect() as connection:
        row = connection.execute(select(User.role, User.sites).where(User.name == "new")).one()
    assert row == ("viewer", {"meadow": "viewer"})
    with pytest.raises(users.UserError, match="is the last administrator"):
        users.set_role(engine, "admin", Role.VIEWER, actor="x", now=NOW,
                       sites={"meadow": Role.VIEWER})  # fmt: skip
    with pytest.raises(users.UserError, match="an administrator is one everywhere"):
        users.set_role(engine, "new", Role.VIEWER, actor="x", now=NOW,
                       sites={"meadow": Role.ADMIN})  # fmt: skip


def test_the_command_line_gives_roles_at_sites(tmp_path: Path) -> None:
    site = "site: {id: garden, name: G, timezone: UTC}\nnodes: [{id: n}]\nplaces: []\n"
    path = tmp_path / "site.yaml"
    path.write_text(f"{site}web: {{data: data}}\n", encoding="utf-8")
    runner, name = CliRunner(), ["-c", str(path), "--name", "lihua"]
    made = runner.invoke(cli, ["create-user", *name, "--site", "garden", "--generate"])
    assert "lihua may log in as operator at garden" in made.output
    told = runner.invoke(cli, ["set-role", *name, "--role", "viewer", "--site", "meadow"])
    assert told.exit_code == 2
    assert "has no site 'meadow'" in told.output
    told = runner.invoke(cli, ["set-role", *name, "--role", "viewer"])
    assert told.output == "lihua is viewer\n"
