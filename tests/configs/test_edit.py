"""Numbers of a rule are edited in its YAML: nothing else of the file changes."""

import stat
from pathlib import Path

import pytest

import configs
from configs import edit, schedule
from configs.overrides import resolve_rule
from configs.rules import Active, Rule, Severity
from configs.site import SiteFile
from configs.values import Duration

SITE = """\
# The site.
site: {id: garden, name: Garden, timezone: Asia/Shanghai}
nodes: [{id: n}]
places:   # two of them
  - {id: yard, name: Yard, tags: [outdoor], views: [[{node: n, source: cam, zone: z}]]}
  - {id: hall, name: Hall, doors: [{node: n, source: door}]}
rule_files: [rules.yaml]
"""
RULES = """\
# Every number here is meant to be tuned.
rules:
  - id: crowd      # since spring
    title: "Crowd"
    places: ["*"]
    when:
      - {signal: occupancy.person, above: 5, for: '10s'}   # was 4
    clear:
        below: 3

  # The door.
  - id: door
    title: Door
    places: [hall]
    when:
      - any:
          - signal: door.open_s
            above: 30.5
    severity: high
"""


@pytest.fixture
def site(tmp_path: Path) -> Path:
    (tmp_path / "rules.yaml").write_text(RULES, encoding="utf-8")
    path = tmp_path / "site.yaml"
    path.write_text(SITE, encoding="utf-8")
    return path


def rule(file: SiteFile, name: str) -> Rule:
    return next(one for one in file.rules if one.id == name)


def test_numbers_of_a_rule_are_named_as_an_override_names_them(site: Path) -> None:
    found = configs.load_site(site)
    crowd = [(one.path, edit.spell(one.value)) for one in edit.numbers(rule(found, "crowd"))]
    assert crowd == [
        ("when[0].above", "5"), ("when[0].for", "10s"), ("clear.below", "3"),
        ("clear.for", "0s"), ("cooldown", "0s"),
    ]  # fmt: skip
    door = [(one.path, edit.spell(one.value)) for one in edit.numbers(rule(found, "door"))]
    assert door[:2] == [("when[0].any[0].above", "30.5"), ("when[0].any[0].for", "0s")]


def test_only_the_number_changes_in_the_file(site: Path) -> None:
    made = edit.plan(
        site, "garden", "crowd", {"when[0].above": 6.25, "when[0].for": Duration(90_000)}
    )
    edit.save(made)
    text = (site.parent / "rules.yaml").read_text(encoding="utf-8")
    assert text == RULES.replace("above: 5, for: '10s'", "above: 6.25, for: 1m30s")
    assert rule(configs.load_site(site), "crowd").when[0].above == 6.25
    assert [path.name for path in sorted(site.parent.iterdir())] == ["rules.yaml", "site.yaml"]


def test_a_number_that_was_not_written_is_added_where_it_belongs(site: Path) -> None:
    values: dict[str, edit.Value] = {"cooldown": Duration(300_000), "clear.for": Duration(5000)}
    edit.save(edit.plan(site, "garden", "crowd", values))
    edit.save(edit.plan(site, "garden", "door", {"when[0].any[0].for": Duration(1000)}))
    text = (site.parent / "rules.yaml").read_text(encoding="utf-8")
    assert "    cooldown: 5m\n    clear:\n        for: 5s\n        below: 3\n" in text
    assert "          - signal: door.open_s\n            for: 1s\n            above: 30.5\n" in text
    assert "\n\n  # The door.\n  - id: door\n" in text


def test_windows_line_ends_and_the_files_mode_stay(site: Path) -> None:
    path = site.parent / "rules.yaml"
    path.write_bytes(RULES.replace("\n", "\r\n").encode())
    path.chmod(0o640)
    edit.save(edit.plan(site, "garden", "crowd", {"cooldown": Duration(1000)}))
    assert b"\n" not in path.read_bytes().replace(b"\r\n", b"")
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


ITEM = '{rule: crowd, places: [yard], set: {"when[0].above": 8}}'
DOOR = "overrides:\n- rule: door\n  places: [hall]\n  set:\n    cooldown: 1m   # for now\n# end\n"


@pytest.mark.parametrize(
    ("tail", "says"),
    [
        ("", f"\noverrides:\n  - {ITEM}\n"),
        ("overrides: []\n", f"overrides: [{ITEM}]"),
        (DOOR, f"# for now\n- {ITEM}\n# end\n"),
        (
            "overrides:\n  - {rule: crowd, places: [yard], set: {cooldown: 1m}}\n",
            'set: {cooldown: 1m, "when[0].above": 8}}\n',
        ),
        (
            "overrides:\n  - rule: crowd\n    places: [yard]\n    set:\n      when[0].above: 7\n",
            "      when[0].above: 8\n",
        ),
    ],
)
def test_a_number_at_one_place_becomes_an_override_of_the_site(
    site: Path, tail: str, says: str
) -> None:
    site.write_text(SITE + tail, encoding="utf-8")
    made = edit.plan(site, "garden", "crowd", {"when[0].above": 8.0}, "yard")
    edit.save(made)
    assert says in site.read_text(encoding="utf-8")
    found = configs.load_site(site)
    there = [resolve_rule(rule(found, "crowd"), p, found.overrides).when[0].above
             for p in found.places]  # fmt: skip
    assert there == [8, 5]
    assert (site.parent / "rules.yaml").read_text(encoding="utf-8") == RULES


def test_what_the_check_would_refuse_is_not_planned(site: Path) -> None:
    with pytest.raises(configs.ConfigError, match=r"rules.yaml:9: .*clear.below: 3 is over the 2"):
        edit.plan(site, "garden", "crowd", {"when[0].above": 2.0})
    with pytest.raises(edit.EditRefused, match="has no rule 'cloud'"):
        edit.plan(site, "garden", "cloud", {"cooldown": Duration(1)})
    with pytest.raises(edit.EditRefused, match="has no site 'meadow'"):
        edit.plan(site, "meadow", "crowd", {"cooldown": Duration(1)})


def test_a_value_that_others_share_by_an_anchor_is_left_to_hands(site: Path) -> None:
    shared = RULES.replace("above: 5", "above: &much 5").replace("below: 3", "below: *much")
    (site.parent / "rules.yaml").write_text(shared, encoding="utf-8")
    for path in ("clear.below", "when[0].above"):
        with pytest.raises(edit.EditRefused, match=r"shares values by anchors"):
            edit.plan(site, "garden", "crowd", {path: 4.0})


def test_a_file_that_changed_meanwhile_is_not_overwritten(site: Path) -> None:
    made = edit.plan(site, "garden", "crowd", {"when[0].above": 6.0})
    newer = RULES.replace("high", "low")
    (site.parent / "rules.yaml").write_text(newer, encoding="utf-8")
    with pytest.raises(edit.EditConflict, match=r"rules.yaml was changed meanwhile"):
        edit.save(made)
    assert (site.parent / "rules.yaml").read_text(encoding="utf-8") == newer


def test_a_rules_file_of_two_sites_changes_both(site: Path) -> None:
    other = site.parent / "other.yaml"
    other.write_text(SITE.replace("id: garden", "id: meadow"), encoding="utf-8")
    web = site.parent / "web.yaml"
    web.write_text("sites: [site.yaml, other.yaml]\n", encoding="utf-8")
    made = edit.plan(web, "meadow", "crowd", {"when[0].above": 6.0})
    assert [old.site.id for old, _new in made.sites] == ["garden", "meadow"]
    assert all(rule(new, "crowd").when[0].above == 6 for _old, new in made.sites)


@pytest.mark.parametrize("typed", ["", "soon", "nan", "inf", "5s"])
def test_what_is_no_number_is_refused(typed: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        edit.parse_value(edit.Number("when[0].above", "flow.in", "above", 5.0), typed)


def test_a_length_of_time_is_read_and_small_numbers_are_spelled_without_an_exponent() -> None:
    length = edit.Number("cooldown", "", "cooldown", Duration(0))
    assert edit.parse_value(length, " 1m30s ") == 90_000
    with pytest.raises(ValueError, match="expected a duration such as"):
        edit.parse_value(length, "90")
    assert edit.spell(1e-7) == "0.0000001"
    assert edit.spell(Duration(90_061_005)) == "1d1h1m1s5ms"


def active(text: str) -> Active:
    return schedule.parse(text)


def test_severity_and_active_hours_are_written_where_they_stand_or_added(site: Path) -> None:
    night: dict[str, edit.Value] = {
        "severity": Severity.CRITICAL,
        "active": active('{outside: "06:00-22:30", days: [mon, tue], holidays: never}'),
    }
    rules = site.parent / "rules.yaml"
    country = SITE.replace("Asia/Shanghai}", "Asia/Shanghai, country: CN}")
    site.write_text(country, encoding="utf-8")
    edit.save(edit.plan(site, "garden", "door", night))
    text = rules.read_text(encoding="utf-8")
    assert '    active: {outside: "06:00-22:30", days: [mon, tue], holidays: never}\n' in text
    assert "    severity: critical\n" in text
    assert text.startswith(RULES.partition("    severity")[0].rpartition("    when")[0])
    edit.save(edit.plan(site, "garden", "door", {"active": active('{within: "20:00-06:00"}')}))
    assert '    active: {within: "20:00-06:00"}\n' in rules.read_text(encoding="utf-8")
    edit.save(edit.plan(site, "garden", "door", {"active": Active()}))
    found = rule(configs.load_site(site), "door")
    assert (found.severity, found.active) == (Severity.CRITICAL, Active())


def test_active_hours_over_several_lines_become_one(site: Path) -> None:
    rules = site.parent / "rules.yaml"
    block = "    active:\n      outside: 06:00-22:30\n      days:\n        - mon\n        - tue\n"
    rules.write_text(RULES + block + "  # The end.\n", encoding="utf-8")
    edit.save(edit.plan(site, "garden", "door", {"active": active("{days: [sun]}")}))
    assert rules.read_text(encoding="utf-8") == RULES + "    active: {days: [sun]}\n  # The end.\n"


COMMENTED = """\
    active:
      # The night.
      outside: "06:00-22:30"   # since spring
      days: [mon, tue]  # few
      dates:
        - "2026-01-15..2026-02-20"   # Spring Festival
        # and what they asked for
        - 05-01  # Labour Day
  # The end.
"""


@pytest.mark.parametrize(
    ("hours", "changes"),
    [
        ('{outside: "06:00-22:00", days: [mon, tue], dates: ["2026-01-15..2026-02-20", "05-01"]}',
         {'"06:00-22:30"': '"06:00-22:00"'}),
        ('{outside: "06:00-22:30", days: [mon, tue], dates: ["2026-01-15..2026-02-20", "10-01"]}',
         {"        - 05-01  # Labour Day\n": "", "Festival\n": 'Festival\n        - "10-01"\n'}),
        ('{outside: "06:00-22:30", dates: ["2026-01-15..2026-02-20", "05-01", "10-01", "12-25"]}',
         {"      days: [mon, tue]  # few\n": "",
          "Labour Day\n": 'Labour Day\n        - "10-01"\n        - "12-25"\n'}),
        ('{within: "01:00-02:00", days: [mon, tue], dates: ["2026-01-15..2026-02-20", "05-01"]}',
         {'      outside: "06:00-22:30"   # since spring\n': "",
          "      days:": '      within: "01:00-02:00"\n      days:'}),
    ],
)  # fmt: skip
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_comments_among_active_hours_stay(
    site: Path, hours: str, changes: dict[str, str], end: str
) -> None:
    rules = site.parent / "rules.yaml"
    before = RULES + COMMENTED
    rules.write_bytes(before.replace("\n", end).encode())
    edit.save(edit.plan(site, "garden", "door", {"active": active(hours)}))
    after = before
    for old, new in changes.items():
        assert old in after
        after = after.replace(old, new)
    assert rules.read_bytes().decode() == after.replace("\n", end)
    assert rule(configs.load_site(site), "door").active == active(hours)


@pytest.mark.parametrize("hours", ["{}", '{outside: "06:00-22:30", days: [mon], dates: ["10-01"]}'])
def test_comments_among_active_hours_that_would_go_are_left_to_hands(
    site: Path, hours: str
) -> None:
    (site.parent / "rules.yaml").write_text(RULES + COMMENTED, encoding="utf-8")
    with pytest.raises(edit.EditRefused, match="active has comments that would go"):
        edit.plan(site, "garden", "door", {"active": active(hours)})


def test_active_hours_at_one_place_become_an_override_of_the_whole(site: Path) -> None:
    night = active('{outside: "06:00-22:30", dates: ["12-20..01-10"]}')
    edit.save(edit.plan(site, "garden", "crowd", {"active": night}, "yard"))
    found = configs.load_site(site)
    yard, hall = found.places
    there = resolve_rule(rule(found, "crowd"), yard, found.overrides)
    assert there.active == night
    assert resolve_rule(rule(found, "crowd"), hall, found.overrides).active is None
    edit.save(edit.plan(site, "garden", "crowd", {"active": Active()}, "yard"))
    assert '"active": {}' in site.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("\noverrides:\n  - {rule: crowd, places: [yard], set: {cooldown: 1m}}  # spring\n", ""),
        (
            (
                "overrides:  # few\n"
                "  # the hall\n"
                "  - {rule: crowd, places: [hall], set: {cooldown: 1m}}\n"
                "  - rule: crowd\n    places: [yard]\n    set:\n      cooldown: 2m\n"
                "  - {rule: door, places: [hall], set: {cooldown: 1m}}\n"
            ),
            (
                "overrides:  # few\n"
                "  # the hall\n"
                "  - {rule: crowd, places: [hall], set: {cooldown: 1m}}\n"
                "  - {rule: door, places: [hall], set: {cooldown: 1m}}\n"
            ),
        ),
        (
            (
                "overrides: [{rule: door, places: [hall], set: {cooldown: 1m}}, "
                "{rule: crowd, places: [yard], set: {cooldown: 2m}}]\n"
            ),
            "overrides: [{rule: door, places: [hall], set: {cooldown: 1m}}]\n",
        ),
    ],
)
def test_an_override_of_one_place_alone_is_taken_away_and_nothing_else(
    site: Path, before: str, after: str
) -> None:
    site.write_text(SITE + before, encoding="utf-8")
    edit.save(edit.plan_back(site, "garden", "crowd", "yard"))
    assert site.read_text(encoding="utf-8") == SITE + after


WIDE = """\
overrides:
  - {rule: crowd, places: [hall, yard], set: {cooldown: 1m}}  # both
  - {rule: crowd, places: [yard], set: {cooldown: 3m}}  # here longer
"""


def test_an_override_of_several_places_is_edited_where_it_stands(site: Path) -> None:
    site.write_text(SITE + WIDE, encoding="utf-8")
    values = {"cooldown": Duration(120_000), "when[0].above": 7.0}
    edit.save(edit.plan(site, "garden", "crowd", values, "yard,hall"))
    assert site.read_text(encoding="utf-8") == SITE + WIDE.replace(
        "cooldown: 1m}", 'cooldown: 2m, "when[0].above": 7}'
    )
    found = configs.load_site(site)
    there = [resolve_rule(rule(found, "crowd"), p, found.overrides) for p in found.places]
    assert [one.cooldown for one in there] == [180_000, 120_000]
    edit.save(edit.plan_back(site, "garden", "crowd", "hall,yard"))
    alone = WIDE.partition("\n")[0] + "\n" + WIDE.rpartition("  - ")[1] + WIDE.rpartition("  - ")[2]
    assert site.read_text(encoding="utf-8") == SITE + alone


@pytest.mark.parametrize(
    ("at", "says"),
    [("yard,hall", "places: [yard, hall]"), ("outdoor", "places: [outdoor]"),
     ("*", 'places: ["*"]')],
)  # fmt: skip
def test_what_is_said_of_several_places_first_becomes_an_override_of_just_these(
    site: Path, at: str, says: str
) -> None:
    edit.save(edit.plan(site, "garden", "crowd", {"when[0].above": 8.0}, at))
    written = site.read_text(encoding="utf-8")
    line = f'  - {{rule: crowd, {says}, set: {{"when[0].above": 8}}}}\n'
    assert written == f"{SITE}\noverrides:\n{line}"


def test_an_override_of_several_places_is_not_taken_for_one_of_one(site: Path) -> None:
    wide = 'overrides: [{rule: crowd, places: ["*"], set: {cooldown: 1m}}]\n'
    site.write_text(SITE + wide, encoding="utf-8")
    with pytest.raises(edit.EditRefused, match="no override of 'crowd' is of 'yard' alone"):
        edit.plan_back(site, "garden", "crowd", "yard")


@pytest.mark.parametrize(
    "text",
    ["{}", '{outside: "22:00-24:00", days: [mon, sun]}', '{holidays: {mode: only, country: "NO"}}',
     '{dates: ["2026-05-01", "12-20..01-10"]}'],
)  # fmt: skip
def test_a_schedule_is_read_as_it_is_spelled(text: str) -> None:
    assert schedule.spell(schedule.parse(text)) == text


@pytest.mark.parametrize("text", ["{", "[]", "{within: noon}", "{days: [moonday]}"])
def test_what_is_no_schedule_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        schedule.parse(text)
