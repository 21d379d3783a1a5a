"""The digest for managers: what stood out, what comes next, what to look at; one HTML file."""

from collections.abc import Callable, Sequence
from html import escape
from typing import Final, NamedTuple

from configs.servers import HubSettings
from configs.site import SiteFile
from configs.values import Text
from hub.analysis import (
    annotations,
    coming,
    draw,
    evidence,
    flows,
    followup,
    hazards,
    incidents,
    measure,
    near,
    repeats,
    risk,
)
from hub.analysis.evidence import Event
from hub.analysis.flows import Flow
from hub.analysis.followup import Advised
from hub.analysis.hazards import Hazard, Piles
from hub.analysis.hours import hours_of
from hub.analysis.incidents import Ahead
from hub.analysis.measure import Effect
from hub.analysis.repeats import Repeats
from hub.analysis.risk import RiskRow
from hub.analysis.words import Words
from hub.series.points import SeriesStore

_STYLE: Final = (
    ":root{color-scheme:light dark}body{font:15px/1.5 system-ui,sans-serif;max-width:1000px;"
    "margin:2em auto;padding:0 1em}.scroll{overflow-x:auto}h3{margin-bottom:0}"
    "small{opacity:.75}td,th{padding:.1em .8em;text-align:end;white-space:nowrap}"
    "th:first-child{text-align:start}"
)

BRIEF: Final = 5
"""Lines of each part in a message."""


class Digest(NamedTuple):
    """What was found from ``start`` to ``end`` (ms)."""

    site: SiteFile
    start: int
    end: int
    flows: Sequence[Flow]
    risks: Sequence[RiskRow]
    piles: Piles
    effects: Sequence[Effect]
    events: Sequence[Event]
    """The small things of the stretch."""
    repeats: Repeats
    followed: Sequence[Advised]
    """What was pointed at in the stretch before, as long as this one."""
    ahead: Ahead
    """What each place may have in the week after."""
    told: Sequence[Event]
    """What that was learned from."""


def analyse(
    settings: HubSettings, site: SiteFile, series: SeriesStore, start: int, end: int,
    measures: Sequence[tuple[str, int]] = (), progress: Callable[[str], None] = lambda _: None,
) -> Digest:  # fmt: skip
    """Look at a stretch (ms); ``measures`` are (place, when it was taken).

    Raises `SeriesError` and `StateError`.
    """
    name, span = site.site.id, end - start
    hours = hours_of(site.site.timezone, site.site.country)
    with evidence.state_of(settings) as connection:
        alerts = evidence.alerts(connection, name, start - span, end)
        small = evidence.small(connection, name, start, end)
        before = evidence.small(connection, name, start - span, start)
        long = evidence.alerts(connection, name, end - repeats.LOOK_MS, end)
        told = evidence.told(connection, name, end - incidents.LOOK_MS, end)
        entries = annotations.listed(connection, [name], start - flows.LEARN_MS, end)
    # The store is let go of meanwhile: what follows may take its time.
    close = near.misses(site, series, alerts, start - span, end, progress)
    small, before = _with(small, close, start), _with(before, close, 0, start)
    advised = hazards.find(site, before, start - span, start).hazards
    with evidence.state_of(settings) as connection:
        followed = followup.follow(
            advised, small, hours,
            lambda place: evidence.walks(connection, name, place, start, end),
        )  # fmt: skip
    every = [one for one in alerts if one.at >= start]
    return Digest(
        site, start, end,
        list(flows.follow(site, series, start, end, [one.note for one in entries], progress)),
        risk.by_hour(site, series, start, end),
        hazards.find(site, small, start, end),
        [measure.effect(every, place, at, start, end) for place, at in measures],
        small, repeats.find(site, long), followed,
        incidents.foresee(site, told, end), told,
    )  # fmt: skip


def _with(
    events: Sequence[Event], close: Sequence[Event], start: int, end: int | None = None
) -> list[Event]:
    """Events and the near misses of the same time, in order."""
    within = [one for one in close if start <= one.at and (end is None or one.at < end)]
    return evidence.distinct(sorted([*events, *within], key=lambda event: event.at))


def page(found: Digest, language: str = "") -> str:
    """The digest as an HTML file that asks for nothing; ``language`` as `Words` takes it."""
    words = Words(found.site.site, language)
    title = words("title", site=words.of(found.site.site.name))
    return (
        f'<!doctype html><html lang="{words.language}"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style>{inside(found, words)}</html>\n"
    )


def inside(found: Digest, words: Words) -> str:
    """What stands in the digest's page, with nothing that a strict policy would leave out."""
    title = words("title", site=words.of(found.site.site.name))
    span = f"{words.local(found.start):%Y-%m-%d %H:%M} – {words.local(found.end):%Y-%m-%d %H:%M}"
    parts = [
        f"<h1>{escape(title)}</h1><p>{span}</p>",
        *_anomalies(found, words),
        *_hazards(found, words),
        *_followed(found, words),
        *_coming(found, words),
        *_risks(found, words),
        *_effects(found, words),
        *_flows(found, words),
    ]
    return "".join(parts)


def brief(found: Digest, words: Words) -> str:
    """The digest as a message: of each part the first lines, and how many more there are."""
    small = [f"{told} — {look}" for told, look in hazard_lines(found, words)]
    note = hazard_note(found, words)
    parts = (
        ("anomalies", anomalies(found, words) or [words("none")]),
        ("hazards", small or [note]),
        ("followed", follow_lines(found, words)),
        ("coming", patrols_ahead(found, words)),
        ("risk", patrols(found, words)),
    )
    lines = []
    for key, told in parts:
        if told:
            lines += [words(key), *(f"- {line}" for line in told[:BRIEF])]
            if len(told) > BRIEF:
                lines.append(words("more-lines", count=len(told) - BRIEF))
    return "\n".join(lines)


def anomalies(found: Digest, words: Words) -> list[str]:
    """Every anomaly in words, the most surprising first."""
    told = [(one, flow) for flow in found.flows for one in flow.anomalies]
    told.sort(key=lambda pair: -pair[0].worst.surprise)
    return [
        words(
            "told-anomaly",
            place=words.of(flow.place.name),
            what=words(flow.what),
            day=words.date(one.worst.hour.start),
            told=words.anomaly(one),
        )
        for one, flow in told
    ]


def hazard_lines(found: Digest, words: Words) -> list[tuple[str, str]]:
    """Each hidden hazard, and what to look at."""
    return [
        (words.hazard(h, _place(found, h.place)), _look(h, found, words))
        for h in found.piles.hazards
    ]


def hazard_note(found: Digest, words: Words) -> str:
    """Why there is no hazard; empty where there is one."""
    piles = found.piles
    if not piles.enough:
        return words("too-little", events=piles.events, places=piles.places, days=piles.days)
    return "" if piles.hazards else words("no-hazard", events=piles.events)


def patrols(found: Digest, words: Words) -> list[str]:
    """Where and when a patrol would matter most, and why."""
    return [
        words("patrol", place=words.of(place.name), hour=hour, value=value)
        + words.reasons(hazards.reasons(found.site, found.events, place.id, hour), found.site)
        for place, hour, value in risk.worst(list(found.risks))
    ]


def patrols_ahead(found: Digest, words: Words) -> list[str]:
    """Where and when of the 24 hours after the stretch a patrol would matter most."""
    return coming.patrols(found.ahead, found.site, found.told, words)


def repeat_lines(found: Digest, words: Words) -> list[str]:
    """Whether neighbouring places follow each other."""
    return words.repeats(found.repeats, found.site)


def follow_lines(found: Digest, words: Words) -> list[str]:
    """What last week's advice led to."""
    return [words.advised(one, _place(found, one.hazard.place)) for one in found.followed]


def effects(found: Digest, words: Words) -> list[str]:
    """What each measure did."""
    return [words.effect(effect, _place(found, effect.place)) for effect in found.effects]


def _look(hazard: Hazard, found: Digest, words: Words) -> str:
    return words("look", rules=words.kinds(hazard.rules, found.site))


def _place(found: Digest, name: str) -> Text:
    return next((p.name for p in found.site.places if p.id == name), Text(name, name))


def _anomalies(found: Digest, words: Words) -> list[str]:
    lines = anomalies(found, words)
    return [f"<h2>{words('anomalies')}</h2>", _list(lines) if lines else _p(words("none"))]


def _hazards(found: Digest, words: Words) -> list[str]:
    pairs = hazard_lines(found, words)
    lines = [words("hazard-look", told=told, look=look) for told, look in pairs]
    return [
        f"<h2>{words('hazards')}</h2>",
        f"<p><small>{escape(words('hazards-how'))}</small></p>",
        _list(lines) if lines else _p(hazard_note(found, words)),
        f"<h3>{words('repeats')}</h3>",
        _list(repeat_lines(found, words)),
    ]


def _followed(found: Digest, words: Words) -> list[str]:
    lines = follow_lines(found, words)
    body = _list(lines) if lines else _p(words("nothing-advised"))
    return [f"<h2>{words('followed')}</h2>", body]


def _coming(found: Digest, words: Words) -> list[str]:
    told = coming.tell(found.ahead, found.site, found.told, words)
    parts = [f"<h2>{words('coming')}</h2>", f"<p><small>{escape(told.note)}</small></p>"]
    for title, svg in told.drawings:
        parts += [f"<h3>{escape(title)}</h3>", _wide(svg, title)]
    if told.table:
        parts += [_wide(told.table, words("coming")), _list(told.patrols)]
    return parts


def _risks(found: Digest, words: Words) -> list[str]:
    head = f"<h2>{words('risk')}</h2>"
    if not found.risks:
        return [head, _p(words("no-risk"))]
    heat = _wide(draw.heat(found.risks, words), words("risk"))
    how = f"<p><small>{escape(words('risk-how'))}</small></p>"
    return [head, how, heat, _list(patrols(found, words))]


def _effects(found: Digest, words: Words) -> list[str]:
    lines = effects(found, words)
    return [f"<h2>{words('measures')}</h2>", _list(lines)] if lines else []


def _flows(found: Digest, words: Words) -> list[str]:
    parts = [f"<h2>{words('flows')}</h2>"]
    if not found.flows:
        return [*parts, _p(words("no-flows"))]
    parts.append(f"<p><small>{escape(words('band'))}</small></p>")
    for flow in found.flows:
        name = f"{words.of(flow.place.name)} · {words(flow.what)}"
        told = "; ".join(text for text in (words.change(flow), words.next(flow)) if text)
        parts += [f"<h3>{escape(name)}</h3>{_p(told)}", _wide(draw.flow(flow, words), name)]
    return parts


def _wide(svg: str, name: str) -> str:
    """A drawing or a table that a narrow screen moves sideways."""
    label = escape(name)
    return f'<div class="scroll" tabindex="0" role="region" aria-label="{label}">{svg}</div>'


def _p(text: str) -> str:
    return f"<p>{escape(text)}</p>"


def _list(lines: Sequence[str]) -> str:
    return f"<ul>{''.join(f'<li>{escape(line)}</li>' for line in lines)}</ul>"
