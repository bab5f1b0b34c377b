"""Records that can be searched, their sessions, and bodies."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

COUNTS = (
    "first", "last", "requests", "errors", "cost", "unpriced", "input", "cache_read", "cache_write", "output",
    "reasoning",
)  # fmt: skip


def upgrade() -> None:
    """Add columns and indices to the records, and create the two tables."""
    op.add_column("records", sa.Column("door", sa.String(length=32), nullable=True))
    op.add_column("records", sa.Column("session", sa.String(length=255), nullable=True))
    op.add_column("records", sa.Column("error", sa.Text(), nullable=True))
    for column in ("key", "model", "provider"):
        op.create_index(f"records_by_{column}", "records", [column, "at"])
    for name, columns, condition in (
        ("records_by_session", ["session", "at"], "session IS NOT NULL"),
        ("records_that_failed", ["at"], "error IS NOT NULL"),
    ):
        where = sa.text(condition)
        op.create_index(name, "records", columns, sqlite_where=where, postgresql_where=where)
    op.create_table(
        "sessions",
        sa.Column("session", sa.String(length=255), nullable=False),
        sa.Column("user", sa.String(length=255), nullable=False),
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("model", sa.String(length=255), nullable=False),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in COUNTS),
        sa.PrimaryKeyConstraint("session", "user", "key", "model"),
    )
    op.create_index("sessions_by_time", "sessions", ["last"])
    op.create_index("sessions_by_user", "sessions", ["user", "last"])
    op.create_index("sessions_by_key", "sessions", ["key", "last"])
    op.create_table(
        "bodies",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("bodies_by_time", "bodies", ["at"])


def downgrade() -> None:
    """Remove them."""
    op.drop_table("bodies")
    op.drop_table("sessions")
    for name in ("records_that_failed", "records_by_session"):
        op.drop_index(name, "records")
    for column in ("provider", "model", "key"):
        op.drop_index(f"records_by_{column}", "records")
    for column in ("error", "session", "door"):
        op.drop_column("records", column)
