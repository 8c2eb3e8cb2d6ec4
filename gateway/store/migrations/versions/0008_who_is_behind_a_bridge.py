"""Who is behind a bridge."""

from alembic import op

revision = "0008"
down_revision = '0007'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index('device_key_begins', 'device', ['key'], unique=False, postgresql_ops={'key': 'text_pattern_ops'})
