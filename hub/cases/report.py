"""The figures in words: tables of sites, months, kinds and places, and before and after a date."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from msgspec import Struct

from configs.site import SiteFile
from configs.values import Text
from hub.cases.change import Change, compare
from hub.cases.figures import Figures, Seen, Share, Times, figures
from hub.cases.groups import Grouping, Halves, groupings

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
    "too-few": Text("too few", "样本太少"),
    "site": Text("By site", "按小区"),
    "month": Text("By month", "按月"),
    "kind": Text("By kind", "按类别"),
    "place": Text("By place", "按地点"),
    "median": Text("median", "中位数"),
    "of": Text("of", "/"),
    "nowhere": Text("elsewhere", "其他地点"),
    "site-change": Text("Before and after, by site", "前后对比：按小区"),
    "month-change": Text("Each month since, against all before", "前后对比：此后各月与之前整体"),
    "kind-change": Text("Before and after, by kind", "前后对比：按类别"),
    "place-change": Text("Before and after, by place", "前后对比：按地点"),
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
COMPARED = (
    *RATES, "to_look", "to_answer", "to_close", "found", "false_alarms", "to_room",
    "to_acknowledge", "to_resolve", "patrolled",
)  # fmt: skip
"""What is told before and after a date, of each group."""


class Row(Struct, frozen=True):
    """A line of a table: what, and how much."""

    name: str
    value: str


class Table(Struct, frozen=True):
    """Figures of groups, for a plot and two tables."""

    title: str
    groups: Sequence[tuple[str, Figures]]
    columns: Sequence[str] = COLUMNS
    changed: str = ""
    """The title of what changed in each group."""
    changes: Sequence[tuple[str, Mapping[str, Change]]] = ()
    """Group and its changes by figure; none where no date was chosen."""

    @property
    def compared(self) -> list[str]:
        """The figures that some group has before and after."""
        return [
            name
            for name in COMPARED
            if any(name in found and all(found[name].count) for _, found in self.changes)
        ]


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
    sites: Sequence[SiteFile], seen: Seen, stretch: tuple[int, int], language: str,
    halves: Halves | None = None,
) -> Report:  # fmt: skip
    """The report of some sites, by the clock of the first; ``halves`` is what came before and
    after a date."""
    zone = ZoneInfo(sites[0].site.timezone)
    first, last = (datetime.fromtimestamp(ts / 1000, zone) for ts in stretch)
    names = ", ".join(site.site.name.in_(language) for site in sites)
    return Report(
        title=f"{names} · {WORDS['title'].in_(language)}",
        stretch=f"{first:%Y-%m-%d %H:%M} – {last:%Y-%m-%d %H:%M}",
        rows=rows(figures(seen), language),
        tables=[_table_of(one, sites, language) for one in groupings(sites, seen, halves)],
        changes=[told(change, language) for change in compare(*halves)] if halves else [],
        language=language,
    )


def _table_of(grouping: Grouping, sites: Sequence[SiteFile], language: str) -> Table:
    names, key = _names(grouping.key, sites, language), grouping.key
    of = set(OF_CASES) | {"found"} if key == "kind" else {*COMPARED}
    return Table(
        WORDS[key].in_(language),
        [(names.get(name, name), found) for name, found in grouping.figures.items()],
        _columns(OF_CASES if key == "kind" else COLUMNS, grouping.figures.values()),
        WORDS[f"{key}-change"].in_(language),
        [
            (names.get(name, name), {one.name: one for one in changes if one.name in of})
            for name, changes in grouping.changes.items()
        ],
    )


def _columns(wanted: Sequence[str], found: Collection[Figures]) -> list[str]:
    """Those that say something of some group: not every community walks, or judges alerts."""
    return [key for key in wanted if any(_short(getattr(one, key), "en") != "—" for one in found)]


def _names(key: str, sites: Sequence[SiteFile], language: str) -> dict[str, str]:
    if key == "site":
        return {site.site.id: site.site.name.in_(language) for site in sites}
    if key == "kind":
        return {kind.id: kind.name.in_(language) for s in sites for kind in s.residents.kinds}
    places: dict[str, str] = {}
    for site in sites if key == "place" else ():
        before = f"{site.site.name.in_(language)}: " if len(sites) > 1 else ""
        here = {place.id: place.name.in_(language) for place in site.places}
        here[""] = WORDS["nowhere"].in_(language)
        places |= {f"{site.site.id}/{place}": before + name for place, name in here.items()}
    return places


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


HALF = Text("half within {typical}, of {count}", "半数在{typical}内，共 {count} 件")


def plainly(value: int | Share | Times, language: str) -> str:
    """The same without statisticians' words, for residents."""
    if isinstance(value, Times) and value.median_s is not None:
        typical = span(value.median_s, language)
        return HALF.in_(language).format(typical=typical, count=value.count)
    return spell(value, language)


def span(seconds: float, language: str) -> str:
    """A length of time in one unit."""
    for name, size in UNITS:
        if abs(seconds) >= size:
            return f"{seconds / size:.1f} {name.in_(language)}"
    return f"{seconds:.1f} {SECOND.in_(language)}"


def told(change: Change, language: str) -> list[str]:
    """A change as cells: figure, before, after, change, interval."""
    relative = "—" if change.relative is None else f"{change.relative:+.0%}"
    old, new = change.count
    return [
        WORDS[change.name].in_(language), f"{_value(change, change.before, language)} (n={old})",
        f"{_value(change, change.after, language)} (n={new})", relative,
        _interval(change, language, "few"),
    ]  # fmt: skip


def changed(change: Change | None, language: str) -> tuple[str, str]:
    """A change in a cell: ``70% → 88%``, and below it the interval of the difference."""
    if change is None or not any(change.count):
        return "—", ""
    before, after = (_value(change, one, language) for one in (change.before, change.after))
    old, new = change.count
    return f"{before} → {after}", f"{_interval(change, language, 'too-few')} (n={old}, {new})"


def _interval(change: Change, language: str, few: str) -> str:
    if change.low is None or change.high is None:
        return WORDS[few].in_(language)
    low, high = (_difference(change, one, language) for one in (change.low, change.high))
    unsure = "" if change.sure else f" ({WORDS['unsure'].in_(language)})"
    return f"{low} … {high}{unsure}"


def _value(change: Change, number: float | None, language: str) -> str:
    if number is None:
        return "—"
    if change.name == "found":
        return f"{number:.1f}"
    return f"{number:.0%}" if change.name in PARTS else span(number, language)


def _difference(change: Change, number: float, language: str) -> str:
    if change.name == "found":
        return f"{number:+.1f}"
    if change.name in PARTS:
        return f"{number * 100:+.0f} %"
    return f"{'+' if number > 0 else ''}{span(number, language)}"


def cells(name: str, found: Figures, columns: Sequence[str], language: str) -> list[str]:
    """A group's line: its name, and each figure in few words."""
    return [name, *(_short(getattr(found, key), language) for key in columns)]


def _short(value: int | Share | Times, language: str) -> str:
    if isinstance(value, Share):
        return "—" if value.rate is None else f"{value.rate:.0%}"
    if isinstance(value, Times):
        return "—" if value.median_s is None else span(value.median_s, language)
    return str(value)
