"""What travels to a resident's phone is small, and asked for once."""

import gzip
import re
from collections.abc import Callable

from tests.web.conftest import Reader

Open = Callable[[str], Reader]
PACKED = {"Accept-Encoding": "gzip, deflate, br"}
FIRST_VIEW_BYTES = 24_000
"""Without headers; at 50 kbit/s 24 kB take four seconds."""


def linked(text: str) -> list[str]:
    """What a page names of static files."""
    return sorted(set(re.findall(r'(?:href|src)="(/static/[^"]+)"', text)))


def test_the_first_view_of_the_form_is_small(reader: Open) -> None:
    client = reader("").client
    page = client.get("/report", headers=PACKED)
    assert page.headers["Content-Encoding"] == "gzip"
    assert "Accept-Encoding" in page.vary
    text = gzip.decompress(page.data).decode()
    files = [client.get(path, headers=PACKED, buffered=True).data for path in linked(text)]
    assert len(files) == 4
    assert len(page.data) + sum(map(len, files)) < FIRST_VIEW_BYTES
    assert '<img src="/report/plan/garden" alt=""' in text
    assert re.search(r'<img src="/report/plan/garden"[^>]* loading="lazy"', text)


def test_a_file_under_the_name_of_its_content_is_kept_and_any_other_asked_for_again(
    reader: Open,
) -> None:
    client = reader("").client
    (path,) = [one for one in linked(client.get("/report").text) if "report.js" in one]
    named = client.get(path, headers=PACKED, buffered=True)
    assert named.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    plain = client.get(path, buffered=True)
    assert "Content-Encoding" not in plain.headers
    assert gzip.decompress(named.data) == plain.data
    for other in ("/static/report.js", "/static/report.js?v=0"):
        answer = client.get(other, headers=PACKED, buffered=True)
        assert answer.headers["Cache-Control"] == "no-cache"
        seen = {**PACKED, "If-None-Match": answer.headers["ETag"]}
        again = client.get(other, headers=seen, buffered=True)
        assert (again.status_code, again.data) == (304, b"")
    assert client.get("/static/nothing.js?v=0").status_code == 404


def test_a_page_of_somebody_who_is_logged_in_is_not_packed(reader: Open) -> None:
    staff, resident = reader("operator"), reader("")
    new = {"name": "Wang", "password": "every day a walk or two"}
    assert resident.post("/account/new", page="/account/new", **new).status_code == 302
    for one, path in (
        (staff, "/"),
        (staff, "/board"),
        (resident, "/account"),
        (resident, "/board"),
    ):
        answer = one.client.get(path, headers=PACKED)
        assert answer.status_code == 200
        assert "Content-Encoding" not in answer.headers
