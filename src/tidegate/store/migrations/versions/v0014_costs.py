"""What requests have cost, by day and by whose they were."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"

DIMENSIONS = ("user", "team", "key", "model", "provider")
COLUMNS = ", ".join(f'"{one}"' for one in DIMENSIONS)


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
    parts = (
        f"""
        SELECT '{by}', day, coalesce("{by}", ''), sum(cost), sum(requests), sum(unpriced)
        FROM days GROUP BY 2, 3"""  # noqa: S608 names of our own columns
        for by in DIMENSIONS
    )
    # The records are read once: they are a hundred times as large as what is made of them.
    op.execute(
        f"""
        WITH days AS MATERIALIZED (
            SELECT at - at % 86400000 AS day, {COLUMNS}, coalesce(sum(cost), 0) AS cost, count(*) AS requests,
                   sum(CASE WHEN cost IS NULL THEN 1 ELSE 0 END) AS unpriced
            FROM records GROUP BY 1, {COLUMNS}
        )
        INSERT INTO costs ("by", day, name, cost, requests, unpriced) {" UNION ALL ".join(parts)}"""  # noqa: S608 likewise
    )


def downgrade() -> None:
    """Remove it."""
    op.drop_table("costs")
