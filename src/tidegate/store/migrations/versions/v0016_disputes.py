"""Disputes about payments."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    """Add the table."""
    op.create_table(
        "disputes",
        sa.Column("id", sa.String(length=255), nullable=False),
        sa.Column("payment", sa.String(length=255), nullable=False),
        sa.Column("withdrawn", sa.BigInteger(), nullable=False),
        sa.Column("reinstated", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["payment"], ["payments.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("disputes_by_payment", "disputes", ["payment"])


def downgrade() -> None:
    """Remove it."""
    op.drop_table("disputes")
