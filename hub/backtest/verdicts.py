"""Operators' verdicts on alerts that fired live, and how well other alerts agree with them."""

from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from msgspec import Struct
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from configs.servers import HubSettings
from hub.backtest.fired import Fired
from hub.state import store
from hub.state.tables import Alert


class Judged(Struct, frozen=True):
    """A live alert that an operator called true or false. Times in ms."""

    place: str
    rule: str
    start: int
    end: int
    true: bool


class Score(Struct, frozen=True):
    """How alerts agree with the verdicts. Alerts that meet no verdict are ``unjudged``."""

    true: int
    """Alerts that overlap one called true."""
    false: int
    """Alerts that overlap only such as were called false."""
    unjudged: int
    found: int
    """Verdicts "true" that an alert overlaps."""
    real: int
    """Verdicts "true" there are."""

    @property
    def precision(self) -> float | None:
        """true / (true + false); None without a verdict."""
        return self.true / (self.true + self.false) if self.true + self.false else None

    @property
    def recall(self) -> float | None:
        """found / real; None where nothing was called true."""
        return self.found / self.real if self.real else None


def score(fired: Iterable[Fired], judged: Iterable[Judged]) -> Score:
    """Hold alerts against verdicts of the same rule and place that overlap them in time."""
    at_place: dict[tuple[str, str], list[Judged]] = defaultdict(list)
    for verdict in judged:
        at_place[verdict.rule, verdict.place].append(verdict)
    found: set[int] = set()
    true = false = unjudged = 0
    for alert in fired:
        start, end = alert.span
        met = [v for v in at_place[alert.rule, alert.place] if v.start <= end and start <= v.end]
        found |= {id(verdict) for verdict in met if verdict.true}
        if any(verdict.true for verdict in met):
            true += 1
        elif met:
            false += 1
        else:
            unjudged += 1
    real = sum(verdict.true for verdicts in at_place.values() for verdict in verdicts)
    return Score(true=true, false=false, unjudged=unjudged, found=len(found), real=real)


def read_verdicts(settings: HubSettings, site: str, start: int, end: int) -> list[Judged]:
    """Verdicts on the alerts that fired in the range (ms); "test" and "unclear" are left out.

    Raises `StateError`.
    """
    columns = (Alert.place, Alert.rule, Alert.pending_ts, Alert.resolved_ts, Alert.verdict)
    chosen = select(*columns).where(
        Alert.site == site, Alert.fired_ts >= start, Alert.fired_ts < end,
        Alert.verdict.in_(("true", "false")),
    )  # fmt: skip
    database = store.connect(store.address(settings.state_url, Path(settings.data)))
    try:
        with store.reading(database).begin() as connection:
            rows = connection.execute(chosen).all()
    except SQLAlchemyError as error:
        raise store.StateError(
            f"cannot read the verdicts ({error}): is {settings.data} the hub's data folder, and "
            "has this version's hub run on it once?"
        ) from error
    finally:
        database.dispose()
    return [Judged(row[0], row[1], row[2], row[3] or 2**62, row[4] == "true") for row in rows]
