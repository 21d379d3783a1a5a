"""residents' accounts, and patrols: plans, walks, checkpoints, sign-ups and check-ins."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0005"
down_revision: str | None = "0004"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    _accounts()
    _walks()
    _volunteers()


def _accounts() -> None:
    op.create_table(
        "resident",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("name_key", sa.String(length=160), nullable=False),
        sa.Column("password_hash", sa.String(length=200), nullable=False),
        sa.Column("session_key", sa.String(length=32), nullable=False),
        sa.Column("contact", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("seen_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("name_key"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_resident_seen_at", "resident", ["seen_at"])
    op.create_table(
        "resident_report",
        sa.Column("resident", BIG_ID, nullable=False),
        sa.Column("case", sa.String(length=32), nullable=False),
        sa.Column("token", sa.LargeBinary(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("resident", "case"),
    )


def _walks() -> None:
    op.create_table(
        "patrol_plan",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("site", sa.String(length=63), nullable=False),
        sa.Column("title", sa.String(length=120), nullable=False),
        sa.Column("route", sa.JSON(), nullable=False),
        sa.Column("first_at", sa.BigInteger(), nullable=False),
        sa.Column("length_ms", sa.BigInteger(), nullable=False),
        sa.Column("weekly", sa.Boolean(), nullable=False),
        sa.Column("capacity", sa.BigInteger(), nullable=False),
        sa.Column("made_by", sa.String(length=80), nullable=False),
        sa.Column("made_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "patrol",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("plan", sa.String(length=32), nullable=False),
        sa.Column("site", sa.String(length=63), nullable=False),
        sa.Column("title", sa.String(length=120), nullable=False),
        sa.Column("starts_at", sa.BigInteger(), nullable=False),
        sa.Column("ends_at", sa.BigInteger(), nullable=False),
        sa.Column("capacity", sa.BigInteger(), nullable=False),
        sa.Column("cancelled_at", sa.BigInteger(), nullable=True),
        sa.Column("closed_at", sa.BigInteger(), nullable=True),
        sa.Column("purged_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("plan", "starts_at"),
    )
    op.create_index("patrol_time", "patrol", ["site", "starts_at"])
    op.create_table(
        "patrol_checkpoint",
        sa.Column("patrol", sa.String(length=32), nullable=False),
        sa.Column("place", sa.String(length=63), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("reached_at", sa.BigInteger(), nullable=True),
        sa.Column("missed_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("patrol", "place"),
    )


def _volunteers() -> None:
    op.create_table(
        "patrol_sign_up",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("patrol", sa.String(length=32), nullable=False),
        sa.Column("resident", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("reminded_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("patrol", "resident"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_patrol_sign_up_resident", "patrol_sign_up", ["resident"])
    op.create_table(
        "patrol_check_in",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("patrol", sa.String(length=32), nullable=False),
        sa.Column("place", sa.String(length=63), nullable=False),
        sa.Column("resident", sa.BigInteger(), nullable=True),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("case", sa.String(length=32), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_patrol_check_in_patrol", "patrol_check_in", ["patrol"])
    op.create_index("ix_patrol_check_in_resident", "patrol_check_in", ["resident"])


def downgrade() -> None:
    for table in (
        "patrol_check_in", "patrol_sign_up", "patrol_checkpoint", "patrol", "patrol_plan",
        "resident_report", "resident",
    ):  # fmt: skip
        op.drop_table(table)
