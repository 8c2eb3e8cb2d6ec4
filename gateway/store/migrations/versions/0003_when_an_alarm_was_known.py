"""When an alarm was known."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = '0002'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column('alarm', sa.Column('known_at', sa.BigInteger(), server_default=sa.text('0'), nullable=False))
    op.execute('UPDATE alarm SET known_at = opened_at')
