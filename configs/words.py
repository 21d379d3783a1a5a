"""What signals, their values and the conditions on them are called, in English and Chinese: one
vocabulary for pages and for messages."""

import re

from configs.values import Text

LABELS = {
    "person": Text("person", "人"),
    "bicycle": Text("bicycle", "自行车"),
    "motorcycle": Text("motorcycle", "摩托车"),
    "car": Text("car", "汽车"),
    "truck": Text("truck", "卡车"),
    "bus": Text("bus", "客车"),
    "dog": Text("dog", "狗"),
    "cat": Text("cat", "猫"),
    "backpack": Text("backpack", "背包"),
    "suitcase": Text("suitcase", "行李箱"),
}
FAULTS = {
    "dark": Text("picture too dark", "画面过暗"),
    "blurred": Text("picture blurred", "画面模糊"),
    "covered": Text("camera covered", "镜头被遮挡"),
    "moved": Text("camera moved", "摄像头被移动"),
    "frozen": Text("picture frozen", "画面静止"),
    "lost": Text("no picture", "无画面"),
}
SIGNALS = {
    "occupancy.person": Text("People", "人数"),
    "presence.person": Text("Presence", "有人概率"),
    "flow.in": Text("In per minute", "每分钟进入"),
    "flow.out": Text("Out per minute", "每分钟离开"),
    "dwell.person": Text("Longest stay", "最长停留"),
    "door.open_s": Text("Door open for", "门已开"),
    "door.forced": Text("Door forced", "强行开门"),
    "patrol.missed": Text("Checkpoints missed", "漏查的巡查点"),
    "tailgating": Text("Came in behind others", "尾随进入"),
    "silence_s": Text("Silent for", "无消息时长"),
    "scene.fault": Text("Picture faults", "画面故障"),
    "surprise.flow": Text("Unusual coming and going", "人流异常"),
    "surprise.door": Text("Unusual opening of doors", "开门次数异常"),
    "surprise.occupancy": Text("Unusual number of people", "人数异常"),
    "surprise.dwell": Text("Unusual number of long stays", "停留人数异常"),
    "risk": Text("Risk", "风险"),
}
FAMILIES = {
    "occupancy": Text("Count", "数量"),
    "presence": Text("Presence", "有人概率"),
    "dwell": Text("Longest stay", "最长停留"),
    "stationary": Text("Standing still for", "静止时长"),
    "reports": Text("Open reports", "未结上报"),
}
SURPRISES = {
    "3h": Text("three hours", "三小时"),
    "news": Text("new", "新出现"),
    "15m": Text("15 minutes", "15 分钟"),
    "5m": Text("5 minutes", "5 分钟"),
    "low": Text("usual, at least", "通常至少"),
    "high": Text("usual, at most", "通常至多"),
    "count": Text("last hour", "上一小时"),
}
_TAKES = {
    "mean": Text("mean", "平均值"),
    "max": Text("maximum", "最大值"),
    "min": Text("minimum", "最小值"),
    "sum": Text("sum", "总和"),
    "last": Text("last", "最近值"),
    "rate": Text("rate", "变化率"),
    "count": Text("number of changes", "变化次数"),
}
_SIDES = {
    "above": Text("more than", "超过"),
    "below": Text("less than", "低于"),
    "equals": Text("equal to", "等于"),
}
_UNITS = {
    "d": Text("{} d", "{} 天"),
    "h": Text("{} h", "{} 小时"),
    "m": Text("{} min", "{} 分钟"),
    "s": Text("{} s", "{} 秒"),
}
_YES, _NO = Text("yes", "是"), Text("no", "否")
_OVER = Text("{take} over {over} {words}", "{over}内{take}{words}")
_HELD = Text("{words} for {held}", "{words}，持续 {held}")
_CAUSE = Text("{signal}: {value} ({limit})", "{signal}：{value}（{limit}）")
_NO_VALUE = Text("{signal}: {limit}", "{signal}：{limit}")
_OTHER_UNIT = ("count", "rate", "sum")
"""What a window makes of values that is no such value itself."""
_CONDITION = re.compile(
    r"(?:(?P<take>\w+) of )?(?P<signal>.+?)(?: over (?P<over>[\d.e+]+) s)?"
    r" (?P<side>above|below|equals) (?P<limit>-?[\d.e+-]+)(?: for (?P<held>[\d.e+]+) s)?"
)
"""How the hub spells a condition (`hub.rules.threshold.spell`)."""


def label(name: str, language: str) -> str:
    """What a detector's label is called; one without a word of its own stands for itself."""
    return LABELS[name].in_(language) if name in LABELS else name


def signal(name: str, language: str) -> str:
    """What a signal is called."""
    if name in SIGNALS:
        return SIGNALS[name].in_(language)
    family, _dot, last = name.partition(".")
    if family == "surprise":
        whole, _dot, end = name.rpartition(".")
        if end not in SURPRISES:
            return name
        return f"{SIGNALS[whole].in_(language)} · {SURPRISES[end].in_(language)}"
    if name.startswith("scene.fault."):
        fault = name.removeprefix("scene.fault.")
        return FAULTS[fault].in_(language) if fault in FAULTS else name
    for flow in ("flow.in", "flow.out"):
        if name.startswith(f"{flow}."):
            return f"{SIGNALS[flow].in_(language)} · {label(name[len(flow) + 1 :], language)}"
    if family in FAMILIES:
        return f"{FAMILIES[family].in_(language)} · {label(last, language)}"
    return name


def span(seconds: float, language: str) -> str:
    """A length of time in its two largest units; does not break over lines."""
    whole = max(0, round(seconds))
    d, h, m, s = whole // 86_400, whole // 3600 % 24, whole // 60 % 60, whole % 60
    shown = {"d": d, "h": h, "m": 0 if d else m, "s": 0 if d or h else s}
    parts = [_UNITS[unit].in_(language).format(n) for unit, n in shown.items() if n]
    return " ".join(parts or [_UNITS["s"].in_(language).format(0)]).replace(" ", "\u00a0")


def value(number: float | None, name: str, language: str) -> str:
    """The value of signal ``name`` as people say it."""
    if number is None:
        return "—"
    if name.startswith("presence."):
        return f"{number:.0%}"
    if name.startswith(("dwell.", "stationary.")) or name.endswith("_s"):
        return span(number, language)
    if name == "door.forced":
        return (_YES if number else _NO).in_(language)
    return f"{number:g}"


def limit_of(text: str) -> float | None:
    """The number in a condition as the hub spells it, where it is one of the signal's values."""
    found = _CONDITION.fullmatch(text)
    if found is None or found["take"] in _OTHER_UNIT:
        return None
    return float(found["limit"])


def threshold(text: str, name: str, language: str) -> str:
    """The hub's condition on signal ``name`` in words, without the signal's name; a text that is
    no such condition stays as it is."""
    found = _CONDITION.fullmatch(text)
    if found is None:
        return text
    limit = float(found["limit"])
    shown = f"{limit:g}" if found["take"] == "count" else value(limit, name, language)
    words = f"{_SIDES[found['side']].in_(language)} {shown}"
    if found["take"]:
        take, over = _TAKES[found["take"]].in_(language), span(float(found["over"]), language)
        words = _OVER.in_(language).format(take=take, over=over, words=words)
    if found["held"]:
        held = span(float(found["held"]), language)
        words = _HELD.in_(language).format(words=words, held=held)
    return words


def cause(text: str, name: str, number: float | None, language: str) -> str:
    """A condition that holds, whole: the signal, its value, and what that is held against."""
    told = {"signal": signal(name, language), "limit": threshold(text, name, language)}
    if number is None:
        return _NO_VALUE.in_(language).format(**told)
    in_its_unit = limit_of(text) is not None
    shown = value(number, name, language) if in_its_unit else f"{number:g}"
    return _CAUSE.in_(language).format(**told, value=shown)
