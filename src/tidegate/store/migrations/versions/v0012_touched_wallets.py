"""Which wallets have changed since they were last looked at."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"

TOUCHED = sa.text("touched IS NOT NULL")


def upgrade() -> None:
    """Add the column, and an index of the rows that have it."""
    op.add_column("accounts", sa.Column("touched", sa.Integer(), nullable=True))
    op.create_index(
        "accounts_touched", "accounts", ["id"], unique=False, sqlite_where=TOUCHED, postgresql_where=TOUCHED
    )


def downgrade() -> None:
    """Remove them."""
    op.drop_index("accounts_touched", "accounts")
    op.drop_column("accounts", "touched")
