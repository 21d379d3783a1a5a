"""Plain values into typed structs, gathering every mismatch instead of stopping at one."""

import operator
import re
from typing import Any, Final

from msgspec import inspect as shapes

from configs.document import Document
from configs.problems import Path_, did_you_mean, spell

_BAD: Final = object()
"""Stands for a value that has been complained about already."""


class Converter:
    """Turns the values of one document into structs; problems land in the document."""

    def __init__(self, document: Document) -> None:
        self._document = document

    def convert(self, value: Any, kind: Any, path: Path_ = ()) -> Any:
        """The value as ``kind``.

        Where the document has problems, what could be read of it all the same, so that
        references can be checked too; None where too little is left for that.
        """
        found = self._as(value, shapes.type_info(kind), path)
        return None if found is _BAD else found

    def _complain(self, path: Path_, message: str, suggestion: str = "") -> Any:
        self._document.problems.append(self._document.problem(path, message, suggestion))
        return _BAD

    def _as(self, value: Any, shape: shapes.Type, path: Path_) -> Any:  # noqa: C901 - one case a type
        if isinstance(shape, shapes.Metadata):
            return self._as(value, shape.type, path)
        parse = getattr(getattr(shape, "cls", None), "parse", None)
        if parse is not None:
            try:
                return parse(value)
            except ValueError as error:
                return self._complain(path, str(error))
        match shape:
            case shapes.StructType():
                return self._struct(value, shape, path)
            case shapes.UnionType():
                return self._union(value, shape, path)
            case shapes.VarTupleType():
                return self._list(value, shape, path)
            case shapes.TupleType():
                return self._tuple(value, shape, path)
            case shapes.BoolType():
                return (
                    value if isinstance(value, bool) else self._wrong(path, "true or false", value)
                )
            case shapes.IntType():
                return self._number(value, shape, path, int)
            case shapes.FloatType():
                return self._number(value, shape, path, float)
            case shapes.StrType():
                return self._text(value, shape, path)
            case shapes.LiteralType():
                return self._choice(value, shape.values, path)
            case shapes.EnumType():
                chosen = self._choice(value, [member.value for member in shape.cls], path)
                return chosen if chosen is _BAD else shape.cls(chosen)
            case shapes.NoneType():
                return None if value is None else self._wrong(path, "nothing", value)
            case shapes.DictType():
                return self._mapping(value, shape, path)
            case shapes.AnyType():
                return value
            case _:
                raise TypeError(f"configs cannot read a {shape} at {spell(path)}")

    def _wrong(self, path: Path_, expected: str, value: Any) -> Any:
        return self._complain(path, f"expected {expected}, got {_shown(value)}")

    def _struct(self, value: Any, shape: shapes.StructType, path: Path_) -> Any:
        if not isinstance(value, dict):
            names = ", ".join(part.encode_name for part in shape.fields)
            return self._wrong(path, f"a mapping ({names})", value)
        known = {part.encode_name: part for part in shape.fields}
        for key in value:
            if key not in known:
                self._complain((*path, key), "is not known here", did_you_mean(key, known))
        parts: dict[str, Any] = {}
        for name, part in known.items():
            if name in value:
                parts[part.name] = self._as(value[name], part.type, (*path, name))
            elif part.required:
                self._complain(path, f"{name} is missing")
        readable = {name: part for name, part in parts.items() if part is not _BAD}
        if any(part.required and part.name not in readable for part in shape.fields):
            return _BAD
        made = shape.cls(**readable)
        self._document.remember(made, path)
        return made

    def _union(self, value: Any, shape: shapes.UnionType, path: Path_) -> Any:
        if value is None and any(isinstance(option, shapes.NoneType) for option in shape.types):
            return None
        options = [option for option in shape.types if not isinstance(option, shapes.NoneType)]
        if len(options) != 1:
            raise TypeError(f"configs reads only optional values as unions, not {shape}")
        return self._as(value, options[0], path)

    def _list(self, value: Any, shape: shapes.VarTupleType, path: Path_) -> Any:
        if not isinstance(value, list):
            return self._wrong(path, "a list", value)
        if shape.min_length is not None and len(value) < shape.min_length:
            return self._complain(path, f"needs at least {shape.min_length}, got {len(value)}")
        items = [self._as(item, shape.item_type, (*path, i)) for i, item in enumerate(value)]
        return tuple(item for item in items if item is not _BAD)

    def _tuple(self, value: Any, shape: shapes.TupleType, path: Path_) -> Any:
        if not isinstance(value, list) or len(value) != len(shape.item_types):
            return self._wrong(path, f"a list of {len(shape.item_types)}", value)
        items = [
            self._as(item, kind, (*path, i))
            for i, (item, kind) in enumerate(zip(value, shape.item_types, strict=True))
        ]
        return _BAD if any(item is _BAD for item in items) else tuple(items)

    def _mapping(self, value: Any, shape: shapes.DictType, path: Path_) -> Any:
        if not isinstance(value, dict):
            return self._wrong(path, "a mapping", value)
        return {key: self._as(item, shape.value_type, (*path, key)) for key, item in value.items()}

    def _number(
        self, value: Any, shape: shapes.IntType | shapes.FloatType, path: Path_, kind: type
    ) -> Any:
        fits = isinstance(value, int if kind is int else int | float)
        if not fits or isinstance(value, bool) or value != value:
            return self._wrong(path, "a whole number" if kind is int else "a number", value)
        for limit, fits_limit, words in (
            (shape.ge, operator.ge, "at least"),
            (shape.gt, operator.gt, "more than"),
            (shape.le, operator.le, "at most"),
            (shape.lt, operator.lt, "less than"),
        ):
            if limit is not None and not fits_limit(value, limit):
                self._wrong(path, f"{words} {limit}", value)
        return kind(value)

    def _text(self, value: Any, shape: shapes.StrType, path: Path_) -> Any:
        if not isinstance(value, str):
            hint = "put it in quotes" if isinstance(value, int | float | bool) else ""
            return self._complain(path, f"expected a text, got {_shown(value)}", hint)
        if shape.pattern is not None and not re.search(shape.pattern, value):
            self._complain(
                path, f"{value!r} is not an id", "use 1–63 of a–z, 0–9 and - (no capitals)"
            )
        if shape.min_length is not None and len(value) < shape.min_length:
            self._complain(path, "must not be empty")
        if shape.max_length is not None and len(value) > shape.max_length:
            self._complain(path, f"is longer than {shape.max_length} characters")
        return value

    def _choice(self, value: Any, choices: Any, path: Path_) -> Any:
        if value in choices:
            return value
        words = [str(choice) for choice in choices]
        return self._complain(path, f"{_shown(value)} is not known", did_you_mean(value, words))


def _shown(value: Any) -> str:
    text = "nothing" if value is None else repr(value)
    return text if len(text) <= 60 else text[:57] + "…"
