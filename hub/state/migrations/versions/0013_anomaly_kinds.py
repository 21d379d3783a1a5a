"""anomalies that last, counters that stand still, clocks that are off."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0013"
down_revision: str | None = "0012"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.add_column(
        "annotation", sa.Column("kind", sa.String(length=10), nullable=False, server_default="")
    )
    op.add_column(
        "annotation",
        sa.Column("lasting", sa.Boolean(), nullable=False, server_default=sa.false()),
    )


def downgrade() -> None:
    op.drop_column("annotation", "lasting")
    op.drop_column("annotation", "kind")
