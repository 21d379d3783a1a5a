"""The figures as a page that prints: tables and plots in one file that needs nothing else."""

from collections.abc import Sequence
from html import escape

from hub.cases.report import Report, Table, cells, changed

_STYLE = (
    "body{font:15px system-ui,sans-serif;margin:2em auto;max-width:72em;color:#1b2528}"
    "table{border-collapse:collapse;margin:1em 0;width:100%}"
    "th,td{text-align:left;padding:.35em .8em;border-bottom:1px solid #ccd}"
    ".wide{font-size:12px}.wide th,.wide td{padding:.3em .4em;vertical-align:top}"
    ".wide td:first-child{min-width:8em}small{color:#566}"
    "svg{width:46em;max-width:100%;height:auto}h2{margin-top:2em}h3{margin:1.4em 0 0}"
    "@page{size:A4 landscape;margin:12mm}"
    "@media print{body{margin:0;max-width:none}tr,svg{break-inside:avoid}}"
)
WIDTH, ROW = 640, 26
LETTER, IDEOGRAM = 8.6, 14.5
"""How wide a character is drawn, for the room that names take."""


def plot(table: Table, report: Report) -> str:
    """Bars of how many reports each group has, with the rate that was solved: an SVG without
    styles of its own, so that it stands in the console's pages too."""
    most = max((found.reports for _, found in table.groups), default=0) or 1
    height = ROW * len(table.groups) + 8
    left = min(WIDTH / 2, 16 + max((_wide(name) for name, _ in table.groups), default=0))
    parts = []
    for index, (name, found) in enumerate(table.groups):
        y = ROW * index + 4
        length = (WIDTH - left - 170) * found.reports / most
        rate = found.solved.rate
        parts.append(
            f'<text x="{left - 8:.0f}" y="{y + 15}" text-anchor="end">{escape(name)}</text>'
            f'<rect x="{left:.0f}" y="{y}" width="{length:.1f}" height="{ROW - 8}" rx="3"/>'
            f'<text x="{left + length + 8:.1f}" y="{y + 15}">{found.reports}'
            + (f" · {escape(report.word('solved'))} {rate:.0%}" if rate is not None else "")
            + "</text>"
        )
    return (
        f'<svg class="bars" viewBox="0 0 {WIDTH} {height}" role="img" font-size="14" '
        f'fill="currentColor" aria-label="{escape(table.title)}">{"".join(parts)}</svg>'
    )


def _wide(name: str) -> float:
    return sum(IDEOGRAM if ord(letter) > 0x2E7F else LETTER for letter in name)


def page(report: Report) -> str:
    """One HTML file that needs nothing else."""
    body = [f"<h1>{escape(report.title)}</h1><p>{escape(report.stretch)}</p>"]
    body.append(_table([report.word("figure"), report.word("value")],
                       [(row.name, row.value) for row in report.rows]))  # fmt: skip
    if report.changes:
        head = [report.word(key) for key in ("figure", "before", "after", "change", "interval")]
        body += [f"<h2>{escape(report.word('change'))}</h2>", _table(head, report.changes)]
    for table in report.tables:
        body.append(f"<h2>{escape(table.title)}</h2>{plot(table, report)}")
        head = ["", *(report.word(key) for key in table.columns)]
        lines = [cells(*group, table.columns, report.language) for group in table.groups]
        body.append(_table(head, lines, "wide"))
        body += _compared(table, report)
    return (
        f'<!doctype html><html lang="{report.language}"><meta charset="utf-8">'
        f"<title>{escape(report.title)}</title><style>{_STYLE}</style>{''.join(body)}</html>"
    )


def _compared(table: Table, report: Report) -> list[str]:
    if not table.compared:
        return []
    head = ["", *(report.word(key) for key in table.compared)]
    lines = []
    for name, found in table.changes:
        pairs = [changed(found.get(key), report.language) for key in table.compared]
        rest = "".join(f"<td>{escape(v)}<br><small>{escape(i)}</small></td>" for v, i in pairs)
        lines.append(f"<tr><td>{escape(name)}</td>{rest}</tr>")
    top = "".join(f"<th>{escape(cell)}</th>" for cell in head)
    html = f"<table class=wide><thead><tr>{top}</tr></thead><tbody>{''.join(lines)}</tbody></table>"
    return [f"<h3>{escape(table.changed)}</h3>", html]


def _table(head: Sequence[str], lines: Sequence[Sequence[str]], kind: str = "") -> str:
    top = "".join(f"<th>{escape(cell)}</th>" for cell in head)
    rest = "".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in line) + "</tr>" for line in lines
    )
    return f'<table class="{kind}"><thead><tr>{top}</tr></thead><tbody>{rest}</tbody></table>'
