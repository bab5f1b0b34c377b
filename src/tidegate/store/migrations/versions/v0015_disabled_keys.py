"""Keys of providers that are not used for the time being."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    """Add when a key was disabled."""
    op.add_column("provider_keys", sa.Column("disabled_at", sa.BigInteger(), nullable=True))


def downgrade() -> None:
    """Remove it: keys that are disabled are used again."""
    op.drop_column("provider_keys", "disabled_at")
