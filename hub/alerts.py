"""Writes the life of alerts into the state store.

Every write is conditional on the state before it, so that a transition that a replay
finds again changes nothing, and one that an operator was faster at stays theirs.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import to_builtins
from sqlalchemy import Connection, select

from configs.rules import Rule
from configs.site import SiteFile
from hub import audit, silences
from hub.alert_draft import BLANK, Draft
from hub.rules.place import PlaceAtWork
from hub.rules.watch import Step, Transition
from hub.ruletext import rule_text
from hub.silences import Quiet
from hub.state.tables import Alert, AlertEvent, AlertState

ACTIVE = (AlertState.PENDING, AlertState.FIRING)


class AlertBook:
    """Turns transitions into rows of ``alert``, ``alert_event``, ``audit`` and ``change``."""

    def __init__(
        self, sites: Sequence[SiteFile], places: Mapping[tuple[str, str], PlaceAtWork]
    ) -> None:
        """``places`` are those of the engine: there a rule reads as it does at that place."""
        self._places = {(file.site.id, place.id): place for file in sites for place in file.places}
        self._rules = {
            (site, place, watch.rule.id): watch.rule
            for (site, place), work in places.items()
            for watch in work.watches
        }
        self._texts: dict[tuple[str, str, str], tuple[str, list[str]]] = {}

    def write(
        self, connection: Connection, steps: Sequence[Transition], *, rx: int,
        late: set[str], evidence: Mapping[str, str],
    ) -> list[Transition]:  # fmt: skip
        """Write transitions decided at ``rx`` (ms); returns those that were news.

        They are played through in memory and written in a handful of statements: when a place
        is busy, rules that wait for a while begin and drop many alerts in one batch.
        """
        if not steps:
            return []
        audit.lock(connection)
        fires = any(step.step is Step.FIRING for step in steps)
        quiet = silences.current(connection, rx) if fires else []
        draft = Draft(connection, {step.alert for step in steps})
        news = [
            step
            for step in steps
            if self._take(
                draft, step, rx, late=step.alert in late, picture=evidence.get(step.alert, ""),
                quiet=quiet,
            )
        ]  # fmt: skip
        draft.write(connection, rx)
        return news

    def _take(
        self, draft: Draft, step: Transition, rx: int, *, late: bool, picture: str,
        quiet: Sequence[Quiet],
    ) -> bool:  # fmt: skip
        match step.step:
            case Step.PENDING:
                pending = {"state": AlertState.PENDING, "details": self._details(step)}
                news = draft.begin({**_row(step), **pending})
            case Step.FIRING:
                muted = silences.among(quiet, step.site, step.place, step.rule, self._sources(step))
                fired = {
                    "state": AlertState.FIRING, "details": self._details(step),
                    "fired_ts": step.ts, "fired_rx": rx, "late": late, "evidence": picture,
                    "severity": step.severity, "inhibited_by": step.inhibited_by,
                    "muted_by": muted.id if muted is not None else None,
                }  # fmt: skip
                news = draft.begin({**_row(step), **fired}) or draft.move(
                    step.alert, AlertState.PENDING, fired
                )
            case Step.DROPPED:
                news = draft.drop(step.alert, rx)
            case Step.RISEN:
                news = draft.move(step.alert, AlertState.FIRING, {"severity": step.severity})
            case Step.RELEASED:
                news = draft.move(step.alert, AlertState.FIRING, {"inhibited_by": ""})
            case Step.RESOLVED:
                news = draft.move(step.alert, AlertState.FIRING, _ended(step.ts, "rule"))
        if news:
            draft.tell(step.site, step.alert)
            if step.step is not Step.DROPPED:
                draft.log(step.alert, str(step.step), step.ts, rx, _remark(step))
        return news

    def _details(self, step: Transition) -> dict[str, Any]:
        rule = self._rules[step.site, step.place, step.rule]
        return {
            "title": {"en": rule.title.en, "zh": rule.title.zh},
            "advice": {"en": rule.advice.en, "zh": rule.advice.zh},
            "values": to_builtins(step.causes),
            "rule": self._known(step)[0],
            "sources": self._sources(step),
        }

    def _sources(self, step: Transition) -> list[str]:
        return self._known(step)[1]

    def _known(self, step: Transition) -> tuple[str, list[str]]:
        """The rule's text at a place, and where its signals come from there."""
        key = (step.site, step.place, step.rule)
        known = self._texts.get(key)
        if known is None:
            rule, place = self._rules[key], self._places[step.site, step.place]
            known = rule_text(rule), silences.sources_of(place, _signals(rule))
            self._texts[key] = known
        return known

    def close_orphans(
        self, connection: Connection, sites: set[str], active: set[str], now: int
    ) -> int:
        """End the alerts whose rule or place the configuration no longer has; how many."""
        audit.lock(connection)
        rows = connection.execute(
            select(Alert.id, Alert.site, Alert.state).where(
                Alert.site.in_(sites), Alert.state.in_(ACTIVE)
            )
        ).all()
        orphans = [row for row in rows if row.id not in active]
        draft = Draft(connection, {row.id for row in orphans})
        for row in orphans:
            if not draft.drop(row.id, now):
                draft.move(row.id, AlertState.FIRING, _ended(now, "configuration"))
                draft.log(row.id, "resolved", now, now, "the configuration changed")
            draft.tell(row.site, row.id)
        draft.write(connection, now)
        return len(orphans)


def _row(step: Transition) -> dict[str, Any]:
    return {
        **BLANK, "id": step.alert, "site": step.site, "place": step.place, "rule": step.rule,
        "severity": step.severity, "pending_ts": step.pending_ts,
    }  # fmt: skip


def _ended(ts: int, by: str) -> dict[str, Any]:
    return {"state": AlertState.RESOLVED, "resolved_ts": ts, "resolved_by": by}


def _remark(step: Transition) -> str:
    if step.step is Step.RISEN:
        return f"now {step.severity}: " + ", ".join(cause.text for cause in step.causes)
    if step.step is Step.FIRING and step.inhibited_by:
        return f"quieted by {step.inhibited_by}"
    return ""


def _signals(rule: Rule) -> set[str]:
    return {part.signal for condition in rule.conditions() for part in condition.alternatives}


def overruled(connection: Connection, after: int) -> list[tuple[int, str, str, str]]:
    """Alerts that people resolved: (event id, site, place, alert), after event ``after``."""
    rows = connection.execute(
        select(AlertEvent.id, Alert.site, Alert.place, Alert.id)
        .join(Alert, Alert.id == AlertEvent.alert)
        .where(AlertEvent.id > after, AlertEvent.kind == "resolved", AlertEvent.actor != "hub")
        .order_by(AlertEvent.id)
    )
    return [(row[0], row[1], row[2], row[3]) for row in rows]
