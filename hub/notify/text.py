"""The words of messages, in the reader's language."""

from datetime import datetime
from zoneinfo import ZoneInfo

from configs import words
from configs.notify import Route
from configs.rules import Severity
from hub.notify.item import CaseStep, Item, Message
from hub.notify.tables import DeliveryKind

LISTED = 5
"""A message tells of so many alerts in full; of the rest, their number."""

SEVERITIES = {
    Severity.INFO: {"en": "Info", "zh": "信息"},
    Severity.LOW: {"en": "Low", "zh": "低"},
    Severity.MEDIUM: {"en": "Medium", "zh": "中"},
    Severity.HIGH: {"en": "High", "zh": "高"},
    Severity.CRITICAL: {"en": "Critical", "zh": "紧急"},
}
KINDS = {
    DeliveryKind.FIRING: {"en": "", "zh": ""},
    DeliveryKind.RISEN: {"en": "worse: ", "zh": "加重："},
    DeliveryKind.ESCALATION: {"en": "nobody has acknowledged: ", "zh": "尚无人确认："},
    DeliveryKind.REMINDER: {"en": "still: ", "zh": "仍在持续："},
    DeliveryKind.RESOLVED: {"en": "ended: ", "zh": "已结束："},
    DeliveryKind.TEST: {"en": "test: ", "zh": "测试："},
    DeliveryKind.DIGEST: {"en": "", "zh": ""},
    DeliveryKind.LETTER: {"en": "news of a report: ", "zh": "上报进展："},
    DeliveryKind.CASE_GIVEN: {"en": "a report for you: ", "zh": "有上报交给您："},
    DeliveryKind.CASE_DUE: {"en": "a report is due soon: ", "zh": "上报即将到期："},
    DeliveryKind.CASE_LATE: {"en": "a report is overdue: ", "zh": "上报已逾期："},
}
WORDS = {
    "since": {"en": "Since {since}", "zh": "开始于 {since}"},
    "ended": {"en": "From {since} to {until}", "zh": "{since} 至 {until}"},
    "by": {"en": "Ended by {name}", "zh": "由 {name} 结束"},
    "late": {
        "en": "Told late: the records came after an outage",
        "zh": "迟到的通知：记录在中断后才到达",
    },
    "advice": {"en": "What to do: {advice}", "zh": "处置建议：{advice}"},
    "more": {"en": "and {count} more", "zh": "另有 {count} 条"},
    "all": {"en": "All alerts: {link}", "zh": "全部告警：{link}"},
    "several": {"en": "{count} alerts", "zh": "{count} 条告警"},
    "answer": {"en": "Answer due by {due}", "zh": "应于 {due} 前答复"},
    "solve": {"en": "Solution due by {due}", "zh": "应于 {due} 前解决"},
    "owner": {"en": "Dealt with by {owner}", "zh": "负责人 {owner}"},
    "nobody": {"en": "Nobody deals with it yet", "zh": "尚无负责人"},
    "digest": {"en": "From the quiet hours: {title}", "zh": "免打扰时段汇总：{title}"},
}  # fmt: skip


def link(base_url: str, item: Item) -> str:
    """The console's page of an alert or a case, or "" where the route has no ``base_url``."""
    if not base_url or item.kind is DeliveryKind.TEST:
        return base_url
    if item.kind is DeliveryKind.DIGEST:
        return f"{base_url.rstrip('/')}/expected"
    where = f"cases/{item.case.id}" if item.case else f"alerts/{item.alert}"
    return f"{base_url.rstrip('/')}/{where}"


def any_active(message: Message) -> bool:
    """Whether anything the message tells of goes on."""
    return any(item.active for item in latest(message))


def latest(message: Message) -> list[Item]:
    """The last step of each alert, the worst first: what a person needs to read."""
    last = {item.alert: item for item in message.items}
    return sorted(last.values(), key=lambda item: (not item.active, -item.severity.rank))


def compose(message: Message, route: Route) -> tuple[str, str]:
    """(title, body) in the route's language."""
    items = latest(message)
    blocks = [describe(item, route) for item in items[:LISTED]]
    if len(items) > LISTED:
        rest = _say("more", route, count=len(items) - LISTED)
        if route.base_url:
            rest += "\n" + _say("all", route, link=f"{route.base_url.rstrip('/')}/alerts")
        blocks.append(rest)
    return _title(items, message, route), "\n\n".join(blocks)


def headline(item: Item, language: str) -> str:
    """One line: how bad, what happened, what, where."""
    if item.kind is DeliveryKind.DIGEST:
        return item.title.in_(language)
    severity, kind = SEVERITIES[item.severity][language], KINDS[item.kind][language]
    where = item.place_name.in_(language)
    title = item.title.in_(language) + (f" · {where}" if where else "")
    code = f"{item.case.code} " if item.case else ""
    return f"[{severity}] {kind}{code}{title}"


def causes(item: Item, language: str) -> list[str]:
    """Why it fired: each condition in words, with the value that met it."""
    return [
        words.cause(cause["text"], cause["signal"], cause.get("value"), language)
        for cause in item.values
    ]


def describe(item: Item, route: Route) -> str:
    """All that a message says of one alert."""
    language = route.language
    if item.kind is DeliveryKind.DIGEST:
        told = (headline(item, language), item.advice.in_(language), link(route.base_url, item))
        return "\n".join(part for part in told if part)
    lines = [headline(item, language), f"{item.site_name.in_(language)} · {_when(item, route)}"]
    if item.case is not None:
        lines += _of_case(item.case, item.timezone, route)
    if item.resolved_by and item.resolved_by not in ("rule", "configuration"):
        lines.append(_say("by", route, name=item.resolved_by))
    if item.late:
        lines.append(_say("late", route))
    if item.active:
        lines += causes(item, language)
        if item.advice.in_(language):
            lines.append(_say("advice", route, advice=item.advice.in_(language)))
    lines += [found for found in (link(route.base_url, item),) if found]
    return "\n".join(lines)


def _of_case(step: CaseStep, timezone: str, route: Route) -> list[str]:
    owner = _say("owner", route, owner=step.owner) if step.owner else _say("nobody", route)
    if step.due is None:
        return [owner]
    return [_say(step.deadline, route, due=_clock(step.due, timezone)), owner]


def _title(items: list[Item], message: Message, route: Route) -> str:
    language = route.language
    title = headline(items[0], language)
    if len(items) > 1:
        places = {item.place_name.in_(language) for item in items}
        where = f" · {places.pop()}" if len(places) == 1 else ""
        count = _say("several", route, count=len(items))
        title = f"[{SEVERITIES[items[0].severity][language]}] {count}{where}"
    return _say("digest", route, title=title) if message.digest else title


def _when(item: Item, route: Route) -> str:
    since = _clock(item.fired_ts, item.timezone)
    if item.resolved_ts is None:
        return _say("since", route, since=since)
    return _say("ended", route, since=since, until=_clock(item.resolved_ts, item.timezone))


def _clock(ts: int, timezone: str) -> str:
    return f"{datetime.fromtimestamp(ts / 1000, ZoneInfo(timezone)):%Y-%m-%d %H:%M:%S}"


def _say(key: str, route: Route, **parts: object) -> str:
    return WORDS[key][route.language].format(**parts)
