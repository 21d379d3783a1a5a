"""A changed configuration takes over between two records; a bad one changes nothing."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from msgspec.structs import replace

import configs
from configs.rules import Rule
from configs.site import SiteFile
from hub.reload import ConfigWatcher, difference
from hub.state.tables import Audit, Notice
from tests.hub.chain import SITE, T0, Hub, batch, count_record

GOOD = """\
site: {id: s, name: Site, timezone: UTC}
nodes: [{id: a}]
places: [{id: yard, name: Yard, views: [[{node: a, source: cam, zone: z}]]}]
rules:
  - {id: busy, title: Busy, places: [yard], when: [{signal: occupancy.person, above: 2}]}
"""


@pytest.fixture
def hub(tmp_path: Path) -> Hub:
    return Hub(tmp_path)


def _with(name: str, **changes: object) -> SiteFile:
    rules = [replace(rule, **changes) if rule.id == name else rule for rule in SITE.rules]
    return replace(SITE, rules=tuple(rules))


def _rule(name: str) -> Rule:
    return next(rule for rule in SITE.rules if rule.id == name)


def test_the_state_of_unchanged_rules_is_kept(hub: Hub) -> None:
    hub.take(T0, batch("a", T0, count_record(1, T0, 3)))
    assert [row[:3] for row in hub.alerts()] == [
        ("busy", "yard", "pending"),
        ("seen", "yard", "firing"),
    ]
    hub.pipeline.reload([_with("seen", cooldown=_rule("busy").when[0].for_)], T0 + 500)
    hub.take(T0 + 2000, batch("a", T0 + 2000, count_record(2, T0 + 2000, 3)))
    busy = next(row for row in hub.alerts() if row[0] == "busy")
    assert busy[2:5] == ("firing", T0, T0 + 1500), "its time ran on across the reload"


def test_a_rule_that_reads_differently_begins_anew_at_once(hub: Hub) -> None:
    hub.take(T0, batch("a", T0, count_record(1, T0, 2)))
    assert "busy" not in [row[0] for row in hub.alerts()]
    condition = replace(_rule("busy").when[0], above=1.0, for_=_rule("seen").when[0].for_)
    changes = hub.pipeline.reload([_with("busy", when=(condition,))], T0 + 100)
    assert changes == [
        "~ s.rules[busy].when[0].above: 2 -> 1.0",
        "~ s.rules[busy].when[0].for: '1s500ms' -> '0s'",
    ]
    hub.take(T0 + 200)
    assert [row[2] for row in hub.alerts() if row[0] == "busy"] == ["firing"]


def test_a_rule_that_is_gone_ends_its_alert_and_the_audit_says_what_changed(hub: Hub) -> None:
    hub.take(T0, batch("a", T0, count_record(1, T0, 1)))
    fewer = replace(SITE, rules=tuple(rule for rule in SITE.rules if rule.id != "seen"))
    hub.pipeline.reload([fewer], T0 + 100)
    assert [(row[2], row[6]) for row in hub.alerts()] == [("resolved", "configuration")]
    (entry,) = [row for row in hub.all(Audit) if row.action == "configuration.reload"]
    assert "- s.rules[seen].when[0].signal: 'presence.person'" in entry.detail


def test_a_restart_after_a_reload_goes_on_with_the_new_rules(hub: Hub) -> None:
    hub.take(T0, batch("a", T0, count_record(1, T0, 3)))
    hub.pipeline.reload([SITE], T0 + 100)
    hub.start(T0 + 200)
    hub.take(T0 + 2000, batch("a", T0 + 2000, count_record(2, T0 + 2000, 3)))
    assert [row[4] for row in hub.alerts() if row[0] == "busy"] == [T0 + 1500]


class Taken:
    def __init__(self, path: Path) -> None:
        self.sites: list[Sequence[SiteFile]] = []
        self.problems: list[str] = []
        self.watcher = ConfigWatcher(
            lambda: configs.folders(path),
            lambda: configs.load_hub(path)[1],
            on_change=self.sites.append,
            on_problem=self.problems.append,
        )


def test_a_changed_file_is_taken_up_and_a_bad_one_is_told(tmp_path: Path) -> None:
    path = tmp_path / "site.yaml"
    path.write_text(GOOD)
    taken = Taken(path)
    taken.watcher.check()
    assert (taken.sites, taken.problems) == ([], []), "nothing changed"
    path.write_text(GOOD.replace("above: 2", "above: 12"))
    taken.watcher.check()
    assert taken.sites[0][0].rules[0].when[0].above == 12
    path.write_text(GOOD.replace("above: 2", "abov: 2"))
    taken.watcher.check()
    taken.watcher.check()
    assert len(taken.sites) == len(taken.problems) == 1
    assert "did you mean 'above'?" in taken.problems[0]


def test_files_that_a_change_names_elsewhere_are_watched_from_then_on(tmp_path: Path) -> None:
    path, more = tmp_path / "site.yaml", tmp_path / "more" / "rules.yaml"
    path.write_text(GOOD)
    taken = Taken(path)
    more.parent.mkdir()
    rule = "rules: [{id: empty, title: E, places: [yard], when: [{signal: risk, LIMIT: 5}]}]"
    more.write_text(rule.replace("LIMIT", "abov"))
    path.write_text(GOOD + "rule_files: [more/rules.yaml]\n")
    taken.watcher.check()
    taken.watcher.check()
    assert (len(taken.sites), len(taken.problems)) == (0, 1)
    more.write_text(rule.replace("LIMIT", "above"))
    taken.watcher.check()
    taken.watcher.check()
    assert [[one.id for one in found.rules] for (found,) in taken.sites] == [["busy", "empty"]]


def test_a_signal_makes_it_look_though_nothing_changed(tmp_path: Path) -> None:
    path = tmp_path / "site.yaml"
    path.write_text(GOOD)
    taken = Taken(path)
    taken.watcher.look_now()
    taken.watcher.check()
    assert len(taken.sites) == 1


def test_a_notice_stays_until_it_is_mended(hub: Hub) -> None:
    hub.pipeline.notice("configuration", "site.yaml:3: no", T0)
    assert [(row.key, row.text) for row in hub.all(Notice)] == [
        ("configuration", "site.yaml:3: no")
    ]
    hub.pipeline.notice("configuration", "", T0 + 1)
    assert hub.all(Notice) == []


def test_differences_are_named_by_ids_and_not_by_positions() -> None:
    reversed_rules = replace(SITE, rules=tuple(reversed(SITE.rules)))
    assert difference([SITE], [reversed_rules]) == []
