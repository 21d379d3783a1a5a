"""What somebody sends who means harm: pictures, texts, names, dates, copies of sessions."""

import io
import re
import threading
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import pytest
from flask import Flask
from msgspec.structs import replace
from PIL import Image
from sqlalchemy import Engine, String, Text, select, update

from configs.servers import WebSettings
from configs.site import SiteFile
from configs.values import Text as Words
from hub.cases.receive import ReportRefused
from hub.state.tables import Base, NodeState, SourceState, User
from tests.web import seed
from tests.web.conftest import NOW, PASSWORD, Clock, Reader
from tests.web.test_doors import PATHS
from web import tokens, users
from web.app import close, create_app
from web.residents import photos
from web.residents.photos import MAX_SCANS, MAX_WHOLE_PIXELS, redraw
from web.roles import Role
from web.users import UserError

Open = Callable[[str], Reader]
EVIL = "\"'><img src=x onerror=alert(1)><script>alert(1)</script>{{ 7919 * 7907 }}"
RAW = re.compile(r"<img src=x|<script>alert|62615533")
FREE = {
    "alert": ("resolved_by", "acknowledged_by", "owner", "verdict_by", "inhibited_by"),
    "alert_event": ("actor", "note"),
    "audit": ("actor", "action", "target", "detail"),
    "case_event": ("actor", "note"),
    "case_file": ("spot", "held", "owner", "text"),
    "handover_note": ("author", "text"),
    "patrol": ("title",),
    "patrol_check_in": ("note",),
    "patrol_plan": ("title", "made_by"),
    "sender_block": ("reason", "author", "appeal"),
    "silence": ("author", "reason"),
    "source_state": ("detail",),
    "saved_view": ("name", "owner"),
    "notice": ("text",),
}
"""What people, cameras and sensors write into the state."""


class Upload:
    """A file of a form."""

    filename: str | None = "photo.jpg"

    def __init__(self, data: bytes) -> None:
        self.stream: IO[bytes] = io.BytesIO(data)


def drawn(kind: str, mode: str, size: tuple[int, int], **how: Any) -> bytes:
    out = io.BytesIO()
    Image.new(mode, size, (9, 80, 200, 128)[: len(Image.new(mode, (1, 1)).getbands())]).save(
        out, kind, **how
    )
    return out.getvalue()


def evil_site() -> SiteFile:
    """A site whose names nobody has looked at."""
    file, said = seed.site_file(), Words(EVIL, EVIL)
    nodes = tuple(
        replace(node, name=said, sources=tuple(replace(one, name=said) for one in node.sources))
        for node in file.nodes
    )
    return replace(
        file, nodes=nodes, site=replace(file.site, name=said),
        places=tuple(replace(place, name=said) for place in file.places),
        rules=tuple(replace(rule, title=said, advice=said) for rule in file.rules),
    )  # fmt: skip


def spoil(engine: Engine) -> None:
    """Write it wherever text from outside is kept."""
    alert = Base.metadata.tables["alert"]
    with engine.begin() as connection:
        for name, columns in FREE.items():
            table = Base.metadata.tables[name]
            assert all(isinstance(table.c[column].type, String | Text) for column in columns)
            connection.execute(update(table).values(dict.fromkeys(columns, EVIL)))
        for number, details in connection.execute(select(alert.c.id, alert.c.details)).all():
            spoilt = {
                "title": {"en": EVIL, "zh": EVIL},
                "advice": {"en": EVIL, "zh": EVIL},
                "values": [{"signal": EVIL, "value": 1.0, "text": EVIL}],
                "rule": EVIL,
            }
            mine = update(alert).where(alert.c.id == number)
            connection.execute(mine.values(details={**details, **spoilt}))  # fmt: skip
        about = {"agent": EVIL, "model": {"name": EVIL, "sha256": EVIL}, "sources": []}
        connection.execute(update(NodeState).values(about=about))
        source = connection.execute(select(SourceState.__table__)).mappings().all()
        for row in source:
            values = {**row["values"], "scene": EVIL, "label": EVIL, "fault": EVIL}
            here = (SourceState.node == row["node"]) & (SourceState.source == row["source"])
            connection.execute(update(SourceState).where(here).values(values=values))


def test_no_page_takes_what_strangers_sensors_or_staff_wrote_for_markup(
    engine: Engine, data: Path
) -> None:
    app = create_app(WebSettings(data=str(data), threads=12), [evil_site()], now_ms=Clock())
    known = {"alert": "", **seed.shown_case(engine, data, NOW), **seed.patrol(engine, data, NOW)}
    with engine.begin() as connection:
        known["alert"] = seed.alert(connection, NOW - 1000, "courtyard")
    seed.weeks(engine, data, NOW)
    seed.unusual(engine, NOW)
    spoil(engine)
    browser, shown = Reader(app.test_client()), 0
    browser.log_in("admin")
    getters = {rule.endpoint for rule in app.url_map.iter_rules() if "GET" in (rule.methods or ())}
    for endpoint, path in PATHS.items():
        if endpoint in getters - {"live.stream", "static"}:
            answer = browser.client.get(path.format(**known), query_string={"q": EVIL, "next": EVIL,
                                        "place": "garden/bike-shed"}, buffered=True)  # fmt: skip
            if answer.mimetype not in ("application/json", "text/csv", "image/jpeg"):
                assert not RAW.search(answer.text), endpoint
                shown += "&lt;img src=x" in answer.text
    close(app)
    assert shown > 20


def test_a_small_file_that_opens_into_a_huge_picture_is_refused_unopened() -> None:
    side = int(MAX_WHOLE_PIXELS**0.5) + 1
    bomb = drawn("PNG", "1", (side, side))
    assert len(bomb) < 100_000
    with pytest.raises(ReportRefused, match="more than 25 million pixels"):
        redraw([Upload(bomb)], None)


def test_a_jpeg_of_endless_scans_is_refused_and_one_of_a_camera_is_not() -> None:
    photo = drawn("JPEG", "RGB", (640, 480), progressive=True)
    assert len(redraw([Upload(photo)], None)) == 1
    last = photo.rfind(b"\xff\xda")
    bomb = photo[:-2] + photo[last:-2] * MAX_SCANS + photo[-2:]
    with pytest.raises(ReportRefused, match="more than 100 scans"):
        redraw([Upload(bomb)], None)


@pytest.mark.parametrize(
    ("kind", "mode"),
    [("PNG", "P"), ("PNG", "1"), ("PNG", "LA"), ("PNG", "I;16"), ("WEBP", "RGBA"),
     ("JPEG", "CMYK"), ("JPEG", "L")],
)  # fmt: skip
def test_photos_of_every_kind_become_small_ones_of_three_colours(kind: str, mode: str) -> None:
    out = io.BytesIO()
    Image.new("I" if mode == "I;16" else mode, (2000, 1000)).convert(mode).save(out, kind)
    (made,) = redraw([Upload(out.getvalue())], None)
    image = Image.open(io.BytesIO(made))
    assert (image.format, image.mode, image.size) == ("JPEG", "RGB", (1600, 800))


def test_two_pictures_at_most_are_opened_together(monkeypatch: pytest.MonkeyPatch) -> None:
    open_, most, lock = [0], [0], threading.Lock()
    third = threading.Event()
    real = photos._opened

    def counted(raw: bytes) -> Image.Image:
        with lock:
            open_[0] += 1
            most[0] = max(most[0], open_[0])
        third.wait(0.05)  # gives others the time to come in as well, if they may
        try:
            return real(raw)
        finally:
            with lock:
                open_[0] -= 1

    monkeypatch.setattr(photos, "_opened", counted)
    photo = drawn("JPEG", "RGB", (64, 48))
    threads = [threading.Thread(target=redraw, args=([Upload(photo)], None)) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert most[0] <= 2


def test_a_copy_of_a_session_is_worth_nothing_once_it_was_logged_out(
    app: Flask, reader: Open
) -> None:
    browser, other, thief = reader("operator"), reader("operator"), app.test_client()
    cookie = browser.client.get_cookie("linli")
    assert cookie is not None
    thief.set_cookie("linli", cookie.value)
    assert thief.get("/").status_code == 200
    live = thief.get("/live")
    browser.post("/logout", page="/")
    thief.set_cookie("linli", cookie.value)
    assert thief.get("/").headers["Location"] == "/login"
    app.extensions["linli.tail"].end_strangers()
    assert any(b"event: bye" in part for part in live.response)  # and there it ends
    live.close()
    assert other.client.get("/").status_code == 200  # another machine of the same person


def test_another_spelling_of_a_name_has_no_tries_of_its_own(reader: Open, engine: Engine) -> None:
    users.create(engine, "José", Role.VIEWER, PASSWORD, actor="test", now=NOW)
    browser = reader("")
    for number in range(8):
        spelled = "Jose\u0301" if number % 2 else " José "
        assert browser.log_in(spelled, "wrong password").status_code == 401
    assert browser.log_in("José").status_code == 429
    assert browser.log_in("Jose\u0301").status_code == 429


@pytest.mark.parametrize("name", ["hub", "Token board", "resident", "li\nna", "", "\u202eli"])
def test_nobody_is_called_what_the_log_would_take_for_somebody_else(
    engine: Engine, name: str
) -> None:
    with pytest.raises(UserError):
        users.create(engine, name, Role.ADMIN, PASSWORD, actor="test", now=NOW)
    with engine.connect() as connection:
        assert name not in connection.scalars(select(User.name)).all()


def test_numbers_beyond_the_store_and_digits_that_are_none_are_no_errors_of_ours(
    reader: Open,
) -> None:
    staff = reader("operator")
    for page in ("/audit", "/cases/blocks", "/rules", "/trends", "/handover"):
        odd = {"before": str(10**22), "days": str(10**22), "hours": "²"}
        admin = reader("admin") if page == "/audit" else staff
        assert admin.client.get(page, query_string=odd).status_code == 200, page
    assert staff.client.get("/live?after=²").status_code == 200
    huge = 10**22
    for path in (f"/rules/silences/{huge}/end", f"/cases/blocks/{huge}/lift",
                 f"/alerts/views/{huge}/delete"):  # fmt: skip
        assert staff.post(path, page="/").status_code == 404


def test_who_asks_for_many_names_is_not_told_for_long_who_has_an_account(reader: Open) -> None:
    browser = reader("")
    told = {"name": "x", "password": PASSWORD}
    codes = [browser.post("/account/new", page="/board", **told).status_code for _ in range(61)]
    assert codes == [422] * 60 + [429]


def test_no_cell_of_a_table_is_a_formula_in_any_width_or_behind_blanks(
    reader: Open, engine: Engine, data: Path
) -> None:
    for text in ("=1+1", "  =1+1", "＝1+1", "＠SUM(1)", "\t=1"):
        seed.case(engine, data, NOW, text="x", spot=text, place="")
    table = reader("operator").client.get("/cases.csv").text
    assert table.count("'=1+1") + table.count("'＝1+1") + table.count("'＠SUM") == 4


def test_who_tries_keys_of_open311_is_soon_refused_and_who_has_one_elsewhere_is_not(
    app: Flask,
) -> None:
    path, told = "/open311/v2/requests.json", {"service_code": "noise"}
    client = app.test_client()
    codes = [
        client.post(path, data={**told, "api_key": f"guess-{number}"}).status_code
        for number in range(61)
    ]
    assert codes == [403] * 60 + [429]
    other = {"REMOTE_ADDR": "10.0.0.9"}
    assert client.post(path, data=told, environ_overrides=other).status_code == 403


def test_a_text_with_a_nul_reaches_no_store(app: Flask, reader: Open, engine: Engine) -> None:
    staff = reader("operator")
    for path in ("/alerts?q=%00", "/open311/v2/requests/A%00.json", "/report?place=%00"):
        assert staff.client.get(path).status_code == 400, path
    token = tokens.create(engine, "robot", actor="x", now=NOW, role=Role.OPERATOR)
    answer = app.test_client().post(
        "/api/v1/handover/notes", headers={"Authorization": f"Bearer {token}"},
        json={"site": "garden", "note": "the gate\0"},
    )  # fmt: skip
    assert (answer.status_code, answer.json) == (
        400,
        {"error": "what was sent: a text holds a NUL"},
    )
    sent = staff.post("/handover/notes", page="/", site="garden", note="the gate\0")
    assert sent.status_code == 400
