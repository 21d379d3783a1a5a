"""The JSON Schema of a configuration file, so that editors complete and check it.

msgspec's own generator cannot spell the defaults of values that YAML writes as text.
"""

from typing import Any

from msgspec import inspect as shapes

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_LIMITS = {
    "ge": "minimum",
    "gt": "exclusiveMinimum",
    "le": "maximum",
    "lt": "exclusiveMaximum",
    "pattern": "pattern",
    "min_length": "minLength",
    "max_length": "maxLength",
}


def schema(kind: Any) -> dict[str, Any]:
    """The schema (2020-12) of what the loader takes for ``kind``, a struct."""
    named: dict[str, Any] = {}
    top = _of(shapes.type_info(kind), named)
    return {"$schema": DIALECT, **top, "$defs": named}


def _of(shape: Any, named: dict[str, Any]) -> dict[str, Any]:
    parse = getattr(getattr(shape, "cls", None), "parse", None)
    if parse is not None:
        return {**shape.cls.schema(), "description": shape.cls.expects}
    match shape:
        case shapes.Metadata():
            return _of(shape.type, named)
        case shapes.StructType():
            return _struct(shape, named)
        case shapes.UnionType():
            return {"anyOf": [_of(option, named) for option in shape.types]}
        case shapes.VarTupleType():
            least = {} if shape.min_length is None else {"minItems": shape.min_length}
            return {"type": "array", "items": _of(shape.item_type, named), **least}
        case shapes.TupleType():
            items = [_of(item, named) for item in shape.item_types]
            return {"type": "array", "prefixItems": items, "items": False, "minItems": len(items)}
        case shapes.DictType():
            return {"type": "object", "additionalProperties": _of(shape.value_type, named)}
        case shapes.LiteralType():
            return {"enum": list(shape.values)}
        case shapes.EnumType():
            return {"enum": [member.value for member in shape.cls]}
        case _:
            return _plain(shape)


def _plain(shape: Any) -> dict[str, Any]:
    words: dict[type, str] = {
        shapes.BoolType: "boolean",
        shapes.IntType: "integer",
        shapes.FloatType: "number",
        shapes.StrType: "string",
        shapes.NoneType: "null",
    }
    if isinstance(shape, shapes.AnyType):
        return {}
    limits = {word: getattr(shape, name, None) for name, word in _LIMITS.items()}
    given = {word: limit for word, limit in limits.items() if limit is not None}
    return {"type": words[type(shape)], **given}


def _struct(shape: shapes.StructType, named: dict[str, Any]) -> dict[str, Any]:
    name = shape.cls.__name__
    if name not in named:
        named[name] = {}  # taken before its parts are looked at, which may name it again
        named[name] = {
            "type": "object",
            "description": (shape.cls.__doc__ or "").partition("\n")[0],
            "properties": {part.encode_name: _of(part.type, named) for part in shape.fields},
            "required": [part.encode_name for part in shape.fields if part.required],
            "additionalProperties": False,
        }
    return {"$ref": f"#/$defs/{name}"}
