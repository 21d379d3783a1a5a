"""roles and tokens of single sites."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0004"
down_revision: str | None = "0007"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.add_column(
        "user", sa.Column("sites", sa.JSON(), nullable=False, server_default=sa.text("'{}'"))
    )
    op.add_column(
        "api_token", sa.Column("sites", sa.JSON(), nullable=False, server_default=sa.text("'[]'"))
    )


def downgrade() -> None:
    op.drop_column("api_token", "sites")
    op.drop_column("user", "sites")
