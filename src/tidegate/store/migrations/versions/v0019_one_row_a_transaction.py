"""One row for each transaction, with what it adds to the accounts that it concerns."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"

ADDED = """
    UPDATE transactions SET amount = e.amount, written_off = e.written_off, counter = e.counter
    FROM (
        SELECT "transaction",
            sum(CASE WHEN substr(account, 1, 7) = 'wallet:' THEN amount ELSE 0 END) AS amount,
            sum(CASE WHEN account = 'write_off' THEN amount ELSE 0 END) AS written_off,
            max(CASE WHEN account IN ('revenue', 'outside', 'expired') THEN account END) AS counter
        FROM entries GROUP BY "transaction"
    ) AS e
    WHERE e."transaction" = transactions.id"""

ENTRIES = """
    INSERT INTO entries ("transaction", account, amount)
    SELECT id, 'wallet:' || "user", amount FROM transactions WHERE amount <> 0
    UNION ALL SELECT id, 'write_off', written_off FROM transactions WHERE written_off <> 0
    UNION ALL SELECT id, counter, -amount - written_off FROM transactions WHERE amount + written_off <> 0"""


def upgrade() -> None:
    """Add up the entries of each transaction."""
    for name in ("amount", "written_off"):
        op.add_column("transactions", sa.Column(name, sa.BigInteger(), nullable=False, server_default="0"))
    op.add_column("transactions", sa.Column("counter", sa.String(16), nullable=False, server_default=""))
    op.execute(ADDED)
    op.drop_table("entries")


def downgrade() -> None:
    """Write the entries again."""
    op.create_table(
        "entries",
        sa.Column("transaction", sa.String(length=64), nullable=False),
        sa.Column("account", sa.String(length=255), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("transaction", "account"),
        sqlite_with_rowid=False,
    )
    op.execute(ENTRIES)
    for name in ("counter", "written_off", "amount"):
        op.drop_column("transactions", name)
