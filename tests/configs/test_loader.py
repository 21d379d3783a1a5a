"""A configuration loads, or says everything that is wrong with it, where, and what to do."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import configs
from configs.agent import EdgeFile
from configs.values import Duration, Text, TimeSpan

EXAMPLES = sorted((Path(__file__).parents[2] / "configs").glob("*/*.yaml"))

SITE = """\
site: {id: garden, name: Garden, timezone: Asia/Shanghai}
nodes: [{id: gate-1}]
places:
  - id: courtyard
    name: {en: Courtyard, zh: 庭院}
    tags: [outdoor]
    views: [[{node: gate-1, source: cam, zone: yard}]]
rules:
  - id: night
    title: Someone there
    places: [outdoor]
    when: [{signal: presence.person, above: 0.7, for: 3s}]
    clear: {below: 0.3, for: 30s}
    active: {outside: "06:00-22:30"}
"""


def _site(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "site.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def _problems(path: Path) -> list[str]:
    with pytest.raises(configs.ConfigError) as caught:
        configs.load_any(path)
    return [str(problem).removeprefix(f"{path}:") for problem in caught.value.problems]


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_every_shipped_example_loads(path: Path) -> None:
    configs.load_any(path)


def test_a_site_becomes_structs(tmp_path: Path) -> None:
    site = configs.load_site(_site(tmp_path, SITE))
    (rule,) = site.rules
    assert rule.when[0].for_ == 3000
    assert rule.clear is not None
    assert rule.clear.for_.seconds == 30
    assert site.places[0].name == Text("Courtyard", "庭院")
    assert Path(site.hub.data) == tmp_path / "data"


def test_everything_wrong_is_told_at_once_with_line_path_and_suggestion(tmp_path: Path) -> None:
    broken = (
        SITE.replace("timezone: Asia/Shanghai", "timezone: Asia/Shanghi, planet: x")
        .replace("source: cam", "source: Cam, trust: 2")
        .replace("node: gate-1, ", "node: gate-2, ")
        .replace("[outdoor]\n    when", "[outdor]\n    when")
        .replace("presence.person", "presense.person")
        .replace("for: 3s", "for: 3 seconds")
        .replace("below: 0.3", "below: 0.8")
    )
    assert _problems(_site(tmp_path, broken)) == [
        "1: site.planet: is not known here (did you mean 'plan'?)",
        "1: site.timezone: 'Asia/Shanghi' is no IANA zone (did you mean 'Asia/Shanghai'?)",
        (
            "7: places[0].views[0][0].node: 'gate-2' is not among the site's nodes "
            "(did you mean 'gate-1'?)"
        ),
        (
            "7: places[0].views[0][0].source: 'Cam' is not an id "
            "(use 1–63 of a–z, 0–9 and - (no capitals))"
        ),
        "7: places[0].views[0][0].trust: expected at most 1, got 2",
        "11: rules[0].places[0]: 'outdor' is no place or tag of the site (did you mean 'outdoor'?)",
        (
            "12: rules[0].when[0].for: expected a duration such as 500ms, 3s, 1m30s, 12h or 7d, "
            "got '3 seconds'"
        ),
        (
            "12: rules[0].when[0].signal: 'presense.person' is no signal "
            "(did you mean 'presence.person'?)"
        ),
        (
            "13: rules[0].clear.below: 0.8 is over the 0.7 that raises: it would clear at once "
            "(at most 0.7)"
        ),
    ]


def test_problems_in_rule_files_come_with_those_of_the_site(tmp_path: Path) -> None:
    (tmp_path / "more.yaml").write_text(
        "rules: [{id: night, title: x, places: ['*'], when: [{signal: silence_s}]}]"
    )
    text = SITE.replace("Asia/Shanghai", "Mars/Base") + "rule_files: [more.yaml, gone.yaml]\n"
    found = [line.split(": ", 1)[1] for line in _problems(_site(tmp_path, text))]
    assert found == [
        "rules[0].id: 'night' is given in another file (ids must differ)",
        "rules[0].when[0]: has no threshold (give exactly one of above, below and equals)",
        "site.timezone: 'Mars/Base' is no IANA zone",
        "rule_files[1]: there is no file 'gone.yaml' beside this one",
    ]


def test_a_broken_yaml_says_where(tmp_path: Path) -> None:
    (problem,) = _problems(_site(tmp_path, "site: {id: garden\nnodes: ]"))
    assert problem.startswith("2: not valid YAML: ")
    assert "indentation" in problem


def test_aliases_that_would_become_millions_of_values_are_refused(tmp_path: Path) -> None:
    levels = [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 10)]
    text = "\n".join(["a0: &a0 [x, x, x, x, x, x, x, x, x]", *levels])
    assert _problems(_site(tmp_path, text)) == [
        " not valid YAML: more than 200,000 values, its aliases written out"
    ]


def test_a_key_given_twice_is_told(tmp_path: Path) -> None:
    text = SITE.replace("nodes: [{id: gate-1}]", "nodes: [{id: gate-1}]\nnodes: []")
    assert _problems(_site(tmp_path, text)) == ["3: nodes: is given twice (remove one)"]


def test_a_file_that_is_not_there_or_not_ours_is_told(tmp_path: Path) -> None:
    with pytest.raises(configs.ConfigError, match="No such file"):
        configs.load_any(tmp_path / "gone.yaml")
    with pytest.raises(configs.ConfigError, match="none of Linli's files"):
        configs.load_any(_site(tmp_path, "hello: world"))


@pytest.mark.parametrize(
    ("camera", "says"),
    [
        ("{id: c}", "has nothing to take pictures from"),
        ("{id: c, usb: 0, file: x.avi}", "has file and usb to take pictures from"),
        ("{id: c, url: 'rtsp://me:secret@host/1'}", "holds a login"),
        ("{id: c, url: host/1}", "is no address"),
        ("{id: c, usb: 0, blur: false}", "is off without unblurred_reason"),
        ("{id: c, usb: 0, zones: [{id: z, polygon: [[0, 0], [1, 1]]}]}", "needs at least 3, got 2"),
        ("{id: c, usb: 0, fps: 0}", "expected more than 0"),
        ("{id: c, usb: yes}", "expected a whole number"),
    ],
)
def test_a_camera_that_cannot_work_says_why(tmp_path: Path, camera: str, says: str) -> None:
    path = tmp_path / "edge.yaml"
    path.write_text(f"site: garden\nnode: gate-1\ncameras: [{camera}]\n")
    assert any(says in problem for problem in _problems(path))


@given(st.text())
def test_no_text_makes_the_loader_do_more_than_load_or_say(
    tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    path = tmp_path_factory.mktemp("fuzz") / "edge.yaml"
    path.write_text(text, encoding="utf-8", errors="surrogatepass")
    with pytest.raises(configs.ConfigError):
        configs.load(path, EdgeFile)


@pytest.mark.parametrize(
    ("text", "ms"), [("500ms", 500), ("1m30s", 90_000), ("7d", 604_800_000), ("0.5s", 500)]
)
def test_durations_are_milliseconds(text: str, ms: int) -> None:
    assert Duration.parse(text) == ms


@pytest.mark.parametrize("text", ["", "3", "3x", "s", "3s4", 3, None, "-3s"])
def test_what_is_no_duration_is_refused(text: object) -> None:
    with pytest.raises(ValueError, match="expected a duration"):
        Duration.parse(text)


def test_a_span_past_midnight_holds_on_both_sides_of_it() -> None:
    span = TimeSpan.parse("22:30-06:00")
    assert [span.holds(minute) for minute in (1349, 1350, 1439, 0, 359, 360)] == [
        False, True, True, True, True, False,
    ]  # fmt: skip
