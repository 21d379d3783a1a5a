"""Open311 GeoReport v2, field by field, and read by a client that others wrote."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from flask import Flask
from flask.testing import FlaskClient
from georeport import GeoReport
from lxml import etree
from msgspec.structs import replace
from sqlalchemy import Engine, select
from werkzeug.test import TestResponse

from configs.servers import WebSettings
from hub.cases import desk
from hub.cases.desk import Step
from hub.cases.tables import Case, CaseOutcome
from tests.web import seed
from tests.web.conftest import NOW, Clock
from web.app import close, create_app

KEY = "a key that is long enough"
V2 = "/open311/v2"
REQUEST_FIELDS = [
    "service_request_id", "status", "status_notes", "service_name", "service_code", "description",
    "agency_responsible", "service_notice", "requested_datetime", "updated_datetime",
    "expected_datetime", "address", "address_id", "zipcode", "lat", "long", "media_url",
]  # fmt: skip
SERVICE_FIELDS = [
    "service_code", "service_name", "description", "metadata", "type", "keywords", "group",
]  # fmt: skip
TOLD = {"api_key": KEY, "service_code": "lighting", "address_id": "courtyard",
        "description": "Lamp & bench"}  # fmt: skip


@pytest.fixture
def app(engine: Engine, data: Path, clock: Clock) -> Iterator[Flask]:
    del engine
    keys = data / "keys"
    keys.write_text(f"# who may\ncity: {KEY}\nweak: short\n")
    site = seed.site_file()
    site = replace(site, residents=replace(site.residents, api_keys_file=str(keys)))
    app = create_app(WebSettings(data=str(data), threads=12), [site], now_ms=clock)
    yield app
    close(app)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


def rows(answer: TestResponse) -> list[dict[str, Any]]:
    """What an answer lists."""
    found: list[dict[str, Any]] = answer.get_json()
    return found


class Session:
    """What `requests` is to the client, without a network."""

    def __init__(self, client: FlaskClient) -> None:
        self.client = client

    def get(self, url: str, params: dict[str, str] | None = None) -> requests.Response:
        answer = self.client.get(url.removeprefix("http://linli"), query_string=params)
        response = requests.Response()
        response.status_code, response._content = answer.status_code, answer.data
        return response


@pytest.mark.parametrize("form", ["json", "xml"])
def test_a_client_that_others_wrote_reads_services_and_requests(
    client: FlaskClient, engine: Engine, data: Path, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    told = [seed.case(engine, data, NOW - 1000 * n) for n in range(2)]
    desk.walk(engine, told[0]["case"], Step.VERIFY, actor="li", now=NOW)
    monkeypatch.setattr("georeport.georeport.requests", Session(client))
    city = GeoReport(f"http://linli{V2}", jurisdiction="garden", output_format=form)
    services = city.get_service_list()
    assert [sorted(one) for one in services] == [sorted(SERVICE_FIELDS)] * 9
    assert city.get_service_definition("noise")["service_code"] == "noise"
    found = city.get_service_requests(service_code="fire-lane", status="open")
    assert [one["service_request_id"] for one in found] == [one["code"] for one in told]
    assert sorted(found[0]) == sorted(REQUEST_FIELDS)
    one: Any = city.get_service_request(told[0]["code"])
    one = one[0] if isinstance(one, list) else one
    assert one["description"] == "A van blocks the fire lane"
    assert not found[1]["description"]  # nobody has verified it yet


def test_every_field_says_what_the_standard_means(
    client: FlaskClient, engine: Engine, data: Path
) -> None:
    told = seed.case(engine, data, NOW)
    desk.walk(engine, told["case"], Step.VERIFY, actor="li", now=NOW + 5000)
    (found,) = rows(client.get(f"{V2}/requests/{told['code']}.json"))
    assert found["requested_datetime"] == "2026-11-23T18:53:20.000+00:00"
    assert found["updated_datetime"] == "2026-11-23T18:53:25.000+00:00"
    assert (found["status"], found["service_code"]) == ("open", "fire-lane")
    assert (found["service_name"], found["address"], found["address_id"]) == (
        "Fire lane or exit blocked", "Fire lane, Garden Court", "fire-lane",
    )  # fmt: skip
    empty = {"agency_responsible", "service_notice", "zipcode", "lat", "long", "media_url"}
    assert {name for name, value in found.items() if value is None} == empty
    assert found["status_notes"] == "Verified"
    desk.note(engine, told["case"], actor="li", text="between us", now=NOW + 6000)
    closed = (CaseOutcome.UNSOLVED, "The city's")
    desk.close_unsolved(engine, told["case"], closed[0], actor="li", now=NOW + 7000, note=closed[1])
    desk.note(engine, told["case"], actor="li", text="between us", now=NOW + 8000)
    (found,) = rows(client.get(f"{V2}/requests/{told['code']}.json"))
    assert found["updated_datetime"] == "2026-11-23T18:53:27.000+00:00"  # when it was closed
    assert (found["status"], found["status_notes"]) == ("closed", "Closed: not possible here")
    service = rows(client.get(f"{V2}/services.json"))[0]
    assert (service["metadata"], service["type"]) == (False, "realtime")


def test_xml_is_as_the_standard_shows_it(client: FlaskClient, engine: Engine, data: Path) -> None:
    seed.case(engine, data, NOW)
    top = etree.fromstring(client.get(f"{V2}/requests.xml").data)
    assert (top.tag, top[0].tag) == ("service_requests", "request")
    services = client.get(f"{V2}/services.xml")
    assert services.mimetype == "text/xml"
    assert etree.fromstring(services.data).findtext("service/metadata") == "false"
    definition = etree.fromstring(client.get(f"{V2}/services/noise.xml").data)
    assert definition.tag == "service_definition"


@pytest.mark.parametrize("form", ["json", "xml"])
def test_a_report_is_posted_and_found_by_its_id_and_its_token(
    client: FlaskClient, form: str
) -> None:
    answer = client.post(f"{V2}/requests.{form}", data={**TOLD, "phone": "13800001111"})
    assert answer.status_code == 201
    if form == "json":
        (got,) = rows(answer)
    else:
        got = {one.tag: one.text for one in etree.fromstring(answer.data)[0]}
    assert sorted(got) == ["account_id", "service_notice", "service_request_id"]
    token = got["service_notice"].rpartition("/")[2]
    (again,) = rows(client.get(f"{V2}/tokens/{token}.json"))
    assert again == {"service_request_id": got["service_request_id"], "token": token}
    (found,) = rows(client.get(f"{V2}/requests/{got['service_request_id']}.json"))
    assert found["address"] == "Courtyard, Garden Court"
    assert found["description"] is None  # nobody has verified it yet
    assert "13800001111" not in str(found)


@pytest.mark.parametrize(
    ("code", "part", "words"),
    [
        (403, {"api_key": ""}, "api_key was not provided"),
        (403, {"api_key": "short"}, "api_key is not valid"),
        (400, {"service_code": ""}, "service_code was not provided"),
        (404, {"service_code": "ufo"}, "service_code 'ufo' was not found"),
        (400, {"address_id": ""}, "no location"),
        (400, {"address_id": "moon"}, "'moon' is no place"),
        (400, {"lat": "north", "long": "1"}, "no numbers"),
        (400, {"lat": "31.2"}, "one of them is missing"),
        (400, {"lat": "nan", "long": "121.4"}, "no position on Earth"),
        (400, {"lat": "31.2", "long": "1214"}, "no position on Earth"),
        (404, {"jurisdiction_id": "elsewhere"}, "jurisdiction_id 'elsewhere' was not found"),
    ],
)
def test_what_is_wrong_with_a_report_is_said_as_the_standard_wants(
    client: FlaskClient, code: int, part: dict[str, str], words: str
) -> None:
    answer = client.post(f"{V2}/requests.json", data={**TOLD, **part})
    (error,) = rows(answer)
    assert (answer.status_code, error["code"]) == (code, code)
    assert words in error["description"]
    xml = etree.fromstring(client.post(f"{V2}/requests.xml", data={**TOLD, **part}).data)
    assert xml.tag == "errors"
    assert xml.findtext("error/code") == str(code)


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("status=lost", "neither open nor closed"),
        ("start_date=soon", "no W3C date"),
        ("end_date=0001-01-01T00:00:00%2B14:00", "no W3C date"),
        ("start_date=2026-01-01T00:00:00Z&end_date=2026-08-01T00:00:00Z", "90 days"),
    ],
)
def test_a_bad_search_is_refused(client: FlaskClient, query: str, words: str) -> None:
    answer = client.get(f"{V2}/requests.json?{query}")
    assert answer.status_code == 400
    assert words in rows(answer)[0]["description"]


def test_requests_are_searched_by_date_status_and_several_ids(
    client: FlaskClient, engine: Engine, data: Path
) -> None:
    old, new = (seed.case(engine, data, NOW - days * 86_400_000) for days in (100, 1))

    def codes(query: str) -> list[str]:
        found = rows(client.get(f"{V2}/requests.json?{query}"))
        return [one["service_request_id"] for one in found]

    assert codes("") == [new["code"]]
    assert codes("start_date=2026-08-01T00:00:00Z&end_date=2026-09-01T00:00:00Z") == [old["code"]]
    assert codes("status=closed") == []
    assert codes("status=open, closed&service_code=noise, fire-lane") == [new["code"]]
    assert codes("status=&start_date=&service_code=&service_request_id=") == [new["code"]]
    assert codes("end_date=1900-01-01") == []
    assert codes(f"service_request_id={old['code']},{new['code']}") == [new["code"], old["code"]]


def test_nobody_reports_where_no_keys_are_given(engine: Engine, data: Path, clock: Clock) -> None:
    del engine
    app = create_app(WebSettings(data=str(data)), [seed.site_file()], now_ms=clock)
    answer = app.test_client().post(f"{V2}/requests.json", data=TOLD)
    close(app)
    assert answer.status_code == 403


def test_where_there_are_several_sites_one_must_be_named(
    engine: Engine, data: Path, clock: Clock
) -> None:
    del engine
    garden = seed.site_file()
    meadow = replace(garden, site=replace(garden.site, id="meadow", plan=""))
    app = create_app(WebSettings(data=str(data)), [garden, meadow], now_ms=clock)
    client = app.test_client()
    told = {"code": 400, "description": (
        "jurisdiction_id was not provided: name one of garden, meadow"
    )}  # fmt: skip
    for answer in (
        client.get(f"{V2}/services.json"), client.get(f"{V2}/requests.json"),
        client.post(f"{V2}/requests.json", data=TOLD),
    ):  # fmt: skip
        assert (answer.status_code, answer.json) == (400, [told])
    assert client.get(f"{V2}/services.json?jurisdiction_id=meadow").status_code == 200
    case = seed.case(app.extensions["linli"].engine, data, NOW)
    token = f"{V2}/tokens/{case['token']}.json"
    codes = [client.get(f"{token}{asked}").status_code for asked in (
        "", "?jurisdiction_id=meadow", "?jurisdiction_id=garden",
    )]  # fmt: skip
    assert codes == [400, 404, 200]
    close(app)


@pytest.mark.parametrize(
    ("path", "code"),
    [("nothing", 404), ("services.yaml", 404), ("requests/K00-0AB", 404), ("tokens", 404)],
)
def test_what_is_not_there_is_said_in_the_standards_words_too(
    client: FlaskClient, path: str, code: int
) -> None:
    answer = client.get(f"{V2}/{path}")
    assert answer.json == [{"code": code, "description": "Not Found"}]
    root = etree.fromstring(client.get(f"{V2}/{path}/x.xml").data)
    assert (root.tag, [e.tag for e in root], root.findtext("error/code")) == (
        "errors", ["error"], str(code),
    )  # fmt: skip
    answer = client.delete(f"{V2}/requests.xml")
    assert b"<code>405</code><description>Method Not Allowed</description>" in answer.data


def test_a_description_is_the_clients_choice_and_a_link_to_a_picture_is_never_cut(
    client: FlaskClient, engine: Engine
) -> None:
    picture = "https://example.org/lamp.jpg"
    sent = {"description": ""}, {"description": "x" * 5000, "media_url": picture}
    for more in sent:
        assert client.post(f"{V2}/requests.json", data={**TOLD, **more}).status_code == 201
    with engine.connect() as connection:
        bare, long = connection.scalars(select(Case.text).order_by(Case.created_at, Case.text))
    assert bare == "Light out"
    assert (len(long), long[-len(picture) :]) == (4000, picture)


@pytest.mark.parametrize("path", ["services", "services/noise", "requests", "discovery", "nothing"])
def test_both_formats_say_the_same_by_the_spark_convention_and_that_they_are_utf_8(
    client: FlaskClient, engine: Engine, data: Path, path: str
) -> None:
    seed.case(engine, data, NOW)
    in_json, in_xml = client.get(f"{V2}/{path}.json"), client.get(f"{V2}/{path}.xml")
    assert in_json.content_type == "application/json; charset=utf-8"
    assert in_xml.content_type == "text/xml; charset=utf-8"
    assert in_xml.data.lower().startswith(b"<?xml version='1.0' encoding='utf-8'?>")
    assert spark(etree.fromstring(in_xml.data)) == plain(in_json.get_json())


LISTS = ("services", "service_requests", "errors", "attributes", "endpoints", "formats")


def spark(element: etree._Element) -> Any:
    """An element as the convention writes it in JSON, every value as text."""
    if element.tag in LISTS:
        return [spark(child) for child in element]
    return {child.tag: spark(child) for child in element} or element.text


def plain(value: Any) -> Any:
    """JSON with every value as XML writes it."""
    if isinstance(value, dict):
        return {key: plain(part) for key, part in value.items()}
    if isinstance(value, list):
        return [plain(part) for part in value]
    return None if value is None else str(value).lower() if value in (True, False) else str(value)


def test_discovery_says_where_the_interface_is_and_changes_when_what_can_be_reported_does(
    app: Flask, client: FlaskClient, clock: Clock
) -> None:
    found = client.get(f"{V2}/discovery.json").get_json()
    (endpoint,) = found.pop("endpoints")
    assert sorted(found) == ["changeset", "contact", "key_service"]
    assert all(found.values())
    assert endpoint == {
        "specification": "http://wiki.open311.org/GeoReport_v2",
        "url": f"http://localhost{V2}", "changeset": found["changeset"], "type": "production",
        "formats": ["text/xml", "application/json"],
    }  # fmt: skip
    clock.ms += 60_000
    assert client.get(f"{V2}/discovery.json").get_json()["changeset"] == found["changeset"]
    here = app.extensions["linli"]
    (site,) = here.sites
    fewer = replace(site.residents, kinds=site.residents.kinds[:3])
    here.sites = [replace(site, residents=fewer)]
    assert client.get(f"{V2}/discovery.json").get_json()["changeset"] > found["changeset"]
