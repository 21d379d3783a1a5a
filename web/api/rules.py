"""Rules in force, and what is muted."""

from typing import Any

from msgspec import Struct
from msgspec.structs import asdict

from hub import silences
from hub.silences import Quiet
from web.api.part import reads
from web.api.shapes import Words, filled
from web.console import console
from web.rules.force import in_force


class Condition(Struct, frozen=True):
    """A signal, and the rule's condition on it."""

    signal: str
    text: str


class ThereOut(Struct, frozen=True):
    """What overrides change of a rule at a place: path in the rule, such as when[0].above."""

    place: str
    values: dict[str, Any]


class RuleOut(Struct, frozen=True):
    """A rule in force."""

    site: str
    rule: str
    title: Words
    severity: str
    places: list[str]
    conditions: list[Condition]
    overrides: list[ThereOut]
    yaml: str


class Rules(Struct, frozen=True):
    """All rules."""

    rules: list[RuleOut]


class SilenceOut(Struct, frozen=True):
    """What is muted; "" is any rule, place or source (<node>/<source>)."""

    id: int
    site: str
    kind: str
    rule: str
    place: str
    source: str
    author: str
    reason: str
    created_at: int
    starts_at: int
    ends_at: int
    ended_early_by: str


class Silences(Struct, frozen=True):
    """Silences and maintenance windows that last or are to come."""

    silences: list[SilenceOut]


@reads("/rules", Rules)
def rules() -> Rules:
    """The rules in force, and what overrides change where."""
    found = [(file.site.id, one) for file in console().sites for one in in_force(file)]
    return Rules([
        RuleOut(
            site, one.rule.id, Words.of(one.rule.title), one.rule.severity,
            [place.id for place in one.places],
            [Condition(part.signal, part.text) for part in one.conditions],
            [ThereOut(other.place.id, dict(other.values)) for other in one.others], one.text,
        )
        for site, one in found
    ])  # fmt: skip


@reads("/silences", Silences)
def quiet() -> Silences:
    """What is muted, now or to come."""
    here = console()
    with here.reader.connect() as connection:
        found = silences.listed(connection, here.now())
    return Silences([
        silence_of(one)
        for one in found if here.site(one.site) is not None
    ])  # fmt: skip


def silence_of(one: Quiet) -> SilenceOut:
    """As it is answered."""
    return filled(SilenceOut, asdict(one))
