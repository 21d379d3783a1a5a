"""GeoReport's XML from what its JSON says, by the Spark convention: what is a list there has an
element for each of its items here, what is null there is empty here."""

from collections.abc import Mapping, Sequence
from typing import Any
from xml.etree import ElementTree

ITEMS = {
    "services": "service", "service_requests": "request", "errors": "error",
    "attributes": "attribute", "endpoints": "endpoint", "formats": "format",
}  # fmt: skip
"""List → what its items are called."""


def document(root: str, value: Mapping[str, Any] | Sequence[Any]) -> bytes:
    """``<root>…</root>`` in UTF-8, with its declaration."""
    written: bytes = ElementTree.tostring(
        _element(root, value), encoding="utf-8", xml_declaration=True
    )
    return written


def _element(name: str, value: Any) -> ElementTree.Element:
    made = ElementTree.Element(name)
    if isinstance(value, Mapping):
        made.extend([_element(key, part) for key, part in value.items()])
    elif isinstance(value, list):
        made.extend([_element(ITEMS[name], part) for part in value])
    elif value is not None:
        made.text = str(value).lower() if isinstance(value, bool) else str(value)
    return made
