"""A backtest or a tuning as one HTML page with its drawing inside.

HTML and not PNG: hovering over a bar says which alert it is, the page needs no plotting
library, and it opens without a network because it asks for nothing.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from html import escape
from typing import Final
from zoneinfo import ZoneInfo

from hub.backtest.compare import Change, Comparison, Pair
from hub.backtest.tune import Sweep
from hub.downs import Down

WIDTH: Final = 1200
LEFT: Final = 260
ROW: Final = 22
HEIGHT: Final = 320
_COLOURS: Final = {
    Change.UNCHANGED: "#8a8f98",
    Change.MOVED: "#2f6fde",
    Change.GAINED: "#1a9850",
    Change.LOST: "#d73027",
}
_GAP: Final = "#c9ccd3"
_STYLE: Final = (
    "body{font:14px system-ui,sans-serif;margin:2em;color:#222}"
    "svg{background:#fafafa;border:1px solid #ddd}"
)


def draw_comparison(found: Comparison) -> str:
    """The page of a backtest: a row for each rule and place, a bar for each alert."""
    rows = sorted({(pair.shown.rule, pair.shown.place) for pair in found.pairs})
    height = ROW * (len(rows) + 2)
    parts = [_gap(found, gap, height) for gap in found.gaps]
    parts += [_text(10, ROW * (i + 1) + 15, f"{r} · {p}") for i, (r, p) in enumerate(rows)]
    for pair in found.pairs:
        row = rows.index((pair.shown.rule, pair.shown.place))
        parts.append(_bar(found, pair, ROW * (row + 1) + 4))
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        at = found.start + share * (found.end - found.start)
        words = f"{_local(at, found.timezone):%m-%d %H:%M}"
        parts.append(_text(_x(found, at) - (70 if share else 0), height - 6, words))
    legend = " ".join(
        f'<span style="color:{colour}">■ {change} {found.count(change)}</span>'
        for change, colour in _COLOURS.items()
    )
    if found.gaps:
        legend += f' <span style="color:{_GAP}">■ no records: the hub did not run</span>'
    return _page(f"Backtest of {found.site}", f"<p>{legend}</p>{_svg(parts, height)}")


def _gap(found: Comparison, gap: Down, height: int) -> str:
    left, right = _x(found, gap.start), _x(found, gap.end)
    return (
        f'<rect x="{left:.1f}" y="0" width="{max(right - left, 1):.1f}" height="{height - 22}" '
        f'fill="{_GAP}"><title>{gap.in_words(ZoneInfo(found.timezone))}</title></rect>'
    )


def _bar(found: Comparison, pair: Pair, y: float) -> str:
    shown = pair.shown
    left = _x(found, shown.fired_ts)
    right = _x(found, found.end if shown.resolved_ts is None else shown.resolved_ts)
    start = f"{_local(shown.fired_ts, found.timezone):%Y-%m-%d %H:%M:%S}"
    title = escape(f"{pair.change}: {shown.rule} at {shown.place}, {start}")
    return (
        f'<rect x="{left:.1f}" y="{y}" width="{max(right - left, 2):.1f}" height="{ROW - 8}" '
        f'fill="{_COLOURS[pair.change]}"><title>{title}</title></rect>'
    )


def _x(found: Comparison, at: float) -> float:
    share = (at - found.start) / (found.end - found.start)
    return LEFT + min(max(share, 0.0), 1.0) * (WIDTH - LEFT - 20)


def _local(at: float, timezone: str) -> datetime:
    return datetime.fromtimestamp(at / 1000, UTC).astimezone(ZoneInfo(timezone))


def draw_sweep(found: Sweep) -> str:
    """The page of a tuning: precision, recall and alerts a day over the values."""
    points = found.points
    most = max((point.alerts_a_day for point in points), default=0.0) or 1.0
    curves = (
        ("precision", "#2f6fde", [point.score.precision for point in points]),
        ("recall", "#1a9850", [point.score.recall for point in points]),
        (
            f"alerts a day (top: {most:g})",
            "#d98b00",
            [point.alerts_a_day / most for point in points],
        ),
    )
    values = [point.value for point in points]
    parts = [_curve(values, shares, colour) for _, colour, shares in curves]
    marks = [("today", found.today, "#555"), ("best", found.best, "#d73027")]
    for index, (name, value, colour) in enumerate(marks):
        if value is not None:
            x = _at(values, value)
            parts.append(
                f'<line x1="{x:.1f}" x2="{x:.1f}" y1="20" y2="{HEIGHT - 30}" stroke="{colour}" '
                'stroke-dasharray="4"/>'
            )
            parts.append(_text(x + 4, 32 + 16 * index, f"{name}: {value:g}"))
    parts += [_text(_at(values, value) - 10, HEIGHT - 8, f"{value:g}") for value in _few(values)]
    legend = " ".join(
        f'<span style="color:{colour}">■ {escape(name)}</span>' for name, colour, _ in curves
    )
    title = f"{found.rule}: {found.signal} {found.field}"
    return _page(title, f"<p>{legend}</p>{_svg(parts, HEIGHT)}")


def _curve(values: Sequence[float], shares: Sequence[float | None], colour: str) -> str:
    known = [
        f"{_at(values, value):.1f},{HEIGHT - 30 - share * (HEIGHT - 60):.1f}"
        for value, share in zip(values, shares, strict=True)
        if share is not None
    ]
    return f'<polyline points="{" ".join(known)}" fill="none" stroke="{colour}" stroke-width="2"/>'


def _at(values: Sequence[float], value: float) -> float:
    low, high = min(values), max(values)
    return 40 + (value - low) / ((high - low) or 1.0) * (WIDTH - 80)


def _few(values: Sequence[float]) -> Iterable[float]:
    return values[:: max(1, len(values) // 10)]


def _text(x: float, y: float, words: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" font-size="12">{escape(words)}</text>'


def _svg(parts: Iterable[str], height: int) -> str:
    return f'<svg width="{WIDTH}" height="{height}">{"".join(parts)}</svg>'


def _page(title: str, body: str) -> str:
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(title)}</title>'
        f"<style>{_STYLE}</style><h1>{escape(title)}</h1>{body}</html>\n"
    )
