"""Requests that were refused before they began, counted."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"

NAME = sa.String(length=255)


def upgrade() -> None:
    """Add the table."""
    op.create_table(
        "refusals",
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("door", sa.String(length=32), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("code", NAME, nullable=False),
        sa.Column("user", NAME, nullable=False),
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("presented", sa.String(length=16), nullable=False),
        sa.Column("requests", sa.BigInteger(), nullable=False),
        sa.Column("last", sa.BigInteger(), nullable=False),
        sa.Column("request", sa.String(length=64), nullable=False),
        sa.Column("model", NAME, nullable=False),
        sa.Column("address", sa.String(length=64), nullable=False),
        sa.Column("message", sa.String(length=300), nullable=False),
        sa.PrimaryKeyConstraint("at", "door", "status", "code", "user", "key", "presented"),
    )


def downgrade() -> None:
    """Remove it."""
    op.drop_table("refusals")
