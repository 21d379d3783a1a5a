"""What the analysis found, as people say it, in the site's language."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Final
from zoneinfo import ZoneInfo

from configs.site import Site, SiteFile
from configs.values import Text
from hub.analysis.anomaly import CLOCK, Found
from hub.analysis.evidence import MISSED, NEAR, REPORT, UNUSUAL_HOURS
from hub.analysis.flows import Flow
from hub.analysis.followup import Advised
from hub.analysis.hazards import BLOCK_H, Hazard
from hub.analysis.hours import Hour
from hub.analysis.incidents import Coming
from hub.analysis.measure import Effect
from hub.analysis.repeats import LEAST_PLACES, Repeats

_DAYS: Final = {
    "en": ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
    "zh": ("周一", "周二", "周三", "周四", "周五", "周六", "周日"),
}
MOST_ODDS: Final = 1_000_000
"""Rarer than this no model of chance is to be believed, so that no more is said."""
_TEXTS: Final[Mapping[str, Text]] = {
    "title": Text("What stood out: {site}", "值得关注：{site}"),
    "flows": Text("Coming, going and staying", "人流与停留"),
    "flow": Text("People crossing", "人流"),
    "door": Text("Door openings", "开门次数"),
    "occupancy": Text("Person-minutes", "人·分钟"),
    "dwell": Text("Stays of a minute or more", "停留一分钟以上"),
    "none": Text("Nothing unusual.", "没有异常。"),
    "times": Text("{times} times the usual", "为平时的 {times} 倍"),
    "few": Text("{percent} % of the usual", "仅为平时的 {percent}%"),
    "nobody": Text("nothing at all", "完全没有"),
    "anomaly": Text(
        "{much} for a {day} {hour:02d}:00; usual {low}–{high}, seen {counted}",
        "{day} {hour:02d}:00 {much}；通常 {low}–{high}，实际 {counted}",
    ),
    "anomalies": Text("Unusual hours", "异常时段"),
    "long-anomaly": Text(
        "{much} for the three hours to {day} {hour:02d}:00; usual {low}–{high}, seen {counted}",
        "截至{day} {hour:02d}:00 的三小时{much}；通常 {low}–{high}，实际 {counted}",
    ),
    "stuck": Text(
        "exactly {counted} in each of the {hours} hours to {day} {hour:02d}:00: is the counter "
        "stuck?",
        "截至{day} {hour:02d}:00 的 {hours} 小时每小时均为 {counted}：计数是否卡住？",
    ),
    "early": Text(
        "for days all hours have come about one hour early, morning and evening alike: is the "
        "clock of the camera or gateway off?",
        "连日来全天人流都提前约一小时，早晚皆然：摄像机或网关的时钟是否不准？",
    ),
    "late": Text(
        "for days all hours have come about one hour late, morning and evening alike: is the "
        "clock of the camera or gateway off?",
        "连日来全天人流都推迟约一小时，早晚皆然：摄像机或网关的时钟是否不准？",
    ),
    "lasting": Text("; different since, until {until} at least",
                    "；此后一直不同于以往，至少到 {until}"),
    "confirmed": Text("confirmed", "已确认"),
    "dismissed": Text("dismissed", "已排除"),
    "holiday": Text("public holiday", "公共假日"),
    "more": Text("{percent} % more than usual", "比平时多 {percent}%"),
    "less": Text("{percent} % less than usual", "比平时少 {percent}%"),
    "same": Text("as usual", "与平时相同"),
    "learning": Text(
        "still learning: {hours} hours so far, 72 are needed",
        "仍在学习：已有 {hours} 小时，需要 72 小时",
    ),
    "no-flows": Text(
        "Nothing has been counted yet. Counts begin when a place has a line, a door or a view, "
        "and its camera or gateway has been heard for a full hour.",
        "尚无计数。地点设有计数线、门或视野，且其摄像头或网关在线满一小时后开始计数。",
    ),
    "next": Text("next 24 hours: {low}–{high} in its busiest hour, {day} {hour:02d}:00",
                 "未来 24 小时：最忙时段 {day} {hour:02d}:00，预计 {low}–{high}"),
    "risk": Text("Risk by place and hour, as it was", "各地点各时段风险（已过时段）"),
    "patrol": Text("A patrol mattered most at {place} around {hour:02d}:00 "
                   "(mean risk {value:.0f}).",
                   "此期间巡逻最应关注：{place} {hour:02d}:00 前后（平均风险 {value:.0f}）。"),
    "risk-how": Text(
        "The mean of the place's risk, 0 to 100, in each hour of the day; redder is more.",
        "每天各小时的平均风险（0–100）；颜色越红越高。",
    ),
    "no-risk": Text("No risk was known in this time.", "此期间没有风险数据。"),
    "coming": Text("What is coming: alerts and reports by place and hour",
                   "预计：各地点各时段的告警与上报"),
    "coming-how": Text(
        "Learned from {events} alerts and residents' reports of {days:.0f} days; redder is more.",
        "根据 {days:.0f} 天内的 {events} 次告警与居民上报推算；颜色越红越多。",
    ),
    "coming-drawn": Text("The {count} places with the most are drawn; the table has all.",
                         "图中为预计最多的 {count} 个地点；表中为全部地点。"),
    "coming-little": Text(
        "Not enough data to foresee: {events} alerts and reports in {days:.0f} days; 20 of them "
        "and 7 days are needed.",
        "数据不足，无法预计：{days:.0f} 天内共 {events} 次告警与上报；至少需要 20 次和 7 天。",
    ),
    "coming-cell": Text(
        "{day} {start:02d}:00–{end:02d}:00 · expected {mean}; one or more: {percent} %; "
        "80 of 100 times {low80}–{high80}, 95: {low95}–{high95}",
        "{day} {start:02d}:00–{end:02d}:00 · 预计 {mean}；至少一次：{percent}%；"
        "80% 范围 {low80}–{high80}，95% 范围 {low95}–{high95}",
    ),
    "coming-patrol": Text(
        "{span} a patrol matters most at {place}, {day} {start:02d}:00–{end:02d}:00: "
        "{mean} alerts or reports expected; chance of one or more: {percent} %.",
        "{span}巡逻最应关注：{place}，{day} {start:02d}:00–{end:02d}:00，预计 {mean} 次告警或"
        "上报，至少一次的概率 {percent}%。",
    ),
    "over-day": Text("In the next 24 hours", "未来 24 小时"),
    "over-week": Text("In the next 7 days", "未来 7 天"),
    "next-day": Text("Next 24 hours", "未来 24 小时"),
    "next-week": Text("Next 7 days, four hours each", "未来 7 天（每格四小时）"),
    "in-week": Text("Next 7 days", "未来 7 天"),
    "place": Text("Place", "地点"),
    "within": Text("{share} of 100 times", "{share}% 范围"),
    "hazards": Text("Hidden hazards", "隐患"),
    "hazard": Text(
        "{place}, {start:02d}:00–{end:02d}:00: {events} small things, where a place like the "
        "others has {expected:.1f} ({chance})",
        "{place} {start:02d}:00–{end:02d}:00 有 {events} 件小事，按其他地点同时段应约 "
        "{expected:.1f} 件（{chance}）",
    ),
    "chance": Text("chance alone: 1 in {odds:,}", "偶然概率：{odds:,} 分之一"),
    "chance-less": Text("chance alone: less than 1 in a million", "偶然概率：不到百万分之一"),
    "hazards-how": Text(
        "Small alerts, residents' reports, checkpoints that a patrol missed, near misses and "
        "unusual hours: where more of them come together than at the other places.",
        "小告警、居民上报、巡逻漏点、险些触发和异常时段：比其他地点更集中之处。",
    ),
    "hazard-look": Text("{told} — {look}", "{told}。{look}"),
    "told-anomaly": Text("{place}, {day}, {what}: {told}", "{place}，{day}，{what}：{told}"),
    "kind": Text("{kind} ({count}×)", "{kind}（{count} 次）"),
    "between": Text(", ", "、"),
    "look": Text("Most of all: {rules}. Look at the place at that time, and at what they have in "
                 "common.", "主要为：{rules}。请在该时段到现场查看，并找出共同原因。"),
    "no-hazard": Text("No place has more small things than chance would make of {events}.",
                      "{events} 件小事中，没有超出偶然的聚集。"),
    "too-little": Text(
        "Not enough data: {events} small things at {places} places in {days:.0f} days. 20 of them, "
        "4 places and 7 days are needed to tell a pile from chance.",
        "数据不足：{days:.0f} 天内 {places} 个地点共 {events} 件小事。"
        "至少需要 20 件、4 个地点和 7 天才能与偶然区分。",
    ),
    "report": Text("residents' report: {kind}", "居民上报：{kind}"),
    "missed": Text("checkpoint that a patrol missed", "巡逻漏过的点位"),
    "near": Text("nearly: {rule}", "险些触发：{rule}"),
    "unusual": Text("unusual hours: {what}", "异常时段：{what}"),
    "because": Text(" Around then: {kinds}.", "该时段：{kinds}。"),
    "because-not": Text(" Nothing was told there around then: it is what sensors saw.",
                        "该时段没有告警：来自传感器所见。"),
    "repeats": Text("What follows next door", "相邻地点的后续"),
    "repeat": Text(
        "After an alert, the places next to it have {times:.1f} times the alerts within 3 days "
        "that chance would make: {pairs} pairs where {expected:.0f} would be (chance alone: "
        "{percent} %). Look at the neighbours too.",
        "一处告警后 3 天内，相邻地点的告警为偶然情况的 {times:.1f} 倍：共 {pairs} 对，偶然约 "
        "{expected:.0f} 对（偶然概率 {percent}%）。请一并查看相邻地点。",
    ),
    "repeat-pair": Text("{count}× first {place}, then {other}",
                        "{count} 次：先 {place}，后 {other}"),
    "no-repeat": Text("Alerts next door follow each other no more than chance makes them: {pairs} "
                      "pairs where {expected:.0f} would be.",
                      "相邻地点的告警没有超出偶然的前后关系：共 {pairs} 对，"
                      "偶然约 {expected:.0f} 对。"),
    "repeat-little": Text(
        "Not enough data: {events} alerts at {places} places on the plan in {days:.0f} days. 30 "
        "alerts, 4 places with a position and 28 days are needed to tell what follows what.",
        "数据不足：平面图上 {places} 个地点 {days:.0f} 天内共 {events} 次告警。"
        "至少需要 30 次、4 个标有位置的地点和 28 天，才能判断先后关系。",
    ),
    "repeat-nowhere": Text(
        "Not known: who is next to whom is read from the plan, and {places} of the places with "
        "alerts stand on it. 4 are needed: set them on the site's plan.",
        "无法判断：相邻关系取自平面图，而有告警的地点中只有 {places} 个标在图上。"
        "至少需要 4 个：请在小区平面图上标出。",
    ),
    "followed": Text("What last time's advice led to", "上期建议的结果"),
    "nothing-advised": Text("Nothing was pointed at in the stretch before this one.",
                            "上一时段没有提出需要查看之处。"),
    "advised": Text(
        "{place}, {start:02d}:00–{end:02d}:00: {before} small things then, {since} since; {walks}. "
        "{verdict}",
        "{place} {start:02d}:00–{end:02d}:00，当时 {before} 件小事，此后 {since} 件；{walks}。"
        "{verdict}",
    ),
    "walked": Text("patrols came by {count} times", "巡逻经过 {count} 次"),
    "not-walked": Text("no patrol came by", "没有巡逻经过"),
    "better": Text("Better.", "有改善。"),
    "worse": Text("Worse.", "恶化。"),
    "alike": Text("Much the same.", "大致相同。"),
    "more-lines": Text("… and {count} more", "……另有 {count} 条"),
    "measures": Text("Effect of measures", "措施效果"),
    "effect-less": Text("{place}: alerts fell by {percent} %", "{place}：告警减少 {percent}%"),
    "effect-more": Text("{place}: alerts rose by {percent} %", "{place}：告警增加 {percent}%"),
    "effect": Text(
        "{change} (between {low} and {high} %), from {before} to {after} in {weeks} weeks each",
        "{change}（{low}% 至 {high}%），前后各 {weeks} 周：{before} 次变为 {after} 次",
    ),
    "controlled": Text("; the other places went from {before} to {after}",
                       "；其他地点由 {before} 次变为 {after} 次"),
    "alone": Text("; no other place has enough alerts to compare with",
                  "；其他地点告警太少，无法对照"),
    "clear": Text("Chance alone is an unlikely reason.", "不太可能只是偶然。"),
    "unclear": Text("This may well be chance.", "这很可能只是偶然。"),
    "effect-little": Text(
        "{place}: not enough data. Two whole weeks before and after within the time of the digest "
        "and 10 alerts are needed; there are {weeks} weeks and "
        "{alerts} alerts.",
        "{place}：数据不足。需要前后各两整周和 10 次告警；现有 {weeks} 周、{alerts} 次。",
    ),
    "band": Text(
        "Grey: where 95 of 100 such hours lie. Line: what was seen; a red ring: unusual. Blue: the "
        "forecast, and where 80 and 95 of 100 such hours will lie.",
        "灰：95% 通常范围。线：实际；红圈：异常。蓝：预测，及 80% 与 95% 的范围。",
    ),
}  # fmt: skip


def number(mean: float) -> str:
    """An expected number of events, as exactly as is of use."""
    return f"{mean:.0f}" if mean >= 10 else f"{mean:.1f}" if mean >= 1 else f"{mean:.2f}"


def percent(chance: float) -> str:
    """A chance of 0 to 1; a small one is not told as none, a great one not as certain."""
    whole = 100 * chance
    return "<1" if whole < 1 else ">99" if whole > 99 else f"{whole:.0f}"


class Words:
    """Says things in one site's language and time."""

    def __init__(self, site: Site, language: str = "") -> None:
        """``language`` is "en" or "zh"; left out: the site's own."""
        self.language = language or site.language
        self._zone = ZoneInfo(site.timezone)

    def __call__(self, key: str, **values: object) -> str:
        return self.of(_TEXTS[key]).format(**values)

    def of(self, text: Text) -> str:
        """A text of the configuration."""
        return text.zh if self.language == "zh" else text.en

    def local(self, ms: int) -> datetime:
        """A time on the site's clock."""
        return datetime.fromtimestamp(ms / 1000, UTC).astimezone(self._zone)

    def date(self, ms: int) -> str:
        """The day of a time, such as "27 May"."""
        day = self.local(ms)
        return f"{day.month}月{day.day}日" if self.language == "zh" else f"{day.day} {day:%b}"

    def day(self, of_week: int) -> str:
        """The day that an hour of the week lies in."""
        return _DAYS[self.language][of_week // 24]

    def anomaly(self, found: Found) -> str:
        """Why hours are unusual."""
        told = self._unusual(found)
        if found.lasting:
            told += self("lasting", until=f"{self.date(found.end)} {self.local(found.end):%H:%M}")
        return f"{told} ({self(found.verdict)})" if found.verdict else told

    def _unusual(self, found: Found) -> str:
        worst = found.worst
        if worst.kind in CLOCK:
            return self(worst.kind)
        ratio = worst.counted / max(worst.mean, 0.1)
        if not worst.counted:
            much = self("nobody")
        elif worst.too_many:
            much = self("times", times=f"{ratio:.1f}" if ratio < 10 else f"{ratio:.0f}")
        else:
            much = self("few", percent=round(100 * ratio))
        slot = worst.hour.of_week
        day = self.day(slot) + (f" ({self('holiday')})" if worst.hour.holiday else "")
        key, hour = ("anomaly", slot % 24) if worst.hours == 1 else ("long-anomaly", slot % 24 + 1)
        return self(
            worst.kind or key, much=much, day=day, hour=hour, low=found.low, high=found.high,
            counted=worst.counted, hours=worst.hours,
        )  # fmt: skip

    def change(self, flow: Flow) -> str:
        """How the stretch compares with what was usual."""
        if flow.change is None:
            return self("learning", hours=flow.learned) if flow.learned < 72 else self("same")
        percent = round(100 * (flow.change - 1))
        if not percent:
            return self("same")
        return self("more" if percent > 0 else "less", percent=abs(percent))

    def next(self, flow: Flow) -> str:
        """The busiest of the next 24 hours; empty where nothing is foreseen."""
        if not flow.ahead:
            return ""
        top = max(flow.ahead[:24], key=lambda told: told.mean)
        slot = top.hour.of_week
        return self(
            "next", low=round(top.low95), high=round(top.high95), day=self.day(slot),
            hour=slot % 24,
        )  # fmt: skip

    def coming(
        self, coming: Coming, hour: Hour, hours: int, key: str = "coming-cell", **more: str
    ) -> str:
        """What is expected in some hours from ``hour`` on, with its ranges."""
        (low80, high80), (low95, high95) = coming.range(0.8), coming.range(0.95)
        slot = hour.of_week
        day = f"{self.day(slot)} {self.date(hour.start)}"
        return self(
            key, **more, day=day, start=slot % 24, end=(slot + hours - 1) % 24 + 1,
            mean=number(coming.mean), percent=percent(coming.chance), low80=low80, high80=high80,
            low95=low95, high95=high95,
        )  # fmt: skip

    def hazard(self, hazard: Hazard, place: Text) -> str:
        """A pile, how unlikely it is, and what to look at."""
        odds = round(1 / max(hazard.chance, 1 / MOST_ODDS))
        chance = "chance-less" if odds >= MOST_ODDS else "chance"
        start = hazard.block * BLOCK_H
        return self(
            "hazard", place=self.of(place), start=start, end=start + BLOCK_H,
            events=hazard.events, expected=hazard.expected, chance=self(chance, odds=odds),
        )  # fmt: skip

    def kinds(self, kinds: Sequence[tuple[str, int]], site: SiteFile) -> str:
        """Kinds of events, each with how often: "A door stands open (4×)"."""
        told = (self("kind", kind=self._kind(kind, site), count=count) for kind, count in kinds)
        return self("between").join(told)

    def _kind(self, kind: str, site: SiteFile) -> str:
        if kind == MISSED:
            return self("missed")
        if kind.startswith(REPORT):
            name = kind.removeprefix(REPORT)
            known = site.residents.kind(name)
            return self("report", kind=self.of(known.name) if known else name)
        if kind.startswith(UNUSUAL_HOURS):
            return self("unusual", what=self(kind.removeprefix(UNUSUAL_HOURS)))
        rule = kind.removeprefix(NEAR)
        title = next((one.title for one in site.rules if one.id == rule), None)
        named = self.of(title) if title else rule
        return self("near", rule=named) if kind.startswith(NEAR) else named

    def reasons(self, kinds: Sequence[tuple[str, int]], site: SiteFile) -> str:
        """Why a patrol matters somewhere."""
        return self("because", kinds=self.kinds(kinds, site)) if kinds else self("because-not")

    def repeats(self, found: Repeats, site: SiteFile) -> list[str]:
        """Whether neighbouring places follow each other; the most frequent pairs."""
        if found.places < LEAST_PLACES:
            return [self("repeat-nowhere", places=found.places)]
        if not found.enough:
            return [self("repeat-little", events=found.events, places=found.places,
                         days=found.days)]  # fmt: skip
        if not found.found:
            return [self("no-repeat", pairs=found.pairs, expected=found.expected)]
        names = {place.id: self.of(place.name) for place in site.places}
        told = self(
            "repeat", times=found.pairs / max(found.expected, 1), pairs=found.pairs,
            expected=found.expected, percent=f"{100 * found.chance:.1f}",
        )  # fmt: skip
        return [told, *(
            self("repeat-pair", count=count, place=names.get(first, first),
                 other=names.get(then, then))
            for first, then, count in found.most
        )]  # fmt: skip

    def advised(self, one: Advised, place: Text) -> str:
        """What became of a pile that was pointed at."""
        start = one.hazard.block * BLOCK_H
        walks = self("walked", count=one.walks) if one.walks else self("not-walked")
        verdict = self("better" if one.better else "worse" if one.worse else "alike")
        return self(
            "advised", place=self.of(place), start=start, end=start + BLOCK_H,
            before=one.hazard.events, since=one.since, walks=walks, verdict=verdict,
        )  # fmt: skip

    def effect(self, found: Effect, place: Text) -> str:
        """What a measure did, with the interval."""
        name = self.of(place)
        if not found.enough:
            alerts = found.before + found.after
            return self("effect-little", place=name, weeks=found.weeks, alerts=alerts)
        percent = round(100 * (found.ratio - 1))
        change = self(
            "effect-less" if percent <= 0 else "effect-more", place=name, percent=abs(percent)
        )
        low, high = (round(100 * (ratio - 1)) for ratio in (found.low, found.high))
        told = self(
            "effect", change=change, low=f"{low:+d}", high=f"{high:+d}", before=found.before,
            after=found.after, weeks=found.weeks,
        )  # fmt: skip
        beside = self("alone")
        if found.controlled:
            beside = self("controlled", before=found.control_before, after=found.control_after)
        return f"{told}{beside}. {self('clear' if found.clear else 'unclear')}"
