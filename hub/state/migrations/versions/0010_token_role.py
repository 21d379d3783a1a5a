"""what a script's token may do."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0010"
down_revision: str | None = "0009"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    role = sa.Column("role", sa.String(10), nullable=False, server_default="viewer")
    op.add_column("api_token", role)


def downgrade() -> None:
    op.drop_column("api_token", "role")
