"""Rules in force and how they changed, and what is muted."""

from typing import Annotated, Any

from flask import abort
from flask_login import current_user
from msgspec import Meta, Struct
from msgspec.structs import asdict

from hub import silences
from hub.silences import Ended, Quiet, SilenceError
from web.api.part import does, reads
from web.api.shapes import Before, Done, Id, Limit, Ms, Words, filled
from web.console import Console, console
from web.now.snapshot import sources_of
from web.rules.force import in_force
from web.rules.history import history as read_history


class Condition(Struct, frozen=True):
    """A signal, and the rule's condition on it."""

    signal: str
    text: str


class ThereOut(Struct, frozen=True):
    """What overrides change of a rule at a place: path in the rule, such as when[0].above."""

    place: str
    values: dict[str, Any]


class RuleOut(Struct, frozen=True):
    """A rule in force."""

    site: str
    rule: str
    title: Words
    severity: str
    places: list[str]
    conditions: list[Condition]
    overrides: list[ThereOut]
    yaml: str


class Rules(Struct, frozen=True):
    """All rules."""

    rules: list[RuleOut]


class SilenceOut(Struct, frozen=True):
    """What is muted; "" is any rule, place or source (<node>/<source>)."""

    id: int
    site: str
    kind: str
    rule: str
    place: str
    source: str
    author: str
    reason: str
    created_at: int
    starts_at: int
    ends_at: int
    ended_early_by: str


class Silences(Struct, frozen=True):
    """A page of silences and maintenance windows, newest first."""

    silences: list[SilenceOut]
    next: int | None
    """Give it as ``before`` for the page after this one; null on the last."""


class ChangeOut(Struct, frozen=True):
    """A change of the configuration, as the log has it."""

    id: int
    at: int
    actor: str
    action: str
    target: str
    detail: str
    """A line for each value that changed, of the sites that are here."""


class History(Struct, frozen=True):
    """A page of changes, newest first."""

    changes: list[ChangeOut]
    next: int | None
    """Give it as ``before`` for the page after this one; null on the last."""


class HistoryQuery(Struct, frozen=True):
    """Where to go on."""

    before: Before = None
    limit: Limit = 100


class SilenceQuery(Struct, frozen=True):
    """Which silences."""

    over: Annotated[bool, Meta(description="Also those that have ended.")] = False
    before: Before = None
    limit: Limit = 100


class Muting(Struct, frozen=True):
    """What is to be quiet; what is left out is any."""

    site: Id
    reason: Annotated[str, Meta(max_length=silences.REASON_CHARS)]
    ends_at: Ms
    starts_at: Ms | None = None
    """Left out: now."""
    rule: Id = ""
    place: Id = ""
    source: Annotated[str, Meta(max_length=127, description="<node>/<source>")] = ""
    kind: silences.Kind = silences.Kind.SILENCE


class Nothing(Struct, frozen=True):
    """Nothing has to be said."""


@reads("/rules", Rules)
def rules() -> Rules:
    """The rules in force, and what overrides change where."""
    found = [(file.site.id, one) for file in console().sites for one in in_force(file)]
    return Rules([
        RuleOut(
            site, one.rule.id, Words.of(one.rule.title), one.rule.severity,
            [place.id for place in one.places],
            [Condition(part.signal, part.text) for part in one.conditions],
            [ThereOut(other.place.id, dict(other.values)) for other in one.others], one.text,
        )
        for site, one in found
    ])  # fmt: skip


@reads("/rules/history", History, HistoryQuery)
def history(asked: HistoryQuery) -> History:
    """How the configuration changed, the newest first, with each line that did."""
    here = console()
    with here.reader.connect() as connection:
        found, more = read_history(connection, here, asked.before, asked.limit)
    return History([filled(ChangeOut, asdict(one)) for one in found], more)


@reads("/silences", Silences, SilenceQuery)
def quiet(asked: SilenceQuery) -> Silences:
    """What is muted, now or to come, the newest first; with ``over`` also what was."""
    here = console()
    with here.reader.connect() as connection:
        found = silences.listed(connection, here.now(), over=asked.over)
    mine = [
        one
        for one in reversed(found)
        if here.site(one.site) is not None and (asked.before is None or one.id < asked.before)
    ]
    more = mine[asked.limit - 1].id if len(mine) > asked.limit else None
    return Silences([silence_of(one) for one in mine[: asked.limit]], more)


@does("/silences", Muting, SilenceOut)
def mute(sent: Muting) -> SilenceOut:
    """Mute what fits all that is named: nobody is told, and alerts still come."""
    here = console()
    _check(here, sent)
    try:
        return silence_of(silences.create(
            here.engine, site=sent.site, rule=sent.rule, place=sent.place, source=sent.source,
            kind=sent.kind, author=current_user.name, reason=sent.reason,
            starts_at=max(here.now(), sent.starts_at) if sent.starts_at is not None else None,
            ends_at=sent.ends_at, now=here.now(),
        ))  # fmt: skip
    except SilenceError as error:
        abort(400, f"what was sent: {error}")


@does("/silences/<int(max=2147483647):number>/end", Nothing)
def end_silence(_sent: Nothing, number: int) -> Done:
    """End one before its time."""
    here, me = console(), current_user.name
    ended = silences.end(here.engine, number, actor=me, now=here.now())
    if ended is Ended.NO_SUCH_SILENCE:
        abort(404)
    return Done(ended is Ended.DONE, str(ended), me if ended is Ended.DONE else "")


def _check(here: Console, sent: Muting) -> None:
    """404 for what the site does not have: a name that is spelled wrong would mute nothing."""
    file = here.site(sent.site)
    if file is None:
        abort(404)
    sources = {f"{node}/{source}" for p in file.places for node, source in sources_of(p)}
    known = (
        (sent.rule, {rule.id for rule in file.rules}),
        (sent.place, {place.id for place in file.places}),
        (sent.source, sources),
    )
    for name, names in known:
        if name and name not in names:
            abort(404)


def silence_of(one: Quiet) -> SilenceOut:
    """As it is answered."""
    return filled(SilenceOut, asdict(one))
