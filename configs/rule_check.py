"""What a rule's shape cannot say: thresholds that fight, hours too short for what they wait for.

Each check leaves what it finds in the document's problems, as those of `configs.check` do.
"""

import math
from collections.abc import Collection, Sequence
from itertools import combinations

from configs.check import country_known, differ
from configs.days import longest_watch
from configs.document import Document
from configs.problems import did_you_mean
from configs.rules import Active, Alternative, Clear, Condition, Rule, Take
from configs.signals import bounds, counts, is_signal, known_signals
from configs.site import Override

MINUTE_MS = 60_000
THRESHOLDS = ("above", "below", "equals")


def rules(
    rules: Sequence[Rule], known_places: set[str] | None, country: str | None, document: Document
) -> None:
    """The rules of one document, against the places and the country of the site, where known."""
    differ(rules, document)
    for rule in rules:
        if not rule.places:
            hint = 'name ids, tags or "*"'
            document.complain(rule, "places", "names no place, so it watches nothing", hint)
        if known_places is not None:
            targets(rule, known_places, document)
        rule_alone(rule, document, country)


def targets(of: Rule | Override, known: Collection[str], document: Document) -> None:
    """The places and tags that a rule or an override names, against those of the site."""
    for index, target in enumerate(of.places):
        if target not in known:
            message = f"{target!r} is no place or tag of the site"
            document.complain(of, f"places.{index}", message, did_you_mean(target, known))


def rule_alone(rule: Rule, document: Document, country: str | None) -> None:
    """What is wrong with a rule whatever the site; ``country`` is the site's, where known."""
    for condition in rule.conditions():
        _condition(condition, document)
    _together(rule, document)
    if rule.clear is not None and rule.when:
        _clear(rule.clear, rule.when[0], document)
    if rule.active is not None:
        _active(rule.active, rule, country, document)
    _tellings(rule, document)
    worst = rule.severity
    for rise in rule.rises:
        if rise.severity.rank <= worst.rank:
            message = f"{rise.severity} is no rise over {worst}"
            document.complain(rise, "severity", message, "name a worse one, in rising order")
        worst = max(worst, rise.severity, key=lambda severity: severity.rank)


def _together(rule: Rule, document: Document) -> None:
    """Conditions that all must hold, and never do at the same time."""
    sets = [rule.when, *(rise.when for rise in rule.rises)]
    if rule.clear is None:  # else it may still fire when its own conditions hold no longer
        sets += [(*rule.when, condition) for rise in rule.rises for condition in rise.when]
    told: set[int] = set()
    for conditions in sets:
        for first, later in combinations(conditions, 2):
            pairs = [(a, b) for a in first.alternatives for b in later.alternatives]
            if id(later) in told or not all(_exclude(a, b) for a, b in pairs):
                continue
            told.add(id(later))
            a, b = pairs[0]
            message = (
                f"{b.signal} is never {_limit(a)} and {_limit(b)} at once, so this never holds"
            )
            hint = "put them under any: where one of them is enough"
            document.complain(later, "", message, hint)


def _exclude(a: Alternative, b: Alternative) -> bool:
    """Whether no value meets both."""
    looks = [(one.signal, one.over, one.take if one.over is not None else None) for one in (a, b)]
    if looks[0] != looks[1]:
        return False
    spans = [_values(a), _values(b)]
    return max(low for low, _ in spans) > min(high for _, high in spans)


def _values(part: Alternative) -> tuple[float, float]:
    """The least and the greatest value that meet a threshold."""
    low, high = -math.inf, math.inf
    if part.above is not None:
        low = math.floor(part.above) + 1 if _whole(part) else math.nextafter(part.above, math.inf)
    if part.below is not None:
        high = math.ceil(part.below) - 1 if _whole(part) else math.nextafter(part.below, -math.inf)
    if part.equals is not None:
        low, high = max(low, part.equals), min(high, part.equals)
    return low, high


def _whole(part: Alternative) -> bool:
    """Whether what is looked at is always a whole number."""
    if part.over is not None and part.take is Take.COUNT:
        return True
    return counts(part.signal) and (part.over is None or part.take not in (Take.MEAN, Take.RATE))


def _limit(part: Alternative) -> str:
    given = [(name, getattr(part, name)) for name in THRESHOLDS]
    return " ".join(f"{name} {value:g}" for name, value in given if value is not None)


def _tellings(rule: Rule, document: Document) -> None:
    """Whom it tells: each route once, and later steps later."""
    again = "each is told once; repeat: of the route tells it again"
    told: dict[str, str] = {}
    for index, name in enumerate(rule.notify):
        if name in told:
            document.complain(rule, f"notify.{index}", f"{name!r} is named before", again)
        told[name] = "notify"
    before = 0
    for index, step in enumerate(rule.escalate):
        if step.to in told:
            message = f"{step.to!r} is told by {told[step.to]} already"
            document.complain(step, "to", message, again)
        told[step.to] = f"escalate[{index}]"
        if not step.after:
            document.complain(step, "after", "waits for nothing", "name the route in notify:")
        elif step.after < before:
            message = "comes before the step above it"
            document.complain(step, "after", message, "write the steps in rising order of after")
        before = max(before, step.after)


def _active(active: Active, rule: Rule, country: str | None, document: Document) -> None:
    if active.within and active.outside:
        document.complain(active, "", "has within and outside", "give one of them")
    for name in ("days", "dates"):
        if document.says(active, name) == []:
            hint = "name some, or leave it out: then it watches on all"
            document.complain(active, name, "is an empty list", hint)
    holidays = active.holidays
    if holidays is not None:
        where = holidays.country or country
        if where == "":
            hint = "give country: to the site or to holidays"
            document.complain(active, "holidays", "are of no known country", hint)
        if not where or not country_known(active, where, holidays.region, document, "holidays"):
            return
    if not longest_watch(active, country or "", 1):
        hint = "compare its times, days, dates and holidays"
        document.complain(active, "", "is a schedule that is never active", hint)
        return
    for condition in rule.conditions():
        for part in condition.alternatives:
            _long_enough(active, part, country or "", document)


def _long_enough(active: Active, part: Alternative, country: str, document: Document) -> None:
    """Whether the rule ever watches for as long as a condition must hold."""
    if not part.for_:
        return
    longest = longest_watch(active, country, int(part.for_) // MINUTE_MS + 1)
    if longest * MINUTE_MS <= part.for_:
        hint = "make it shorter, or let active: have longer hours"
        message = f"is as long as the rule watches at a time ({longest} min), so this never holds"
        document.complain(part, "for", message, hint)


def _condition(condition: Condition, document: Document) -> None:
    if condition.any:
        alone = Condition(any=condition.any)
        if condition != alone:
            hint = "put signal, thresholds and for into the alternatives"
            document.complain(condition, "", "has any and a threshold of its own", hint)
        for part in condition.any:
            _threshold(part, document)
    elif not condition.signal:
        document.complain(condition, "", "signal is missing", "give signal: or any:")
    else:
        _threshold(condition, document)


def _threshold(condition: Alternative, document: Document) -> None:
    if not is_signal(condition.signal):
        message = f"{condition.signal!r} is no signal"
        meant = condition.signal
        if meant.startswith("flow."):
            meant = meant.removesuffix(".person")  # that is what flow.in and flow.out count
        hint = did_you_mean(meant, known_signals())
        document.complain(condition, "signal", message, hint)
    given = [name for name in THRESHOLDS if getattr(condition, name) is not None]
    if len(given) != 1:
        hint = "give exactly one of above, below and equals"
        message = f"has {' and '.join(given)}" if given else "has no threshold"
        document.complain(condition, "", message, hint)
    if condition.over is None and condition.take is not Take.MEAN:
        hint = "give over: the length of the window"
        document.complain(condition, "take", f"{condition.take} is of no window", hint)
    if condition.over is not None and condition.over <= 0:
        document.complain(condition, "over", "must last longer than 0s")
    if len(given) == 1 and is_signal(condition.signal):
        _reachable(condition, condition, given[0], "so this never holds", document)


def _reachable(
    of: Alternative, limits: Alternative | Clear, name: str, so: str, document: Document
) -> None:
    """Whether what is looked at of a signal can ever be beyond a threshold."""
    limit: float | None = getattr(limits, name)
    if limit is None or of.take is Take.RATE:
        return
    if name == "equals" and _whole(of) and limit % 1:
        message = f"{of.signal} is never {limit:g}, {so}"
        document.complain(limits, name, message, "it counts in whole numbers")
        return
    low, high = bounds(of.signal)
    if of.take in (Take.SUM, Take.COUNT):
        high = math.inf
    holds = {"above": limit < high, "below": limit > low, "equals": low <= limit <= high}
    if not holds[name]:
        span = f"from 0 to {high:g}" if high < math.inf else "from 0 up"
        message = f"{of.signal} is never {name} {limit:g}, {so}".replace("equals ", "")
        document.complain(limits, name, message, f"it goes {span}")


def _clear(clear: Clear, first: Condition, document: Document) -> None:
    if clear.below is not None and clear.above is not None:
        document.complain(clear, "", "has below and above", "give one of them, or only for")
    elif first.any and (clear.below is not None or clear.above is not None):
        hint = "give only for, or put a condition with a signal first"
        document.complain(clear, "", "has a threshold, but the first condition is any:", hint)
    elif first.above is not None and clear.above is not None:
        document.complain(clear, "", "clears above what was raised above", "use below")
    elif first.below is not None and clear.below is not None:
        document.complain(clear, "", "clears below what was raised below", "use above")
    elif first.above is not None and clear.below is not None and clear.below > first.above:
        message = f"{clear.below:g} is over the {first.above:g} that raises: it would clear at once"
        document.complain(clear, "below", message, f"at most {first.above:g}")
    elif first.below is not None and clear.above is not None and clear.above < first.below:
        message = (
            f"{clear.above:g} is under the {first.below:g} that raises: it would clear at once"
        )
        document.complain(clear, "above", message, f"at least {first.below:g}")
    elif not first.any and is_signal(first.signal):
        for name in ("below", "above"):
            _reachable(first, clear, name, "so the alert would never end", document)
