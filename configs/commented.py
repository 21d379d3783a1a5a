"""Exchanges a mapping in the text of a YAML file key by key, so that the comments among them stay.

What stays is not touched, of a list no entry that stays; what goes takes its own line with it, and
what comes stands where its list ends, or before the first key that stays.
"""

from collections.abc import Iterator
from typing import Any

import yaml

Change = tuple[int, int, str]
"""(start, end, what stands there then)."""


def exchange(text: str, there: yaml.Node, value: str) -> str | None:
    """``there``, a block mapping in ``text``, as the flow mapping ``value`` says it.

    None where a comment would have to go that is not of what goes.
    """
    fresh = yaml.compose(value, Loader=yaml.SafeLoader)
    if not (isinstance(there, yaml.MappingNode) and isinstance(fresh, yaml.MappingNode)):
        return None
    want = {key.value: node for key, node in fresh.value}
    stays = [key for key, _ in there.value if key.value in want]
    if there.flow_style or not stays:
        return None
    changes: list[Change] = []
    for key, node in there.value:
        if key.value not in want:
            changes.append(_line(text, key, ends_last(node)))
            continue
        new = want.pop(key.value)
        if _plain(new) == _plain(node):
            continue
        entries = _entries(text, value, node, new)
        changes += entries if entries is not None else [_whole(value, key, node, new)]
    line = "\r\n" if "\r\n" in text else "\n"
    first = stays[0].start_mark
    for name, new in want.items():
        more = f"{name}: {_said(value, new)}{line}{' ' * first.column}"
        changes.append((first.index, first.index, more))
    if any("#" in text[start:end] and new for start, end, new in changes):
        return None  # a comment stands where something else is to be
    for start, end, new in sorted(changes, key=lambda one: one[0], reverse=True):
        text = text[:start] + new + text[end:]
    return text


def ends_last(node: yaml.Node) -> yaml.Node:
    """The node that ends last: a block's own end lies behind the comments that follow it."""
    while isinstance(node, yaml.MappingNode | yaml.SequenceNode) and not node.flow_style:
        inner = node.value[-1] if node.value else None
        if inner is None:
            break
        node = inner[1] if isinstance(node, yaml.MappingNode) else inner
    return node


def _entries(text: str, value: str, old: yaml.Node, new: yaml.Node) -> list[Change] | None:
    """Of a list of plain entries, each on a line of its own; None for anything else."""
    if not (isinstance(old, yaml.SequenceNode) and isinstance(new, yaml.SequenceNode)):
        return None
    if old.flow_style or not all(isinstance(one, yaml.ScalarNode) for one in old.value):
        return None
    want = {_plain(one): one for one in new.value}
    kept = [one for one in old.value if _plain(one) in want]
    if not kept:
        return None
    changes = [_line(text, one, one) for one in old.value if one not in kept]
    end = _line(text, kept[-1], kept[-1])[1]
    line = "\r\n" if "\r\n" in text else "\n"
    before = "" if text[:end].endswith("\n") else line
    indent = " " * old.start_mark.column
    known = {_plain(one) for one in kept}
    more = [_said(value, one) for one in new.value if _plain(one) not in known]
    return changes + [(end, end, f"{before}{indent}- {one}{'' if before else line}")
                      for one in reversed(more)]  # fmt: skip


def _line(text: str, first: yaml.Node, end: yaml.Node) -> Change:
    """Its lines go, with what is said behind it."""
    start = text.rfind("\n", 0, first.start_mark.index) + 1
    stop = text.find("\n", end.end_mark.index)
    return start, len(text) if stop < 0 else stop + 1, ""


def _whole(value: str, key: yaml.Node, old: yaml.Node, new: yaml.Node) -> Change:
    return key.end_mark.index, ends_last(old).end_mark.index, f": {_said(value, new)}"


def _said(value: str, node: yaml.Node) -> str:
    return value[node.start_mark.index : node.end_mark.index]


def _plain(node: yaml.Node) -> Any:
    return tuple(_parts(node)) if isinstance(node.value, list) else node.value.replace(" ", "")


def _parts(node: yaml.Node) -> Iterator[Any]:
    for one in node.value:
        yield tuple(map(_plain, one)) if isinstance(one, tuple) else _plain(one)
