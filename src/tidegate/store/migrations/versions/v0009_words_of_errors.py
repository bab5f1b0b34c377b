"""An index of failed requests that has their errors, so that words are found without reading records."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"

FAILED = sa.text("error IS NOT NULL")


def upgrade() -> None:
    """Replace the index."""
    _replace(["at", "id", "error"])


def downgrade() -> None:
    """Bring the former one back."""
    _replace(["at"])


def _replace(columns: list[str]) -> None:
    op.drop_index("records_that_failed", "records")
    op.create_index("records_that_failed", "records", columns, sqlite_where=FAILED, postgresql_where=FAILED)
