"""Writes docs/reference.md from the program itself: ``python -m tests.docs.reference``."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import msgspec
from click.testing import CliRunner
from prometheus_client import CollectorRegistry

import linli
from configs.agent import EdgeFile
from configs.rules import RulesFile
from configs.servers import HubFile, WebFile
from configs.signals import SIGNALS
from configs.site import SiteFile
from configs.values import Duration
from edge.metrics import EdgeMetrics
from hub.metrics import HubMetrics
from hub.notify.metrics import NotifyMetrics
from hub.ruletext import duration_text
from wire.records import RECORD_TYPES
from wire.topics import ROOT, Channel

TARGET = Path(__file__).parents[2] / "docs" / "reference.md"
FILES = (
    ("site.yaml", SiteFile),
    ("rules.yaml", RulesFile),
    ("edge.yaml", EdgeFile),
    ("hub.yaml", HubFile),
    ("web.yaml", WebFile),
)
CHANNELS = {
    Channel.STATE: "QoS 1, retained, last will: whether the node is online",
    Channel.ABOUT: "QoS 1, retained: agent, model with its sha256, sources, zones, lines",
    Channel.RECORDS: "QoS 1: at most 500 records of one outbox, at most 256 KiB",
    Channel.EVIDENCE: "QoS 1: one JPEG, at most 512 KiB, after the record that names it",
    Channel.DO: (
        "QoS 1: a command to the node (`ping`, `snapshot`, `reload`, `restart`, `blur-check`, "
        "`time`)"
    ),
    Channel.DONE: "QoS 1: its answer",
}


def text() -> str:
    """The whole page."""
    parts = [
        "# Reference",
        "Written by `python -m tests.docs.reference`; a test compares it with the program.",
        "## Commands",
        *_commands(),
        "## Signals",
        *_table(("signal", "meaning"), SIGNALS.items()),
        "## Configuration",
        (
            "Durations are written `500ms`, `3s`, `1m30s`, `12h`, `7d`; words for people are a "
            "text or `{en: …, zh: …}`; ids match `[a-z0-9-]{1,63}`. `linli check FILE…` says "
            "everything that is wrong."
        ),
        *_files(),
        "## Topics",
        *_table(
            ("topic", "payload"),
            ((f"{ROOT}/<site>/<node>/{channel}", CHANNELS[channel]) for channel in Channel),
        ),
        "## Records",
        (
            "JSON; each has `seq` (the outbox's row), `ts` (ms since 1970, UTC), `source` and, "
            "where a picture shows it, `evidence`:\n"
            "the picture's ref. One that begins with `live-` is of a picture that only answers a "
            "`snapshot`."
        ),
        *_table(("type", "fields"), _records()),
        "## Metrics",
        *_table(("metric", "meaning"), sorted(_metrics())),
    ]
    return "\n\n".join(parts) + "\n"


def _table(head: tuple[str, str], rows: Any) -> Iterator[str]:
    lines = [f"| {head[0]} | {head[1]} |", "| --- | --- |"]
    lines += [f"| `{name}` | {meaning} |" for name, meaning in rows]
    yield "\n".join(lines)


def _commands() -> Iterator[str]:
    runner = CliRunner()
    for path in _paths(linli.main, ()):
        shown = runner.invoke(
            linli.main, [*path, "--help"], prog_name="linli", env={"COLUMNS": "96"}
        )
        yield f"```\n$ linli {' '.join((*path, '--help'))}\n{shown.output.rstrip()}\n```"


def _paths(group: click.Group, path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    context = click.Context(group)
    yield path
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if isinstance(command, click.Group):
            yield from _paths(command, (*path, name))
        else:
            yield (*path, name)


def _files() -> Iterator[str]:
    for name, kind in FILES:
        yield f"### {name}"
        yield from _table(("key", "value"), _keys(msgspec.inspect.type_info(kind), ""))


def _keys(shape: Any, path: str) -> Iterator[tuple[str, str]]:
    for part in shape.fields:
        name = f"{path}{part.encode_name}"
        inner, repeated = _inside(part.type)
        if isinstance(inner, msgspec.inspect.StructType):
            yield from _keys(inner, f"{name}{repeated}.")
        else:
            need = "required" if part.required else f"default `{_default(part)}`"
            yield name + repeated, f"{_kind(inner)}; {need}"


def _inside(shape: Any) -> tuple[Any, str]:
    repeated = ""
    while True:
        if isinstance(shape, msgspec.inspect.VarTupleType):
            shape, repeated = shape.item_type, repeated + "[]"
        elif isinstance(shape, msgspec.inspect.Metadata):
            shape = shape.type
        elif isinstance(shape, msgspec.inspect.UnionType):
            shape = next(
                kind for kind in shape.types if not isinstance(kind, msgspec.inspect.NoneType)
            )
        else:
            return shape, repeated


def _kind(shape: Any) -> str:
    cls = getattr(shape, "cls", None)
    if cls is not None and hasattr(cls, "expects"):
        return str(cls.expects)
    if isinstance(shape, msgspec.inspect.LiteralType):
        return " or ".join(f"`{value}`" for value in shape.values)
    if isinstance(shape, msgspec.inspect.EnumType):
        return " or ".join(f"`{member.value}`" for member in shape.cls)
    if isinstance(shape, msgspec.inspect.TupleType):
        return f"a list of {len(shape.item_types)}"
    names = {
        "IntType": "a whole number",
        "FloatType": "a number",
        "BoolType": "true or false",
        "DictType": "a mapping",
    }
    return names.get(type(shape).__name__, "a text")


def _default(part: Any) -> str:
    value = part.default_factory() if part.default is msgspec.NODEFAULT else part.default
    if isinstance(value, Duration):
        return duration_text(value)
    if hasattr(value, "en"):
        return str(value.en)
    if isinstance(value, dict):
        return msgspec.json.encode(value).decode()
    if isinstance(value, tuple):
        return f"[{', '.join(map(str, value))}]"
    return {None: "none", True: "true", False: "false"}.get(value, str(value))


def _records() -> Iterator[tuple[str, str]]:
    for name, kind in RECORD_TYPES.items():
        fields = kind.__struct_encode_fields__
        own = [field for field in fields if field not in ("seq", "ts", "source", "evidence")]
        yield name, ", ".join(f"`{field}`" for field in own)


def _metrics() -> Iterator[tuple[str, str]]:
    for metrics in (EdgeMetrics, HubMetrics, NotifyMetrics):
        registry = CollectorRegistry()
        metrics(registry)
        for family in registry.collect():
            total = "_total" if family.type == "counter" else ""
            yield family.name + total, family.documentation


if __name__ == "__main__":
    TARGET.write_text(text(), encoding="utf-8")
