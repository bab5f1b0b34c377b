"""What the periodic work on wallets needs: when a wallet fell low, and which credits are due to expire."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add the column and the index."""
    op.add_column("accounts", sa.Column("low_since", sa.BigInteger(), nullable=True))
    op.create_index("grants_by_expiry", "grants", ["expires_at"], unique=False)


def downgrade() -> None:
    """Remove them."""
    op.drop_index("grants_by_expiry", "grants")
    op.drop_column("accounts", "low_since")
