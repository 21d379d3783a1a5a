"""Who gets in: login, CSRF, roles, sessions, limits, headers."""

import re
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from flask import Flask
from sqlalchemy import Engine, select
from werkzeug.test import TestResponse

from configs.servers import WebSettings
from hub.neighbours.tables import Resident
from hub.state.tables import Alert, Audit, User
from tests.web import seed
from tests.web.conftest import NOW, PASSWORD, Clock, Reader
from web import users
from web.app import close, create_app
from web.console import WebError
from web.login import local
from web.roles import ACT, LEAST, RESIDENTS, Role
from web.secret import session_secret

Open = Callable[[str], Reader]
RESIDENT = "resident"
PATHS = {
    "static": "/static/linli.css",
    "vitals.healthz": "/healthz",
    "vitals.readyz": "/readyz",
    "vitals.metrics": "/metrics",
    "login.show": "/login",
    "login.enter": "/login",
    "login.language": "/language",
    "totp.ask": "/login/code",
    "totp.check": "/login/code",
    "totp.page": "/me/code",
    "totp.confirm": "/me/code",
    "totp.renew": "/me/code/recovery",
    "totp.off": "/me/code/off",
    "first.show": "/first/0",
    "first.create": "/first/0",
    "login.leave": "/logout",
    "me.sound": "/me/sound",
    "me.theme": "/me/theme",
    "me.keys": "/me/keys",
    "now.page": "/",
    "now.plan": "/plans/garden",
    "devices.page": "/devices",
    "places.page": "/places/garden/bike-shed",
    "why.page": "/places/garden/bike-shed/why",
    "cameras.page": "/cameras/garden/gate-1/cam-gate",
    "cameras.watch": "/cameras/garden/gate-1/cam-gate/watch",
    "cameras.snapshot": "/cameras/garden/gate-1/cam-gate/gate-1.jpg",
    "cameras.stop": "/cameras/garden/gate-1/cam-gate/stop",
    "api.alerts": "/api/v1/alerts",
    "api.alert": "/api/v1/alerts/{alert}",
    "api.places": "/api/v1/places",
    "api.nodes": "/api/v1/nodes",
    "api.rules": "/api/v1/rules",
    "api.quiet": "/api/v1/silences",
    "api.place": "/api/v1/places/garden/bike-shed",
    "api.signals": "/api/v1/places/garden/bike-shed/signals",
    "api.pictures_of": "/api/v1/places/garden/bike-shed/pictures",
    "api.cameras": "/api/v1/cameras",
    "api.troubles": "/api/v1/troubles",
    "api.trend": "/api/v1/trends/signal",
    "api.alert_trend": "/api/v1/trends/alerts",
    "api.response_trend": "/api/v1/trends/responses",
    "api.expected": "/api/v1/expected",
    "api.anomalies": "/api/v1/anomalies",
    "api.judge_anomaly": "/api/v1/anomalies/judge",
    "api.coming": "/api/v1/coming",
    "api.handover": "/api/v1/handover",
    "api.hand_over": "/api/v1/handover/notes",
    "api.cases": "/api/v1/cases",
    "api.case": "/api/v1/cases/{case}",
    **{
        f"api.case_{verb}": f"/api/v1/cases/{{case}}/{path}"
        for verb, path in (
            ("step", "step"),
            ("close", "close"),
            ("answer", "answer"),
            ("note", "note"),
            ("assign", "assign"),
            ("grade", "severity"),
            ("release", "release"),
            ("merge", "merge"),
            ("split", "split"),
            ("link", "link"),
            ("photo", "photo"),
            ("block", "block"),
            ("contacts", "contacts"),
            ("forget", "forget"),
            ("erase", "erase"),
        )
    },
    "api.case_from_alert": "/api/v1/alerts/{alert}/case",
    "api.sender_blocks": "/api/v1/cases/blocks",
    "api.lift_block": "/api/v1/cases/blocks/1/lift",
    "api.figures_of": "/api/v1/figures",
    "api.patrol_plans": "/api/v1/patrols/plans",
    "api.plan_patrol": "/api/v1/patrols",
    "api.change_plan": "/api/v1/patrols/plans/{plan}",
    "api.end_plan": "/api/v1/patrols/plans/{plan}/end",
    "api.cancel_patrol": "/api/v1/patrols/{walk}/cancel",
    "api.patrol_people": "/api/v1/patrols/{walk}/people",
    "api.patrol_remove": "/api/v1/patrols/{walk}/remove",
    "api.digest": "/api/v1/expected/digest",
    "api.sites": "/api/v1/sites",
    "api.camera": "/api/v1/cameras/garden/gate-1/cam-gate",
    "api.watch": "/api/v1/cameras/garden/gate-1/cam-gate/watch",
    "api.stop_watching": "/api/v1/cameras/garden/gate-1/cam-gate/stop",
    "api.acknowledge_many": "/api/v1/alerts/acknowledge",
    "api.views": "/api/v1/alerts/views",
    "api.keep_view": "/api/v1/alerts/views",
    "api.drop_view": "/api/v1/alerts/views/1/delete",
    "api.patrols": "/api/v1/patrols",
    "api.patrol": "/api/v1/patrols/{walk}",
    "api.audit": "/api/v1/audit",
    "api.history": "/api/v1/rules/history",
    "api.mute": "/api/v1/silences",
    "api.end_silence": "/api/v1/silences/1/end",
    "api.devices": "/api/v1/devices",
    "api.story": "/api/v1/alerts/{alert}/story",
    "api.acknowledge": "/api/v1/alerts/{alert}/acknowledge",
    "api.assign": "/api/v1/alerts/{alert}/assign",
    "api.note": "/api/v1/alerts/{alert}/note",
    "api.judge": "/api/v1/alerts/{alert}/verdict",
    "api.resolve": "/api/v1/alerts/{alert}/resolve",
    "api.silence": "/api/v1/alerts/{alert}/silence",
    "api.document": "/api/v1/openapi.json",
    "trends.page": "/trends",
    "analysis.page": "/expected",
    "analysis.judge": "/expected/judge",
    "analysis.digest": "/expected/digest",
    "trends.table": "/trends/alerts.csv",
    "handover.page": "/handover",
    "handover.note": "/handover/notes",
    "people.me": "/me",
    "people.password": "/me/password",
    "people.page": "/users",
    "people.create": "/users",
    "people.change": "/users/change",
    "people.resident": "/users/resident",
    "audit.page": "/audit",
    "audit.table": "/audit.csv",
    "audit.verify": "/audit/verify",
    "rules.page": "/rules",
    "rules.silence": "/rules/silences",
    "rules.end": "/rules/silences/1/end",
    "tuning.page": "/rules/garden/door-open",
    "tuning.start": "/rules/garden/door-open/trials",
    "tuning.trial": "/rules/garden/door-open/trials/0",
    "tuning.end": "/rules/garden/door-open/trials/0/end",
    "tuning.save": "/rules/garden/door-open/trials/0/save",
    "live.stream": "/live",
    "pictures.show": "/pictures/garden/gate-1/gate-1.jpg",
    "alerts.listing": "/alerts",
    "alerts.table": "/alerts.csv",
    "alerts.detail": "/alerts/{alert}",
    "alerts.keep": "/alerts/views",
    "alerts.drop": "/alerts/views/1/delete",
    "alerts.acknowledge_many": "/alerts/acknowledge",
    "alerts.acknowledge": "/alerts/{alert}/acknowledge",
    "alerts.resolve": "/alerts/{alert}/resolve",
    "alerts.assign": "/alerts/{alert}/assign",
    "alerts.note": "/alerts/{alert}/note",
    "alerts.judge": "/alerts/{alert}/judge",
    "alerts.silence": "/alerts/{alert}/silence",
    "alerts.unsilence": "/alerts/{alert}/unsilence",
    "residents.form": "/report",
    "residents.send": "/report",
    "residents.similar": "/report/similar",
    "residents.me_too": "/report/{case}/me-too",
    "residents.follow": "/r/{token}",
    "residents.rate": "/r/{token}/rate",
    "residents.add": "/r/{token}/add",
    "residents.forget": "/r/{token}/forget",
    "residents.board": "/board",
    "residents.plan": "/report/plan/garden",
    "residents.appeal": "/report/appeal",
    "blocks.page": "/cases/blocks",
    "blocks.lift": "/cases/blocks/1/lift",
    "residents.photo": "/board/{case}/{photo}.jpg",
    "residents.feed": "/board.atom",
    "open311.discover": "/open311/v2/discovery.json",
    "open311.services": "/open311/v2/services.json",
    "open311.service": "/open311/v2/services/noise.xml",
    "open311.listing": "/open311/v2/requests.json",
    "open311.one": "/open311/v2/requests/{code}.json",
    "open311.token": "/open311/v2/tokens/{token}.xml",
    "open311.create": "/open311/v2/requests.json",
    "account.enter": "/account/enter",
    "account.log_in": "/account/enter",
    "account.new": "/account/new",
    "account.create": "/account/new",
    "account.leave": "/account/leave",
    "account.mine": "/account",
    "account.password": "/account/password",
    "account.contact": "/account/contact",
    "account.delete": "/account/delete",
    "walks.listing": "/walks",
    "walks.walk": "/walks/{walk}",
    "walks.join": "/walks/{walk}/join",
    "walks.leave": "/walks/{walk}/leave",
    "walks.checkpoint": "/walks/at/garden/fire-lane/{checkpoint}",
    "walks.check_in": "/walks/check-in",
    "walks.note": "/walks/check-ins/{check_in}/note",
    "walks.report": "/walks/check-ins/{check_in}/report",
    "residents.offline": "/report/offline",
    "residents.worker": "/report/worker.js",
    "walks.offline": "/walks/offline",
    "walks.worker": "/walks/worker.js",
    "patrols.listing": "/patrols",
    "patrols.plan": "/patrols",
    "patrols.detail": "/patrols/{walk}",
    "patrols.who": "/patrols/{walk}/who",
    "patrols.remove": "/patrols/{walk}/remove",
    "patrols.cancel": "/patrols/{walk}/cancel",
    "patrols.end": "/patrols/plans/{plan}/end",
    "patrols.edit": "/patrols/plans/{plan}",
    "patrols.update": "/patrols/plans/{plan}",
    "patrols.renew": "/patrols/codes/garden/gate/renew",
    "patrols.codes": "/patrols/codes",
    "figures.page": "/figures",
    "figures.printable": "/figures.html",
    "cases.listing": "/cases",
    "cases.detail": "/cases/{case}",
    "cases.photo": "/cases/{case}/{photo}.jpg",
    "cases.codes": "/cases/codes",
    "cases.export": "/cases.csv",
    "cases.act": "/cases/{case}/walk",
    "cases.contact": "/cases/{case}/contact",
    "cases.open_from_alert": "/alerts/{alert}/case",
}


def some_alert(engine: Engine) -> str:
    with engine.begin() as connection:
        return seed.alert(connection, NOW - 1000, "courtyard")


def test_every_route_has_a_role_and_every_role_a_route(app: Flask) -> None:
    assert {rule.endpoint for rule in app.url_map.iter_rules()} == set(LEAST) == set(PATHS)


def test_an_endpoint_that_is_not_in_the_table_is_refused_to_the_admin_too(
    app: Flask, reader: Open
) -> None:
    app.add_url_rule("/forgotten", "forgotten", lambda: "secret")
    answer = reader("admin").client.get("/forgotten")
    assert answer.status_code == 403
    assert "secret" not in answer.text


@pytest.mark.parametrize("who", ["", RESIDENT, *Role])
def test_each_route_lets_in_exactly_those_with_the_role(
    app: Flask, reader: Open, engine: Engine, data: Path, who: str
) -> None:
    browser = reader("" if who == RESIDENT else who)
    methods = {one.endpoint: one.methods for one in app.url_map.iter_rules()}
    walk = seed.patrol(engine, data, NOW, _enter(browser, engine) if who == RESIDENT else 0)
    for endpoint, path in PATHS.items():
        if "{" in path:
            case = seed.shown_case(engine, data, NOW)
            path = path.format(alert=some_alert(engine), **case, **walk)
        if "POST" in (methods[endpoint] or ()):
            answer = browser.post(path, page="/" if who else "/login")
        else:
            answer = browser.client.get(path, buffered=False)
        answer.close()
        judge_answer(answer, endpoint, who)
        if endpoint == "login.leave" and who in list(Role):
            browser.log_in(who)
        if endpoint == "account.leave" and who == RESIDENT:
            browser.post("/account/enter", page="/board", name="Auntie Wang", password=PASSWORD)


def _enter(browser: Reader, engine: Engine) -> int:
    """Make a resident's account in this browser; its number."""
    browser.post("/account/new", page="/board", name="Auntie Wang", password=PASSWORD)
    with engine.connect() as connection:
        return connection.scalar(select(Resident.id)) or 0


API = ("api.signals", "api.trend", "api.expected")
"""Of the API what has to be told of which signal or place."""
EMPTY = {
    "login.enter": 401, "people.password": 401, "account.log_in": 401, "account.password": 401,
    "account.delete": 401, "open311.create": 403, "residents.send": 422, "account.create": 422,
    "patrols.plan": 422, "patrols.update": 422, "patrols.renew": 404,
    "first.show": 404, "first.create": 422, "alerts.drop": 404,
    "totp.check": 400, "totp.confirm": 401, "totp.renew": 401, "totp.off": 401,
    **{endpoint: 404 for endpoint in PATHS if endpoint.startswith("tuning.")},
    **dict.fromkeys(API, 400),
}  # fmt: skip
"""What an empty form gets from those who may send it; the rules' files are absent here."""


TO_LOGIN = ("login.leave", "totp.ask")


def judge_answer(answer: TestResponse, endpoint: str, who: str) -> None:
    least, where = LEAST[endpoint], answer.headers.get("Location", "")
    if endpoint in RESIDENTS and who != RESIDENT:
        assert where.startswith("/account/enter"), endpoint
    elif least is None or (who in list(Role) and Role(who).includes(least)):
        if endpoint.startswith("api.") and answer.request.method == "POST":
            assert answer.status_code == 400, endpoint  # it takes JSON, and no form
        elif endpoint in EMPTY:
            assert answer.status_code == EMPTY[endpoint], endpoint
        else:
            assert answer.status_code < 400, endpoint
        assert not where.startswith(("/login", "/account/enter")) or endpoint in TO_LOGIN
    elif who in list(Role):
        assert answer.status_code == 403, endpoint
    else:
        assert answer.status_code == 401 or where.startswith("/login"), endpoint


def test_a_viewer_sees_no_buttons_and_an_operator_does(reader: Open) -> None:
    assert "/acknowledge" not in reader("viewer").client.get("/").text
    assert "/acknowledge" in reader("operator").client.get("/").text


@pytest.mark.parametrize("path", ["/login", "/logout", "/language", "/alerts/{alert}/acknowledge"])
def test_a_form_without_its_token_changes_nothing(reader: Open, engine: Engine, path: str) -> None:
    browser, alert = reader("operator"), some_alert(engine)
    answer = browser.client.post(path.format(alert=alert), data={"language": "zh"})
    assert answer.status_code == 400
    assert browser.client.get("/").status_code == 200
    with engine.connect() as connection:
        row = connection.execute(select(Alert.__table__).where(Alert.id == alert)).one()
    assert row.acknowledged_at is None


def test_a_form_of_an_older_session_says_why_and_keeps_what_was_typed(
    reader: Open, engine: Engine
) -> None:
    browser, alert = reader("operator"), some_alert(engine)
    old = browser.token("/")
    browser.post("/logout", page="/")
    browser.log_in("operator")
    path = f"/alerts/{alert}/resolve"
    answer = browser.client.post(path, data={"csrf_token": old, "note": "a <cat>"})
    assert answer.status_code == 400
    assert "This form was opened before you last logged in" in answer.text
    assert "a &lt;cat&gt;</textarea>" in answer.text
    token = re.findall(r'name="csrf_token" value="([^"]+)"', answer.text)[-1]
    sent = browser.client.post(path, data={"csrf_token": token, "note": "a <cat>"})
    assert sent.status_code == 302


def test_a_form_sent_after_the_session_ended_is_kept_through_the_login(
    reader: Open, engine: Engine
) -> None:
    browser, alert = reader("operator"), some_alert(engine)
    token = browser.token("/")
    users.set_password(engine, "operator", "another password", actor="test", now=NOW)
    path = f"/alerts/{alert}/resolve"
    asked = browser.client.post(path, data={"csrf_token": token, "note": "it was a cat"})
    assert asked.status_code == 401
    assert "You were logged out while this form was open" in asked.text
    assert 'name="kept.note" value="it was a cat"' in asked.text
    fields = {"next": path, "kept.note": "it was a cat"}
    again = browser.log_in("operator", "another password", **fields)
    assert again.status_code == 200
    assert "it was a cat</textarea>" in again.text
    assert f'action="{path}"' in again.text


@pytest.mark.parametrize(
    ("path", "fields", "kept"),
    [
        ("/rules/silences/1/end", {}, {}),  # a form with nothing but a button
        ("/alerts/views", {"name": "Night", "state": "open"}, {"name": "Night", "state": "open"}),
    ],
)
def test_a_form_with_nothing_but_a_button_is_kept_too_and_one_with_a_name_of_its_own(
    reader: Open, engine: Engine, path: str, fields: dict[str, str], kept: dict[str, str]
) -> None:
    browser = reader("operator")
    token = browser.token("/")
    users.end_sessions(engine, "operator", actor="test", now=NOW)
    asked = browser.client.post(path, data={"csrf_token": token, **fields})
    hidden = dict(re.findall(r'name="kept\.(\w+)" value="([^"]*)"', asked.text))
    assert hidden.items() >= kept.items()
    again = browser.log_in("operator", next=path, **{f"kept.{k}": v for k, v in hidden.items()})
    assert again.status_code == 200
    token = re.findall(r'name="csrf_token" value="([^"]+)"', again.text)[-1]
    resent = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', again.text))
    sent = browser.client.post(path, data={**resent, "csrf_token": token})
    assert sent.status_code == 302
    assert resent.items() >= kept.items()


def test_passwords_of_a_form_sent_too_late_are_not_kept(reader: Open, engine: Engine) -> None:
    browser = reader("operator")
    token = browser.token("/")
    users.end_sessions(engine, "operator", actor="test", now=NOW)
    typed = {"csrf_token": token, "old": PASSWORD, "new": "a new secret", "again": "a new secret"}
    asked = browser.client.post("/me/password", data=typed)
    assert asked.status_code == 401
    assert "passwords are not kept" in asked.text
    assert PASSWORD not in asked.text
    assert "a new secret" not in asked.text
    assert browser.log_in("operator", next="/me").headers["Location"] == "/me"
    stale = browser.client.post("/me/password", data=typed)
    assert stale.headers["Location"] == "/me"


def test_changed_passwords_and_disabled_users_end_sessions_at_once(
    reader: Open, engine: Engine
) -> None:
    first, second = reader("operator"), reader("viewer")
    users.set_password(engine, "operator", "another password", actor="test", now=NOW)
    users.set_disabled(engine, "viewer", True, actor="test", now=NOW)
    assert first.client.get("/").headers["Location"] == "/login"
    assert second.client.get("/").headers["Location"] == "/login"
    assert second.log_in("viewer").status_code == 401


def test_wrong_names_and_wrong_passwords_get_the_same_words(reader: Open) -> None:
    wrong = reader("").log_in("operator", "wrong password")
    nobody = reader("").log_in("nobody-here", "wrong password")
    words = "Name and password do not belong together."
    assert (wrong.status_code, nobody.status_code) == (401, 401)
    assert words in wrong.text
    assert words in nobody.text


def test_a_name_is_locked_after_eight_failures_and_says_for_how_long(reader: Open) -> None:
    browser = reader("")
    for _ in range(8):
        assert browser.log_in("operator", "wrong password").status_code == 401
    answer = browser.log_in("operator")
    assert answer.status_code == 429
    assert re.search(r"Too many failed logins\. Wait \d+ s, then try again\.", answer.text)
    assert int(answer.headers["Retry-After"]) > 200
    assert browser.log_in("viewer").status_code == 302


def test_an_address_is_locked_after_thirty_failures_whatever_the_names(reader: Open) -> None:
    browser = reader("")
    for number in range(30):
        assert browser.log_in(f"guess-{number}", "wrong password").status_code == 401
    assert browser.log_in("operator").status_code == 429


def test_logins_that_succeed_are_not_counted(reader: Open) -> None:
    for _ in range(12):
        assert reader("").log_in("operator").status_code == 302


def test_an_old_hash_is_replaced_at_login(
    reader: Open, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    stronger = PasswordHasher(time_cost=2, memory_cost=16, parallelism=1)
    monkeypatch.setattr(users, "_hasher", stronger)
    reader("operator")
    with engine.connect() as connection:
        row = connection.execute(select(User.__table__).where(User.name == "operator")).one()
    assert "m=16,t=2" in row.password_hash


def test_every_answer_carries_the_strict_headers(reader: Open) -> None:
    browser = reader("operator")
    for path in ("/", "/alerts", "/nowhere", "/static/linli.js", "/healthz"):
        headers = browser.client.get(path, buffered=True).headers
        assert headers["Content-Security-Policy"].startswith(
            "default-src 'none'; script-src 'self'"
        )
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "same-origin"
        assert "geolocation=()" in headers["Permissions-Policy"]
        assert "Strict-Transport-Security" not in headers  # it may well be HTTP


def test_pages_hold_no_inline_script_style_or_handler(
    reader: Open, engine: Engine, data: Path
) -> None:
    browser, alert = reader("admin"), some_alert(engine)
    case = seed.case(engine, data, NOW)
    walk = seed.patrol(engine, data, NOW, _enter(browser, engine))
    told = (
        f"/r/{case['token']}", f"/cases/{case['case']}", "/cases", "/cases/codes", "/figures",
        "/account", "/account/new", "/walks", f"/walks/{walk['walk']}", "/walks/offline",
        f"/walks/at/garden/fire-lane/{walk['checkpoint']}", "/patrols",
        f"/patrols/{walk['walk']}", "/patrols/codes",
    )  # fmt: skip
    for path in (
        "/",
        "/alerts",
        f"/alerts/{alert}",
        "/nowhere",
        "/report",
        "/board",
        "/figures",
        *told,
    ):
        text = browser.client.get(path).text
        assert not re.search(r"<style|\sstyle=|\son[a-z]+=|<script(?![^>]* src=)", text)
        assert not re.search(r"(?:src|href)=\"(?:https?:)?//", text)


def test_the_session_cookie_is_hidden_from_scripts_and_secure_when_asked(
    data: Path, engine: Engine
) -> None:
    del engine
    settings = WebSettings(data=str(data), secure_cookies=True)
    app = create_app(settings, [seed.site_file()], now_ms=Clock())
    headers = app.test_client().get("/login").headers
    cookie = headers["Set-Cookie"]
    close(app)
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert "Secure" in cookie
    assert headers["Strict-Transport-Security"] == "max-age=31536000"


@pytest.mark.parametrize(
    "target", ["//evil.example", "https://evil.example", "/\\evil.example", "evil", "", "/a\nb"]
)
def test_a_login_leads_only_to_pages_of_the_console(app: Flask, target: str) -> None:
    with app.test_request_context():
        assert local(target) == "/"
        assert local("/alerts?state=open") == "/alerts?state=open"


def test_the_session_secret_is_made_once_and_readable_by_its_owner_alone(tmp_path: Path) -> None:
    data = tmp_path / "data"
    first = session_secret("", data)
    assert session_secret("", data) == first
    assert stat.S_IMODE((data / "web.secret").stat().st_mode) == 0o600
    assert [path.name for path in data.iterdir()] == ["web.secret"]


def test_a_short_session_secret_refuses_to_start(tmp_path: Path) -> None:
    short = tmp_path / "secret"
    short.write_text("admin")
    with pytest.raises(WebError, match="shorter than 16 bytes; put a longer random text there"):
        session_secret(str(short), tmp_path)


def test_logins_are_audited(reader: Open, engine: Engine) -> None:
    reader("operator")
    with engine.connect() as connection:
        row = connection.execute(select(Audit.__table__).where(Audit.action == "login")).one()
    assert (row.actor, row.at) == ("operator", NOW)


def test_metrics_are_for_this_machine_and_not_for_a_proxy(app: Flask) -> None:
    client = app.test_client()
    assert "linli_web_requests_total" in client.get("/metrics").text
    assert client.get("/metrics", headers={"X-Forwarded-For": "10.0.0.9"}).status_code == 404
    far = {"REMOTE_ADDR": "10.0.0.9"}
    assert client.get("/metrics", environ_base=far).status_code == 404


def test_ready_says_how_long_the_hub_has_been_quiet_and_no_when_the_store_is_gone(
    app: Flask, data: Path, engine: Engine
) -> None:
    client = app.test_client()
    answer = client.get("/readyz")
    assert answer.json == {"ready": True, "state_store": "ok", "hub_quiet_s": 0.9}
    engine.dispose()
    app.extensions["linli"].engine.dispose()
    (data / "state.db").rename(data / "gone.db")
    assert client.get("/readyz").status_code == 503


def test_acting_is_for_operators_and_up() -> None:
    assert [role for role in Role if role.includes(ACT)] == ["operator", "maintainer", "admin"]


def test_a_short_password_and_a_taken_name_are_refused_in_words(engine: Engine) -> None:
    with pytest.raises(users.UserError, match="at least 10 characters"):
        users.create(engine, "new", Role.VIEWER, "short", actor="test", now=NOW)
    with pytest.raises(users.UserError, match="there is a user 'admin' already"):
        users.create(engine, "admin", Role.VIEWER, PASSWORD, actor="test", now=NOW)
