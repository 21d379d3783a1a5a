"""Overrides: the rule that a place really has, once the site's overrides are applied to it."""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import msgspec
from msgspec.structs import replace

from configs.convert import Converter
from configs.document import Document
from configs.problems import ConfigError, Path_, did_you_mean
from configs.rules import Rule
from configs.site import Override, Place

_PART = re.compile(r"([a-z_]+)((?:\[\d+\])*)")
FIXED = ("id", "places")
"""What makes a rule that rule; other values there would be another rule."""


def resolve_rule(rule: Rule, place: Place, overrides: Iterable[Override]) -> Rule:
    """``rule`` as it is at ``place``; raises `ConfigError` where an override does not fit it."""
    for override in overrides:
        if override.rule == rule.id and place.answers_to(override.places):
            document = Document(Path("overrides"))
            rule = apply(rule, override, document, ("set",))
            if document.problems:
                raise ConfigError(document.problems)
    return rule


def apply(rule: Rule, override: Override, document: Document, at: Path_) -> Rule:
    """The rule with the override's values.

    What does not fit is left out, and complained about at ``at`` and the key.
    """
    for key, raw in override.set_.items():
        setter = _Setter(document, (*at, key), raw)
        parts = split(key)
        if parts is None:
            setter.complain(f"{key!r} is no path", "write it like when[0].above or cooldown")
        elif parts[0] in FIXED:
            setter.complain(f"{parts[0]} cannot be overridden", "write another rule")
        else:
            rule = setter.put(rule, Rule, parts)
    return rule


def split(key: str) -> list[str | int] | None:
    """``when[0].above`` as its parts; None for what is no path."""
    parts: list[str | int] = []
    for word in key.split("."):
        match = _PART.fullmatch(word)
        if match is None:
            return None
        parts.append(match[1])
        parts += [int(index) for index in re.findall(r"\d+", match[2])]
    return parts


class _Setter:
    """Puts one value somewhere into a frozen struct."""

    def __init__(self, document: Document, at: Path_, raw: Any) -> None:
        self._document = document
        self._at = at
        self._raw = raw

    def complain(self, message: str, suggestion: str = "") -> None:
        self._document.problems.append(self._document.problem(self._at, message, suggestion))

    def put(self, value: Any, kind: Any, parts: Sequence[str | int]) -> Any:
        """``value`` with the new one at ``parts`` of it; as it was where that does not fit."""
        if not parts:
            before = len(self._document.problems)
            found = Converter(self._document).convert(self._raw, kind, self._at)
            return value if len(self._document.problems) > before else found
        if isinstance(parts[0], int):
            return self._put_item(value, parts[0], parts[1:])
        return self._put_field(value, kind, parts[0], parts[1:])

    def _put_item(self, items: Any, index: int, rest: Sequence[str | int]) -> Any:
        if not isinstance(items, tuple):
            self.complain(f"[{index}] is given where there is no list")
            return items
        if index >= len(items):
            self.complain(f"there is no [{index}]: the list has {len(items)}, counted from 0")
            return items
        inner = self.put(items[index], type(items[index]), rest)
        return (*items[:index], inner, *items[index + 1 :])

    def _put_field(self, value: Any, kind: Any, name: str, rest: Sequence[str | int]) -> Any:
        made = value if value is not None else _empty(kind)
        known = (
            {part.encode_name: part for part in msgspec.structs.fields(made)}
            if isinstance(made, msgspec.Struct)
            else {}
        )
        if name not in known:
            self.complain(f"{name!r} is not known there", did_you_mean(name, known))
            return value
        part = known[name]
        before = len(self._document.problems)
        inner = self.put(getattr(made, part.name), part.type, rest)
        return (
            value if len(self._document.problems) > before else replace(made, **{part.name: inner})
        )


def _empty(kind: Any) -> Any:
    """The struct that stands where the rule gave none, such as a clear."""
    for option in getattr(kind, "__args__", ()):
        if isinstance(option, type) and issubclass(option, msgspec.Struct):
            return option()
    return None
