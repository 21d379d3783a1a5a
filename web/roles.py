"""Who may do what: one table of every endpoint, and the gate that looks there."""

import enum
import re
from collections.abc import Callable, Iterator

from flask import abort, current_app, g, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from msgspec import Struct
from sqlalchemy import Select, select

from hub.cases.tables import Case, SenderBlock
from hub.patrols.tables import Patrol, PatrolPlan
from hub.state.tables import Alert, Silence
from web.console import Console


class Role(enum.StrEnum):
    """Rising: each may do all that those before it may."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    MAINTAINER = "maintainer"
    ADMIN = "admin"

    def includes(self, least: "Role") -> bool:
        """Whether this role may do what ``least`` may."""
        order = list(Role)
        return order.index(self) >= order.index(least)


class Sites(Struct, frozen=True):
    """Sites by name; ``names`` None: all there are, and all there will be."""

    names: frozenset[str] | None = None

    def __contains__(self, site: object) -> bool:
        return self.names is None or site in self.names

    def __bool__(self) -> bool:
        return self.names is None or bool(self.names)


ANYONE = None
ACT = Role.OPERATOR
"""Answering alerts and silencing them."""
LEAST: dict[str, Role | None] = {
    "static": ANYONE,
    "vitals.healthz": ANYONE,
    "vitals.readyz": ANYONE,
    "vitals.metrics": ANYONE,  # and then only from this machine
    "login.show": ANYONE,
    "login.enter": ANYONE,
    "login.language": ANYONE,
    "totp.ask": ANYONE,  # who has given their password
    "totp.check": ANYONE,
    "totp.page": Role.VIEWER,
    "totp.confirm": Role.VIEWER,
    "totp.renew": Role.VIEWER,
    "totp.off": Role.VIEWER,
    "first.show": ANYONE,  # who has the link
    "first.create": ANYONE,
    "login.leave": Role.VIEWER,
    "me.sound": Role.VIEWER,
    "me.keys": Role.VIEWER,
    "me.theme": Role.VIEWER,
    "now.page": Role.VIEWER,
    "now.plan": Role.VIEWER,
    "devices.page": Role.VIEWER,
    "places.page": Role.VIEWER,
    "why.page": ACT,
    "cameras.page": Role.VIEWER,
    "cameras.watch": ACT,
    "cameras.stop": ACT,
    "cameras.snapshot": ACT,
    "rules.page": Role.VIEWER,
    "rules.silence": ACT,
    "rules.end": ACT,
    "tuning.page": Role.MAINTAINER,
    "tuning.start": Role.MAINTAINER,
    "tuning.trial": Role.MAINTAINER,
    "tuning.end": Role.MAINTAINER,
    "tuning.save": Role.MAINTAINER,
    "api.alerts": Role.VIEWER,
    "api.alert": Role.VIEWER,
    "api.story": Role.VIEWER,
    "api.acknowledge": ACT,
    "api.acknowledge_many": ACT,
    "api.views": Role.VIEWER,
    "api.keep_view": Role.VIEWER,
    "api.drop_view": Role.VIEWER,
    "api.assign": ACT,
    "api.note": ACT,
    "api.judge": ACT,
    "api.resolve": ACT,
    "api.silence": ACT,
    "api.sites": Role.VIEWER,
    "api.places": Role.VIEWER,
    "api.place": Role.VIEWER,
    "api.signals": Role.VIEWER,
    "api.pictures_of": Role.VIEWER,
    "api.cameras": Role.VIEWER,
    "api.camera": Role.VIEWER,
    "api.watch": ACT,
    "api.stop_watching": ACT,
    "api.nodes": Role.VIEWER,
    "api.devices": Role.VIEWER,
    "api.troubles": Role.VIEWER,
    "api.trend": Role.VIEWER,
    "api.alert_trend": Role.VIEWER,
    "api.response_trend": Role.VIEWER,
    "api.expected": Role.VIEWER,
    "api.anomalies": Role.VIEWER,
    "api.judge_anomaly": ACT,
    "api.coming": Role.VIEWER,
    "api.digest": Role.VIEWER,
    "api.handover": Role.VIEWER,
    "api.hand_over": ACT,
    "api.cases": Role.VIEWER,
    "api.case": Role.VIEWER,
    "api.case_step": ACT,
    "api.case_close": ACT,
    "api.case_answer": ACT,
    "api.case_note": ACT,
    "api.case_assign": ACT,
    "api.case_grade": ACT,
    "api.case_release": ACT,
    "api.case_merge": ACT,
    "api.case_split": ACT,
    "api.case_link": ACT,
    "api.case_photo": ACT,
    "api.case_block": ACT,
    "api.case_contacts": ACT,
    "api.case_forget": ACT,
    "api.case_erase": ACT,
    "api.case_from_alert": ACT,
    "api.sender_blocks": ACT,
    "api.lift_block": ACT,
    "api.figures_of": Role.VIEWER,
    "api.patrols": Role.VIEWER,
    "api.patrol": Role.VIEWER,
    "api.patrol_plans": Role.VIEWER,
    "api.plan_patrol": ACT,
    "api.change_plan": ACT,
    "api.end_plan": ACT,
    "api.cancel_patrol": ACT,
    "api.patrol_people": ACT,
    "api.patrol_remove": ACT,
    "api.audit": Role.MAINTAINER,
    "api.history": Role.VIEWER,
    "api.mute": ACT,
    "api.end_silence": ACT,
    "api.rules": Role.VIEWER,
    "api.quiet": Role.VIEWER,
    "api.document": Role.VIEWER,
    "trends.page": Role.VIEWER,
    "analysis.page": Role.VIEWER,
    "analysis.judge": ACT,
    "analysis.digest": Role.VIEWER,
    "trends.table": Role.VIEWER,
    "handover.page": Role.VIEWER,
    "handover.note": ACT,
    "people.me": Role.VIEWER,
    "people.password": Role.VIEWER,
    "people.page": Role.ADMIN,
    "people.create": Role.ADMIN,
    "people.change": Role.ADMIN,
    "people.resident": Role.ADMIN,
    "audit.page": Role.MAINTAINER,
    "audit.table": Role.MAINTAINER,
    "audit.verify": Role.MAINTAINER,
    "live.stream": Role.VIEWER,
    "pictures.show": Role.VIEWER,
    "alerts.listing": Role.VIEWER,
    "alerts.table": Role.VIEWER,
    "alerts.detail": Role.VIEWER,
    "alerts.keep": Role.VIEWER,
    "alerts.drop": Role.VIEWER,
    "alerts.acknowledge_many": ACT,
    "alerts.acknowledge": ACT,
    "alerts.resolve": ACT,
    "alerts.assign": ACT,
    "alerts.note": ACT,
    "alerts.judge": ACT,
    "alerts.silence": ACT,
    "alerts.unsilence": ACT,
    "residents.form": ANYONE,
    "residents.send": ANYONE,
    "residents.similar": ANYONE,
    "residents.me_too": ANYONE,
    "residents.follow": ANYONE,  # who has the link
    "residents.rate": ANYONE,
    "residents.add": ANYONE,
    "residents.forget": ANYONE,
    "residents.board": ANYONE,
    "residents.appeal": ANYONE,
    "residents.plan": ANYONE,
    "residents.photo": ANYONE,  # that staff agreed to show
    "residents.feed": ANYONE,
    "open311.discover": ANYONE,
    "open311.services": ANYONE,
    "open311.service": ANYONE,
    "open311.listing": ANYONE,
    "open311.one": ANYONE,
    "open311.token": ANYONE,
    "open311.create": ANYONE,  # who has a key
    "account.enter": ANYONE,
    "account.log_in": ANYONE,
    "account.new": ANYONE,
    "account.create": ANYONE,
    "account.leave": ANYONE,
    "account.mine": ANYONE,  # and here down to walks.report residents alone, see `RESIDENTS`
    "account.password": ANYONE,
    "account.contact": ANYONE,
    "account.delete": ANYONE,
    "walks.join": ANYONE,
    "walks.leave": ANYONE,
    "walks.checkpoint": ANYONE,
    "walks.check_in": ANYONE,
    "walks.note": ANYONE,
    "walks.report": ANYONE,
    "walks.listing": ANYONE,
    "walks.walk": ANYONE,
    "residents.offline": ANYONE,
    "residents.worker": ANYONE,
    "walks.offline": ANYONE,
    "walks.worker": ANYONE,
    "patrols.listing": Role.VIEWER,
    "patrols.detail": Role.VIEWER,
    "patrols.plan": ACT,
    "patrols.who": ACT,
    "patrols.remove": ACT,
    "patrols.cancel": ACT,
    "patrols.end": ACT,
    "patrols.edit": ACT,
    "patrols.update": ACT,
    "patrols.renew": ACT,
    "patrols.codes": ACT,
    "figures.page": Role.VIEWER,
    "figures.printable": Role.VIEWER,
    "cases.listing": Role.VIEWER,
    "cases.detail": Role.VIEWER,
    "cases.photo": Role.VIEWER,
    "cases.codes": Role.VIEWER,
    "blocks.page": ACT,
    "blocks.lift": ACT,
    "cases.export": ACT,
    "cases.act": ACT,
    "cases.contact": ACT,
    "cases.open_from_alert": ACT,
}
"""The least role for each endpoint. One that is not here is refused to everybody."""

RESIDENTS = frozenset({
    "account.mine", "account.password", "account.contact", "account.delete", "walks.join",
    "walks.leave", "walks.checkpoint", "walks.check_in", "walks.note", "walks.report",
})  # fmt: skip
"""What only somebody with a resident's account may open, as `web.account.gate` sees to: no role
of staff does for it."""


EVERYWHERE = frozenset(
    (
        "api.audit",
        "audit.page",
        "audit.table",
        "audit.verify",
        "people.page",
        "people.create",
        "people.change",
        "people.resident",
    )
)
"""Not for those whose role is of some sites alone: these speak of all."""
SETTING_UP = ("totp.page", "totp.confirm", "login.leave", "me.theme")
"""What there is for those who still have to set up their second factor."""
PUBLIC = ("residents", "account", "walks", "open311", "static")
"""Blueprints that show everybody the same."""
SUBJECTS: dict[str, Callable[[str], Select[str]] | None] = {
    "site": None,
    "alert_id": lambda name: select(Alert.site).where(Alert.id == name),
    "alert": lambda name: select(Alert.site).where(Alert.id == name),
    "case_id": lambda name: select(Case.site).where(Case.id == name),
    "block_id": lambda name: select(SenderBlock.site).where(SenderBlock.id == int(name)),
    "patrol_id": lambda name: select(Patrol.site).where(Patrol.id == name),
    "plan_id": lambda name: select(PatrolPlan.site).where(PatrolPlan.id == name),
    "number": lambda name: select(Silence.site).where(Silence.id == int(name)),
    "silence": lambda name: select(Silence.site).where(Silence.id == int(name)),
}
"""Parts of an address, or fields of a form, that name something of a site: how to find which.
None: it is the site itself."""
NUMBERS = ("number", "silence", "block_id")
NUMBER = re.compile(r"[0-9]{1,18}")
""""Of these what could be one that the store has given."""


def wants_json() -> bool:
    """Whether a script asks, which can do nothing with a page."""
    best = request.accept_mimetypes.best
    return best in ("application/json", "text/event-stream")


def gate() -> ResponseReturnValue | None:
    """Before every request: let in, or 401 for those who must log in first, or 403.

    Whoever needs a second factor and has none is led to where it is set up.

    Whoever has a role at some sites alone gets 404 for what is of another site. For them
    `web.console.console` has, from here on, only the sites where they may do what is asked.
    """
    if current_user.is_authenticated and current_user.sites and request.blueprint not in PUBLIC:
        g.console = _console().only(current_user.where(Role.VIEWER))
    if request.endpoint is None:
        return None  # no such address: 404 or 405 is the answer
    if request.endpoint not in LEAST:
        abort(403)
    least = LEAST[request.endpoint]
    if least is ANYONE:
        return None
    if not current_user.is_authenticated:
        abort(401)
    if _owes_totp() and request.endpoint not in SETTING_UP:
        return redirect(url_for("totp.page")) if not wants_json() else abort(403)
    if not current_user.role.includes(least):
        abort(403)
    if current_user.sites:
        _narrow(least)
    return None


def _owes_totp() -> bool:
    needed = current_user.role in _console().settings.totp_required
    return needed and not current_user.totp and current_user.id != 0  # a script has no phone


def _narrow(least: Role) -> None:
    seen, mine, here = current_user.where(Role.VIEWER), current_user.where(least), _console()
    for site in _asked(here):
        if site not in seen:
            abort(404)
        if site not in mine:
            abort(403)
    found = here.only(mine)
    if request.endpoint in EVERYWHERE or not found.sites:
        abort(403)
    g.console = found


def _asked(here: Console) -> Iterator[str]:
    """The sites of what the address and the form name; what does not exist has none."""
    given = [(name, str(value)) for name, value in (request.view_args or {}).items()]
    given += _sent() if request.blueprint == "api" else list(request.form.items(multi=True))
    with here.reader.connect() as connection:
        for name, value in given:
            if name not in SUBJECTS or (name in NUMBERS and not NUMBER.fullmatch(value)):
                continue
            find = SUBJECTS[name]
            site = value if find is None else connection.scalar(find(value))
            if site is not None:
                yield site


def _sent() -> list[tuple[str, str]]:
    """What a script sent, whatever it called it; what is no JSON names nothing."""
    sent = request.get_json(force=True, silent=True)
    if not isinstance(sent, dict):
        return []
    return [
        (name, str(one))
        for name, value in sent.items()
        for one in (value if isinstance(value, list) else [value])
    ]


def _console() -> Console:
    """The whole console, whoever asks."""
    found: Console = current_app.extensions["linli"]
    return found


def acting() -> Sites:
    """Where the reader may act on alerts."""
    found: Sites = current_user.where(ACT)
    return found
