"""Refunds of payments, one by one."""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"


def upgrade() -> None:
    """Add the table."""
    op.create_table(
        "refunds",
        sa.Column("id", sa.String(length=255), nullable=False),
        sa.Column("payment", sa.String(length=255), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("failed", sa.Integer(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["payment"], ["payments.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("refunds_by_payment", "refunds", ["payment"])


def downgrade() -> None:
    """Remove it. What was booked stays."""
    op.drop_table("refunds")
