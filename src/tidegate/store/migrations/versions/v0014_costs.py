"""What requests have cost, by day and by whose they were."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    """Add the table, with the sums of the records that there are."""
    op.create_table(
        "costs",
        sa.Column("by", sa.String(length=8), nullable=False),
        sa.Column("day", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("cost", sa.BigInteger(), nullable=False),
        sa.Column("requests", sa.BigInteger(), nullable=False),
        sa.Column("unpriced", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("by", "day", "name"),
        sqlite_with_rowid=False,
    )
    for by in ("user", "team", "key", "model", "provider"):
        op.execute(
            f"""
            INSERT INTO costs ("by", day, name, cost, requests, unpriced)
            SELECT '{by}', at - at % 86400000 AS day, coalesce("{by}", '') AS name,
                   coalesce(sum(cost), 0), count(*), sum(CASE WHEN cost IS NULL THEN 1 ELSE 0 END)
            FROM records GROUP BY 2, 3"""  # noqa: S608 names of our own columns
        )


def downgrade() -> None:
    """Remove it."""
    op.drop_table("costs")
