"""Which alerts a reader asks for: the filters of the list, kept in its address."""

import json
from collections.abc import Callable, Mapping
from datetime import timedelta

from msgspec import Struct
from sqlalchemy import Connection, String, and_, cast, or_, select
from sqlalchemy.sql.elements import ColumnElement

from configs.rules import Severity
from hub.desk import Judgement
from hub.state.tables import Alert, AlertEvent, AlertState
from web.console import Console
from web.when import as_ms, moment

TEXT_CHARS = 80
STATES: dict[str, Callable[[], ColumnElement[bool]]] = {
    "": lambda: Alert.fired_ts.is_not(None),
    "firing": lambda: Alert.state == AlertState.FIRING,
    "open": lambda: and_(Alert.fired_ts.is_not(None), Alert.acknowledged_at.is_(None)),
    "resolved": lambda: and_(Alert.fired_ts.is_not(None), Alert.state == AlertState.RESOLVED),
    "pending": lambda: Alert.state == AlertState.PENDING,
}
NONE = "none"
"""The verdict of alerts that have none yet."""


class Filter(Struct, frozen=True):
    """What is asked for; "" is any. What makes no sense counts as any."""

    state: str = ""
    site: str = ""
    place: str = ""
    """<site>/<place>."""
    rule: str = ""
    severity: str = ""
    verdict: str = ""
    since: str = ""
    """A day by the site's calendar, 2026-03-01, or a minute of it, 2026-03-01T22:15."""
    until: str = ""
    """The last day, or the minute before which."""
    q: str = ""
    """Words that stand anywhere: title, place, people, notes."""

    @classmethod
    def parse(cls, asked: Mapping[str, str], console: Console) -> "Filter":
        """From the address; ``asked`` may have anything in it."""
        given = {name: asked.get(name, "").strip() for name in cls.__struct_fields__}
        site, _slash, place = given["place"].partition("/")
        known = {
            "state": given["state"] in STATES,
            "site": console.site(given["site"]) is not None,
            "place": console.place(site, place) is not None,
            "severity": given["severity"] in list(Severity),
            "verdict": given["verdict"] in (*Judgement, NONE),
            "since": moment(given["since"]) is not None,
            "until": moment(given["until"]) is not None,
        }
        kept = {name: text for name, text in given.items() if known.get(name, True)}
        return cls(**{**kept, "q": given["q"][:TEXT_CHARS], "rule": given["rule"][:63]})

    @property
    def asked(self) -> dict[str, str]:
        """What is not left at any, for addresses."""
        fields = ((name, getattr(self, name)) for name in self.__struct_fields__)
        return {name: text for name, text in fields if text}

    def where(self, console: Console) -> list[ColumnElement[bool]]:
        """As conditions on `Alert`."""
        found = [STATES[self.state]()]
        site, _slash, place = self.place.partition("/")
        equal = {
            Alert.site: site or self.site, Alert.place: place, Alert.rule: self.rule,
            Alert.severity: self.severity, Alert.verdict: self.verdict.replace(NONE, ""),
        }  # fmt: skip
        found += [
            column == text
            for column, text in equal.items()
            if text or (column is Alert.verdict and self.verdict)
        ]
        zone_of = site or self.site or console.sites[0].site.id
        if since := moment(self.since):
            found.append(Alert.pending_ts >= as_ms(since, console, zone_of))
        if until := moment(self.until):
            whole_day = timedelta(days=1) if "T" not in self.until else timedelta()
            found.append(Alert.pending_ts < as_ms(until + whole_day, console, zone_of))
        if self.q:
            found.append(_says(self.q, console))
        return found


def below(connection: Connection, alert_id: str) -> ColumnElement[bool] | None:
    """Alerts that the list shows after this one; None where there is no such alert."""
    ts = connection.scalar(select(Alert.pending_ts).where(Alert.id == alert_id))
    if ts is None:
        return None
    return or_(Alert.pending_ts < ts, and_(Alert.pending_ts == ts, Alert.id < alert_id))


def neighbours(
    connection: Connection, console: Console, alert_id: str, asked: Filter
) -> tuple[str, str]:
    """The alerts before and after this one in the list: (newer, older), "" where none is."""
    beneath = below(connection, alert_id)
    if beneath is None:
        return "", ""
    sites = Alert.site.in_([file.site.id for file in console.sites])
    query = select(Alert.id).where(sites, *asked.where(console)).limit(1)
    older = query.where(beneath).order_by(Alert.pending_ts.desc(), Alert.id.desc())
    newer = query.where(~beneath, Alert.id != alert_id).order_by(Alert.pending_ts, Alert.id)
    return connection.scalar(newer) or "", connection.scalar(older) or ""


def _says(text: str, console: Console) -> ColumnElement[bool]:
    """Whether the words stand in what is stored of an alert, or in its place's name."""
    # JSON columns hold other letters than ASCII as \\uXXXX: look for them as they are stored.
    stored = json.dumps(text)[1:-1]
    places = [
        and_(Alert.site == file.site.id, Alert.place == place.id)
        for file in console.sites
        for place in file.places
        if text.casefold() in f"{place.name.en}\n{place.name.zh}".casefold()
    ]
    noted = select(AlertEvent.alert).where(AlertEvent.note.icontains(text, autoescape=True))
    columns = (Alert.id, Alert.place, Alert.rule, Alert.owner, Alert.acknowledged_by)
    return or_(
        cast(Alert.details, String).icontains(stored, autoescape=True),
        *(column.icontains(text, autoescape=True) for column in columns),
        *places,
        Alert.id.in_(noted),
    )
