"""A YAML document that remembers on which line each of its values stands."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from configs.problems import ConfigError, Path_, Problem, spell

MAX_BYTES = 4 * 1024 * 1024
MAX_VALUES = 200_000
"""Aliases make a few lines many values: more than this are no configuration."""


@dataclass(slots=True)
class Document:
    """A parsed file: plain values, and the line of each path in it."""

    file: Path
    value: Any = None
    lines: dict[Path_, int] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    values: int = 0
    """How many were read."""
    _made: dict[int, tuple[Any, Path_]] = field(default_factory=dict)
    """Structs by identity; holding them keeps an identity from being used again."""

    def remember(self, made: Any, path: Path_) -> None:
        """Note that ``made`` came from the value at ``path``."""
        self._made[id(made)] = (made, path)

    def path_of(self, made: Any) -> Path_:
        """Where a struct that was read from this document stands in it."""
        return self._made[id(made)][1]

    def says(self, made: Any, part: str) -> Any:
        """What is written in this document for ``part`` of a struct; None where nothing is."""
        if id(made) not in self._made:
            return None  # a default, of which nothing is written
        value = self.value
        for key in (*self.path_of(made), part):
            try:
                value = value[key]
            except (KeyError, IndexError, TypeError):
                return None
        return value

    def ids(self, *names: str) -> list[str]:
        """Every ``id`` written in the lists ``names``, readable otherwise or not."""
        top = self.value if isinstance(self.value, dict) else {}
        items = [item for name in names for item in top.get(name) or () if isinstance(item, dict)]
        return [item["id"] for item in items if isinstance(item.get("id"), str)]

    def complain(self, made: Any, part: str, message: str, suggestion: str = "") -> None:
        """Add a problem with ``part`` of a struct ("": with the whole of it)."""
        path = self.path_of(made)
        at = (*path, *(int(key) if key.isdigit() else key for key in part.split(".") if key))
        self.problems.append(self.problem(at, message, suggestion))

    def line(self, path: Path_) -> int:
        """The line of the value at ``path``, or of the nearest thing around it."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)

    def problem(self, path: Path_, message: str, suggestion: str = "") -> Problem:
        """A problem with the value at ``path``."""
        return Problem(self.file, self.line(path), spell(path), message, suggestion)


def read(file: Path, draft: str | None = None) -> Document:
    """Parse a file, or the ``draft`` that is to stand in it; raises `ConfigError` where it cannot
    be read or is not YAML."""
    return parse(file, _text(file) if draft is None else draft)


def _text(file: Path) -> str:
    try:
        if file.stat().st_size > MAX_BYTES:
            raise ConfigError([Problem(file, 0, "", f"larger than {MAX_BYTES} bytes")])
        return file.read_text(encoding="utf-8")
    except OSError as error:
        hint = "check the name and the folder" if isinstance(error, FileNotFoundError) else ""
        raise ConfigError(
            [Problem(file, 0, "", f"cannot be read: {error.strerror}", hint)]
        ) from None
    except UnicodeDecodeError:
        raise ConfigError([Problem(file, 0, "", "is not UTF-8 text", "save it as UTF-8")]) from None


def parse(file: Path, text: str) -> Document:
    """The text of a file; raises `ConfigError` where it is not YAML."""
    document = Document(file)
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        if node is not None:
            document.value = _plain(node, (), document, yaml.SafeLoader(""), 0)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 0
        message = f"not valid YAML: {error.problem or error}"
        hint = "look at the indentation, colons and quotes here and on the line before"
        raise ConfigError([Problem(file, line, "", message, hint)]) from None
    except (yaml.YAMLError, RecursionError) as error:
        raise ConfigError([Problem(file, 0, "", f"not valid YAML: {error}")]) from None
    return document


def _plain(
    node: yaml.Node, path: Path_, document: Document, loader: yaml.SafeLoader, depth: int
) -> Any:
    document.lines.setdefault(path, node.start_mark.line + 1)
    document.values += 1
    if document.values > MAX_VALUES:
        raise yaml.YAMLError(f"more than {MAX_VALUES:,} values, its aliases written out")
    if depth > 50:
        raise yaml.YAMLError("nested deeper than 50 levels")
    if isinstance(node, yaml.MappingNode):
        values: dict[Any, Any] = {}
        for key_node, value_node in node.value:
            key = loader.construct_object(key_node)
            if not isinstance(key, str | int | float | bool):
                raise yaml.constructor.ConstructorError(
                    None, None, "a key must be a plain word", key_node.start_mark
                )
            inner = (*path, str(key))
            if str(key) in values:
                document.lines[inner] = key_node.start_mark.line + 1
                document.problems.append(document.problem(inner, "is given twice", "remove one"))
                continue
            document.lines[inner] = key_node.start_mark.line + 1
            values[str(key)] = _plain(value_node, inner, document, loader, depth + 1)
        return values
    if isinstance(node, yaml.SequenceNode):
        return [
            _plain(item, (*path, index), document, loader, depth + 1)
            for index, item in enumerate(node.value)
        ]
    return loader.construct_object(node)
