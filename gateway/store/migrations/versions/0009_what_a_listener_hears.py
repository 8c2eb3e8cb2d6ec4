"""What a listener hears, and what its broker does not let it hear."""

import sqlalchemy as sa
import sqlmodel
from alembic import op

revision = "0009"
down_revision = '0008'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column('listener', sa.Column('later', sa.JSON(), nullable=False, server_default='{}'))
    op.add_column('listener', sa.Column('missing', sa.JSON(), nullable=False, server_default='[]'))
    op.add_column('listener', sa.Column('problem', sqlmodel.AutoString(), nullable=False, server_default=''))
    op.add_column('listener', sa.Column('process', sqlmodel.AutoString(), nullable=False, server_default=''))
