"""Holds of open requests only: the others are told by what their requests were charged."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    """Keep those that are open."""
    _move(resolved=False)


def downgrade() -> None:
    """Have a state again. What was posted, voided or expired does not come back."""
    _move(resolved=True)


def _move(*, resolved: bool) -> None:
    """A new table: deleting all but a few rows, or changing its columns, would write each of them."""
    states = [sa.Column("state", sa.String(length=8), nullable=False)] if resolved else []
    ends = [sa.Column("resolved_at", sa.BigInteger(), nullable=True)] if resolved else []
    op.create_table(
        "open_holds",
        sa.Column("request", sa.String(length=64), nullable=False),
        sa.Column("account", sa.String(length=255), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        *states,
        sa.Column("at", sa.BigInteger(), nullable=False),
        *ends,
        sa.PrimaryKeyConstraint("request"),
        sqlite_with_rowid=False,
    )
    if resolved:
        op.execute("INSERT INTO open_holds SELECT request, account, amount, 'held', at, NULL FROM holds")
    else:
        op.execute(
            "INSERT INTO open_holds SELECT request, account, amount, at FROM holds WHERE state = 'held'"
        )
    op.drop_table("holds")
    op.rename_table("open_holds", "holds")
    if op.get_context().dialect.name == "postgresql":
        op.execute("ALTER INDEX open_holds_pkey RENAME TO holds_pkey")
