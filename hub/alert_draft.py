"""What the transitions of a batch make of alerts, until it is written in a few statements."""

from collections.abc import Collection, Mapping
from functools import lru_cache
from typing import Any, Final

from msgspec.structs import replace
from sqlalchemy import Connection, Executable, bindparam, delete, insert, select, update

from hub import audit
from hub.state.tables import Alert, AlertEvent, AlertState, Change

BLANK: Final[Mapping[str, Any]] = {
    "fired_ts": None, "fired_rx": None, "resolved_ts": None, "resolved_by": "", "late": False,
    "evidence": "", "inhibited_by": "", "muted_by": None,
}  # fmt: skip
"""What a new alert's row says of what has not happened yet: rows written together need the
same columns."""


class Draft:
    """Alerts as they are in the store, and what is to become of them.

    Nobody else changes their states meanwhile: whoever does holds the lock of `hub.audit`.
    """

    def __init__(self, connection: Connection, alerts: Collection[str]) -> None:
        """``alerts`` are the ids of those that may change."""
        rows = connection.execute(select(Alert.id, Alert.state).where(Alert.id.in_(alerts)))
        self._states: dict[str, str] = {row.id: row.state for row in rows}
        self._new: dict[str, dict[str, Any]] = {}
        self._moved: dict[str, dict[str, Any]] = {}
        self._gone: list[str] = []
        self._passed: set[str] = set()
        """Alerts that came and went within the batch: nobody will have seen them."""
        self._lines: list[audit.Line] = []
        self._told: dict[str, str] = {}
        """Alert → site, of what pages are to be told."""

    def begin(self, row: dict[str, Any]) -> bool:
        """A new alert; False where there is one of that name."""
        if row["id"] in self._states:
            return False
        self._states[row["id"]] = row["state"]
        self._new[row["id"]] = row
        return True

    def move(self, alert: str, before: AlertState, values: Mapping[str, Any]) -> bool:
        """Change an alert that is in the state ``before``; False where it is not."""
        if self._states.get(alert) != before:
            return False
        self._states[alert] = values.get("state", before)
        row = self._new.get(alert)
        (self._moved.setdefault(alert, {}) if row is None else row).update(values)
        return True

    def drop(self, alert: str, now: int) -> bool:
        """Take away an alert that is pending; False where it is not."""
        if self._states.get(alert) != AlertState.PENDING:
            return False
        del self._states[alert]
        if self._new.pop(alert, None) is not None:
            self._passed.add(alert)
        else:
            self._gone.append(alert)
        self._lines.append(audit.Line("hub", audit.DROPPED, alert, now))
        return True

    def tell(self, site: str, alert: str) -> None:
        """Pages are to hear of it."""
        self._told[alert] = site

    def log(self, alert: str, kind: str, ts: int, at: int, note: str) -> None:
        """What happened to it goes into the log."""
        self._lines.append(audit.event_line(alert, kind, actor="hub", note=note, ts=ts, at=at))

    def write(self, connection: Connection, now: int) -> None:
        """Put all of it into the store."""
        if self._new:
            connection.execute(insert(Alert), list(self._new.values()))
        for columns in {tuple(values) for values in self._moved.values()}:
            rows = [
                {"alert": alert, **values}
                for alert, values in self._moved.items()
                if tuple(values) == columns
            ]
            connection.execute(_updating(columns), rows)
        if self._gone:
            connection.execute(delete(AlertEvent).where(AlertEvent.alert.in_(self._gone)))
            connection.execute(delete(Alert).where(Alert.id.in_(self._gone)))
        if self._lines:
            audit.enter_all(connection, [self._as_kept(line) for line in self._lines])
        changes = [
            {"kind": "alert", "site": site, "key": alert, "at": now}
            for alert, site in self._told.items()
            if alert not in self._passed
        ]
        if changes:
            connection.execute(insert(Change), changes)

    def _as_kept(self, line: audit.Line) -> audit.Line:
        """An alert that came and went leaves no event behind, only the log's word."""
        return replace(line, event="") if line.target in self._passed else line


@lru_cache(maxsize=64)
def _updating(columns: tuple[str, ...]) -> Executable:
    """Sets ``columns`` of the row with the id ``alert``; kept, as building it takes long."""
    values: dict[str, Any] = {name: bindparam(name) for name in columns}
    return update(Alert).where(Alert.id == bindparam("alert")).values(values)
