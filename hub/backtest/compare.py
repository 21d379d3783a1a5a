"""Today's rules and new ones over the same records: what is gained, lost and moved."""

import enum
from collections import defaultdict
from collections.abc import Iterable, Sequence

from msgspec import Struct
from msgspec.structs import replace

from configs.rules import Rule
from configs.site import SiteFile
from hub.backtest.fired import Fired
from hub.backtest.verdicts import Judged, Score, score
from hub.downs import Down

NEW = "new "
"""Begins the names of new rules while both sets run; no id of a rule holds a space."""


class Change(enum.StrEnum):
    """What becomes of an alert under the new rules."""

    UNCHANGED = "unchanged"
    MOVED = "moved"
    GAINED = "gained"
    LOST = "lost"


class Pair(Struct, frozen=True):
    """An alert under today's rules and its counterpart under the new ones."""

    change: Change
    now: Fired | None
    then: Fired | None

    @property
    def shown(self) -> Fired:
        """The one that says where and when."""
        found = self.then or self.now
        assert found is not None  # noqa: S101 - a pair has one at least
        return found


class RuleChange(Struct, frozen=True):
    """One rule, before and after."""

    rule: str
    alerts_now: int
    alerts_then: int
    now_a_day: float
    then_a_day: float
    score_now: Score
    score_then: Score


class Comparison(Struct, frozen=True):
    """A backtest's result. Times in ms."""

    site: str
    timezone: str
    start: int
    end: int
    records: int
    pairs: tuple[Pair, ...]
    rules: tuple[RuleChange, ...]
    judged: int
    """Alerts of the range that operators called true or false."""
    gaps: tuple[Down, ...] = ()
    """When nothing was heard, because the hub did not run; not counted in what is a day."""

    def count(self, change: Change) -> int:
        """How many alerts there are of a kind of change."""
        return sum(1 for pair in self.pairs if pair.change is change)


def both(site: SiteFile, new: Sequence[Rule]) -> SiteFile:
    """The site with rules that run as one set: today's, and those of the new set that differ,
    under another name. Rules fire independently of each other (one that inhibits another only
    mutes it), so one replay serves both sets. The site's overrides hold for both."""
    known = {rule.id: rule for rule in site.rules}
    differing = [replace(rule, id=NEW + rule.id) for rule in new if known.get(rule.id) != rule]
    names = {rule.id for rule in differing}
    overrides = [
        replace(each, rule=NEW + each.rule) for each in site.overrides if NEW + each.rule in names
    ]
    return replace(site, rules=(*site.rules, *differing), overrides=(*site.overrides, *overrides))


def split(
    fired: Iterable[Fired], today: Sequence[Rule], new: Sequence[Rule]
) -> tuple[list[Fired], list[Fired]]:
    """The alerts of `both`, apart again: (today's, the new rules')."""
    known = {rule.id: rule for rule in today}
    same = {rule.id for rule in new if known.get(rule.id) == rule}
    now, then = [], []
    for alert in fired:
        if alert.rule.startswith(NEW):
            then.append(replace(alert, rule=alert.rule.removeprefix(NEW)))
            continue
        now.append(alert)
        if alert.rule in same:
            then.append(alert)
    return now, then


def compare(now: Iterable[Fired], then: Iterable[Fired]) -> list[Pair]:
    """Every alert of both, paired by rule, place and overlap in time; in order of time."""
    pairs = []
    mine, theirs = _by_watch(now), _by_watch(then)
    for watch in mine.keys() | theirs.keys():
        pairs += _pair(mine[watch], theirs[watch])
    return sorted(pairs, key=lambda pair: pair.shown)


def _by_watch(fired: Iterable[Fired]) -> dict[tuple[str, str], list[Fired]]:
    found: dict[tuple[str, str], list[Fired]] = defaultdict(list)
    for alert in sorted(fired):
        found[alert.rule, alert.place].append(alert)
    return found


def _pair(now: list[Fired], then: list[Fired]) -> list[Pair]:
    """Two rows of alerts that do not overlap within themselves, merged."""
    pairs, left = [], list(then)
    for old in now:
        while left and left[0].span[1] < old.span[0]:
            pairs.append(Pair(Change.GAINED, None, left.pop(0)))
        if left and left[0].span[0] <= old.span[1]:
            new = left.pop(0)
            same = replace(old, causes=()) == replace(new, causes=())
            pairs.append(Pair(Change.UNCHANGED if same else Change.MOVED, old, new))
        else:
            pairs.append(Pair(Change.LOST, old, None))
    return pairs + [Pair(Change.GAINED, None, new) for new in left]


def by_rule(
    now: Sequence[Fired], then: Sequence[Fired], judged: Sequence[Judged], days: float
) -> list[RuleChange]:
    """Each rule of either set: how often it fires, and how right it is."""
    names = sorted({alert.rule for alert in (*now, *then)} | {alert.rule for alert in judged})
    return [_rule_change(name, now, then, judged, days) for name in names]


def _rule_change(
    name: str, now: Sequence[Fired], then: Sequence[Fired], judged: Sequence[Judged], days: float
) -> RuleChange:
    before = [alert for alert in now if alert.rule == name]
    after = [alert for alert in then if alert.rule == name]
    verdicts = [alert for alert in judged if alert.rule == name]
    return RuleChange(
        rule=name,
        alerts_now=len(before),
        alerts_then=len(after),
        now_a_day=len(before) / days,
        then_a_day=len(after) / days,
        score_now=score(before, verdicts),
        score_then=score(after, verdicts),
    )
