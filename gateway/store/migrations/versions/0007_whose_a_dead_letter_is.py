"""Whose a dead letter is, so that one device cannot push out those of all others."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = '0006'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("dead_letter", sa.Column("source", sa.String(), nullable=False, server_default=""))
    op.create_index("dead_letter_of", "dead_letter", ["source", "id"], unique=False)
