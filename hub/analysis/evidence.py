"""The small things that happened at places: alerts, residents' reports, missed checkpoints and
unusual hours, each as one event."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

from sqlalchemy import Connection, select
from sqlalchemy.exc import SQLAlchemyError

from configs.servers import HubSettings
from hub.analysis.anomaly import CLOCK, Verdict
from hub.analysis.tables import Annotation
from hub.cases.tables import Case, CaseOutcome
from hub.patrols.tables import Checkpoint, Patrol
from hub.state import store
from hub.state.tables import Alert

MINOR: Final = ("info", "low", "medium")
"""Alerts that nobody is sent for; a pile of them may be worth a look."""
NO_NEWS: Final = ("false", "test")
NO_REPORT: Final = (CaseOutcome.INVALID, CaseOutcome.DUPLICATE)
SAME_MS: Final = 30 * 60_000
"""The same kind at the same place again within this is the same event."""
REPORT, MISSED, UNUSUAL_HOURS, NEAR = "reports.", "patrol.missed", "surprise.", "near."
"""How the kind of an event begins that is no alert."""


class Event(NamedTuple):
    """A small thing that happened."""

    place: str
    rule: str
    """The alert's rule; or `MISSED`, or `REPORT` and the kind, or `UNUSUAL_HOURS` and what is
    counted, or `NEAR` and the rule that nearly alerted."""
    at: int
    """ms."""


@contextmanager
def state_of(settings: HubSettings) -> Iterator[Connection]:
    """The hub's state store, to read from. Raises `StateError`."""
    database = store.connect(store.address(settings.state_url, Path(settings.data)))
    try:
        with store.reading(database).begin() as connection:
            yield connection
    except SQLAlchemyError as error:
        raise store.StateError(
            f"cannot read the alerts ({error}): is {settings.data} the hub's data folder, and "
            "has this version's hub run on it once?"
        ) from error
    finally:
        database.dispose()


def alerts(
    connection: Connection, site: str, start: int, end: int, *, minor: bool = False
) -> list[Event]:
    """Alerts that fired in the range (ms) and were not called false, in order; ``minor``: those
    of low severity alone."""
    chosen = select(Alert.place, Alert.rule, Alert.fired_ts).where(
        Alert.site == site, Alert.fired_ts >= start, Alert.fired_ts < end,
        Alert.verdict.not_in(NO_NEWS),
    )  # fmt: skip
    if minor:
        chosen = chosen.where(Alert.severity.in_(MINOR))
    rows = connection.execute(chosen.order_by(Alert.fired_ts)).all()
    return distinct(Event(place, rule, at) for place, rule, at in rows if at is not None)


def small(connection: Connection, site: str, start: int, end: int) -> list[Event]:
    """All small things in the range (ms), in order."""
    found = alerts(connection, site, start, end, minor=True)
    reports = select(Case.place, Case.kind, Case.created_at).where(
        Case.site == site, Case.created_at >= start, Case.created_at < end, Case.place != "",
        Case.outcome.not_in(NO_REPORT),
    )  # fmt: skip
    found += [Event(place, REPORT + kind, at) for place, kind, at in connection.execute(reports)]
    missed = (
        select(Checkpoint.place, Patrol.starts_at)
        .join(Patrol, Patrol.id == Checkpoint.patrol)
        .where(
            Patrol.site == site, Patrol.starts_at >= start, Patrol.starts_at < end,
            Checkpoint.missed_at.is_not(None),
        )
    )  # fmt: skip
    found += [Event(place, MISSED, at) for place, at in connection.execute(missed)]
    unusual = select(Annotation.place, Annotation.what, Annotation.start_ts).where(
        Annotation.site == site, Annotation.start_ts >= start, Annotation.start_ts < end,
        Annotation.verdict != Verdict.DISMISSED, Annotation.kind.not_in(CLOCK),
    )  # fmt: skip
    rows = connection.execute(unusual)
    found += [Event(place, UNUSUAL_HOURS + what, at) for place, what, at in rows]
    return distinct(sorted(found, key=lambda event: event.at))


def told(connection: Connection, site: str, start: int, end: int) -> list[Event]:
    """Alerts of any severity and residents' reports in the range (ms), in order: what a patrol
    may be there for."""
    reported = [one for one in small(connection, site, start, end) if one.rule.startswith(REPORT)]
    return sorted([*alerts(connection, site, start, end), *reported], key=lambda event: event.at)


def walks(connection: Connection, site: str, place: str, start: int, end: int) -> Sequence[int]:
    """When patrols reached a place in the range (ms)."""
    reached = (
        select(Checkpoint.reached_at)
        .join(Patrol, Patrol.id == Checkpoint.patrol)
        .where(
            Patrol.site == site, Checkpoint.place == place,
            Checkpoint.reached_at >= start, Checkpoint.reached_at < end,
        )
    )  # fmt: skip
    return [at for at in connection.scalars(reached) if at is not None]


def distinct(events: Iterable[Event]) -> list[Event]:
    """Without those that only repeat the last of the same kind at the same place."""
    last: dict[tuple[str, str], int] = {}
    found = []
    for event in events:
        key = (event.place, event.rule)
        if event.at - last.get(key, event.at - SAME_MS) >= SAME_MS:
            found.append(event)
        last[key] = event.at
    return found
