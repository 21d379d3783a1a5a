"""The codes of checkpoints: what the sheet that hangs there proves itself with.

Each is derived from a key, the place and the number of times that staff renewed it; so nothing
secret is stored, and one whose photo went round is worth nothing once it is renewed.
"""

import enum
import hmac
from typing import TYPE_CHECKING

from sqlalchemy import Connection, Engine, insert, select, update

from hub import audit
from hub.patrols.tables import CheckpointCode

if TYPE_CHECKING:  # the hub takes times from here, and loads no cryptography for that
    from hub.cases.vault import Vault

CODE_CHARS = 20


class Code(enum.StrEnum):
    """What a code is."""

    GOOD = "the checkpoint's"
    OLD = "the checkpoint's before it was renewed"
    WRONG = "of no checkpoint here"


def code_of(vault: "Vault", site: str, place: str, version: int = 0) -> str:
    """The code of a checkpoint that was renewed ``version`` times."""
    renewed = f"#{version}" if version else ""
    return vault.derive(f"checkpoint:{site}/{place}{renewed}")[:CODE_CHARS]


def version_of(connection: Connection, site: str, place: str) -> int:
    """How many times the code of a checkpoint was renewed."""
    return _row(connection, site, place)[0]


def judge(
    connection: Connection, vault: "Vault", site: str, place: str, code: str, at: int
) -> Code:
    """What a code is that was scanned at ``at`` (ms): one that was good then still is, so that a
    check-in which waited on a phone counts."""
    version, renewed_at = _row(connection, site, place)
    for number in range(version, -1, -1):
        if hmac.compare_digest(code_of(vault, site, place, number).encode(), code.encode()):
            newest = number == version or (number == version - 1 and at < renewed_at)
            return Code.GOOD if newest else Code.OLD
    return Code.WRONG


def renew(engine: Engine, site: str, place: str, *, actor: str, now: int) -> None:
    """From now on another code is a checkpoint's; the sheet that hangs there counts no more."""
    with engine.begin() as connection:
        audit.lock(connection)
        version = version_of(connection, site, place) + 1
        here = (CheckpointCode.site == site) & (CheckpointCode.place == place)
        values = {"version": version, "renewed_at": now}
        if not connection.execute(update(CheckpointCode).where(here).values(values)).rowcount:
            row = {"site": site, "place": place, **values}
            connection.execute(insert(CheckpointCode).values(row))
        audit.enter(connection, actor, "patrol.code.renew", f"{site}/{place}", f"{version}", now)


def _row(connection: Connection, site: str, place: str) -> tuple[int, int]:
    here = (CheckpointCode.site == site) & (CheckpointCode.place == place)
    columns = (CheckpointCode.version, CheckpointCode.renewed_at)
    row = connection.execute(select(*columns).where(here)).first()
    return (0, 0) if row is None else (row.version, row.renewed_at)
