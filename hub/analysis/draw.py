"""Drawings of the analysis: SVG with nothing but presentation attributes, so that a page with a
strict content security policy shows them too."""

from collections.abc import Callable, Sequence
from html import escape
from typing import Final

from hub.analysis.anomaly import Verdict
from hub.analysis.flows import Flow, Seen
from hub.analysis.hazards import BLOCK_H
from hub.analysis.hours import HOUR_MS
from hub.analysis.incidents import DAY_H, Ahead
from hub.analysis.risk import RiskRow
from hub.analysis.words import Words

WIDTH, HEIGHT = 960, 180
_LEFT, _RIGHT, _TOP, _BOTTOM = 44, 8, 8, 22
_CELL: Final = 30
_NAMES: Final = 180
_GREY, _LINE, _RED, _BLUE = "#8a93a3", "currentColor", "#d64545", "#3b82f6"
_DAY_MS: Final = 24 * HOUR_MS

Points = Sequence[tuple[float, float]]
Cells = tuple[str, Sequence[tuple[float, str] | None]]
"""A row's name; of each cell the value and its words, None where it is not known."""


def flow(found: Flow, words: Words) -> str:
    """The hours seen over the band of what was usual, then the forecast."""
    known = [seen for seen in found.seen if seen.usual is not None]
    usual = {seen.hour.start: seen.range for seen in known}
    starts = [s.hour.start for s in found.seen] + [t.hour.start for t in found.ahead]
    tops = [s.counted for s in found.seen] + [high for _, high in usual.values()]
    most = max([1.0, *tops, *(told.high95 for told in found.ahead)])
    first, last = min(starts, default=0), max(starts, default=0) + HOUR_MS

    def x(ms: float) -> float:
        return _LEFT + (ms - first) / (last - first) * (WIDTH - _LEFT - _RIGHT)

    def y(value: float) -> float:
        return HEIGHT - _BOTTOM - value / most * (HEIGHT - _TOP - _BOTTOM)

    parts = _axes(first, last, most, words, x, y)
    parts += [
        _band([(x(at), y(usual[at][0]), y(usual[at][1])) for at in _starts(run)], _GREY, 0.35)
        for run in _runs(known)
    ]
    ahead = found.ahead
    parts.append(_band([(x(t.hour.start), y(t.low95), y(t.high95)) for t in ahead], _BLUE, 0.2))
    parts.append(_band([(x(t.hour.start), y(t.low80), y(t.high80)) for t in ahead], _BLUE, 0.3))
    parts.append(_curve([(x(t.hour.start), y(t.mean)) for t in ahead], _BLUE, dashed=True))
    parts += [
        _curve([(x(s.hour.start), y(s.counted)) for s in run], _LINE) for run in _runs(found.seen)
    ]
    counted = {seen.hour.start: seen.counted for seen in found.seen}
    for anomaly in found.anomalies:
        at = anomaly.worst.hour.start
        parts.append(_ring(x(at), y(counted.get(at, 0)), words.anomaly(anomaly), anomaly.verdict))
    title = f"{words.of(found.place.name)} · {words(found.what)}"
    return _svg(parts, WIDTH, HEIGHT, title)


def _ring(x: float, y: float, told: str, verdict: str) -> str:
    """Around an unusual hour: thin where staff dismissed it, filled where they confirmed it."""
    fill = _RED if verdict == Verdict.CONFIRMED else "none"
    width = 1 if verdict == Verdict.DISMISSED else 2.5
    return (
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="5" fill="{fill}" stroke="{_RED}" '
        f'stroke-width="{width}"><title>{escape(told)}</title></circle>'
    )


def heat(rows: Sequence[RiskRow], words: Words) -> str:
    """Mean risk: a row for each place, a column for each hour of the day."""
    grid = [
        (
            words.of(row.place.name),
            [None if value is None else (value, f"{hour:02d}:00 · {value:.1f}")
             for hour, value in enumerate(row.hours)],
        )
        for row in rows
    ]  # fmt: skip
    ticks = [(hour, f"{hour:02d}") for hour in range(0, 24, 3)]
    return _grid(grid, ticks, _CELL, 1.0, words("risk"))


def day_ahead(found: Ahead, words: Words) -> str:
    """What is expected in each of the next 24 hours: a row for each place."""
    ticks = [(n, f"{words.local(found.hours[n].start):%H}") for n in range(0, DAY_H, 3)]
    return _grid(_expected(found, words, DAY_H, 1), ticks, _CELL, 0.0, words("next-day"))


def week_ahead(found: Ahead, words: Words) -> str:
    """What is expected in each four hours of the next seven days: a row for each place."""
    day = DAY_H // BLOCK_H
    ticks = [
        (n * day, f"{words.local(found.hours[n * DAY_H].start):%m-%d %H:00}") for n in range(7)
    ]
    grid = _expected(found, words, len(found.hours), BLOCK_H)
    return _grid(grid, ticks, _CELL * 24 // (7 * day), 0.0, words("next-week"))


def _expected(found: Ahead, words: Words, hours: int, step: int) -> list[Cells]:
    return [
        (
            words.of(row.place.name),
            [(coming.mean, words.coming(coming, found.hours[n], step))
             for n in range(0, hours, step) for coming in [row.over(n, step)]],
        )
        for row in found.rows
    ]  # fmt: skip


def _grid(
    rows: Sequence[Cells], ticks: Sequence[tuple[int, str]], cell: int, least: float, title: str
) -> str:
    """Names with cells beside them, each a value and its words: darker is more; the darkest is
    the most of all, or ``least`` where that is more."""
    height = _CELL * (len(rows) + 1)
    most = max([least or 1e-9, *(one[0] for _, row in rows for one in row if one)])
    parts = [_text(_NAMES + cell * column + 2, 18, label) for column, label in ticks]
    for index, (name, row) in enumerate(rows):
        top = _CELL * (index + 1)
        parts.append(_text(4, top + 20, name if len(name) <= 26 else name[:25] + "…"))
        for column, one in enumerate(row):
            if one is None:
                continue
            share = 0.06 + 0.94 * one[0] / most
            parts.append(
                f'<rect x="{_NAMES + cell * column}" y="{top}" width="{cell - 2}" '
                f'height="{_CELL - 2}" rx="3" fill="{_RED}" fill-opacity="{share:.2f}">'
                f"<title>{escape(f'{name} {one[1]}')}</title></rect>"
            )
    return _svg(parts, _NAMES + 24 * _CELL, height, title)


def _starts(run: Sequence[Seen]) -> list[int]:
    return [seen.hour.start for seen in run]


def _runs(items: Sequence[Seen]) -> list[list[Seen]]:
    """Hours without a gap between them."""
    found: list[list[Seen]] = []
    for item in items:
        if not found or item.hour.start - found[-1][-1].hour.start > HOUR_MS:
            found.append([])
        found[-1].append(item)
    return found


def _axes(
    first: int, last: int, most: float, words: Words, x: Callable[[float], float],
    y: Callable[[float], float],
) -> list[str]:  # fmt: skip
    """Lines for the values, and days as far as there is room."""
    parts = []
    for value in (0.0, most / 2, most):
        parts.append(
            f'<line x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{y(value):.1f}" y2="{y(value):.1f}" '
            f'stroke="{_GREY}" stroke-opacity="0.35"/>'
        )
        parts.append(_text(_LEFT - 6, y(value) + 4, f"{value:.0f}", anchor="end"))
    days = max(1, (last - first) // _DAY_MS)
    step = max(1, -(-days // 12)) * _DAY_MS
    parts += [
        _text(x(at), HEIGHT - 6, f"{words.local(at):%m-%d}") for at in range(first, last, step)
    ]
    return parts


def _band(points: Sequence[tuple[float, float, float]], colour: str, opacity: float) -> str:
    """The area between the second and the third of (x, y, y)."""
    if not points:
        return ""
    edge = [(x, low) for x, low, _ in points] + [(x, high) for x, _, high in reversed(points)]
    return f'<polygon points="{_points(edge)}" fill="{colour}" fill-opacity="{opacity}"/>'


def _curve(points: Points, colour: str, *, dashed: bool = False) -> str:
    if not points:
        return ""
    dash = ' stroke-dasharray="4 3"' if dashed else ""
    return (
        f'<polyline points="{_points(points)}" fill="none" stroke="{colour}" '
        f'stroke-width="1.6"{dash}/>'
    )


def _points(points: Points) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in points)


def _text(x: float, y: float, words: str, anchor: str = "start") -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="12" text-anchor="{anchor}" '
        f'fill="currentColor">{escape(words)}</text>'
    )


def _svg(parts: Sequence[str], width: int, height: int, title: str) -> str:
    return (
        f'<svg viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img" '
        f'aria-label="{escape(title)}">{"".join(parts)}</svg>'
    )
