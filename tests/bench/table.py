"""What was measured, beside the bars it is held against: on the screen, and as JSON."""

import json
import os
import platform
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True)
class Figure:
    """One number."""

    part: str
    name: str
    value: float
    unit: str
    bar: float | None = None
    better: Literal["higher", "lower"] = "higher"
    rounds: list[float] = field(default_factory=list)
    """What each repetition gave, where ``value`` is their median."""

    @property
    def verdict(self) -> str:
        """``reached`` or ``missed``; empty where there is no bar."""
        if self.bar is None:
            return ""
        reached = self.value >= self.bar if self.better == "higher" else self.value <= self.bar
        return "reached" if reached else "missed"


def median_of(
    part: str, name: str, rounds: Sequence[float], unit: str, bar: float | None = None
) -> Figure:
    """The figure of several repetitions."""
    return Figure(part, name, statistics.median(rounds), unit, bar, rounds=list(rounds))


def show(figures: Sequence[Figure], skipped: Sequence[str], console: Console) -> None:
    """The table."""
    table = Table(title="Linli, measured in one run")
    for heading, justify in (
        ("", "left"), ("figure", "left"), ("measured", "right"), ("bar", "right"), ("", "left"),
    ):  # fmt: skip
        table.add_column(heading, justify="right" if justify == "right" else "left")
    last = ""
    for figure in figures:
        if figure.part != last and last:
            table.add_section()
        sign = "≥" if figure.better == "higher" else "≤"
        table.add_row(
            figure.part if figure.part != last else "",
            figure.name,
            f"{spell(figure.value)} {figure.unit}".strip(),
            "" if figure.bar is None else f"{sign} {spell(figure.bar)}",
            _coloured(figure.verdict),
        )
        last = figure.part
    console.print(table)
    for reason in skipped:
        console.print(f"[yellow]not measured:[/] {reason}")


def _coloured(verdict: str) -> str:
    colour = {"reached": "green", "missed": "bold red"}.get(verdict)
    return f"[{colour}]{verdict}[/]" if colour else ""


def spell(value: float) -> str:
    """Three or so significant digits, thousands apart."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def as_json(figures: Sequence[Figure], skipped: Sequence[str]) -> dict[str, Any]:
    """Everything, for machines."""
    return {
        "machine": {
            "cpus": os.cpu_count(),
            "architecture": platform.machine(),
            "system": platform.platform(),
            "python": platform.python_version(),
        },
        "figures": [{**asdict(figure), "verdict": figure.verdict} for figure in figures],
        "skipped": list(skipped),
    }


def write_json(path: Path, figures: Sequence[Figure], skipped: Sequence[str]) -> None:
    """The same into a file."""
    path.write_text(json.dumps(as_json(figures, skipped), indent=2) + "\n", encoding="utf-8")
