"""What is wrong with a configuration, told all at once."""

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Path_ = tuple[str | int, ...]
"""Where in a document: keys and list positions from its top."""


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing that is wrong, where, and what to do."""

    file: Path
    line: int
    """From 1; 0 where the file as a whole is meant."""
    path: str
    message: str
    suggestion: str = ""

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}" if self.line else str(self.file)
        at = f" {self.path}:" if self.path else ""
        hint = f" ({self.suggestion})" if self.suggestion else ""
        return f"{where}:{at} {self.message}{hint}"


class ConfigError(Exception):
    """A configuration that cannot be used; ``problems`` has every reason found."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = sorted(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


def spell(path: Path_) -> str:
    """``places[0].views[1]`` from the parts of a path."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def did_you_mean(word: Any, known: Iterable[str]) -> str:
    """A suggestion of the nearest known words, or the whole short list, or nothing."""
    choices = sorted(known)
    near = difflib.get_close_matches(str(word), choices, n=1, cutoff=0.6)
    if near:
        return f"did you mean {near[0]!r}?"
    return f"one of: {', '.join(choices)}" if 0 < len(choices) <= 12 else ""
