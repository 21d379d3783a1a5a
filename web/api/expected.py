"""What is usual at a place and what comes next, what was unusual, and where most is expected."""

from collections.abc import Sequence
from typing import Annotated, Literal

from flask import abort
from flask_login import current_user
from msgspec import Meta, Struct

from hub.analysis import annotations, evidence, flows, incidents
from hub.analysis.annotations import Entry, Said
from hub.analysis.anomaly import Verdict
from hub.analysis.flows import Flow, Note
from hub.analysis.hours import hours_of
from hub.analysis.incidents import DAY_H, Coming
from hub.analysis.shelf import Shelf
from hub.analysis.words import Words as Spoken
from web.analysis import LISTED_MS, SPAN_MS, notes_of
from web.api.part import does, reads
from web.api.shapes import Done, Id, Key, Limit, PlaceKey, When, Words, moment_of
from web.console import Console, console

SHARES = (0.8, 0.95)


class SeenHour(Struct, frozen=True):
    """An hour that was observed; what was usual is null while too little was known."""

    start: int
    counted: int
    mean: float | None
    low95: int | None
    high95: int | None


class ComingHour(Struct, frozen=True):
    """An hour to come, in events."""

    start: int
    mean: float
    low80: float
    high80: float
    low95: float
    high95: float


class FlowOut(Struct, frozen=True):
    """What is counted at a place: flow, door, occupancy or dwell."""

    what: str
    learned_hours: int
    change: float | None
    """Seen over usual, of the whole week; null where nothing was usual."""
    seen: list[SeenHour]
    ahead: list[ComingHour]


class Expected(Struct, frozen=True):
    """The last seven days of a place beside what was usual, and the next seven."""

    site: str
    place: str
    start: int
    end: int
    flows: list[FlowOut]


class AnomalyOut(Struct, frozen=True):
    """Hours that were unusual; site, place, what and start name it."""

    site: str
    place: str
    what: str
    start: int
    end: int
    hours: int
    """Of the worst stretch."""
    counted: int
    """In that stretch."""
    mean: float
    """What was expected of it."""
    low: int
    high: int
    """95 of 100 such stretches lie within."""
    kind: str
    """stuck, early or late (a clock may be off); "" for too many or too few."""
    lasting: bool
    """The place has been in another state since, or was for a time."""
    says: Words
    verdict: str
    """confirmed or dismissed; "" while nobody has said."""
    verdict_by: str
    verdict_at: int


class Anomalies(Struct, frozen=True):
    """A page of what was unusual, newest first."""

    anomalies: list[AnomalyOut]
    next: int | None
    """Give it as ``until`` for the page after this one; null on the last."""


class Ahead(Struct, frozen=True):
    """How many alerts and reports are expected in a stretch of time."""

    mean: float
    chance: float
    """That there will be one or more."""
    within80: tuple[int, int]
    within95: tuple[int, int]


class PlaceAhead(Struct, frozen=True):
    """A place in the week to come."""

    place: str
    day: Ahead
    week: Ahead
    hours: list[float]
    """The mean of each of the hours from ``start`` on."""


class ComingOut(Struct, frozen=True):
    """What is expected of a site, the places with most of it first; none while there is too
    little to learn from."""

    site: str
    start: int
    events: int
    """Of which it was learned."""
    days: float
    places: list[PlaceAhead]


class DigestOut(Struct, frozen=True):
    """A week in words and drawings."""

    site: str
    days: list[str]
    """Of which there is one, the newest first."""
    day: str
    """Of this one; "" where there is none yet."""
    html: str
    """The inside of a page; "" where there is none yet."""


class DigestQuery(Struct, frozen=True):
    """Of which site, left out: the first; of which day, left out: the newest."""

    site: Id = ""
    day: Annotated[str, Meta(pattern=r"^(\d{4}-\d\d-\d\d)?$")] = ""
    language: Literal["en", "zh"] = "en"


class ExpectedQuery(Struct, frozen=True):
    """Of which place."""

    place: PlaceKey


class AnomalyQuery(Struct, frozen=True):
    """Of which place, left out: of all; the last four weeks, or of when."""

    place: PlaceKey = ""
    since: When = ""
    until: When = ""
    limit: Limit = 100


class ComingQuery(Struct, frozen=True):
    """Of which site; left out: of the first."""

    site: Id = ""


class AnomalyJudged(Struct, frozen=True):
    """Which, and what it was."""

    site: Id
    place: Id
    what: Id
    start: Annotated[Key, Meta(description="As it was answered.")]
    verdict: Verdict


@reads("/expected", Expected, ExpectedQuery, series=True)
def expected(asked: ExpectedQuery) -> Expected:
    """What is usual at a place, what was seen, and what comes next."""
    here, (site, name) = console(), _split(asked.place)
    file, place = here.site(site), here.place(site, name)
    if file is None or place is None:
        abort(404)
    end = hours_of(file.site.timezone, file.site.country).at(here.now()).start
    start = end - SPAN_MS
    with here.reader.connect() as connection:
        notes: Sequence[Note] = notes_of(connection, file, place, end, here.now())
    found = here.told(lambda series: list(flows.of_place(file, series, place, start, end, notes)))
    if found is None:
        abort(503)
    return Expected(site, name, start, end, [_flow(one) for one in found])


@reads("/anomalies", Anomalies, AnomalyQuery)
def anomalies(asked: AnomalyQuery) -> Anomalies:
    """What was unusual, and what staff said of it."""
    here, (site, name) = console(), _split(asked.place)
    if asked.place and here.place(site, name) is None:
        abort(404)
    sites = [site] if site else [file.site.id for file in here.sites]
    until = moment_of(asked.until, here, sites[0], last=True) or here.now()
    since = moment_of(asked.since, here, sites[0]) or until - LISTED_MS
    with here.reader.connect() as connection:
        found = annotations.listed(connection, sites, since, until, name)
    page, rest = found[: asked.limit], found[asked.limit :]
    if rest:  # a page ends between two moments: two places may share one
        edge = rest[0].note.found.start
        page = [one for one in page if one.note.found.start > edge] or page
    more = page[-1].note.found.start if rest else None
    return Anomalies([_anomaly(here, one) for one in page], more)


@does("/anomalies/judge", AnomalyJudged)
def judge_anomaly(sent: AnomalyJudged) -> Done:
    """Say what an anomaly was: the place learns from it."""
    here, key = console(), (sent.site, sent.place, sent.what, sent.start)
    if here.site(sent.site) is None:
        abort(404)
    me, now = current_user.name, here.now()
    said = annotations.judge(here.engine, key, sent.verdict, actor=me, now=now)
    if said is Said.NO_SUCH:
        abort(404)
    return Done(said is Said.DONE, str(said), me if said is Said.DONE else "", now)


@reads("/coming", ComingOut, ComingQuery)
def coming(asked: ComingQuery) -> ComingOut:
    """How many alerts and reports are expected at each place, for a day and a week."""
    here, now = console(), console().now()
    file = here.site(asked.site) if asked.site else here.sites[0]
    if file is None:
        abort(404)
    with here.reader.connect() as connection:
        told = evidence.told(connection, file.site.id, now - incidents.LOOK_MS, now)
    found = incidents.foresee(file, told, now)
    week = len(found.hours)
    rows = sorted(found.rows, key=lambda row: -row.over(0, week).mean)
    return ComingOut(file.site.id, found.hours[0].start, found.events, found.days, [
        PlaceAhead(row.place.id, _ahead(row.over(0, DAY_H)), _ahead(row.over(0, week)),
                   [one.mean for one in row.hours])
        for row in rows
    ])  # fmt: skip


def _split(place: str) -> tuple[str, str]:
    site, _slash, name = place.partition("/")
    return site, name


def _flow(one: Flow) -> FlowOut:
    seen = []
    for hour in one.seen:
        low, high = hour.range if hour.usual is not None else (None, None)
        mean = hour.usual.mean if hour.usual is not None else None
        seen.append(SeenHour(hour.hour.start, hour.counted, mean, low, high))
    ahead = [
        ComingHour(f.hour.start, f.mean, f.low80, f.high80, f.low95, f.high95) for f in one.ahead
    ]
    return FlowOut(one.what, one.learned, one.change, seen, ahead)


def _anomaly(here: Console, entry: Entry) -> AnomalyOut:
    note, found = entry.note, entry.note.found
    file, unsaid = here.site(entry.site) or here.sites[0], found._replace(verdict="")
    return AnomalyOut(
        entry.site, note.place, note.what, found.start, found.end, found.worst.hours,
        found.worst.counted, found.worst.mean, found.low, found.high, str(found.worst.kind),
        found.lasting,
        Words(*(Spoken(file.site, language).anomaly(unsaid) for language in ("en", "zh"))),
        found.verdict, entry.by, note.at,
    )  # fmt: skip


def _ahead(one: Coming) -> Ahead:
    return Ahead(one.mean, one.chance, *(one.range(share) for share in SHARES))


@reads("/expected/digest", DigestOut, DigestQuery)
def digest(asked: DigestQuery) -> DigestOut:
    """A week's digest of a site, as the hub made it."""
    here = console()
    file = here.site(asked.site) if asked.site else here.sites[0]
    if file is None:
        abort(404)
    shelf = Shelf(here.data)
    days = shelf.days(file.site.id)
    day = asked.day or next(iter(days), "")
    if asked.day and asked.day not in days:
        abort(404)
    return DigestOut(file.site.id, days, day, shelf.read(file.site.id, day, asked.language))
