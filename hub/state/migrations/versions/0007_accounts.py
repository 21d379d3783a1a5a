"""roles and tokens of single sites, the first administrator's link, saved views, one-time codes."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0007"
down_revision: str | None = "0006"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.add_column(
        "user", sa.Column("sites", sa.JSON(), nullable=False, server_default=sa.text("'{}'"))
    )
    op.add_column(
        "api_token", sa.Column("sites", sa.JSON(), nullable=False, server_default=sa.text("'[]'"))
    )
    op.add_column("user", sa.Column("totp", sa.LargeBinary(), nullable=True))
    op.add_column(
        "user", sa.Column("totp_step", sa.BigInteger(), nullable=False, server_default=sa.text("0"))
    )
    op.add_column(
        "user", sa.Column("recovery", sa.JSON(), nullable=False, server_default=sa.text("'[]'"))
    )
    op.create_table(
        "first_link",
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("hash"),
    )
    op.create_table(
        "saved_view",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("owner", sa.String(length=80), nullable=False),
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("filters", sa.JSON(), nullable=False),
        sa.Column("shared", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("owner", "name"),
    )


def downgrade() -> None:
    op.drop_table("saved_view")
    op.drop_table("first_link")
    op.drop_column("api_token", "sites")
    for name in ("sites", "totp", "totp_step", "recovery"):
        op.drop_column("user", name)
