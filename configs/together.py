"""What a site's places, rules and overrides say of each other.

The rules may stand in several documents; what is wrong lands in the one that says it.
"""

from collections.abc import Collection, Iterator, Sequence
from typing import Any

from msgspec import Struct
from msgspec.structs import fields

from configs import rule_check
from configs.document import Document
from configs.overrides import apply
from configs.problems import Path_, Problem, did_you_mean
from configs.rules import Rule
from configs.signals import is_signal, known_signals, missing
from configs.site import RISK, Override, Place, SiteFile

Source = tuple[Rule, Document]
"""A rule and the document it was read from."""


def site(
    file: SiteFile, sources: Sequence[Source], places: Collection[str], document: Document
) -> None:
    """A site with all its rules; ``places`` are all that a rule may name as its places,
    ``document`` is the site's own."""
    known = {name for of in (document, *(of for _, of in sources)) for name in of.ids("rules")}
    for rule, of in sources:
        _producible(rule, file.places, of)
        for index, name in enumerate(rule.inhibits):
            if name not in known:
                hint = did_you_mean(name, known)
                of.complain(rule, f"inhibits.{index}", f"{name!r} is no rule of the site", hint)
        _routes(rule, document.ids("routes"), of)
    inhibits(sources)
    for term in file.risk if file.risk is not RISK else ():
        if not is_signal(term.signal) or term.signal == "risk":
            hint = did_you_mean(term.signal, set(known_signals()) - {"risk"})
            document.complain(term, "signal", f"{term.signal!r} is no signal to add", hint)
    for override in file.overrides:
        rule_check.targets(override, places, document)
    _overrides(file, {rule.id: rule for rule, _ in sources}, known, document)


def _routes(rule: Rule, known: Sequence[str], document: Document) -> None:
    named = [(f"notify.{index}", name) for index, name in enumerate(rule.notify)]
    named += [(f"escalate.{index}.to", step.to) for index, step in enumerate(rule.escalate)]
    for part, name in named:
        if name not in known:
            hint = did_you_mean(name, known) or "write it under routes: of the site"
            document.complain(rule, part, f"{name!r} is no route of the site", hint)


def _producible(rule: Rule, places: Sequence[Place], document: Document) -> None:
    watched = [place for place in places if place.answers_to(rule.places)]
    for condition in rule.conditions():
        for part in condition.alternatives:
            if not watched or not is_signal(part.signal):
                continue
            lacks = [missing(part.signal, place) for place in watched]
            if all(lacks):
                message = f"none of the rule's places can have {part.signal}"
                document.complain(part, "signal", message, f"it needs {lacks[0]}")


def inhibits(sources: Sequence[Source]) -> None:
    """Rules that quiet each other in a circle."""
    quiets = {rule.id: rule.inhibits for rule, _ in sources}
    told: set[str] = set()
    for rule, document in sources:
        circle = _circle(rule.id, quiets)
        if circle and not told.intersection(circle):
            told.update(circle)
            message = f"go round in a circle: {' → '.join(circle)}"
            document.complain(rule, "inhibits", message, "take one of them out")


def _circle(start: str, quiets: dict[str, tuple[str, ...]]) -> list[str]:
    """The way from a rule back to itself; empty where there is none."""
    ways, seen = [[start]], set[str]()
    while ways:
        way = ways.pop()
        for name in quiets.get(way[-1], ()):
            if name == start:
                return [*way, start]
            if name not in seen:
                seen.add(name)
                ways.append([*way, name])
    return []


def _overrides(file: SiteFile, rules: dict[str, Rule], known: set[str], document: Document) -> None:
    for index, override in enumerate(file.overrides):
        if override.rule not in known:
            message = f"{override.rule!r} is no rule of the site"
            document.complain(override, "rule", message, did_you_mean(override.rule, known))
        rule = rules.get(override.rule)
        if rule is None:
            continue
        if not any(_meets(override, rule, place) for place in file.places):
            message = f"changes nothing: none of these places has {rule.id}"
            hint = f"its places are {', '.join(rule.places)}"
            document.complain(override, "places", message, hint)
        apply(rule, override, document, ("overrides", index, "set"))
    found = {
        problem
        for rule in rules.values()
        for place in file.places
        for problem in _resolved(rule, place, file, document)
    }
    document.problems += sorted(found)


def _meets(override: Override, rule: Rule, place: Place) -> bool:
    return (
        override.rule == rule.id
        and place.answers_to(rule.places)
        and place.answers_to(override.places)
    )


def _resolved(rule: Rule, place: Place, file: SiteFile, document: Document) -> list[Problem]:
    """What is wrong with the rule at the place that was not wrong before its overrides."""
    mine = [i for i, override in enumerate(file.overrides) if _meets(override, rule, place)]
    if not mine or _alone(rule, 0, file, document):
        return []
    scratch = Document(document.file, lines=document.lines)
    changed = rule
    for index in mine:
        changed = apply(changed, file.overrides[index], scratch, ("overrides", index, "set"))
    if scratch.problems:
        return []  # told already, one by one
    return _alone(changed, mine[-1], file, document)


def _alone(rule: Rule, override: int, file: SiteFile, document: Document) -> list[Problem]:
    """The rule checked as if it stood in the override."""
    scratch = Document(document.file, lines=document.lines)
    at: Path_ = ("overrides", override, "set")
    scratch.remember(rule, at)
    for made, name in _parts(rule):
        scratch.remember(made, (*at, name))
    rule_check.rule_alone(rule, scratch, file.site.country)
    return scratch.problems


def _parts(value: Any, name: str = "") -> Iterator[tuple[Any, str]]:
    """The structs inside a struct or a list, with their paths in it."""
    if isinstance(value, Struct):
        if name:
            yield value, name
        for part in fields(value):
            inner = f"{name}.{part.encode_name}" if name else part.encode_name
            yield from _parts(getattr(value, part.name), inner)
    elif isinstance(value, tuple):
        for index, item in enumerate(value):
            yield from _parts(item, f"{name}[{index}]")
