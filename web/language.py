"""What the reader reads: English or Chinese, times by the site's clock, values with units."""

import io
from collections.abc import Mapping
from datetime import UTC, date, datetime
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from babel.dates import format_date
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import Translations
from flask import Flask, request, session
from flask_babel import Babel, get_locale, gettext, lazy_gettext
from flask_login import current_user

from configs import words
from configs.values import Text
from configs.words import FAULTS
from web.charts import Curve
from web.console import console

DAYS = {"en": ("d MMM", "d MMM y"), "zh": ("M月d日", "y年M月d日")}
"""A day of this year, and one of another."""
LEAST_DRIFT_MS = 50
"""What is less is no drift."""
LANGUAGES = {"en": "English", "zh": "中文"}
TAGS = {"en": "en", "zh": "zh-Hans"}
"""For the ``lang`` attribute."""
CATALOGUES = Path(__file__).parent / "translations"
_ = lazy_gettext
SEVERITIES = {
    "critical": _("Critical"),
    "high": _("High"),
    "medium": _("Medium"),
    "low": _("Low"),
    "info": _("Info"),
}
JUDGEMENTS = {
    "true": _("true alarm"),
    "false": _("false alarm"),
    "test": _("test"),
    "unclear": _("unclear"),
}
STEPS = {
    "firing": _("fired"),
    "risen": _("became worse"),
    "escalation": _("escalation"),
    "reminder": _("reminder"),
    "resolved": _("ended"),
    "test": _("test"),
    "case-given": _("given to them"),
    "case-due": _("deadline comes near"),
    "case-late": _("deadline missed"),
    "letter": _("news of their report"),
}
"""Which step of an alert or a report a message tells of."""
DELIVERIES = {
    "queued": _("waits to be sent"),
    "sent": _("sent"),
    "muted": _("muted"),
    "failed": _("failed"),
    "needless": _("not needed any more"),
}
TROUBLES = {
    "unseen": _("never seen"),
    "offline": _("offline"),
    "clock": _("clock is wrong"),
    "lost": _("records lost for good"),
    "outbox": _("records that wait to be sent"),
    "dropped": _("records that its full outbox dropped"),
    "hot": _("too hot"),
    "fault": _("picture"),
    "tamper": _("tampered with"),
    "unavailable": _("does not answer its gateway"),
    "battery": _("battery low"),
}
LIVE = {
    "offline": _("The camera's node is cut off; no picture can be had from it now."),
    "unasked": _("The hub has not passed the request on. Is it running, and is its broker?"),
    "unanswered": _("The camera's node does not answer."),
    "refused": _("The camera's node has no picture to give."),
}
"""What keeps a live view from being live."""
UNITS = {"clock": " s", "hot": " °C", "battery": "%"}
ROLES = {
    "viewer": _("viewer"),
    "operator": _("operator"),
    "maintainer": _("maintainer"),
    "admin": _("administrator"),
}
PAGES = {
    "now.page": _("Now"),
    "alerts.listing": _("Alerts"),
    "trends.page": _("Trends"),
    "devices.page": _("Devices"),
    "rules.page": _("Rules"),
    "cases.listing": _("Reports"),
    "patrols.listing": _("Patrols"),
    "handover.page": _("Handover"),
    "audit.page": _("Audit"),
    "people.page": _("Users"),
}
"""The bar; whoever may not open a page does not see it."""
ACTIONS = {
    "login": _("logged in"),
    "logout": _("logged out"),
    "picture.view": _("looked at a picture"),
    "camera.watch": _("looked at a camera live"),
    "alert.firing": _("alert fired"),
    "alert.pending": _("alert began"),
    "alert.risen": _("alert became worse"),
    "alert.released": _("alert's quieting ended"),
    "alert.resolved": _("alert resolved"),
    "alert.acknowledged": _("alert acknowledged"),
    "alert.taken": _("alert taken over or given"),
    "alert.noted": _("note on an alert"),
    "alert.judged": _("verdict on an alert"),
    "alert.muted": _("alert muted"),
    "alert.unmuted": _("alert unmuted"),
    "alert.dropped": _("alert that never fired dropped"),
    "alert.case-closed": _("report about an alert closed"),
    "silence.create": _("silence made"),
    "silence.end": _("silence ended"),
    "handover.note": _("note for the next shift"),
    "configuration.reload": _("configuration loaded again"),
    "rule.edit": _("rule edited"),
    "user.create": _("user made"),
    "user.disable": _("user shut out"),
    "user.enable": _("user let in again"),
    "user.password": _("password changed"),
    "user.role": _("role changed"),
    "user.logout": _("sessions ended"),
    "user.first-link": _("first administrator made"),
    "token.create": _("token made"),
    "token.revoke": _("token taken back"),
    "case.contact.view": _("looked at a reporter's contact"),
    "case.looked": _("first opened a report"),
    "case.photo.view": _("looked at a report's photo"),
    "case.contact.delete": _("contact of a reporter deleted"),
    "case.photos.delete": _("photos of reports deleted"),
    "login.recovery": _("logged in with a recovery code"),
    "user.totp-on": _("second factor switched on"),
    "user.totp-off": _("second factor switched off"),
    "user.totp-reset": _("second factor reset"),
    "user.recovery": _("new recovery codes"),
    "resident.create": _("resident's account made"),
    "resident.delete": _("resident's account deleted"),
    "resident.password": _("resident's password changed"),
    "patrol.plan": _("patrol planned"),
    "patrol.plan.end": _("patrol's series ended"),
    "patrol.plan.change": _("patrol's series changed"),
    "patrol.code.renew": _("checkpoint's code renewed"),
    "patrol.cancel": _("patrol called off"),
    "patrol.sign-up": _("signed up for a patrol"),
    "patrol.withdraw": _("left a patrol"),
    "patrol.check-in": _("checked in on a patrol"),
    "patrol.missed": _("checkpoint missed"),
    "patrol.report": _("report made of a check-in"),
    "patrol.who.view": _("looked who walks"),
    "patrol.delete": _("old patrols deleted"),
}
"""What the audit says was done; an action that is not here shows as it is written."""
QUIETS = {"silence": _("silence"), "maintenance": _("maintenance")}
SCOPES = {
    "site": _("everything at"),
    "place": _("place"),
    "rule": _("rule"),
    "source": _("camera or sensor"),
}
NUMBERS = {
    "above": _("more than"),
    "below": _("less than"),
    "equals": _("equal to"),
    "over": _("looking at the last"),
    "for": _("for at least"),
    "clear.below": _("ends when less than"),
    "clear.above": _("ends when more than"),
    "clear.for": _("and so for"),
    "cooldown": _("quiet after its end for"),
    "after": _("escalates after"),
    "severity": _("Severity"),
    "active": _("Active hours"),
}
"""What a rule's numbers are called where they are edited (`configs.edit.Number.word`)."""
HOURS = {"": _("all day"), "within": _("from the first to the second"),
         "outside": _("outside these two")}  # fmt: skip
WEEK = {
    "mon": _("Mon"),
    "tue": _("Tue"),
    "wed": _("Wed"),
    "thu": _("Thu"),
    "fri": _("Fri"),
    "sat": _("Sat"),
    "sun": _("Sun"),
}
HOLIDAYS = {
    "": _("like other days"),
    "only": _("on them alone"),
    "never": _("never on them"),
    "also": _("on them too"),
}


def install(app: Flask) -> None:
    """Catalogues, the choice of language, and the filters that templates use."""
    babel = Babel(app, locale_selector=choose)
    with app.app_context():
        for path in CATALOGUES.glob("*/LC_MESSAGES/messages.po"):
            key = (path.parent.parent.name, babel.domain)
            babel.domain_instance.cache[key] = compile_catalogue(path)
    app.jinja_env.filters |= {
        "said": said,
        "clock": clock,
        "drift": drift,
        "weekday": weekday,
        "iso": iso,
        "span": span,
        "signal": signal,
        "value": value,
        "threshold": threshold,
        "word": word,
        "brief": brief,
        "ticks": ticks,
        "trouble": trouble,
        "flaw": flaw,
        "label": lambda name: words.label(name, language()),
    }
    app.jinja_env.globals |= {
        "LANGUAGES": LANGUAGES,
        "SEVERITIES": SEVERITIES,
        "FAULTS": FAULTS,
        "ACTIONS": ACTIONS,
        "JUDGEMENTS": JUDGEMENTS,
        "LIVE": LIVE,
        "STEPS": STEPS,
        "QUIETS": QUIETS,
        "ROLES": ROLES,
        "NUMBERS": NUMBERS,
        "HOURS": HOURS,
        "WEEK": WEEK,
        "HOLIDAYS": HOLIDAYS,
        "SCOPES": SCOPES,
        "TROUBLES": TROUBLES,
        "DELIVERIES": DELIVERIES,
        "language": language,
        "language_tag": lambda: TAGS[language()],
    }


@cache
def compile_catalogue(path: Path) -> Translations:
    """A .po file made ready in memory, so that a fresh checkout needs no build step."""
    with path.open("rb") as file:
        catalogue = read_po(file)
    buffer = io.BytesIO()
    write_mo(buffer, catalogue)
    buffer.seek(0)
    return Translations(buffer)


def choose() -> str:
    """The reader's own choice, else the browser's, else the first site's."""
    chosen = getattr(current_user, "language", "") or session.get("language", "")
    if chosen in LANGUAGES:
        return str(chosen)
    known = request.accept_languages.best_match([*LANGUAGES, "zh-CN", "zh-TW", "zh-HK"])
    if known:
        return known[:2]
    sites = console().sites
    return sites[0].site.language if sites else "en"


def language() -> str:
    """ "en" or "zh"."""
    locale = get_locale()
    return locale.language if locale is not None else "en"


def said(text: Text) -> str:
    """Words of the configuration in the reader's language."""
    return text.in_(language())


def word(key: str, known: Mapping[str, Any]) -> str:
    """The reader's word for a key; a key that has none stands for itself."""
    found = known.get(key, key)
    return said(found) if isinstance(found, Text) else str(found)


def trouble(kind: str, detail: str) -> str:
    """What is broken, with its number."""
    if not detail:
        return word(kind, TROUBLES)
    said_ = word(detail, FAULTS) if kind == "fault" else f"{detail}{UNITS.get(kind, '')}"
    if kind == "fault":
        return said_
    return str(gettext("%(what)s: %(number)s", what=TROUBLES[kind], number=said_))


def flaw(detail: str) -> str:
    """What is wrong with a camera or sensor."""
    return word(detail, FAULTS) if detail in FAULTS else word(detail, TROUBLES)


def clock(ts: int, site: str, *, seconds: bool = True) -> str:
    """A moment by the site's clock: the time alone for today, else with its day, and with the
    year where that is another."""
    zone = console().zone(site)
    moment = datetime.fromtimestamp(ts / 1000, zone)
    today = datetime.fromtimestamp(console().now() / 1000, zone).date()
    time = moment.strftime("%H:%M:%S" if seconds else "%H:%M")
    day = moment.date()
    if day == today:
        return time
    return f"{_day(day, language(), year=day.year != today.year)} {time}"


@lru_cache(maxsize=1024)
def _day(day: date, locale: str, *, year: bool) -> str:
    form = DAYS[locale]
    return str(format_date(day, form[1 if year else 0], locale=locale))


def drift(ms: int) -> str:
    """How far a clock is ahead."""
    return str(gettext("%(s)s s", s=f"{ms / 1000:+.1f}" if abs(ms) >= LEAST_DRIFT_MS else "0"))


def ticks(one: Curve, site: str) -> list[tuple[int, str]]:
    """Where a curve's axis says what time it is, and how: the time alone, at midnight the day."""
    zone = console().zone(site)
    moments = [(ts, datetime.fromtimestamp(ts / 1000, zone)) for ts in one.ticks(zone)]
    return [
        (ts, f"{at:%H:%M}" if at.hour or at.minute else _day(at.date(), language(), year=False))
        for ts, at in moments
    ]


def weekday(ts: int, site: str) -> str:
    """The day of the week by the site's clock, short."""
    moment = datetime.fromtimestamp(ts / 1000, console().zone(site))
    return str(format_date(moment.date(), "EEE", locale=language()))


def iso(ts: int) -> str:
    """For ``datetime`` attributes."""
    return datetime.fromtimestamp(ts / 1000, UTC).isoformat(timespec="milliseconds")


def span(seconds: float) -> str:
    """A length of time in its two largest units; does not break over lines."""
    return words.span(seconds, language())


def signal(name: str) -> str:
    """What a signal is called."""
    return words.signal(name, language())


def value(number: float | None, name: str) -> str:
    """A signal's value as people say it."""
    return words.value(number, name, language())


def threshold(text: str, name: str) -> str:
    """The hub's condition in the reader's language, without the signal's name."""
    return words.threshold(text, name, language())


def brief(text: str) -> str:
    """The first unit of a value: what fits a small cell."""
    return text.partition("\u00a0")[0] if " " not in text else text
