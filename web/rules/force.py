"""The rules in force, as each place really has them."""

from collections.abc import Iterator

from msgspec import Struct

from configs.overrides import resolve_rule
from configs.rules import Rule
from configs.site import Place, SiteFile
from hub.rules.threshold import spell
from hub.ruletext import rule_text


class Condition(Struct, frozen=True):
    """One threshold: the signal, and the hub's words for it."""

    signal: str
    text: str
    limit: float | None


class Other(Struct, frozen=True):
    """A place where overrides give the rule other values."""

    place: Place
    values: tuple[tuple[str, object], ...]
    """(path in the rule, value) as the overrides say them."""
    text: str


class InForce(Struct, frozen=True):
    """A rule with where it watches."""

    rule: Rule
    conditions: tuple[Condition, ...]
    places: tuple[Place, ...]
    others: tuple[Other, ...]
    text: str


def in_force(file: SiteFile) -> list[InForce]:
    """Every rule of a site, in the order of its files."""
    return [_one(file, rule) for rule in file.rules]


def watching(file: SiteFile, place: Place) -> list[tuple[Rule, tuple[Condition, ...], str]]:
    """The rules that watch a place as they are there, with their conditions and text."""
    there = [
        resolve_rule(rule, place, file.overrides)
        for rule in file.rules
        if place.answers_to(rule.places)
    ]
    return [(rule, tuple(_conditions(rule)), rule_text(rule)) for rule in there]


def _one(file: SiteFile, rule: Rule) -> InForce:
    places = tuple(place for place in file.places if place.answers_to(rule.places))
    others = []
    for place in places:
        there = resolve_rule(rule, place, file.overrides)
        if there != rule:
            values = {
                key: value
                for override in file.overrides
                if override.rule == rule.id and place.answers_to(override.places)
                for key, value in override.set_.items()
            }
            others.append(Other(place, tuple(values.items()), rule_text(there)))
    return InForce(rule, tuple(_conditions(rule)), places, tuple(others), rule_text(rule))


def _conditions(rule: Rule) -> Iterator[Condition]:
    for condition in rule.when:
        for one in condition.alternatives:
            limits = (one.above, one.below, one.equals)
            plain = [limit for limit in limits if limit is not None and one.over is None]
            yield Condition(one.signal, spell(one), plain[0] if plain else None)
