"""Why a channel fails: the kind of each failed try, and the newest tries of a channel found at once."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = '0009'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column('attempt', sa.Column('kind', sa.String(), nullable=True))
    op.create_index('attempt_newest', 'attempt', ['channel', 'started_at'], unique=False)
