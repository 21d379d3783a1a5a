"""What a site says of its residents' reports: their kinds, deadlines, and how long all is kept."""

from typing import Annotated

from msgspec import Meta, Struct

from configs.rules import Weekday
from configs.values import Duration, Text, TimeSpan
from wire.records import Id

HOUR, DAY = 3_600_000, 86_400_000
HAZARD = "hazard"
"""``reports.hazard`` counts the reports of every kind that is a hazard."""


class Kind(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A kind of report that residents choose from."""

    id: Id
    """Also the signal ``reports.<id>`` and Open311's service code."""
    name: Text
    hazard: bool = True
    answer: Duration = Duration(4 * HOUR)
    """Working time until somebody has answered, at medium severity: critical has a quarter of
    it, high a half, low and info twice as long."""
    solve: Duration = Duration(24 * HOUR)
    """Working time until it is solved, in the same way."""


class Template(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An answer that is given often."""

    id: Id
    text: Text


class CaseEscalation(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whom to tell when so much of the time of a case is over, for its answer and its solution
    alike."""

    percent: Annotated[int, Meta(ge=1, le=1000)]
    """Of the working time that there was; 100 is the deadline itself, more is after it."""
    to: tuple[str, ...] = ()
    """Routes; ``owner`` stands for the route of who deals with it (``owners``). Left out: it is
    only written into the case's story."""


OWNER = "owner"
KINDS = (
    Kind(id="fire-lane", name=Text("Fire lane or exit blocked", "消防通道堵塞"),
         answer=Duration(HOUR), solve=Duration(8 * HOUR)),
    Kind(id="e-bike", name=Text("E-bike in a stairwell or lift", "电动车上楼或楼道充电"),
         answer=Duration(HOUR), solve=Duration(8 * HOUR)),
    Kind(id="door", name=Text("Door or gate broken", "门禁或大门损坏")),
    Kind(id="lighting", name=Text("Light out", "照明故障")),
    Kind(id="stranger", name=Text("Someone suspicious", "可疑人员"),
         answer=Duration(HOUR), solve=Duration(8 * HOUR)),
    Kind(id=HAZARD, name=Text("Another hazard", "其他安全隐患")),
    Kind(id="noise", name=Text("Noise", "噪音扰民"), hazard=False),
    Kind(id="cleaning", name=Text("Rubbish, cleaning", "环境卫生"), hazard=False),
    Kind(id="suggestion", name=Text("Suggestion", "意见建议"), hazard=False,
         answer=Duration(16 * HOUR), solve=Duration(80 * HOUR)),
)  # fmt: skip
TEMPLATES = (
    Template(id="on-the-way", text=Text(
        "Thank you. Somebody is on the way to look at it.", "感谢您的反映，我们已派人前往查看。")),
    Template(id="planned", text=Text(
        "Thank you. The repair is ordered; we will tell you here when it is done.",
        "感谢您的反映，已安排维修，完成后会在此告知。")),
    Template(id="more", text=Text(
        "Thank you. We could not find it: please say here where exactly it is.",
        "感谢您的反映，我们未能找到具体位置，请补充说明。")),
)  # fmt: skip


class Residents(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Reports of residents at a site."""

    open: bool = True
    """Whether residents' pages are there at all."""
    kinds: Annotated[tuple[Kind, ...], Meta(min_length=1)] = KINDS
    templates: tuple[Template, ...] = TEMPLATES
    work: TimeSpan = TimeSpan(9 * 60, 18 * 60)
    """When somebody works on reports: deadlines count this time alone, without the public
    holidays of the site's country."""
    days: tuple[Weekday, ...] = ("mon", "tue", "wed", "thu", "fri")
    escalate: tuple[CaseEscalation, ...] = (CaseEscalation(percent=75),)
    """Before a deadline is missed, and after."""
    owners: dict[str, Id] = {}
    """A person's name, as the console says it → the route that reaches them. They are told of
    cases that are given to them, too."""
    mail: str = ""
    """The route, an e-mail address for apprise (``mailto://`` or ``mailtos://``), by which
    reporters who asked for it hear of their report; its ``base_url`` leads to this console.
    Left out: nobody is written to."""
    spam: tuple[str, ...] = ()
    """A report with any of these words waits until somebody has looked at it."""
    keep_contacts: Duration = Duration(90 * DAY)
    """How long a case that is closed still knows whom to tell; then that is deleted."""
    keep_open_contacts: Duration = Duration(180 * DAY)
    """The same of a case that is still open, after anybody last said or did something about it."""
    keep_photos: Duration = Duration(365 * DAY)
    keep_senders: Duration = Duration(30 * DAY)
    """How long it is known whether two reports came from one device or address."""
    appeal: Text = Text("Or ask at the property office.", "也可以到物业办公室咨询。")
    """Where else somebody who is blocked can turn to."""
    keep_accounts: Duration = Duration(730 * DAY)
    """How long an account is kept that its resident does not use."""
    keep_patrols: Duration = Duration(365 * DAY)
    """How long it is kept who came to a patrol and what they wrote."""
    patrol_sign_ups: Annotated[int, Meta(ge=1)] = 4
    """How many patrols to come one resident may be signed up for."""
    remind: Duration = Duration(12 * HOUR)
    """How long before a patrol its volunteers are reminded: on the pages, and by ``mail`` where
    they gave an address."""
    api_keys_file: str = ""
    """Who may send reports over Open311: lines of ``name: key``. Left out: nobody may."""

    def kind(self, kind_id: str) -> Kind | None:
        """The kind of that id, if there is one."""
        return next((kind for kind in self.kinds if kind.id == kind_id), None)

    def signals(self, kind_id: str) -> tuple[str, ...]:
        """Kinds under which reports of a kind are counted: ``reports.<each>``."""
        kind = self.kind(kind_id)
        general = kind is not None and kind.hazard and kind_id != HAZARD
        return (kind_id, HAZARD) if general else (kind_id,)
