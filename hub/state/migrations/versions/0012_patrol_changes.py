"""patrols that are changed, and codes of checkpoints that are renewed."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0012"
down_revision: str | None = "0011"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.add_column("patrol", sa.Column("changed_at", sa.BigInteger(), nullable=True))
    op.add_column("patrol", sa.Column("was_at", sa.BigInteger(), nullable=True))
    op.create_table(
        "checkpoint_code",
        sa.Column("site", sa.String(length=63), nullable=False),
        sa.Column("place", sa.String(length=63), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("renewed_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("site", "place"),
    )


def downgrade() -> None:
    op.drop_table("checkpoint_code")
    op.drop_column("patrol", "was_at")
    op.drop_column("patrol", "changed_at")
