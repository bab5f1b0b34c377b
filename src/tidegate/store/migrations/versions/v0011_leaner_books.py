"""Fewer index entries for what each request writes into the books.

The id of a transaction says which request, attempt and kind it is, or which reference: what was unique beside
it is not needed to book everything once. The rows of SQLite are in their primary key, without a second tree.
"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"

OF_REQUESTS = sa.text("request IS NOT NULL")
WITH_REFERENCE = sa.text("reference IS NOT NULL")
KEPT = "kept_"
"""What the names of tables begin with while their rows are moved."""


def upgrade() -> None:
    """Build the tables anew on SQLite, where constraints cannot be dropped."""
    if op.get_bind().dialect.name == "sqlite":
        _rebuild(lean=True)
    else:
        op.drop_constraint("transactions_reference_key", "transactions")
        op.drop_constraint("transactions_request_attempt_kind_key", "transactions")
        op.drop_constraint("entries_account_fkey", "entries")
        op.drop_constraint("entries_transaction_fkey", "entries")
        op.drop_index("entries_by_account", "entries")
    op.create_index(
        "transactions_by_request", "transactions", ["request"],
        sqlite_where=OF_REQUESTS, postgresql_where=OF_REQUESTS,
    )  # fmt: skip
    op.create_index(
        "transactions_by_reference", "transactions", ["reference"], unique=True,
        sqlite_where=WITH_REFERENCE, postgresql_where=WITH_REFERENCE,
    )  # fmt: skip


def downgrade() -> None:
    """Bring the former constraints and indexes back."""
    op.drop_index("transactions_by_reference", "transactions")
    op.drop_index("transactions_by_request", "transactions")
    if op.get_bind().dialect.name == "sqlite":
        _rebuild(lean=False)
    else:
        op.create_unique_constraint("transactions_reference_key", "transactions", ["reference"])
        op.create_unique_constraint(
            "transactions_request_attempt_kind_key", "transactions", ["request", "attempt", "kind"]
        )
        op.create_foreign_key("entries_account_fkey", "entries", "accounts", ["account"], ["id"])
        op.create_foreign_key("entries_transaction_fkey", "entries", "transactions", ["transaction"], ["id"])
    op.create_index("entries_by_account", "entries", ["account"])


def _rebuild(*, lean: bool) -> None:
    """Those that refer to another table are set aside before it, and come back after it."""
    tables = {"entries": _entries, "grants": _grants, "transactions": _transactions, "holds": _holds}
    for name in tables:
        op.execute(f'CREATE TABLE "{KEPT}{name}" AS SELECT * FROM "{name}"')  # noqa: S608
        op.drop_table(name)
    for name, create in reversed(tables.items()):
        columns = create(lean)
        listed = ", ".join(f'"{column}"' for column in columns)
        op.execute(
            f'INSERT INTO "{name}" ({listed}) SELECT {listed} FROM "{KEPT}{name}" ORDER BY 1'  # noqa: S608
        )
        op.drop_table(f"{KEPT}{name}")


def _transactions(lean: bool) -> list[str]:
    unique = (
        [] if lean else [sa.UniqueConstraint("reference"), sa.UniqueConstraint("request", "attempt", "kind")]
    )
    made = op.create_table(
        "transactions",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("user", sa.String(length=255), nullable=True),
        sa.Column("request", sa.String(length=64), nullable=True),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("reference", sa.String(length=255), nullable=True),
        sa.Column("note", sa.String(length=1000), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        *unique,
        sqlite_with_rowid=not lean,
    )
    op.create_index("transactions_by_user", "transactions", ["user", "at"])
    return list(made.c.keys())


def _entries(lean: bool) -> list[str]:
    references = [
        sa.ForeignKeyConstraint(["account"], ["accounts.id"]),
        sa.ForeignKeyConstraint(["transaction"], ["transactions.id"]),
    ]
    made = op.create_table(
        "entries",
        sa.Column("transaction", sa.String(length=64), nullable=False),
        sa.Column("account", sa.String(length=255), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        *([] if lean else references),
        sa.PrimaryKeyConstraint("transaction", "account"),
        sqlite_with_rowid=not lean,
    )
    return list(made.c.keys())


def _grants(_: bool) -> list[str]:
    made = op.create_table(
        "grants",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("user", sa.String(length=255), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("remaining", sa.BigInteger(), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=True),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["id"], ["transactions.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("grants_by_user", "grants", ["user", "remaining"])
    op.create_index("grants_by_expiry", "grants", ["expires_at"])
    return list(made.c.keys())


def _holds(lean: bool) -> list[str]:
    made = op.create_table(
        "holds",
        sa.Column("request", sa.String(length=64), nullable=False),
        sa.Column("account", sa.String(length=255), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("resolved_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("request"),
        sqlite_with_rowid=not lean,
    )
    return list(made.c.keys())
