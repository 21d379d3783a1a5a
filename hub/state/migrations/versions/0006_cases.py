"""cases that are split, whom they tell, photos that may be shown, blocked senders."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0006"
down_revision: str | None = "0005"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.add_column("case_file", sa.Column("called", sa.JSON(), nullable=False, server_default="[]"))
    op.add_column(
        "case_file",
        sa.Column("split_from", sa.String(length=32), nullable=False, server_default=""),
    )
    op.add_column("case_file", sa.Column("split_event", sa.BigInteger(), nullable=True))
    op.create_index("ix_case_file_split_from", "case_file", ["split_from"])
    case = sa.table("case_file", sa.column("called", sa.JSON()), sa.column("warned_at"))
    warned = sa.update(case).where(case.c.warned_at.is_not(None))
    op.execute(warned.values(called=["solve:75"]))
    with op.batch_alter_table("case_file") as table:
        table.drop_column("warned_at")
    op.add_column(
        "case_event", sa.Column("waits", sa.Boolean(), nullable=False, server_default=sa.false())
    )
    op.create_index("case_event_waits", "case_event", ["waits"])
    for name in ("blurred", "shown"):
        op.add_column(
            "case_photo", sa.Column(name, sa.Boolean(), nullable=False, server_default=sa.false())
        )
    op.create_table(
        "case_sender",
        sa.Column("case", sa.String(length=32), nullable=False),
        sa.Column("device", sa.String(length=64), nullable=False),
        sa.Column("address", sa.String(length=64), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("case"),
    )
    op.create_index("ix_case_sender_at", "case_sender", ["at"])
    op.create_table(
        "sender_block",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("site", sa.String(length=63), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("mark", sa.String(length=64), nullable=False),
        sa.Column("case", sa.String(length=32), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("author", sa.String(length=80), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("ends_at", sa.BigInteger(), nullable=False),
        sa.Column("lifted_by", sa.String(length=80), nullable=False),
        sa.Column("appeal", sa.Text(), nullable=False),
        sa.Column("appealed_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_sender_block_mark", "sender_block", ["mark"])
    op.add_column(
        "case_alert", sa.Column("ended", sa.Boolean(), nullable=False, server_default=sa.true())
    )
    op.add_column("reporter", sa.Column("mail_link", sa.LargeBinary(), nullable=True))
    op.add_column(
        "reporter",
        sa.Column("language", sa.String(length=5), nullable=False, server_default=sa.text("''")),
    )


def downgrade() -> None:
    op.drop_column("case_alert", "ended")
    op.drop_table("sender_block")
    op.drop_table("case_sender")
    op.drop_column("reporter", "language")
    op.drop_column("reporter", "mail_link")
    op.drop_column("case_photo", "shown")
    op.drop_column("case_photo", "blurred")
    op.drop_index("case_event_waits", table_name="case_event")
    op.drop_column("case_event", "waits")
    op.drop_index("ix_case_file_split_from", table_name="case_file")
    for name in ("split_event", "split_from", "called"):
        op.drop_column("case_file", name)
    op.add_column("case_file", sa.Column("warned_at", sa.BigInteger(), nullable=True))
