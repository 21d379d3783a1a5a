"""Edits numbers, severity and active hours of a rule in the YAML that says them, and nothing else
of the file; takes an override away.

The file is changed as text: only the values themselves are exchanged, so that comments,
order, quotes and line ends stay. What comes out is loaded with everything that names it, and
must be what was there before but for what was asked; else nothing is written.
"""

import math
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import yaml
from msgspec import Struct
from msgspec.structs import replace

from configs import schedule
from configs.commented import ends_last, exchange
from configs.document import Document, parse
from configs.loader import load_site, rule_files, site_files
from configs.overrides import apply, resolve_rule, split
from configs.problems import ConfigError, Path_, Problem
from configs.rules import Active, Alternative, Rule, Severity
from configs.site import Override, SiteFile
from configs.values import Duration

THRESHOLDS = ("above", "below", "equals")
DECIMALS = 12
Value = float | Duration | Severity | Active
SHARED = (
    "this would change more than was asked: the file shares values by anchors (& and *); "
    "edit it by hand"
)


class EditRefused(Exception):
    """The file cannot be edited this way; the text says why and what to do."""


class EditConflict(Exception):
    """The file is no longer what the edit began with."""


class Number(Struct, frozen=True):
    """A number of a rule that may be edited, or another of its values."""

    path: str
    """Where in the rule, as an override would say it: ``when[0].above``."""
    signal: str
    """Of its condition; "" where it is of the whole rule."""
    word: str
    """above, below, equals, for, over, clear.below, clear.above, clear.for, cooldown, after,
    severity, active."""
    value: Value


class Edit(Struct, frozen=True):
    """A change that has passed every check and is not written yet."""

    file: Path
    before: str
    after: str
    sites: tuple[tuple[SiteFile, SiteFile], ...]
    """(as it is, as it would be), of the sites that it changes."""


def numbers(rule: Rule) -> list[Number]:
    """Everything in a rule that can be tuned, in its order."""
    found = list(_of_conditions("when", rule.when))
    if rule.clear is not None:
        clear, signal = rule.clear, rule.when[0].signal
        limits = {"below": clear.below, "above": clear.above, "for": clear.for_}
        found += [
            Number(f"clear.{name}", "" if name == "for" else signal, f"clear.{name}", value)
            for name, value in limits.items()
            if value is not None
        ]
    for index, rise in enumerate(rule.rises):
        found += _of_conditions(f"rises[{index}].when", rise.when)
    found.append(Number("cooldown", "", "cooldown", rule.cooldown))
    found += [
        Number(f"escalate[{index}].after", "", "after", step.after)
        for index, step in enumerate(rule.escalate)
    ]
    return found


def settings(rule: Rule) -> list[Number]:
    """Its numbers, its severity and its active hours: all that may be edited."""
    return [
        *numbers(rule),
        Number("severity", "", "severity", rule.severity),
        Number("active", "", "active", rule.active or Active()),
    ]


def _of_conditions(path: str, conditions: Sequence[Alternative]) -> Iterator[Number]:
    for index, condition in enumerate(conditions):
        at = f"{path}[{index}]"
        if inner := getattr(condition, "any", ()):
            yield from _of_conditions(f"{at}.any", inner)
            continue
        for name in (*THRESHOLDS, "over"):
            value = getattr(condition, name)
            if value is not None:
                yield Number(f"{at}.{name}", condition.signal, name, value)
        yield Number(f"{at}.for", condition.signal, "for", condition.for_)


def parse_value(number: Number, text: str) -> Value:
    """What somebody typed instead of a number; raises ValueError."""
    match number.value:
        case Duration():
            return Duration.parse(text.strip())
        case Severity():
            return Severity(text.strip())
        case Active():
            return schedule.parse(text)
    value = round(float(text.strip()), DECIMALS)
    if not math.isfinite(value):
        raise ValueError(f"{text!r} is no number")
    return value


def spell(value: Value) -> str:
    """A value as YAML says it."""
    match value:
        case Duration():
            return _spell_duration(value)
        case Severity():
            return str(value)
        case Active():
            return schedule.spell(value)
    return str(int(value)) if value.is_integer() else f"{Decimal(repr(value)):f}"


def _spell_duration(ms: int) -> str:
    parts = []
    for unit, size in (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)):
        count, ms = divmod(ms, size)
        parts += [f"{count}{unit}"] if count else []
    return "".join(parts) or "0s"


def targets(at: str) -> tuple[str, ...]:
    """Whom an override means: ids, tags or "*", with commas between them; of "" nobody."""
    return tuple(dict.fromkeys(at.split(","))) if at else ()


def plan(config: Path, site: str, rule: str, values: Mapping[str, Value], at: str = "") -> Edit:
    """The edit that gives `settings` of a rule other values, everywhere or at some places.

    ``values`` are by path (`Number.path`), ``at`` is as `targets` reads it. At one place they hold
    there whatever else is said; said of several at once, they stand in the override of just these,
    and one that follows may say something else of some.

    Raises `ConfigError` where the files, before or after it, would not pass ``linli check``, and
    `EditRefused`.
    """
    files = _sites(config)
    file = target(config, site, rule, at)
    before = _read(file)
    several = bool(at) and all(one.id != at for one in load_site(files[site]).places)
    edit = _override_of_several if several else _override if at else _put_all
    after = edit(file, before, rule, values, at)
    changed = []
    for path in files.values():
        old, new = load_site(path), load_site(path, {file: after})
        if old == new:
            continue
        if several:
            _prove_of_several(old, new, rule, values, at)
        else:
            _prove(old, new, rule, values, at)
        changed.append((old, new))
    return Edit(file, before, after, tuple(changed))


def plan_back(config: Path, site: str, rule: str, at: str) -> Edit:
    """The edit that takes away what overrides of a rule say at just these places, one or several,
    so that the rule's own values hold there again. Raises as `plan` does."""
    path = _sites(config).get(site)
    if path is None:
        raise EditRefused(f"{config} has no site {site!r}")
    file, old = path.resolve(), load_site(path)
    if not alone(old, rule, at):
        raise EditRefused(f"no override of {rule!r} is of {at!r} alone; edit {path.name} by hand")
    before = _read(file)
    after = _without(file, before, rule, at)
    new = load_site(path, {file: after})
    kept = tuple(one for one in old.overrides if one not in alone(old, rule, at))
    if new != replace(old, overrides=kept):
        raise EditRefused(SHARED)
    return Edit(file, before, after, ((old, new),))


def alone(site: SiteFile, rule: str, at: str) -> list[Override]:
    """The overrides of a rule that are of just these places."""
    mine = set(targets(at))
    return [one for one in site.overrides if one.rule == rule and set(one.places) == mine]


def target(config: Path, site: str, rule: str, at: str = "") -> Path:
    """The file that an edit would change. Raises `ConfigError` and `EditRefused`."""
    files = _sites(config)
    if site not in files:
        raise EditRefused(f"{config} has no site {site!r}")
    return (files[site] if at else _file_of(files[site], rule)).resolve()


def _sites(config: Path) -> dict[str, Path]:
    return {load_site(path).site.id: path for path in site_files(config)}


def save(edit: Edit) -> None:
    """Put the edit into its file, in one step. Raises `EditConflict`, OSError."""
    if _read(edit.file) != edit.before:
        raise EditConflict(f"{edit.file.name} was changed meanwhile")
    # Not named like a YAML: a reader of the folder must not take it for one.
    handle, name = tempfile.mkstemp(prefix=f".{edit.file.name}-", suffix=".new",
                                    dir=edit.file.parent)  # fmt: skip
    draft = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as out:
            out.write(edit.after)
            out.flush()
            os.fsync(out.fileno())
        draft.chmod(edit.file.stat().st_mode & 0o777)
        draft.replace(edit.file)
    finally:
        draft.unlink(missing_ok=True)


def _read(file: Path) -> str:
    """The text with its line ends as they are. Raises `ConfigError`."""
    try:
        return file.read_bytes().decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "is not UTF-8 text"
        raise ConfigError([Problem(file, 0, "", f"cannot be read: {why}")]) from None


def _file_of(site: Path, rule: str) -> Path:
    for file in (site, *rule_files(site)):
        if rule in parse(file, _read(file)).ids("rules"):
            return file
    raise EditRefused(f"{site.name} has no rule {rule!r}")


def _prove(
    old: SiteFile, new: SiteFile, rule: str, values: Mapping[str, Value], place: str
) -> None:
    """Nothing changed but what was asked; raises `EditRefused`."""
    asked = Override(rule=rule, places=("*",), set_={k: _raw(v) for k, v in values.items()})
    rules = old.rules if place else tuple(_with(one, asked) for one in old.rules)
    same = replace(new, overrides=()) == replace(old, overrides=(), rules=rules)
    same = same and _others(new, rule) == _others(old, rule)
    before = next(one for one in old.rules if one.id == rule)
    after = next(one for one in new.rules if one.id == rule)
    for one in old.places if place else ():
        there = resolve_rule(before, one, old.overrides)
        want = _with(there, asked) if one.id == place else there
        same = same and resolve_rule(after, one, new.overrides) == want
    if not (same and (place or new.overrides == old.overrides)):
        raise EditRefused(SHARED)


def _prove_of_several(
    old: SiteFile, new: SiteFile, rule: str, values: Mapping[str, Value], at: str
) -> None:
    """Nothing changed but the one override; raises `EditRefused`."""
    said = {path: _raw(value) for path, value in values.items()}
    mine = alone(old, rule, at)
    if mine:
        changed = replace(mine[-1], set_={**mine[-1].set_, **said})
        want = [changed if one is mine[-1] else one for one in old.overrides]
    else:
        want = [*old.overrides, Override(rule=rule, places=targets(at), set_=said)]
    if new != replace(old, overrides=tuple(want)):
        raise EditRefused(SHARED)


def _others(site: SiteFile, rule: str) -> list[Override]:
    return [one for one in site.overrides if one.rule != rule]


def _raw(value: Value) -> Any:
    match value:
        case Duration() | Severity():
            return spell(value)
        case Active():
            return yaml.safe_load(spell(value))
    return value


def _with(rule: Rule, asked: Override) -> Rule:
    if rule.id != asked.rule:
        return rule
    document = Document(Path("rule"))
    found = apply(rule, asked, document, ())
    if document.problems:
        raise ConfigError(document.problems)
    return found


def _put_all(file: Path, text: str, rule: str, values: Mapping[str, Value], _place: str) -> str:
    for path, value in values.items():
        node = _rule_node(_compose(file, text), rule)
        text = _put(text, node, _parts(path), spell(value))
    return text


def _override(file: Path, text: str, rule: str, values: Mapping[str, Value], place: str) -> str:
    """At a place, the site's overrides say it; the last of them that is for this place alone is
    taken where nothing after it could undo it, else a new one follows all others."""
    top = _compose(file, text)
    there = _value(top, "overrides")
    items = there.value if isinstance(there, yaml.SequenceNode) else []
    if items and _says(items[-1], rule, place):
        for path, value in values.items():
            items = _value(_compose(file, text), "overrides").value  # type: ignore[union-attr]
            text = _put(text, _value(items[-1], "set"), [path], spell(value))
        return text
    return _append(text, top, there, _item(rule, values, place))


def _override_of_several(
    file: Path, text: str, rule: str, values: Mapping[str, Value], at: str
) -> str:
    """The last override of just these places says it, wherever it stands; else a new one follows
    all others."""
    top = _compose(file, text)
    there = _value(top, "overrides")
    items = there.value if isinstance(there, yaml.SequenceNode) else []
    mine = [n for n, item in enumerate(items) if _says(item, rule, at)]
    if not mine:
        return _append(text, top, there, _item(rule, values, at))
    for path, value in values.items():
        items = _value(_compose(file, text), "overrides").value  # type: ignore[union-attr]
        text = _put(text, _value(items[mine[-1]], "set"), [path], spell(value))
    return text


def _item(rule: str, values: Mapping[str, Value], at: str) -> str:
    made = ", ".join(f'"{path}": {spell(value)}' for path, value in values.items())
    places = ", ".join('"*"' if one == "*" else one for one in targets(at))
    return f"{{rule: {rule}, places: [{places}], set: {{{made}}}}}"


def _says(item: yaml.Node, rule: str, at: str) -> bool:
    return _is_of(item, rule, at) and isinstance(_value(item, "set"), yaml.MappingNode)


def _is_of(item: yaml.Node, rule: str, at: str) -> bool:
    found, places = _value(item, "rule"), _value(item, "places")
    named = isinstance(places, yaml.SequenceNode) and {one.value for one in places.value}
    if places is None:
        named = {"*"}  # as the loader has it
    return isinstance(found, yaml.ScalarNode) and found.value == rule and named == set(targets(at))


def _without(file: Path, text: str, rule: str, at: str) -> str:
    """The text without the overrides of a rule at just these places."""
    while True:
        top = _compose(file, text)
        there = _value(top, "overrides")
        items = there.value if isinstance(there, yaml.SequenceNode) else []
        index = next((n for n, item in enumerate(items) if _is_of(item, rule, at)), None)
        if index is None:
            return text
        cut = _cut_flow if there.flow_style else _cut_block  # type: ignore[union-attr]
        text = cut(text, items, index)


def _cut_flow(text: str, items: list[yaml.Node], index: int) -> str:
    start, end = items[index].start_mark.index, items[index].end_mark.index
    if index + 1 < len(items):
        end = items[index + 1].start_mark.index
    elif index:
        start = items[index - 1].end_mark.index
    return text[:start] + text[end:]


def _cut_block(text: str, items: list[yaml.Node], index: int) -> str:
    """Its lines go, with what is said behind it; with the only one, the key goes too."""
    start = text.rfind("\n", 0, items[index].start_mark.index) + 1
    last = text.find("\n", ends_last(items[index]).end_mark.index)
    end = len(text) if last < 0 else last + 1
    if text[start : items[index].start_mark.index].strip() != "-":
        raise EditRefused(SHARED)
    if len(items) == 1:
        key = text.rfind("overrides", 0, start)
        start = text.rfind("\n", 0, key) + 1
        if text[start:key].strip() or "#" in text[key:start]:
            raise EditRefused("overrides: is not written as a list of its own; edit it by hand")
        start -= text[:start].endswith("\n\n")
    return text[:start] + text[end:]


def _append(text: str, top: yaml.Node, there: yaml.Node | None, item: str) -> str:
    line = "\r\n" if "\r\n" in text else "\n"
    if isinstance(there, yaml.SequenceNode) and there.flow_style:
        comma = ", " if there.value else ""
        return _insert(text, there.end_mark.index - 1, comma + item)
    if isinstance(there, yaml.SequenceNode):
        end = text.find("\n", ends_last(there).end_mark.index)
        indent = " " * there.start_mark.column
        end = len(text) if end < 0 else end
        at = end - 1 if text[end - 1 : end] == "\r" else end
        return _insert(text, at, f"{line}{indent}- {item}")
    if there is not None or not isinstance(top, yaml.MappingNode) or top.flow_style:
        raise EditRefused("overrides: is no list; write the override by hand")
    gap = "" if text.endswith("\n") else line
    return f"{text}{gap}{line}overrides:{line}  - {item}{line}"


def _compose(file: Path, text: str) -> yaml.Node:
    """Raises `ConfigError` as the loader does."""
    parse(file, text)
    node = yaml.compose(text, Loader=yaml.SafeLoader)
    if node is None:
        raise EditRefused(f"{file.name} is empty")
    return node


def _rule_node(top: yaml.Node, rule: str) -> yaml.Node:
    rules = _value(top, "rules")
    for item in rules.value if isinstance(rules, yaml.SequenceNode) else ():
        name = _value(item, "id")
        if isinstance(name, yaml.ScalarNode) and name.value == rule:
            found: yaml.Node = item
            return found
    raise EditRefused(f"the file has no rule {rule!r} any more")


def _parts(path: str) -> Path_:
    parts = split(path)
    if parts is None:
        raise EditRefused(f"{path!r} is no path in a rule")
    return tuple(parts)


def _put(text: str, node: yaml.Node | None, parts: Path_ | list[str], value: str) -> str:
    """Exchange or add one scalar under a node."""
    *way, name = parts
    for part in way:
        node = _step(node, part)
    if not isinstance(node, yaml.MappingNode):
        raise EditRefused(f"there is no {'.'.join(map(str, parts))} in the file")
    there = _value(node, str(name))
    if isinstance(there, yaml.ScalarNode) and there.start_mark.index < there.end_mark.index:
        start, end = there.start_mark.index, there.end_mark.index
        if text[start] in "&!" or not node.start_mark.index < start < node.end_mark.index:
            raise EditRefused(SHARED)
        return text[:start] + value + text[end:]
    if isinstance(there, yaml.CollectionNode):
        return _put_collection(text, node, there, str(name), value)
    if there is not None:
        raise EditRefused(f"{name} is no plain value in the file; edit it by hand")
    key = name if str(name).isidentifier() else f'"{name}"'
    if node.flow_style:
        comma = ", " if node.value else ""
        return _insert(text, node.end_mark.index - 1, f"{comma}{key}: {value}")
    # Before the last key: what follows that one may be a comment on what comes next.
    last = node.value[-1][0].start_mark
    line = "\r\n" if "\r\n" in text else "\n"
    return _insert(text, last.index, f"{key}: {value}{line}{' ' * last.column}")


def _put_collection(
    text: str, node: yaml.MappingNode, there: yaml.CollectionNode, name: str, value: str
) -> str:
    """Exchange a value that is a mapping or a list, written on one line or over several."""
    key = next(key for key, one in node.value if one is there)
    start, end = key.end_mark.index, ends_last(there).end_mark.index
    said = text[start:end]
    if "&" in said or "*" in said or not key.start_mark.index < start < end:
        raise EditRefused(f"{name} has shared values in the file; edit it by hand")
    if "#" in said:
        kept = exchange(text, there, value)
        if kept is None:
            raise EditRefused(f"{name} has comments that would go in the file; edit it by hand")
        return kept
    return f"{text[:start]}: {value}{text[end:]}"


def _insert(text: str, at: int, more: str) -> str:
    return text[:at] + more + text[at:]


def _step(node: yaml.Node | None, part: str | int) -> yaml.Node | None:
    if isinstance(part, str):
        return _value(node, part)
    if isinstance(node, yaml.SequenceNode) and part < len(node.value):
        found: yaml.Node = node.value[part]
        return found
    return None


def _value(node: yaml.Node | None, key: str) -> yaml.Node | None:
    for name, value in node.value if isinstance(node, yaml.MappingNode) else ():
        if name.value == key:
            found: yaml.Node = value
            return found
    return None
