"""Calls for help, and the country whose emergency number is named."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = '0004'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column('callback', sa.Column('emergency', sa.Boolean(), server_default=sa.text('false'), nullable=False))
    op.add_column('site', sa.Column('country', sa.String(), server_default='', nullable=False))
