"""Carries one route's deliveries from the outbox to the other side.

A message is marked as sent at once after it was accepted. Nothing overtakes a step of the
same alert that was tried and waits for its next try.
"""

import logging
import random
import time
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Struct
from sqlalchemy import Connection, Engine, RowMapping, func, insert, select, update

from configs.notify import Route
from configs.rules import Severity
from hub.cases import tell
from hub.notify.hush import muted_by
from hub.notify.item import Item, Message, Sent
from hub.notify.metrics import NotifyMetrics
from hub.notify.planner import CALLS, insert_once, row_of
from hub.notify.senders.base import Sender, SendError, SendRefused
from hub.notify.tables import Delivery, DeliveryAttempt, DeliveryKind, DeliveryState
from hub.patrols import remind
from hub.state.store import reading
from hub.state.tables import Alert, AlertState

log = logging.getLogger(__name__)

FIRST_RETRY_MS: Final = 2_000
MOST_RETRY_MS: Final = 15 * 60_000
MAX_AGE_MS: Final = 24 * 3_600_000
"""A message that nobody took for this long after its first try has failed for good."""
WAITING: Final = (
    DeliveryKind.FIRING, DeliveryKind.RISEN, DeliveryKind.RESOLVED, DeliveryKind.LETTER,
)  # fmt: skip
"""What waits a little for company."""
PASS: Final = 500
"""Deliveries looked at in one pass."""


class Parcel(Struct, frozen=True):
    """Deliveries that go out together."""

    rows: tuple[RowMapping, ...]


class Courier:
    """One route of one site."""

    def __init__(
        self, database: Engine, site: str, route: Route, timezone: str, sender: Sender,
        metrics: NotifyMetrics, *, spread: Callable[[], float] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:  # fmt: skip
        """``spread`` gives the jitter of retries, 0.5 to 1; ``clock`` seconds, to time sends."""
        self._database = database
        self._site = site
        self.route = route
        self._zone = ZoneInfo(timezone)
        self._sender = sender
        self._metrics = metrics
        self._spread = spread or (lambda: random.uniform(0.5, 1.0))  # noqa: S311 - guards nothing
        self._clock = clock
        self._trouble = ""
        self._failures = 0
        """Messages in a row that the other side did not answer to."""

    def next_due(self) -> int | None:
        """When there is something to do again (ms), None where nothing waits."""
        with reading(self._database).begin() as connection:
            return connection.scalar(select(func.min(Delivery.due_at)).where(*self._queued()))

    def carry(self, now: Callable[[], int]) -> int:
        """Send what is due; returns how many messages were tried. ``now`` gives ms."""
        rows = self._wanted(self._due(now()), now())
        parcels = self._parcels(rows, now())
        for tried, parcel in enumerate(parcels, 1):
            again = self._try(parcel, now)
            if again is not None:
                # The rest would meet with the same. What was tried least goes first then, so
                # that one message that the other side chokes on does not hold up all.
                self._put_off([row for rest in parcels[tried:] for row in rest.rows], again)
                return tried
        return len(parcels)

    # what is due

    def _queued(self) -> tuple[Any, ...]:
        return (
            Delivery.site == self._site,
            Delivery.route == self.route.id,
            Delivery.state == DeliveryState.QUEUED,
        )

    def _due(self, now: int) -> list[RowMapping]:
        query = (
            select(Delivery.__table__)
            .where(*self._queued(), Delivery.due_at <= now + self._lookahead())
            .order_by(Delivery.id)
            .limit(PASS)
        )
        with reading(self._database).begin() as connection:
            rows = connection.execute(query).mappings().all()
        blocked = {row["alert"] for row in rows if row["attempts"] and row["due_at"] > now}
        rows = [row for row in rows if row["alert"] not in blocked]
        ripe = {_company(row) for row in rows if row["due_at"] <= now}
        return [row for row in rows if row["due_at"] <= now or _joins(row, ripe)]

    def _lookahead(self) -> int:
        # One place's burst goes together once its first step has waited long enough; a step
        # that waits for its next try is seen too, since it holds back what follows it.
        waits = self.route.group_wait if self.route.kind == "apprise" else 0
        return max(int(waits), MOST_RETRY_MS)

    # what is still wanted

    def _wanted(self, rows: Sequence[RowMapping], now: int) -> list[RowMapping]:
        """Those to send; the others are settled or put off."""
        kept: list[RowMapping] = []
        if not rows:
            return kept
        with self._database.begin() as connection:
            for row in rows:
                verdict = self._verdict(connection, row, now)
                if verdict:
                    connection.execute(
                        update(Delivery)
                        .where(Delivery.id == row["id"], Delivery.state == DeliveryState.QUEUED)
                        .values(**verdict)
                    )
                    if "state" in verdict:
                        self._metrics.deliveries.labels(verdict["state"]).inc()
                else:
                    kept.append(row)
        return kept

    def _verdict(self, connection: Connection, row: RowMapping, now: int) -> dict[str, Any]:
        kind = DeliveryKind(row["kind"])
        if kind in CALLS:
            muted = muted_by(connection, row["alert"], now)
            if muted:
                return {"state": DeliveryState.MUTED, "why": muted}
        needless = self._needless(connection, row, kind) or _not_wanted(connection, _item(row), now)
        if needless:
            return {"state": DeliveryState.NEEDLESS, "why": needless}
        wakes = self._wakes_at(Severity(row["severity"]), now)
        return {"due_at": wakes, "digest": True} if wakes > now else {}

    def _needless(self, connection: Connection, row: RowMapping, kind: DeliveryKind) -> str:
        if kind in (DeliveryKind.ESCALATION, DeliveryKind.REMINDER):
            alert = connection.execute(
                select(Alert.state, Alert.acknowledged_at, Alert.acknowledged_by).where(
                    Alert.id == row["alert"]
                )
            ).one_or_none()
            if alert is None or alert.state != AlertState.FIRING:
                return "it ended before"
            if alert.acknowledged_at is not None:
                return f"acknowledged by {alert.acknowledged_by}"
        if kind is DeliveryKind.RESOLVED and not self._was_called(connection, row["alert"]):
            return "the route was never told of it"
        return ""

    def _was_called(self, connection: Connection, alert: str) -> bool:
        told = select(Delivery.id).where(
            Delivery.alert == alert,
            Delivery.site == self._site,
            Delivery.route == self.route.id,
            Delivery.kind.in_(CALLS),
            Delivery.state.in_((DeliveryState.QUEUED, DeliveryState.SENT)),
        )
        return connection.execute(told.limit(1)).first() is not None

    def _wakes_at(self, severity: Severity, now: int) -> int:
        """The end of quiet hours that hold at ``now``, or ``now``."""
        quiet = self.route.quiet
        if quiet is None or severity.rank > quiet.up_to.rank:
            return now
        local = datetime.fromtimestamp(now / 1000, self._zone)
        if not quiet.span.holds(local.hour * 60 + local.minute):
            return now
        midnight = local.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
        end = midnight + timedelta(minutes=quiet.span.end_min)
        if end <= local:  # both on the site's clock
            end += timedelta(days=1)
        # A clock that is set back within the quiet hours could put the end into the past.
        return max(round(end.astimezone(UTC).timestamp() * 1000), now + 1000)

    # what goes together

    def _parcels(self, rows: Sequence[RowMapping], now: int) -> list[Parcel]:
        tries: dict[str, int] = defaultdict(int)
        for row in rows:
            tries[row["alert"]] = max(tries[row["alert"]], row["attempts"])
        rows = sorted(rows, key=lambda row: (tries[row["alert"]], row["id"]))
        if self.route.kind != "apprise":
            return [Parcel((row,)) for row in rows]
        groups: dict[Any, list[RowMapping]] = defaultdict(list)
        for row in rows:
            together = row["digest"] and row["kind"] != DeliveryKind.LETTER
            groups["digest" if together else _company(row)].append(row)
        parcels = [Parcel(tuple(group)) for group in groups.values()]
        return self._limit(parcels, now)

    def _limit(self, parcels: list[Parcel], now: int) -> list[Parcel]:
        """No more messages than the limit leaves room for; the last takes all that is over."""
        limit = self.route.at_most
        if limit is None or not parcels:
            return parcels
        sent_times = self._sent_since(now - limit.per)
        room = limit.count - len(sent_times)
        if room <= 0:
            again = sent_times[-limit.count] + limit.per + 1
            self._put_off([row for parcel in parcels for row in parcel.rows], again)
            return []
        if len(parcels) <= room:
            return parcels
        over = tuple(row for parcel in parcels[room - 1 :] for row in parcel.rows)
        return [*parcels[: room - 1], Parcel(over)]

    def _sent_since(self, after: int) -> list[int]:
        """When each message of the route since ``after`` was sent, rising."""
        query = (
            select(func.max(Delivery.sent_at))
            .where(
                Delivery.site == self._site,
                Delivery.route == self.route.id,
                Delivery.state == DeliveryState.SENT,
                Delivery.sent_at > after,
            )
            .group_by(Delivery.message)
        )
        with reading(self._database).begin() as connection:
            return sorted(at for at in connection.scalars(query) if at is not None)

    def _put_off(self, rows: Iterable[RowMapping], until: int) -> None:
        with self._database.begin() as connection:
            ids = [row["id"] for row in rows]
            connection.execute(update(Delivery).where(Delivery.id.in_(ids)).values(due_at=until))

    # sending

    def _try(self, parcel: Parcel, now: Callable[[], int]) -> int | None:
        """Send one message; returns when to try again where the other side did not answer."""
        message = self._message(parcel)
        attempts = self._begin(parcel, message, now())
        started, problem = self._clock(), None
        try:
            self._sender.send(message)
        except SendError as error:
            problem = error
        took_s = self._clock() - started
        outcome = (
            "accepted" if problem is None
            else "refused" if isinstance(problem, SendRefused)
            else "later"
        )  # fmt: skip
        self._metrics.seconds.labels(self.route.kind).observe(took_s)
        self._metrics.attempts.labels(self.route.kind, outcome).inc()
        result = {"outcome": outcome, "detail": str(problem or ""), "took_ms": round(took_s * 1000)}
        again = None
        with self._database.begin() as connection:
            done = update(DeliveryAttempt).where(DeliveryAttempt.id.in_(attempts))
            connection.execute(done.values(**result))
            if problem is None:
                self._accepted(connection, parcel, message, now())
            else:
                again = self._failed(connection, parcel, problem, now())
        self._say(problem)
        return again

    def _message(self, parcel: Parcel) -> Message:
        items = tuple(_item(row) for row in parcel.rows)
        digest = any(row["digest"] for row in parcel.rows)
        earlier = self._earlier(parcel.rows[0]) if len(items) == 1 else ()
        return Message(id=uuid.uuid4().hex, items=items, digest=digest, earlier=earlier)

    def _earlier(self, row: RowMapping) -> tuple[Sent, ...]:
        query = (
            select(Delivery.step, Delivery.payload)
            .where(
                Delivery.alert == row["alert"],
                Delivery.site == self._site,
                Delivery.route == self.route.id,
                Delivery.state == DeliveryState.SENT,
            )
            .order_by(Delivery.id)
        )
        with reading(self._database).begin() as connection:
            return tuple(Sent(step, payload["at"]) for step, payload in connection.execute(query))

    def _begin(self, parcel: Parcel, message: Message, now: int) -> list[int]:
        ids: list[int] = []
        with self._database.begin() as connection:
            for row in parcel.rows:
                tried = {
                    "attempts": Delivery.attempts + 1,
                    "first_try_at": row["first_try_at"] or now,
                    "message": message.id,
                }
                connection.execute(update(Delivery).where(Delivery.id == row["id"]).values(**tried))
                attempt = {"message": message.id, "delivery": row["id"], "at": now}
                made = connection.execute(insert(DeliveryAttempt).values(**attempt))
                ids.append(made.inserted_primary_key[0])  # type: ignore[index] # it has one
        return ids

    def _accepted(self, connection: Connection, parcel: Parcel, message: Message, now: int) -> None:
        ids = [row["id"] for row in parcel.rows]
        sent = {"state": DeliveryState.SENT, "sent_at": now, "why": ""}
        connection.execute(update(Delivery).where(Delivery.id.in_(ids)).values(**sent))
        self._metrics.deliveries.labels(DeliveryState.SENT).inc(len(ids))
        if self.route.repeat is not None:
            self._remind(connection, message, now)

    def _remind(self, connection: Connection, message: Message, now: int) -> None:
        """Plan the next reminder of each alert that was told and goes on."""
        assert self.route.repeat is not None  # noqa: S101 - the caller asks only then
        last = {item.alert: item for item in message.items}
        for item in last.values():
            if item.kind in CALLS:
                due = now + self.route.repeat
                # By the time told: each message leads to one reminder at most.
                step = f"{item.alert}:{DeliveryKind.REMINDER}:{self.route.id}:{item.at}"
                again = msgspec.structs.replace(item, step=step, kind=DeliveryKind.REMINDER, at=due)
                insert_once(connection, [row_of(again, self.route.id, created=now, due=due)])

    def _failed(
        self, connection: Connection, parcel: Parcel, problem: SendError, now: int
    ) -> int | None:
        refused = isinstance(problem, SendRefused)
        tries = max(self._failures, *(row["attempts"] for row in parcel.rows))
        again = now + self._backoff_ms(tries)
        for row in parcel.rows:
            first = row["first_try_at"] or now
            final = refused or now - first >= MAX_AGE_MS
            values: dict[str, Any] = {"why": str(problem)}
            if final:
                values["state"] = DeliveryState.FAILED
                self._metrics.deliveries.labels(DeliveryState.FAILED).inc()
                log.error("route %s: %s was not told: %s", self.route.id, row["step"], problem)
            else:
                values["due_at"] = again
            connection.execute(update(Delivery).where(Delivery.id == row["id"]).values(**values))
        return None if refused else again

    def _backoff_ms(self, before: int) -> int:
        longest = min(FIRST_RETRY_MS * 2.0 ** min(before, 30), MOST_RETRY_MS)
        return round(longest * self._spread())

    def _say(self, problem: SendError | None) -> None:
        if problem is None:
            if self._trouble:
                log.info("route %s takes messages again", self.route.id)
            self._trouble = ""
            self._failures = 0
            return
        self._failures += not isinstance(problem, SendRefused)
        if not self._trouble:  # once for each outage
            log.warning("route %s: messages wait: %s", self.route.id, problem)
            self._trouble = str(problem)


def _not_wanted(connection: Connection, item: Item, now: int) -> str:
    """Why what waited about a case or a patrol need not be told any more."""
    if item.walk is not None:
        return remind.needless(connection, item.walk, now)
    return tell.needless(connection, item)


def _item(row: RowMapping) -> Item:
    return msgspec.convert(row["payload"], Item)


def _company(row: RowMapping) -> tuple[str, str]:
    """What goes together: what happens at a place, and a reader's letters, which are theirs."""
    return row["site"], row["alert"] if row["kind"] == DeliveryKind.LETTER else row["place"]


def _joins(row: RowMapping, ripe: set[tuple[str, str]]) -> bool:
    """Whether a step that still waits for company goes with what its place has ripe."""
    return (
        row["kind"] in WAITING
        and not row["attempts"]
        and not row["digest"]
        and _company(row) in ripe
    )
