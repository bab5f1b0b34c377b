"""Figures that wait for their rollups; and an index less, as ids of transactions begin with the request."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    """Create the table. PostgreSQL keeps the index: it may compare ids in the order of some language."""
    op.create_table(
        "gathered",
        sa.Column("journal", sa.String(length=64), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("journal", "position"),
    )
    if op.get_context().dialect.name == "sqlite":
        op.drop_index("transactions_by_request", "transactions")


def downgrade() -> None:
    """Drop the table, which is empty after a gateway was stopped."""
    op.drop_table("gathered")
    if op.get_context().dialect.name == "sqlite":
        op.create_index(
            "transactions_by_request", "transactions", ["request"],
            sqlite_where=sa.text("request IS NOT NULL"),
        )  # fmt: skip
