"""The versions of users, by which workers notice that one has changed."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add the column; what is there has version 0."""
    op.add_column("users", sa.Column("version", sa.BigInteger(), nullable=False, server_default="0"))
    op.create_index("users_by_version", "users", ["version"], unique=False)


def downgrade() -> None:
    """Remove it."""
    op.drop_index("users_by_version", "users")
    op.drop_column("users", "version")
