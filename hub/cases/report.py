"""The figures of a site as a page that prints: tables, plots, and before and after a date."""

from collections.abc import Sequence
from datetime import datetime
from html import escape
from zoneinfo import ZoneInfo

from msgspec import Struct

from configs.site import SiteFile
from configs.values import Text
from hub.cases.figures import (
    Change,
    Figures,
    Seen,
    Share,
    Times,
    compare,
    figures,
    grouped,
    kind_of,
    month_of,
    place_of,
)  # fmt: skip

WORDS = {
    "reports": Text("Reports", "上报数"),
    "answered": Text("Answered in time", "响应率"),
    "solved": Text("Solved", "解决率"),
    "satisfied": Text("Satisfied (4 or 5 of 5)", "满意率"),
    "to_look": Text("From report to control room", "上报到值班室"),
    "to_answer": Text("From report to answered or verified", "上报到答复或立案"),
    "to_close": Text("From report to closed", "上报到结案"),
    "to_room": Text("From event to control room", "事件到值班室"),
    "to_acknowledge": Text("From event to acknowledged", "事件到确认"),
    "to_resolve": Text("From event to resolved", "事件到解除"),
    "by_sensors": Text("Hazards found by sensors alone", "仅传感器发现的隐患"),
    "by_residents": Text("Hazards found by residents alone", "仅居民发现的隐患"),
    "by_both": Text("Hazards found by both", "双方共同发现的隐患"),
    "false_alarms": Text("False alarms, of those judged", "误报率（已判定）"),
    "found": Text("Hazards found a day, by all", "日均发现隐患（各方合计）"),
    "patrolled": Text("Patrol checkpoints reached", "巡查到位率"),
    "title": Text("How it goes", "治理成效"),
    "figure": Text("Figure", "指标"),
    "value": Text("Value", "数值"),
    "before": Text("Before", "之前"),
    "after": Text("After", "之后"),
    "change": Text("Change", "变化"),
    "interval": Text("95 % interval of the difference", "差值的 95% 置信区间"),
    "unsure": Text("may be chance", "可能出于偶然"),
    "few": Text("too few to say", "样本太少，无法判断"),
    "month": Text("By month", "按月"),
    "kind": Text("By kind", "按类别"),
    "place": Text("By place", "按地点"),
    "median": Text("median", "中位数"),
    "of": Text("of", "/"),
    "nowhere": Text("elsewhere", "其他地点"),
}
SECOND = Text("s", "秒")
UNITS = ((Text("d", "天"), 86_400), (Text("h", "小时"), 3600), (Text("min", "分钟"), 60))
RATES = ("answered", "solved", "satisfied")
PARTS = (*RATES, "patrolled", "false_alarms")
"""What is told in percent."""
COLUMNS = (
    "reports", *RATES, "to_look", "to_answer", "to_close", "by_residents", "by_both", "by_sensors",
    "false_alarms", "to_room", "to_acknowledge", "to_resolve", "patrolled",
)  # fmt: skip
"""Of the tables of groups."""
OF_CASES = COLUMNS[:9]
"""Of groups that alerts and patrols have no part in."""
_STYLE = (
    "body{font:15px system-ui,sans-serif;margin:2em auto;max-width:60em;color:#1b2528}"
    "table{border-collapse:collapse;margin:1em 0;width:100%}"
    "th,td{text-align:left;padding:.35em .8em;border-bottom:1px solid #ccd}"
    "svg{max-width:100%;height:auto}h2{margin-top:2em}@media print{body{margin:0}}"
)
WIDTH, ROW, LEFT = 640, 26, 220


class Row(Struct, frozen=True):
    """A line of a table: what, and how much."""

    name: str
    value: str


class Table(Struct, frozen=True):
    """Figures of groups, for a plot and a table."""

    title: str
    groups: Sequence[tuple[str, Figures]]
    columns: Sequence[str] = COLUMNS


class Report(Struct, frozen=True):
    """All that the page shows, in one language."""

    title: str
    stretch: str
    rows: Sequence[Row]
    tables: Sequence[Table]
    changes: Sequence[Sequence[str]]
    language: str

    def word(self, key: str) -> str:
        """A word of the page."""
        return WORDS[key].in_(self.language)


def make(
    site: SiteFile, seen: Seen, stretch: tuple[int, int], language: str,
    halves: tuple[Seen, Seen] | None = None,
) -> Report:  # fmt: skip
    """The report of a site; ``halves`` is what came before and after a date."""
    zone = ZoneInfo(site.site.timezone)
    first, last = (datetime.fromtimestamp(ts / 1000, zone) for ts in stretch)
    kinds = {kind.id: kind.name.in_(language) for kind in site.residents.kinds}
    places = {place.id: place.name.in_(language) for place in site.places}
    cases = Seen(
        seen.cases, (), seen.linked_cases, seen.linked_alerts, seen.hazards, seen.now, seen.told_of
    )  # fmt: skip
    parts: tuple[tuple[str, dict[str, Figures], dict[str, str]], ...] = (
        ("month", grouped(seen, month_of(site.site.timezone)), {}),
        ("kind", grouped(cases, kind_of), kinds),
        ("place", grouped(seen, place_of), places | {"": WORDS["nowhere"].in_(language)}),
    )
    return Report(
        title=f"{site.site.name.in_(language)} · {WORDS['title'].in_(language)}",
        stretch=f"{first:%Y-%m-%d %H:%M} – {last:%Y-%m-%d %H:%M}",
        rows=rows(figures(seen), language),
        tables=[
            Table(
                WORDS[key].in_(language),
                [(names.get(n, n), f) for n, f in groups.items()],
                OF_CASES if key == "kind" else COLUMNS,
            )
            for key, groups, names in parts
        ],
        changes=[told(change, language) for change in compare(*halves)] if halves else [],
        language=language,
    )


def rows(found: Figures, language: str) -> list[Row]:
    """Every figure in words, with the number behind it."""
    return [
        Row(WORDS[name].in_(language), spell(getattr(found, name), language))
        for name in Figures.__struct_fields__
    ]


def spell(value: int | Share | Times, language: str) -> str:
    """``82 % (41 of 50)``, ``35 min (median, 90 %: 2.1 h, n=50)`` or the number."""
    if isinstance(value, Share):
        if value.rate is None:
            return "—"
        of = WORDS["of"].in_(language)
        return f"{value.rate:.0%} ({value.count} {of} {value.of})"
    if isinstance(value, Times):
        if value.median_s is None or value.p90_s is None:
            return "—"
        middle = WORDS["median"].in_(language)
        typical, long = span(value.median_s, language), span(value.p90_s, language)
        return f"{typical} ({middle}; 90 %: {long}; n={value.count})"
    return str(value)


def span(seconds: float, language: str) -> str:
    """A length of time in one unit."""
    for name, size in UNITS:
        if abs(seconds) >= size:
            return f"{seconds / size:.1f} {name.in_(language)}"
    return f"{seconds:.1f} {SECOND.in_(language)}"


def told(change: Change, language: str) -> list[str]:
    """A change as cells: figure, before, after, change, interval."""

    def value(number: float | None) -> str:
        if number is None:
            return "—"
        if change.name == "found":
            return f"{number:.1f}"
        return f"{number:.0%}" if change.name in PARTS else span(number, language)

    def difference(number: float | None) -> str:
        if number is None:
            return "—"
        if change.name == "found":
            return f"{number:+.1f}"
        if change.name in PARTS:
            return f"{number * 100:+.0f} %"
        return f"{'+' if number > 0 else ''}{span(number, language)}"

    relative = "—" if change.relative is None else f"{change.relative:+.0%}"
    interval = f"{difference(change.low)} … {difference(change.high)}"
    if change.low is None:
        interval = WORDS["few"].in_(language)
    elif not change.sure:
        interval += f" ({WORDS['unsure'].in_(language)})"
    old, new = change.count
    return [
        WORDS[change.name].in_(language), f"{value(change.before)} (n={old})",
        f"{value(change.after)} (n={new})", relative, interval,
    ]  # fmt: skip


def plot(table: Table, report: Report) -> str:
    """Bars of how many reports each group has, with the rate that was solved: an SVG without
    styles of its own, so that it stands in the console's pages too."""
    most = max((found.reports for _, found in table.groups), default=0) or 1
    height = ROW * len(table.groups) + 8
    parts = []
    for index, (name, found) in enumerate(table.groups):
        y = ROW * index + 4
        length = (WIDTH - LEFT - 170) * found.reports / most
        rate = found.solved.rate
        parts.append(
            f'<text x="{LEFT - 8}" y="{y + 15}" text-anchor="end">{escape(name)}</text>'
            f'<rect x="{LEFT}" y="{y}" width="{length:.1f}" height="{ROW - 8}" rx="3"/>'
            f'<text x="{LEFT + length + 8:.1f}" y="{y + 15}">{found.reports}'
            + (f" · {escape(report.word('solved'))} {rate:.0%}" if rate is not None else "")
            + "</text>"
        )
    return (
        f'<svg class="bars" viewBox="0 0 {WIDTH} {height}" role="img" font-size="14" '
        f'fill="currentColor" aria-label="{escape(table.title)}">{"".join(parts)}</svg>'
    )


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
        body.append(_table(head, lines))
    return (
        f'<!doctype html><html lang="{report.language}"><meta charset="utf-8">'
        f"<title>{escape(report.title)}</title><style>{_STYLE}</style>{''.join(body)}</html>"
    )


def cells(name: str, found: Figures, columns: Sequence[str], language: str) -> list[str]:
    """A group's line: its name, and each figure in few words."""
    return [name, *(_short(getattr(found, key), language) for key in columns)]


def _short(value: int | Share | Times, language: str) -> str:
    if isinstance(value, Share):
        return "—" if value.rate is None else f"{value.rate:.0%}"
    if isinstance(value, Times):
        return "—" if value.median_s is None else span(value.median_s, language)
    return str(value)


def _table(head: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    top = "".join(f"<th>{escape(cell)}</th>" for cell in head)
    rest = "".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in line) + "</tr>" for line in lines
    )
    return f"<table><thead><tr>{top}</tr></thead><tbody>{rest}</tbody></table>"
