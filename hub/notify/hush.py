"""What nobody is told of, and what is told after all once that has ended."""

from sqlalchemy import Connection, Engine, select, update

from hub import silences
from hub.notify.tables import Delivery, DeliveryState
from hub.state.store import reading
from hub.state.tables import Alert, AlertState


def muted_by(connection: Connection, alert: str, now: int) -> str:
    """Why nobody is to be told of an alert at ``now`` (ms); "" where nothing forbids it."""
    row = connection.execute(select(*Alert.__table__.columns).where(Alert.id == alert)).first()
    if row is None:
        return ""
    quiet = silences.muting(connection, row, now)
    if quiet is not None:
        return f"{quiet.kind} by {quiet.author}: {quiet.reason}"
    return f"inhibited by {row.inhibited_by}" if row.inhibited_by else ""


def release(database: Engine, sites: set[str], now: int) -> int:
    """Queue again what was muted and is not any more, while its alert fires and nobody has
    acknowledged it; returns how many deliveries."""
    waiting = (
        select(Delivery.id, Delivery.alert)
        .join(Alert, Alert.id == Delivery.alert)
        .where(
            Delivery.state == DeliveryState.MUTED,
            Delivery.site.in_(sites),
            Alert.state == AlertState.FIRING,
            Alert.acknowledged_at.is_(None),
        )
    )
    with reading(database).begin() as connection:
        free = [row.id for row in connection.execute(waiting)
                if not muted_by(connection, row.alert, now)]  # fmt: skip
    if not free:
        return 0
    again = update(Delivery).where(Delivery.id.in_(free), Delivery.state == DeliveryState.MUTED)
    with database.begin() as connection:
        changes = {"state": DeliveryState.QUEUED, "why": "", "due_at": now}
        return connection.execute(again.values(**changes)).rowcount
