"""What is written to those who reported something: that there is news, and where to read it.

No words of the report, no place and no name: a letter may be read over a shoulder.
"""

from datetime import datetime
from zoneinfo import ZoneInfo

from configs.values import Text
from hub.notify.item import Item

EVENTS = {
    "verified": Text("We have looked: it is so, and it is being dealt with.",
                     "已核实立案，正在处理。"),
    "dispatched": Text("Somebody has been sent.", "已派人处理。"),
    "handled": Text("They say that it is done; we check that next.", "已处置，接下来我们会核查。"),
    "closed": Text("It is closed. Please say whether it is solved.", "已结案，请您评价是否解决。"),
    "closed-unsolved": Text("It is closed without a solution. Your page says why.",
                            "已结案，但未能解决。原因见您的页面，并请您评价。"),
    "joined": Text("It had been reported before. Your page shows that report from now on.",
                   "该问题此前已有人上报，您的页面将显示那条上报的进展。"),
    "answered": Text("There is an answer for you.", "有一条给您的答复。"),
    "confirmed": Text("Sensors confirm what you told us.", "传感器证实了您反映的情况。"),
    "split": Text("A part of it goes on as a report of its own; your page shows both.",
                  "其中一部分已另立为单独的上报，您的页面会同时显示。"),
}  # fmt: skip
TITLE = Text("{site}: news of your report {code}", "{site}：您的上报 {code} 有新进展")
READ = Text("Read it, answer or rate it on your page:", "在您的专属页面查看、补充或评价：")
OWN = Text(
    "The page is for you alone: whoever has its address sees your report.",
    "该页面仅供您本人使用，请勿转发：拿到网址的人都能看到您的上报。",
)
STOP = Text(
    "You get this because you asked for it. To stop it, press “Delete my contact” on that page.",
    "您选择了接收邮件，所以收到此信。如不想再收到，请在该页面点击“删除我的联系方式”。",
)


def compose(items: tuple[Item, ...], language: str, link: str) -> tuple[str, str]:
    """(title, body) of a letter about what happened, oldest first."""
    first = items[0]
    codes = dict.fromkeys(item.case.code for item in items if item.case is not None)
    title = TITLE.in_(language).format(
        site=first.site_name.in_(language), code=", ".join(codes)
    )  # fmt: skip
    news = [f"{_clock(item)} {_said(item, language)}" for item in items]
    told = [*news, "", READ.in_(language), link, "", OWN.in_(language), STOP.in_(language)]
    return title, "\n".join(told)


def _said(item: Item, language: str) -> str:
    event = item.case.event if item.case is not None else ""
    return EVENTS[event].in_(language)


def _clock(item: Item) -> str:
    local = datetime.fromtimestamp(item.at / 1000, ZoneInfo(item.timezone))
    return f"{local:%Y-%m-%d %H:%M}"
