"""Forgets deliveries whose time is over, with what became of each try."""

from typing import Final

from sqlalchemy import Engine, delete, select

from hub.notify.tables import Delivery, DeliveryAttempt, DeliveryState

CHUNK: Final = 500
OPEN: Final = (DeliveryState.QUEUED, DeliveryState.MUTED)
"""Still to be sent, however old: nothing that somebody waits for is forgotten."""


def purge(database: Engine, before: int) -> int:
    """Remove what was planned before a time (ms) and is done with; returns how many."""
    old = (
        select(Delivery.id)
        .where(Delivery.created_at < before, Delivery.state.not_in(OPEN))
        .limit(CHUNK)
    )
    count = 0
    while True:
        with database.begin() as connection:
            ids = connection.scalars(old).all()
            tries = DeliveryAttempt.delivery.in_(ids)
            connection.execute(delete(DeliveryAttempt).where(tries))
            connection.execute(delete(Delivery).where(Delivery.id.in_(ids)))
        count += len(ids)
        if len(ids) < CHUNK:
            return count
