"""GeoReport's XML: a list of elements with a child for each field."""

from collections.abc import Mapping, Sequence
from typing import Any
from xml.etree import ElementTree


def document(
    root: str, item: str | None, rows: Sequence[Mapping[str, Any]] | Mapping[str, Any]
) -> bytes:
    """``<root><item>…</item>…</root>``, or the fields right in the root where ``item`` is None."""
    top = ElementTree.Element(root)
    for row in [rows] if isinstance(rows, Mapping) else rows:
        parent = top if item is None else ElementTree.SubElement(top, item)
        for name, value in row.items():
            text = str(value).lower() if isinstance(value, bool) else str(value)
            ElementTree.SubElement(parent, name).text = text
    written: bytes = ElementTree.tostring(top, encoding="utf-8", xml_declaration=True)
    return written
